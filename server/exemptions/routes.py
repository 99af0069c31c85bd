"""Exemptions, for people."""

from typing import Annotated

from fastapi import APIRouter, Query
from sqlalchemy import event
from sqlmodel import Session

from server.accounts.dependencies import ActNow, Clock, Offset, ReadSession, StateOf, Viewer, WriteSession, require
from server.exemptions import deeds, queries
from server.schemas.exemptions import ExemptionCreate, ExemptionOut, ExemptionPage, ExemptionWithdraw
from server.schemas.people import Role
from server.state import State

router = APIRouter(prefix="/api/exemptions", tags=["checks"])


@router.get("", summary="Who is let be, until when: those that end soon first")
def list_exemptions(
    viewer: Viewer,
    session: ReadSession,
    state: StateOf,
    now: Clock,
    over: Annotated[bool, Query(description="also those that are over or withdrawn")] = False,
    offset: Offset = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> ExemptionPage:
    kept = state.checks.kept()
    at = now()
    return queries.page(session, viewer, kept, over=over, now=at, lang=viewer.lang, offset=offset, limit=limit)


@router.post("", status_code=201, summary="Let a host be, or a branch's", dependencies=[require(Role.HEAD)])
def grant_exemption(
    viewer: Viewer, session: WriteSession, act: ActNow, state: StateOf, ask: ExemptionCreate
) -> ExemptionOut:
    kept = state.checks.kept()
    row = deeds.grant(session, act, viewer, frozenset(check.id for check in kept.checks), ask)
    _wake(session, state)
    return queries.out(session, row, kept, act.now, viewer.lang)


@router.post("/{uid}/withdraw", summary="End an exemption before its day", dependencies=[require(Role.HEAD)])
def withdraw_exemption(
    uid: str, viewer: Viewer, session: WriteSession, act: ActNow, state: StateOf, ask: ExemptionWithdraw
) -> ExemptionOut:
    row = deeds.withdraw(session, act, uid, ask.reason)
    _wake(session, state)
    return queries.out(session, row, state.checks.kept(), act.now, viewer.lang)


def _wake(session: Session, state: State) -> None:
    """Their hosts are judged once it is committed."""
    event.listen(session, "after_commit", lambda _: state.verdicts.wake(), once=True)
