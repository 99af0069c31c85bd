"""Asking for a sweep, approving or refusing what another asked for, and cancelling. All of it is head office's.

Nobody approves what they asked for: a row of the table that says so is refused by the database too.
"""

from collections.abc import Mapping
from ipaddress import IPv4Network
from typing import Any

from sqlalchemy import Select, select
from sqlmodel import Session, col

from agent.wire import OrderKind
from server.accounts.scope import Scoped, in_scope
from server.errors import Conflict, Forbidden, Invalid, NotFound
from server.events.publish import invalidate
from server.inventory.tables import Subject, SubjectKind
from server.journal.deeds import Act, record
from server.network.segments import Segments
from server.orders import deeds as orders
from server.orders.tables import Push
from server.orders.whom import Aim
from server.orders.window import SECOND
from server.plain import clean
from server.schemas.orders import PushTimes
from server.schemas.sweeps import SweepCreate
from server.sweeps.networks import branch_of, prefix_of, stands_in, takes, told_networks
from server.sweeps.tables import SweepRow

TOPIC = "sweep"


def ask(session: Session, act: Act, segments: Segments, ask: SweepCreate) -> SweepRow:
    """It waits for somebody else's approval; nothing is sent."""
    prefix = prefix_of(ask.prefix)
    agent = _agent(session, ask.agent, prefix, branch_of(segments, prefix))
    times = orders.when(session, act.now, ask, takes(prefix, ask.rate))
    _not_twice(session, agent, str(prefix), act.now)
    row = SweepRow(
        prefix=str(prefix),
        agent_id=agent.id or 0,
        branch_id=agent.branch_id or 0,
        rate=ask.rate,
        starts=times.starts,
        expires=times.expires,
        window=times.window,
        reason=clean(ask.reason).strip(),
        by=act.actor,
        at=act.now,
    )
    session.add(row)
    session.flush()
    after = {"prefix": row.prefix, "agent": agent.key, "rate": row.rate, "starts": row.starts, "expires": row.expires}
    after |= {"window": row.window}
    _done(session, act, row, "sweep.ask", after=after, reason=row.reason)
    return row


def approve(session: Session, act: Act, uid: str) -> tuple[SweepRow, Push]:
    row = _waiting(session, act, uid)
    if row.by == act.actor:
        raise Forbidden(
            "Nobody approves a sweep they asked for themselves: another person of head office does. A bank with one "
            "account of head office adds another first (branchfleet-server person add)."
        )
    agent = session.get(Subject, row.agent_id)
    if agent is None or agent.removed_at is not None:
        raise Conflict("Its agent is not in the inventory any more.")
    starts = max(row.starts, act.now)
    seconds = (row.expires - starts) // SECOND
    if seconds < 1:
        raise Conflict("This sweep has lapsed: nobody approved it in time.")
    when = PushTimes.model_construct(starts=starts, seconds=seconds, window=row.window, reason=row.reason)
    prefix = IPv4Network(row.prefix)
    sweep = orders.Sweep(row.prefix, row.rate, takes(prefix, row.rate))
    aimed = Aim(agent, {row.agent_id: []})
    push = orders.begin(session, act, OrderKind.SWEEP.value, agent.key, when, aimed, sweep)
    row.decided_by, row.decided_at, row.push = act.actor, act.now, push.uid
    after = {"prefix": row.prefix, "agent": agent.key, "asked_by": row.by, "push": push.uid}
    _done(session, act, row, "sweep.approve", after=after)
    return row, push


def refuse(session: Session, act: Act, uid: str, reason: str) -> SweepRow:
    row = _waiting(session, act, uid)
    if row.by == act.actor:
        raise Forbidden("You asked for this sweep yourself: cancel it instead.")
    why = clean(reason).strip()
    if not why:
        raise Invalid("Whoever refuses says why.")
    row.decided_by, row.decided_at, row.refusal = act.actor, act.now, why
    _done(session, act, row, "sweep.refuse", after={"prefix": row.prefix, "asked_by": row.by}, reason=why)
    return row


