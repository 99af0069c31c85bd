"""Sweeps of networks, for people: everybody sees those of their own branches, head office asks and approves."""

from typing import Annotated

from fastapi import APIRouter, Query

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
)  # fmt: skip
from server.network.segments import Segments
from server.orders.routes import wake
from server.schemas.people import Role
from server.schemas.sweeps import SweepCreate, SweepOut, SweepPage, SweepRefuse
from server.state import State
from server.sweeps import deeds, queries

router = APIRouter(prefix="/api/network/sweeps", tags=["network"])

HEAD = [require(Role.HEAD)]


@router.get("", summary="Sweeps: those that wait for approval first, then the newest")
def list_sweeps(
    viewer: Viewer,
    state: StateOf,
    session: ReadSession,
    now: Clock,
    branch: OfBranch,
    offset: Offset = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> SweepPage:
    segments = _segments(state)
    return queries.page(session, viewer, segments, branch=branch, now=now(), offset=offset, limit=limit)


@router.post("", status_code=201, summary="Ask for a sweep: nothing is sent before another approves", dependencies=HEAD)
def ask_for_sweep(viewer: Viewer, session: WriteSession, act: ActNow, state: StateOf, ask: SweepCreate) -> SweepOut:
    segments = _segments(state)
    return queries.out(session, deeds.ask(session, act, segments, ask), viewer, segments, act.now)


@router.get("/{uid}", summary="A sweep, and how far it is")
def get_sweep(uid: str, viewer: Viewer, session: ReadSession, state: StateOf, now: Clock) -> SweepOut:
    return queries.out(session, deeds.find(session, viewer, uid), viewer, _segments(state), now())


@router.post("/{uid}/approve", summary="Have it done: what another person asked for", dependencies=HEAD)
def approve_sweep(uid: str, viewer: Viewer, session: WriteSession, act: ActNow, state: StateOf) -> SweepOut:
    row, push = deeds.approve(session, act, uid)
    wake(session, state.hub, push.uid)
    return queries.out(session, row, viewer, _segments(state), act.now)


@router.post("/{uid}/refuse", summary="Refuse what another person asked for, and say why", dependencies=HEAD)
def refuse_sweep(
    uid: str, viewer: Viewer, session: WriteSession, act: ActNow, state: StateOf, ask: SweepRefuse
) -> SweepOut:
    row = deeds.refuse(session, act, uid, ask.reason)
    return queries.out(session, row, viewer, _segments(state), act.now)


@router.post("/{uid}/cancel", summary="Cancel a sweep, also one that is under way", dependencies=HEAD)
def cancel_sweep(uid: str, viewer: Viewer, session: WriteSession, act: ActNow, state: StateOf) -> SweepOut:
    """Its agent stops within seconds, and tells how far it came."""
    row = deeds.cancel(session, act, viewer, uid)
    if row.push:
        wake(session, state.hub, row.push)
    return queries.out(session, row, viewer, _segments(state), act.now)


def _segments(state: State) -> Segments:
    return Segments(state.checks.kept().bank)
