"""What may be done with pushes: by people, who make and cancel them, and by the hub, which hands their orders out."""

from collections.abc import Collection, Iterable, Mapping
from typing import Final, NamedTuple, Protocol

from sqlalchemy import func, insert, select, update
from sqlmodel import Session, col

from agent.wire import OrderKind
from server.accounts.scope import Scoped
from server.agents.queries import barred
from server.errors import Conflict, Forbidden, Invalid, NotFound
from server.inventory.tables import Agent, SubjectKind
from server.journal.deeds import Act, record
from server.orders.ending import about, settle, take, tell
from server.orders.reasons import BARRED, Reason
from server.orders.seeing import visible
from server.orders.tables import OPEN, AgentOrder, Push
from server.orders.whom import PLACES, Aim, aim
from server.orders.window import SECOND, Times, hours
from server.plain import clean
from server.queries import bank_zone
from server.schemas.orders import OrderState, PushCreate, PushTimes
from server.schemas.people import Role
from server.storage.types import new_uid

LONGEST: Final = 366 * 86_400 * SECOND  # ahead of now a push may start
OPEN_AT_MOST: Final = 200  # pushes under way of one person, of those that last, and as many that do not
SHORT: Final = 3600 * SECOND  # from the deed to the expiry; what lasts longer never stands in the way of these
PAST: Final = 60 * SECOND  # a start may lie behind: people's clocks differ, and typing takes its time
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
    return begin(session, act, ask.what, ask.about, ask, aimed)


class Sweep(NamedTuple):
    """What a sweep is besides: 10.1.1.0/24, addresses a second, and how long that takes (µs)."""

    prefix: str = ""
    rate: int = 0
    takes: int = 0


NO_SWEEP: Final = Sweep()


def begin(
    session: Session, act: Act, what: str, said: str, ask: PushTimes, aimed: Aim, sweep: Sweep = NO_SWEEP
) -> Push:
    """The same to agents that are known already, for a person who may. `said` is what it is about, in their words."""
    times = when(session, act.now, ask, sweep.takes)
    _not_too_many(session, act, lasts=times.expires - act.now > SHORT)
    push = Push(
        what=what,
        subject_id=aimed.subject.id if aimed.subject else None,
        branch_id=aimed.branch_id,
        by=act.actor,
        at=act.now,
        starts=times.starts,
        expires=times.expires,
        window=times.window,
        reason=clean(ask.reason),
        total=len(aimed.agents),
        **sweep._asdict(),
    )
    session.add(push)
    session.flush()
    _order(session, push, aimed.agents, act.now)
    after = {"what": push.what, "about": said, "starts": push.starts, "expires": push.expires}
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
    """NotFound also if it is out of the person's scope."""
    push: Push | None = session.execute(select(Push).where(col(Push.uid) == uid, visible(viewer))).scalar_one_or_none()
    if push is None:
        raise NotFound("There is no push {uid}.", uid=uid[:40])
    return push


def hand(session: Session, orders: Mapping[int, str], pushes: Collection[int], now: int) -> set[int]:
    """Those of the waiting orders that are handed to their agents from here on; the others ended meanwhile.

    `orders`: by id, the stream its agent says it numbers its records in, "" if it says none.
    """
    taken = take(session, pushes)
    handed: set[int] = set()
    for part in _parts(sorted(orders)):
        waiting = col(AgentOrder.id).in_(part), col(AgentOrder.state) == OrderState.WAITING
        handed |= set(session.execute(select(col(AgentOrder.id)).where(*waiting)).scalars())
    if handed:
        given = {"state": OrderState.HANDED, "handed_at": now}
        session.execute(update(AgentOrder), [{"id": own, "stream": orders[own], **given} for own in sorted(handed)])
    for push in taken:
        tell(session, push, now)
    return handed


def when(session: Session, now: int, ask: PushTimes, takes: int = 0) -> Times:
    """Invalid if that is never."""
    if ask.starts is not None and ask.starts < now - PAST:
        raise Invalid("That start is past: leave it out, and the push starts now.")
    starts = max(now, ask.starts or 0)
    if starts > now + LONGEST:
        raise Invalid("A push may start within a year.")
    if ask.window:
        try:
            hours(ask.window)
        except ValueError:
            raise Invalid("The hours {window} are none: write them as 17:30-08:00.", window=ask.window) from None
    times = Times(starts, starts + ask.seconds * SECOND, ask.window, takes)
    if times.opening(bank_zone(session), now) is None:
        if takes:
            raise Invalid("It takes {minutes} minutes, and there is no such time.", minutes=-(-takes // (60 * SECOND)))
        raise Invalid("The orders would expire before the hours {window} begin.", window=ask.window)
    return times


def _not_too_many(session: Session, act: Act, *, lasts: bool) -> None:
    """What was planned for later, or waits for PCs that are off, keeps nobody from having a machine read now."""
    span = col(Push.expires) - col(Push.at)
    running = select(func.count()).select_from(Push).where(col(Push.by) == act.actor, col(Push.ended_at).is_(None))
    count = session.execute(running.where(span > SHORT if lasts else span <= SHORT)).scalar_one()
    if count < OPEN_AT_MOST:
        return
    if lasts:
        raise Conflict(
            "You have {count} pushes planned or under way that last for more than an hour: cancel some, or let this "
            "one end within an hour.",
            count=OPEN_AT_MOST,
        )
    raise Conflict("You have {count} pushes under way: they end within the hour; wait, or cancel some.", count=count)


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