def cancel(session: Session, act: Act, who: orders.Who, uid: str) -> SweepRow:
    """Also one that is under way: its agent stops within seconds, and tells how far it came."""
    row = _taken(session, uid)
    if row.push:
        orders.cancel(session, act, who, row.push)
    elif row.decided_at is not None or row.cancelled_at is not None or row.expires <= act.now:
        raise Conflict("Nothing was cancelled: this sweep is over.")
    row.cancelled_by, row.cancelled_at = act.actor, act.now
    _done(session, act, row, "sweep.cancel", after={"prefix": row.prefix, "push": row.push})
    return row


def find(session: Session, viewer: Scoped, uid: str) -> SweepRow:
    """NotFound also if it is out of the person's scope."""
    asked = select(SweepRow).where(col(SweepRow.uid) == uid, in_scope(viewer, col(SweepRow.branch_id)))
    row: SweepRow | None = session.execute(asked).scalar_one_or_none()
    if row is None:
        raise NotFound("There is no sweep {uid}.", uid=uid[:40])
    return row


def _taken(session: Session, uid: str) -> SweepRow:
    """The row, for this transaction alone: two who decide it go one after the other."""
    asked = select(SweepRow).where(col(SweepRow.uid) == uid).with_for_update()
    row: SweepRow | None = session.execute(asked.execution_options(populate_existing=True)).scalar_one_or_none()
    if row is None:
        raise NotFound("There is no sweep {uid}.", uid=uid[:40])
    return row


def _waiting(session: Session, act: Act, uid: str) -> SweepRow:
    row = _taken(session, uid)
    if row.cancelled_at is not None:
        raise Conflict("This sweep was cancelled by {who}.", who=row.cancelled_by or "")
    if row.decided_at is not None:
        raise Conflict("This sweep was decided already, by {who}.", who=row.decided_by or "")
    if row.expires <= act.now:
        raise Conflict("This sweep has lapsed: nobody approved it in time.")
    return row


def _agent(session: Session, key: str, prefix: IPv4Network, branch: str) -> Subject:
    """The one that was named, or the first that told of that network. Of a branch's network it stands in the branch."""
    asked = select(Subject).where(col(Subject.kind) == SubjectKind.AGENT, col(Subject.removed_at).is_(None))
    agents: list[Subject] = list(session.execute(asked.order_by(col(Subject.key))).scalars())
    home = select(col(Subject.id)).where(col(Subject.kind) == SubjectKind.BRANCH, col(Subject.key) == branch)
    own = session.execute(home.where(col(Subject.removed_at).is_(None))).scalar_one_or_none() if branch else None
    if key:
        agent = next((one for one in agents if one.key == key), None)
        if agent is None:
            raise NotFound("There is no agent {key}.", key=key[:80])
        if own is not None and agent.branch_id != own:
            raise Invalid(
                "{prefix} is a network of branch {branch}, and {key} does not stand there.",
                prefix=str(prefix),
                branch=branch,
                key=key,
            )
        return agent
    told = told_networks(session, [one.id for one in agents])
    there = [one for one in agents if stands_in(told, one.id or 0, prefix) and own in (None, one.branch_id)]
    if not there:
        raise Conflict("No agent told that its PC stands in {prefix}: say which one is to ask.", prefix=str(prefix))
    return there[0]


def _not_twice(session: Session, agent: Subject, prefix: str, now: int) -> None:
    waiting: Select[Any] = select(col(SweepRow.prefix)).where(
        *(col(SweepRow.decided_at).is_(None), col(SweepRow.cancelled_at).is_(None), col(SweepRow.expires) > now),
        col(SweepRow.agent_id) == agent.id,
    )
    for which in (waiting, _under_way(agent.id or 0)):
        if session.execute(which.where(col(SweepRow.prefix) == prefix).limit(1)).first() is not None:
            raise Conflict("A sweep of {prefix} by {key} is not over yet.", prefix=prefix, key=agent.key)


def _under_way(agent: int) -> Select[Any]:
    """The networks that agent is to sweep, or sweeps."""
    asked: Select[Any] = select(col(SweepRow.prefix)).join(Push, col(Push.uid) == col(SweepRow.push))
    return asked.where(col(SweepRow.agent_id) == agent, col(Push.ended_at).is_(None))


def _done(
    session: Session, act: Act, row: SweepRow, deed: str, *, after: Mapping[str, object], reason: str = ""
) -> None:
    session.add(row)
    session.flush()
    record(session, act, deed=deed, about=f"sweep:{row.uid}", after=after, reason=reason)
    invalidate(session, TOPIC, row.uid, row.branch_id, act.now)
