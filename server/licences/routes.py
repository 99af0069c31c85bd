"""Software licences: by product what was bought, is installed and in use; the register; and all as a file."""

import hashlib
from typing import Annotated

from fastapi import APIRouter, Query, Response

from server.accounts.dependencies import (
    ActNow,
    Clock,
    OfBranch,
    Offset,
    ReadSession,
    StateOf,
    Viewer,
    WriteSession,
    require,
)
from server.ledger.plain_sheet import TYPE
from server.licences import deeds, queries
from server.licences.sheet import book
from server.queries import bank_zone, setting
from server.schemas.licences import (
    PRODUCT,
    Install,
    InstallPage,
    LicenceChange,
    LicenceCreate,
    LicenceOut,
    LicencePage,
    LicenceWithdraw,
    ProductPage,
)
from server.schemas.people import Role

router = APIRouter(prefix="/api/licences", tags=["licences"])

MOST = 50_000  # rows of a sheet

Limit = Annotated[int, Query(ge=1, le=500)]


@router.get("", summary="By product: bought, installed, in use, over or spare, not known")
def list_products(
    viewer: Viewer,
    state: StateOf,
    session: ReadSession,
    now: Clock,
    branch: OfBranch,
    every: Annotated[bool, Query(description="also products that are neither bought nor installed")] = False,
    offset: Offset = 0,
    limit: Limit = 100,
) -> ProductPage:
    """Of hosts that told within 30 days; the others are counted apart, and never as spare. What was bought is told to
    head office and auditors, for the whole bank."""
    bank, at = state.checks.kept().bank, now()
    asked = {"offset": offset, "limit": limit}
    return queries.products(session, viewer, bank, state.installs, at, branch=branch, every=every, **asked)


@router.get("/hosts", summary="How each host stands to a product, those that have it first")
def list_product_hosts(
    viewer: Viewer,
    state: StateOf,
    session: ReadSession,
    now: Clock,
    branch: OfBranch,
    product: Annotated[str, Query(min_length=1, max_length=PRODUCT)],
    word: Annotated[list[Install] | None, Query(description="only who stands so", max_length=8)] = None,
    offset: Offset = 0,
    limit: Limit = 100,
) -> InstallPage:
    bank, at, words = state.checks.kept().bank, now(), word or ()
    page = {"branch": branch, "words": words, "offset": offset, "limit": limit}
    return queries.hosts(session, viewer, bank, state.installs, at, product, **page)  # type: ignore[arg-type]


@router.get(
    "/register",
    summary="Licences that were bought, what is over or ends soon first",
    dependencies=[require(Role.HEAD, Role.AUDITOR)],
)
def list_licences(
    state: StateOf, session: ReadSession, now: Clock, offset: Offset = 0, limit: Limit = 100
) -> LicencePage:
    return queries.register(session, state.checks.kept().bank, now(), offset, limit)


@router.post("", status_code=201, summary="Register a licence that was bought", dependencies=[require(Role.HEAD)])
def register_licence(state: StateOf, session: WriteSession, act: ActNow, asked: LicenceCreate) -> LicenceOut:
    """Never the key itself: `key_at` says where it is kept, and what looks like a key is refused."""
    bank = state.checks.kept().bank
    made = deeds.register(session, act, queries.known_products(session, bank), asked)
    return queries.one(session, bank, made, act.now)


@router.post("/change", summary="Change a licence: seats, last day, keeper ...", dependencies=[require(Role.HEAD)])
def change_licence(state: StateOf, session: WriteSession, act: ActNow, asked: LicenceChange) -> LicenceOut:
    bank = state.checks.kept().bank
    made = deeds.change(session, act, queries.known_products(session, bank), asked)
    return queries.one(session, bank, made, act.now)


@router.post("/withdraw", summary="A licence counts no more", dependencies=[require(Role.HEAD)])
def withdraw_licence(state: StateOf, session: WriteSession, act: ActNow, asked: LicenceWithdraw) -> LicenceOut:
    return queries.one(session, state.checks.kept().bank, deeds.withdraw(session, act, asked), act.now)


@router.get(
    "/export",
    summary="Counts, register and installs, as an Excel workbook",
    response_class=Response,
    dependencies=[require(Role.HEAD, Role.AUDITOR)],
)
def export_licences(viewer: Viewer, state: StateOf, act: ActNow, branch: OfBranch) -> Response:
    """The first 50,000 rows of each sheet. The export is a deed itself."""
    bank = state.checks.kept().bank
    with state.database.read() as session:
        asked = session, viewer, bank, state.installs, act.now
        products = queries.products(*asked, branch=branch, limit=MOST)
        register = queries.register(session, bank, act.now, limit=MOST)
        installs = queries.installs(*asked, branch=branch, limit=MOST)
        name, zone = setting(session, "bank.name", ""), bank_zone(session)
        content = book(products, register, installs, name, zone, viewer._)
    rows = len(products.rows) + len(register.rows) + len(installs)
    with state.database.write() as session:
        deeds.note_export(session, act, branch, rows, hashlib.sha256(content).hexdigest())
    return Response(content, media_type=TYPE, headers={"X-Rows": str(rows)})
