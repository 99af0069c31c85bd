"""Registers: read, written by hand where no machine can know, and taken away as a file."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from fastapi.responses import FileResponse

from server.accounts.dependencies import ActNow, Clock, Offset, ReadSession, StateOf, Viewer, WriteSession
from server.accounts.scope import known_branch
from server.errors import Invalid
from server.http.handing import handing
from server.journal.deeds import record
from server.ledger.export import MEDIA, Format
from server.registers import deeds, queries, sheet
from server.registers.queries import Which, subject_of
from server.schemas.registers import (
    Entry,
    Outcome,
    SecurityCorrection,
    SecurityEntry,
    SecurityFollow,
    SecurityPage,
    SecurityRowOut,
    Source,
)

router = APIRouter(prefix="/api/registers/security", tags=["registers"])


def _which(
    branch: Annotated[str | None, Query(max_length=64, description="its code")] = None,
    about: Annotated[str | None, Query(max_length=200, description="key of a branch, an agent or a position")] = None,
    first: Annotated[date | None, Query(description="day of the bank's calendar")] = None,
    last: Annotated[date | None, Query(description="this day is in it")] = None,
    entry: Annotated[Entry | None, Query()] = None,
    source: Annotated[Source | None, Query()] = None,
    outcome: Annotated[Outcome | None, Query()] = None,
    overdue: Annotated[bool, Query(description="findings past their day alone")] = False,
) -> Which:
    if first is not None and last is not None and last < first:
        raise Invalid("The time ends before it begins.")
    for day in (first, last):
        if day is not None and not 1990 <= day.year <= 2200:
            raise Invalid("{day} is no day of this register.", day=day)
    return Which(branch, about, first, last, entry, source, outcome, overdue)


No = Annotated[int, Path(ge=1, lt=1 << 62, description="number of the row")]
Asked = Annotated[Which, Depends(_which)]


@router.get("", summary="Security checks, library updates and patches, newest first")
def list_security(
    viewer: Viewer,
    session: ReadSession,
    now: Clock,
    which: Asked,
    offset: Offset = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> SecurityPage:
    """Most rows write themselves; `source` says who told. `covers` says how many hosts have a row at all."""
    _known(session, viewer, which)
    return queries.page(session, viewer, which, now=now(), offset=offset, limit=limit)


@router.post("", status_code=201, summary="Enter what no machine knows: a check by hand, an update by a stick")
def enter_security(viewer: Viewer, session: WriteSession, act: ActNow, ask: SecurityEntry) -> SecurityRowOut:
    row = deeds.enter(session, act, viewer, ask)
    return queries.one(session, viewer, row.id or 0, act.now)


@router.get("/export", summary="The register as an Excel file", response_class=FileResponse)
def export_security(viewer: Viewer, state: StateOf, act: ActNow, which: Asked) -> FileResponse:
    """X-Rows says how many rows are in it, X-Journal-Seq how far the journal was. The export is a deed, written before
    the first byte is sent."""
    with handing() as file:
        with state.database.read() as session:
            _known(session, viewer, which)
            written = sheet.write(file.path, session, viewer, which, act.now)
        with state.database.write() as session:
            asked = {name: str(value) for name, value in which._asdict().items() if value}
            after = {**written._asdict(), "asked": asked}
            record(session, act, deed="register.export", about="register:security", after=after)
    return file.answer(
        MEDIA[Format.XLSX],
        f"{viewer._('security-checks')}-{which.branch or act.now // 1_000_000}.xlsx",
        {
            "X-Rows": str(written.rows),
            "X-Journal-Seq": str(written.seq),
            "X-Content-SHA256": written.sha256,
        },
    )


@router.get("/{no}", summary="One row")
def get_security(no: No, viewer: Viewer, session: ReadSession, now: Clock) -> SecurityRowOut:
    return queries.one(session, viewer, no, now())


@router.post("/{no}/follow", status_code=201, summary="Say what is done about a finding, or what a second look saw")
def follow_security(no: No, viewer: Viewer, session: WriteSession, act: ActNow, ask: SecurityFollow) -> SecurityRowOut:
    row = deeds.follow(session, act, viewer, no, ask)
    return queries.one(session, viewer, row.id or 0, act.now)


@router.post("/{no}/correct", status_code=201, summary="Write a row that says what this one should have said")
def correct_security(
    no: No, viewer: Viewer, session: WriteSession, act: ActNow, ask: SecurityCorrection
) -> SecurityRowOut:
    """Both stay, and each names the other."""
    row = deeds.correct(session, act, viewer, no, ask)
    return queries.one(session, viewer, row.id or 0, act.now)


def _known(session: ReadSession, viewer: Viewer, which: Which) -> None:
    """What was asked for is there, and this person's: an empty list of it would lie."""
    known_branch(session, viewer, which.branch)
    if which.about is not None:
        subject_of(session, viewer, which.about)
