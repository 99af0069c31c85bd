"""Pushes, for people; and the orders of an agent, for that agent."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy import event
from sqlmodel import Session

from agent.wire import Orders
from server.accounts.dependencies import ActNow, Clock, Offset, ReadSession, StateOf, Viewer, WriteSession
from server.agents.door import door
from server.orders import deeds, queries
from server.orders.door import LONGEST, hold
from server.orders.hub import Hub
from server.schemas.orders import OrderPage, OrderState, PushCreate, PushOut, PushPage

router = APIRouter(prefix="/api", tags=["orders"])


@router.post("/pushes", status_code=201, summary="Have agents do something now, or when it suits")
def make_push(viewer: Viewer, session: WriteSession, act: ActNow, state: StateOf, ask: PushCreate) -> PushOut:
    """Each agent it concerns gets an order. Head office pushes anything, a branch a poll of what is its own."""
    push = deeds.make(session, act, viewer, ask)
    wake(session, state.hub, push.uid)
    return queries.out(session, push, viewer, act.now)


@router.get("/pushes", summary="What was pushed, newest first")
def list_pushes(
    viewer: Viewer,
    session: ReadSession,
    now: Clock,
    about: Annotated[str | None, Query(max_length=200, description="key of a branch, line, position or agent")] = None,
    offset: Offset = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> PushPage:
    return queries.page(session, viewer, now=now(), about=about, offset=offset, limit=limit)


@router.get("/pushes/{uid}", summary="A push, and how far it is")
def get_push(uid: str, viewer: Viewer, session: ReadSession, now: Clock) -> PushOut:
    return queries.out(session, deeds.find(session, viewer, uid), viewer, now())


@router.get("/pushes/{uid}/orders", summary="Its orders: those that were not done first")
def list_orders(
    uid: str,
    viewer: Viewer,
    session: ReadSession,
    now: Clock,
    state: Annotated[list[OrderState] | None, Query(description="repeatable")] = None,
    offset: Offset = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> OrderPage:
    push = deeds.find(session, viewer, uid)
    return queries.orders(session, push, viewer, now=now(), states=state or (), offset=offset, limit=limit)


@router.post("/pushes/{uid}/cancel", summary="Have nobody begin it any more")
def cancel_push(uid: str, viewer: Viewer, session: WriteSession, act: ActNow, state: StateOf) -> PushOut:
    """An order that was begun goes on, and what becomes of it is told when it has ended."""
    push = deeds.cancel(session, act, viewer, uid)
    wake(session, state.hub, push.uid)
    return queries.out(session, push, viewer, act.now)


def wake(session: Session, hub: Hub, push: str) -> None:
    """Once it is committed, and not a tick later."""
    event.listen(session, "after_commit", lambda _: hub.changed(push), once=True)


@door(router, "GET", "/agent/orders", summary="What an agent is to do now: held until there is something", gives=Orders)
async def get_orders(
    request: Request,
    have: Annotated[str, Query(description="uids of orders it has, whose results were not acknowledged: a,b,c")] = "",
    wait: Annotated[float, Query(ge=0, le=LONGEST, description="seconds to be held at most")] = LONGEST,
    stream: Annotated[str, Query(description="the stream its records are numbered in")] = "",
) -> Response:
    """An order that is not in `have` is told again: the answer may have been lost. One request of an agent is held at
    a time; another one ends it."""
    return await hold(request)
