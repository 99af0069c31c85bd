"""How orders end: by what agents say, or by time. Whoever changes orders takes their pushes' rows first."""

from collections.abc import Collection, Iterable
from typing import Any, Final

from sqlalchemy import ColumnElement, func, or_, select, update
from sqlmodel import Session, col

from agent.wire import Result
from server.agents.queries import barred
from server.events.publish import invalidate
from server.ingest.tables import AgentSeen
from server.inventory.tables import Agent
from server.journal.deeds import Act, record
from server.journal.merkle import merkle_root
from server.orders import results
from server.orders.reasons import BARRED, Reason
from server.orders.tables import OPEN, AgentOrder, Push
from server.orders.window import SECOND
from server.schemas.orders import OrderState

UNDER_WAY: Final = 60 * SECOND  # what was begun in time may take so long, and no agent takes longer
TOPIC = "push"
SYSTEM = "system"
VIA = "orders"


def take(session: Session, pushes: Iterable[int]) -> list[Push]:
    """The rows, for this transaction alone: two that change the same orders go one after the other."""
    asked = select(Push).where(col(Push.id).in_(set(pushes))).order_by(col(Push.id)).with_for_update()
    return list(session.execute(asked.execution_options(populate_existing=True)).scalars())


def answer(session: Session, now: int, said: Iterable[tuple[int, int, Result]]) -> int:
    """End orders by what agents said: (agent's id, corrected time, result). Gives how many that ended.

    The first result of an order's own agent counts, also where the server had given the order up; nothing after it.
    """
    heard = list(said)
    of_them = col(AgentOrder.uid).in_({result.order for _, _, result in heard})
    pushes = take(session, session.execute(select(col(AgentOrder.push_id)).where(of_them).distinct()).scalars())
    asked = select(
        *(col(AgentOrder.uid), col(AgentOrder.id), col(AgentOrder.push_id), col(AgentOrder.agent_id)),
        col(AgentOrder.positions),
    ).where(of_them, col(AgentOrder.answered).is_(False), _can_be_known())
    orders = {uid: order for uid, *order in session.execute(asked)}
    rows: list[dict[str, Any]] = []
    ended: set[int] = set()
    for agent, at, result in heard:
        own, push, whose, positions = orders.get(result.order, (0, 0, None, []))
        if whose == agent:
            rows.append({"id": own, **results.ended(positions, result, at)})
            ended.add(push)
            del orders[result.order]
    if rows:
        session.execute(update(AgentOrder), rows)
    for push_row in pushes:
        if push_row.id in ended:
            settle(session, push_row, now)
    return len(rows)


def _can_be_known() -> ColumnElement[bool]:
    """What was refused before its agent was given it nobody can answer."""
    return or_(col(AgentOrder.state) != OrderState.REFUSED, col(AgentOrder.handed_at).is_not(None))


def shut_out(session: Session, now: int) -> dict[int, Reason]:
    """Agents with open orders that nobody may speak as: ids, and why."""
    asked = select(col(AgentOrder.agent_id)).where(col(AgentOrder.state).in_(OPEN)).distinct()
    return {agent: BARRED[standing] for agent, standing in barred(session, asked, now).items()}


def refuse(session: Session, now: int, agents: dict[int, Reason]) -> None:
    """End the open orders of those agents, whether they have them or not."""
    is_theirs = col(AgentOrder.agent_id).in_(agents), col(AgentOrder.state).in_(OPEN)
    pushes = take(session, session.execute(select(col(AgentOrder.push_id)).where(*is_theirs).distinct()).scalars())
    asked = select(col(AgentOrder.id), col(AgentOrder.agent_id)).where(*is_theirs)
    ended = {"state": OrderState.REFUSED, "ended_at": now}
    rows = [{"id": own, "why": agents[agent].value, **ended} for own, agent in session.execute(asked)]
    if rows:
        session.execute(update(AgentOrder), rows)
    for push in pushes:
        settle(session, push, now)


def forget(session: Session, orders: Collection[int], pushes: Collection[int], now: int) -> None:
    """End what was handed to agents that do not know it any more: begun twice is worse than asked for again."""
    taken = take(session, pushes)
    is_open = col(AgentOrder.id).in_(orders), col(AgentOrder.state) == OrderState.HANDED
    ended = {"state": OrderState.FAILED, "why": Reason.FORGOTTEN.value, "ended_at": now}
    session.execute(update(AgentOrder).where(*is_open).values(**ended))
    for push in taken:
        settle(session, push, now)


