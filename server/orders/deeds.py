"""What may be done with pushes: by people, who make and cancel them, and by the hub, which hands their orders out."""

from collections.abc import Collection, Iterable
from typing import Final, Protocol

from sqlalchemy import func, insert, select, update
from sqlmodel import Session, col

from agent.wire import OrderKind
from server.accounts.scope import Scoped, sees
from server.agents.queries import barred
from server.errors import Conflict, Forbidden, Invalid, NotFound
from server.inventory.tables import Agent, SubjectKind
from server.journal.deeds import Act, record
from server.orders.ending import about, settle, take, tell
from server.orders.reasons import BARRED, Reason
from server.orders.tables import OPEN, AgentOrder, Push
from server.orders.whom import PLACES, aim
from server.orders.window import SECOND, Times, hours
from server.queries import bank_zone
from server.schemas.orders import OrderState, PushCreate
from server.schemas.people import Role
from server.storage.types import new_uid
from server.tickets.deeds import clean

LONGEST: Final = 366 * 86_400 * SECOND  # ahead of now a push may start
OPEN_AT_MOST: Final = 200  # pushes under way of one person
MANY = 5_000  # values in one IN (...)
OF_A_BRANCH = (*PLACES, SubjectKind.BRANCH)  # what a branch's administrator may have polled


class Who(Scoped, Protocol):
    """The person acting: role and branches."""

    @property
    def role(self) -> Role: ...


def make(session: Session, act: Act, who: Who, ask: PushCreate) -> Push:
    """A push with an order for each agent it concerns. Conflict if it concerns none."""
    if who.role is Role.AUDITOR or (who.role is Role.BRANCH and (ask.what != OrderKind.POLL.value or not ask.about)):
        raise Forbidden("Your role may not do this.")
    aimed = aim(session, who, ask.what, ask.about)
    if who.role is Role.BRANCH and aimed.subject is not None and aimed.subject.kind not in OF_A_BRANCH:
        raise Forbidden("Your role may not do this.")
    if not aimed.agents:
        raise Conflict("There is nobody to ask: no agent polls {key}.", key=ask.about or "—")
    times = _times(session, act.now, ask)
    _not_too_many(session, act)
    push = Push(
        what=ask.what,
        subject_id=aimed.subject.id if aimed.subject else None,
        branch_id=aimed.branch_id,
        by=act.actor,
        at=act.now,
        starts=times.starts,
        expires=times.expires,
        window=times.window,
        reason=clean(ask.reason),
        total=len(aimed.agents),
    )
    session.add(push)
    session.flush()
    _order(session, push, aimed.agents, act.now)
    after = {"what": push.what, "about": ask.about, "starts": push.starts, "expires": push.expires}
    after |= {"window": push.window, "orders": push.total}
    record(session, act, deed="push.make", about=about(push), after=after, reason=push.reason)
    settle(session, push, act.now)
    return push


def cancel(session: Session, act: Act, who: Who, uid: str) -> Push:
    """Orders that have not ended are not to be begun. One that was begun goes on, and its result is the truth."""
    push = find(session, who, uid)
    if who.role is Role.AUDITOR or (who.role is Role.BRANCH and push.by != act.actor):
        raise Forbidden("Your role may not do this.")
    [push] = take(session, [push.id or 0])
    if push.ended_at is not None:
        raise Conflict("Nothing was cancelled: every order of this push has ended.")
    is_open = col(AgentOrder.push_id) == push.id, col(AgentOrder.state).in_(OPEN)
    ended = {"state": OrderState.CANCELLED, "why": Reason.WITHDRAWN.value, "ended_at": act.now}
    count = session.execute(update(AgentOrder).where(*is_open).values(**ended)).rowcount  # type: ignore[attr-defined]
    push.cancelled_at, push.cancelled_by = act.now, act.actor
    session.add(push)
    session.flush()
    record(session, act, deed="push.cancel", about=about(push), after={"orders": count})
    settle(session, push, act.now)
    return push


def find(session: Session, viewer: Scoped, uid: str) -> Push:
    """NotFound also if it is out of the person's scope; what is about everything is head office's."""
    push: Push | None = session.execute(select(Push).where(col(Push.uid) == uid)).scalar_one_or_none()
    if push is None or (viewer.branch_ids is not None and (push.branch_id is None or not sees(viewer, push.branch_id))):
        raise NotFound("There is no push {uid}.", uid=uid[:40])
    return push


def hand(session: Session, orders: Collection[int], pushes: Collection[int], now: int) -> set[int]:
    """Those of the waiting orders that are handed to their agents from here on; the others ended meanwhile."""
    taken = take(session, pushes)
    handed: set[int] = set()
    for part in _parts(sorted(orders)):
        waiting = col(AgentOrder.id).in_(part), col(AgentOrder.state) == OrderState.WAITING
        done = update(AgentOrder).where(*waiting).values(state=OrderState.HANDED, handed_at=now)
        handed |= set(session.execute(done.returning(col(AgentOrder.id))).scalars())
    for push in taken:
        tell(session, push, now)
    return handed


def _times(session: Session, now: int, ask: PushCreate) -> Times:
    starts = max(now, ask.starts or 0)
    if starts > now + LONGEST:
        raise Invalid("A push may start within a year.")
    if ask.window:
        try:
            hours(ask.window)
        except ValueError:
            raise Invalid("The hours {window} are none: write them as 17:30-08:00.", window=ask.window) from None
    times = Times(starts, starts + ask.seconds * SECOND, ask.window)
    if times.opening(bank_zone(session), now) is None:
        raise Invalid("The orders would expire before the hours {window} begin.", window=ask.window)
    return times


def _not_too_many(session: Session, act: Act) -> None:
    running = select(func.count()).select_from(Push).where(col(Push.by) == act.actor, col(Push.ended_at).is_(None))
    if session.execute(running).scalar_one() >= OPEN_AT_MOST:
        raise Conflict(
            "You have {count} pushes under way: wait until some have ended, or cancel some.", count=OPEN_AT_MOST
        )


def _order(session: Session, push: Push, agents: dict[int, list[str]], now: int) -> None:
    off = barred(session, select(col(Agent.id)), now)
    rows = []
    for agent, positions in agents.items():
        row = {"uid": new_uid(), "push_id": push.id, "agent_id": agent, "positions": positions}
        if agent in off:
            row |= {"state": OrderState.REFUSED, "why": BARRED[off[agent]].value, "ended_at": now}
        else:
            row |= {"state": OrderState.WAITING, "why": "", "ended_at": None}
        rows.append(row | {"answered": False, "said": "", "polled": 0, "unread": 0, "result": {}})
    session.execute(insert(AgentOrder), rows)


def _parts(items: list[int]) -> Iterable[list[int]]:
    return (items[start : start + MANY] for start in range(0, len(items), MANY))
