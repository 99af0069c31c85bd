"""The checks there are, how a host does by them, and a try of one that is being written."""

from fastapi import APIRouter, Query

from server.accounts.dependencies import Clock, ReadSession, StateOf, Viewer, require
from server.checks import queries
from server.schemas.checks import ChecksOut, CheckTest, HostVerdicts, VerdictOut
from server.schemas.people import Role

router = APIRouter(prefix="/api", tags=["checks"])


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
