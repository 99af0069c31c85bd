"""The wire against the ledger: three lists, who told of them, and all as a file."""

import hashlib
from typing import Annotated

from fastapi import APIRouter, Query, Response

from server.accounts.dependencies import ActNow, Clock, OfBranch, Offset, ReadSession, StateOf, Viewer
from server.journal.deeds import record
from server.ledger.plain_sheet import TYPE
from server.network import queries
from server.network.sheet import book
from server.queries import bank_zone, setting
from server.schemas.network import CoverageOut, NetworkList, NetworkPage

router = APIRouter(prefix="/api/network", tags=["network"])

MOST = 50_000  # rows of a sheet

Limit = Annotated[int, Query(ge=1, le=500)]


@router.get("/lists/{which}", summary="On the wire and not in the ledger, the other way round, or without antivirus")
def list_network(
    which: NetworkList,
    viewer: Viewer,
    state: StateOf,
    session: ReadSession,
    now: Clock,
    branch: OfBranch,
    every: Annotated[bool, Query(description="also made-up and shared MACs, and routers")] = False,
    offset: Offset = 0,
    limit: Limit = 100,
) -> NetworkPage:
    """By what switches, routers and PCs remember; nothing is sent to any station. Where nobody told of a branch lately,
    its machines are not missing but not looked for."""
    bank = state.checks.kept().bank
    return queries.page(session, viewer, bank, now(), which, branch=branch, every=every, offset=offset, limit=limit)


@router.get("/coverage", summary="Who tells of the wire, and how old that is")
def network_coverage(
    viewer: Viewer, state: StateOf, session: ReadSession, now: Clock, offset: Offset = 0, limit: Limit = 100
) -> CoverageOut:
    """With the bank's networks: `[[segment]]` and `[zones]` of checks/bank.toml."""
    return queries.coverage(session, viewer, state.checks.kept().bank, now(), offset, limit)


@router.get("/export", summary="The three lists as an Excel workbook", response_class=Response)
def export_network(viewer: Viewer, state: StateOf, act: ActNow, branch: OfBranch) -> Response:
    """The first 50,000 rows of each. The export is a deed itself."""
    bank = state.checks.kept().bank
    with state.database.read() as session:
        pages = {
            which: queries.page(session, viewer, bank, act.now, which, branch=branch, every=True, limit=MOST)
            for which in NetworkList
        }
        content = book(pages, setting(session, "bank.name", ""), bank_zone(session), viewer._)
    rows = sum(len(page.rows) for page in pages.values())
    with state.database.write() as session:
        after = {"rows": rows, "sha256": hashlib.sha256(content).hexdigest()}
        record(session, act, deed="network.export", about=f"branch:{branch}" if branch else "network", after=after)
    return Response(content, media_type=TYPE, headers={"X-Rows": str(rows)})