def overdue(session: Session, now: int) -> list[int]:
    """Pushes with orders that time has ended."""
    waiting = select(col(AgentOrder.id)).where(
        col(AgentOrder.push_id) == col(Push.id), col(AgentOrder.state) == OrderState.WAITING
    )
    asked = select(col(Push.id)).where(col(Push.ended_at).is_(None), col(Push.expires) <= now)
    asked = asked.where((col(Push.expires) <= now - UNDER_WAY) | waiting.exists())
    return list(session.execute(asked.order_by(col(Push.expires)).limit(20)).scalars())


def lapse(session: Session, now: int, overdue: Collection[int]) -> None:
    """End what was never handed out, and what was begun so long ago that no answer comes."""
    for push in take(session, overdue):
        if push.ended_at is None and push.expires <= now:
            _lapse_waiting(session, push, now)
            if push.expires <= now - UNDER_WAY:
                unanswered = col(AgentOrder.push_id) == push.id, col(AgentOrder.state) == OrderState.HANDED
                full = col(AgentOrder.agent_id).in_(
                    select(col(AgentSeen.agent_id)).where(col(AgentSeen.hindered) != "")
                )
                for reason, more in ((Reason.HINDERED, [full]), (Reason.UNANSWERED, [])):
                    session.execute(update(AgentOrder).where(*unanswered, *more).values(**_expired(push, reason)))
            settle(session, push, now)


def tally(session: Session, pushes: Collection[int], *which: ColumnElement[bool]) -> dict[int, dict[str, Any]]:
    """Of each push: orders by state, and what was polled, of all or of `which`. As `Push.counts` keeps it."""
    found: dict[int, dict[str, Any]] = {push: {"states": {}, "polled": 0, "unread": 0} for push in pushes}
    asked = select(
        *(col(AgentOrder.push_id), col(AgentOrder.state), func.count()),
        *(func.sum(col(AgentOrder.polled)), func.sum(col(AgentOrder.unread))),
    ).where(col(AgentOrder.push_id).in_(pushes), *which)
    for push, state, count, polled, unread in session.execute(
        asked.group_by(col(AgentOrder.push_id), col(AgentOrder.state))
    ):
        counts = found[push]
        counts["states"][state.value] = count
        counts["polled"] += int(polled)
        counts["unread"] += int(unread)
    return found


def _lapse_waiting(session: Session, push: Push, now: int) -> None:
    """They were never handed out. Why, as far as the server knows it: nobody may speak as it, or it was not heard."""
    asked = (
        select(col(AgentOrder.id), col(AgentOrder.agent_id), col(AgentSeen.at), col(AgentSeen.hindered))
        .outerjoin(AgentSeen, col(AgentSeen.agent_id) == col(AgentOrder.agent_id))
        .where(col(AgentOrder.push_id) == push.id, col(AgentOrder.state) == OrderState.WAITING)
    )
    waiting = session.execute(asked).all()
    if not waiting:
        return
    off = barred(session, select(col(Agent.id)), now)
    rows = []
    for own, agent, heard, hindered in waiting:
        if agent in off:
            reason = BARRED[off[agent]]
        elif hindered and heard >= push.starts:
            reason = Reason.HINDERED
        else:
            reason = Reason.NOT_ASKED if heard is not None and heard >= push.starts else Reason.UNREACHED
        rows.append({"id": own, "heard_at": heard, **_expired(push, reason)})
    session.execute(update(AgentOrder), rows)


def _expired(push: Push, reason: Reason) -> dict[str, Any]:
    return {"state": OrderState.EXPIRED, "why": reason.value, "ended_at": push.expires}


def settle(session: Session, push: Push, now: int) -> None:
    """Tell screens; and if no order of the push is open, write down how they ended. Last in a transaction."""
    counts = tally(session, [push.id or 0])[push.id or 0]
    if not any(state in counts["states"] for state in OPEN):
        orders = select(*results.LINE).where(col(AgentOrder.push_id) == push.id).order_by(col(AgentOrder.id))
        lines = [results.line(row) for row in session.execute(orders)]
        late = push.ended_at is not None
        push.counts = counts
        push.ended_at = push.ended_at or now
        session.add(push)
        session.flush()
        after = {**counts, "orders": len(lines), "root": merkle_root(lines)}
        act = Act(SYSTEM, VIA, now)
        record(session, act, deed="push.amend" if late else "push.end", about=about(push), after=after)
    tell(session, push, now)


def tell(session: Session, push: Push, now: int) -> None:
    """Have screens, and hubs of other processes, look again."""
    invalidate(session, TOPIC, push.uid, push.branch_id, now)


def about(push: Push) -> str:
    return f"push:{push.uid}"
