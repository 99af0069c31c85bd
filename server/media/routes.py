"""Removable media: the bank's register, what was seen, and both as a file."""

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
from server.media import deeds, queries
from server.media.sheet import book
from server.queries import bank_zone, setting
from server.schemas.media import SERIAL, SightingPage, StickCreate, StickOut, StickPage, StickStep
from server.schemas.people import Role

router = APIRouter(prefix="/api/media", tags=["media"])

MOST = 50_000  # rows of a file

Limit = Annotated[int, Query(ge=1, le=500)]


@router.get("", summary="The bank's own removable media, what is overdue first")
def list_media(viewer: Viewer, session: ReadSession, now: Clock, offset: Offset = 0, limit: Limit = 100) -> StickPage:
    return queries.register(session, viewer, now(), offset, limit)


@router.get("/sightings", summary="Removable media that agents saw, newest first")
def list_sightings(
    viewer: Viewer,
    session: ReadSession,
    now: Clock,
    branch: OfBranch,
    serial: Annotated[str, Query(max_length=SERIAL)] = "",
    odd: Annotated[bool, Query(description="only what should not have been in")] = False,
    offset: Offset = 0,
    limit: Limit = 100,
) -> SightingPage:
    """`watched` of `agents` ever told of a medium; of PCs without an agent nothing is known."""
    asked = {"branch": branch, "serial": serial, "odd": odd}
    return queries.sightings(session, viewer, now(), **asked, offset=offset, limit=limit)  # type: ignore[arg-type]


@router.post("", status_code=201, summary="Register a medium of the bank", dependencies=[require(Role.HEAD)])
def register_medium(viewer: Viewer, session: WriteSession, act: ActNow, asked: StickCreate) -> StickOut:
    return queries.one(session, viewer, deeds.register(session, act, asked), act.now)


@router.post("/step", summary="Lend, take back, hand on or give up a medium", dependencies=[require(Role.HEAD)])
def step_medium(viewer: Viewer, session: WriteSession, act: ActNow, asked: StickStep) -> StickOut:
    return queries.one(session, viewer, deeds.step(session, act, asked), act.now)


@router.get("/export", summary="The register and what was seen, as an Excel workbook", response_class=Response)
def export_media(viewer: Viewer, state: StateOf, act: ActNow, branch: OfBranch) -> Response:
    """The newest 50,000 sightings; the sheet says of how many. The export is a deed itself."""
    with state.database.read() as session:
        register = queries.register(session, viewer, act.now, limit=MOST)
        seen = queries.sightings(session, viewer, act.now, branch=branch, limit=MOST)
        content = book(register, seen, setting(session, "bank.name", ""), bank_zone(session), viewer._)
    with state.database.write() as session:
        rows, digest = len(register.rows) + len(seen.rows), hashlib.sha256(content).hexdigest()
        deeds.note_export(session, act, "export", rows, digest)
    return Response(content, media_type=TYPE, headers={"X-Rows": str(rows)})
