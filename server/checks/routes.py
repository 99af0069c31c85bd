"""The checks there are, how a host does by them, and a try of one that is being written."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import FileResponse

from server.accounts.dependencies import ActNow, Clock, OfBranch, Offset, ReadSession, StateOf, Viewer, require
from server.checks import matrix, queries
from server.checks.check import SEVERITIES, Check
from server.checks.matrix import Asked
from server.checks.sheet import write
from server.checks.trend import DAYS, trend
from server.errors import NotFound
from server.http.handing import handing
from server.journal.deeds import record
from server.ledger.export import MEDIA, Format
from server.schemas.checks import ChecksOut, CheckTest, HostVerdicts, VerdictOut, VerdictWord
from server.schemas.matrix import HostPage, MatrixPage, TrendOut
from server.schemas.people import Role

router = APIRouter(prefix="/api", tags=["checks"])

CheckId = Annotated[str | None, Query(max_length=300, description="only this check")]
Limit = Annotated[int, Query(ge=1, le=500)]


@router.get("/checks", summary="The checks that came with the server, and those of the bank")
def list_checks(viewer: Viewer, state: StateOf) -> ChecksOut:
    return queries.checks(state.checks.kept(), viewer.lang, told=viewer.role is Role.HEAD)


@router.get("/checks/verdicts", summary="How one host does by every check")
def get_verdicts(
    viewer: Viewer, state: StateOf, session: ReadSession, now: Clock, host: str = Query(max_length=120)
) -> HostVerdicts:
    """Judged when it is asked, from what an agent's PC said last. Only `pass` is good."""
    told = viewer.role is Role.HEAD
    return queries.verdicts(session, viewer, state.checks, host, now(), viewer.lang, told=told)


@router.post("/checks/test", summary="Try a check on facts or on a host", dependencies=[require(Role.HEAD)])
def try_check(viewer: Viewer, state: StateOf, session: ReadSession, now: Clock, asked: CheckTest) -> VerdictOut:
    """Nothing is kept. What is wrong with the check is the sentence of a 422."""
    return queries.tried(session, viewer, state.checks, asked, now(), viewer.lang)


@router.get("/checks/matrix", summary="Branches by checks: how many hosts stand how")
def get_matrix(
    viewer: Viewer,
    state: StateOf,
    session: ReadSession,
    now: Clock,
    check: CheckId = None,
    offset: Offset = 0,
    limit: Limit = 100,
) -> MatrixPage:
    """The five words add up to all hosts of a branch: who told nothing, or long ago, is unknown."""
    kept = state.checks.kept()
    checks = _checks(kept.checks, check)
    page = matrix.branches(session, viewer, checks, now=now(), lang=viewer.lang, offset=offset, limit=limit)
    return page.model_copy(update={"wrong": queries.wrong(kept, viewer.lang) if viewer.role is Role.HEAD else []})


@router.get("/checks/hosts", summary="Hosts by checks: which stands how")
def get_hosts(
    viewer: Viewer,
    state: StateOf,
    session: ReadSession,
    now: Clock,
    branch: OfBranch,
    check: CheckId = None,
    word: Annotated[list[VerdictWord] | None, Query(description="repeatable: only hosts that stand so")] = None,
    q: Annotated[str, Query(max_length=200)] = "",
    offset: Offset = 0,
    limit: Limit = 100,
) -> HostPage:
    """`word` is that by `check`, or by any check where none is named."""
    checks = _checks(state.checks.kept().checks, check)
    asked = Asked(branch, check, tuple(word or ()), q)
    return matrix.hosts(session, viewer, checks, asked, now=now(), lang=viewer.lang, offset=offset, limit=limit)


@router.get("/checks/trend", summary="One check day by day")
def get_trend(
    viewer: Viewer,
    state: StateOf,
    session: ReadSession,
    now: Clock,
    branch: OfBranch,
    check: Annotated[str, Query(max_length=300)],
    days: Annotated[int, Query(ge=1, le=3660)] = DAYS,
) -> TrendOut:
    [one] = _checks(state.checks.kept().checks, check)
    return trend(session, viewer, one, branch=branch, days=days, now=now(), lang=viewer.lang)


@router.get("/checks/export", summary="Hosts by checks as an Excel file", response_class=FileResponse)
def export_verdicts(
    viewer: Viewer,
    state: StateOf,
    act: ActNow,
    branch: OfBranch,
    check: CheckId = None,
    word: Annotated[list[VerdictWord] | None, Query(description="repeatable: only hosts that stand so")] = None,
) -> FileResponse:
    """The export is a deed itself, written once the file is whole and before its first byte is sent."""
    checks = _checks(state.checks.kept().checks, check)
    asked = Asked(branch, check, tuple(word or ()))
    with handing() as file:
        with state.database.read() as session:
            written = write(file.path, session, viewer, checks, asked, now=act.now, lang=viewer.lang, _=viewer._)
        after = {**written._asdict(), "branch": branch, "check": check, "words": list(asked.words)}
        with state.database.write() as session:
            record(session, act, deed="checks.export", about="checks", after=after)
    return file.answer(
        MEDIA[Format.XLSX],
        f"{viewer._('verdicts')}.xlsx",
        {"X-Rows": str(written.hosts), "X-Content-SHA256": written.sha256},
    )


def _checks(there: Sequence[Check], wanted: str | None) -> Sequence[Check]:
    """Those that fail gravest first; NotFound where there is no such one."""
    found = [check for check in there if wanted in (None, check.id)]
    if not found:
        raise NotFound("There is no check {id}: branchfleet checks lists them.", id=(wanted or "")[:80])
    return sorted(found, key=lambda check: (-SEVERITIES.index(check.severity), check.id))
