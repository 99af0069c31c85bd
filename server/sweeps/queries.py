"""What is asked of sweeps: how each stands, by its row, by the order of its push, and by what its agent told."""

from collections.abc import Sequence
from datetime import datetime
from ipaddress import IPv4Network
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from server.accounts.scope import in_scope
from server.accounts.tables import Person
from server.inventory.tables import Subject
from server.network.segments import Segments
from server.orders.queries import Reader
from server.orders.reasons import Reason, sentence
from server.orders.tables import AgentOrder, Push
from server.orders.window import SECOND, Times
from server.queries import bank_zone
from server.schemas.orders import OrderState
from server.schemas.people import Role
from server.schemas.sweeps import SweepOut, SweepPage, SweepState
from server.sweeps.networks import stands_in, takes, told_networks, zone_of
from server.sweeps.progress import FIGURES, count_of
from server.sweeps.tables import SweepRow
from server.texts import Gettext, gettext_for

STATES: Final = {
    OrderState.WAITING: SweepState.APPROVED,
    OrderState.HANDED: SweepState.RUNNING,
    OrderState.DONE: SweepState.DONE,
    OrderState.FAILED: SweepState.FAILED,
    OrderState.EXPIRED: SweepState.EXPIRED,
    OrderState.REFUSED: SweepState.DECLINED,
    OrderState.CANCELLED: SweepState.CANCELLED,
}


class Found(NamedTuple):
    row: SweepRow
    agent: Subject
    home: Subject | None
    push: Push | None
    order: AgentOrder | None


def page(
    session: Session, viewer: Reader, segments: Segments, *, branch: str | None, now: int, offset: int, limit: int
) -> SweepPage:
    """Those that wait for approval first, then the newest."""
    home = aliased(Subject)
    mine = [in_scope(viewer, col(SweepRow.branch_id))]
    if branch is not None:
        mine.append(col(SweepRow.branch_id).in_(select(col(home.id)).where(col(home.key) == branch)))
    asked = _asked().where(*mine)
    total = session.execute(asked.with_only_columns(func.count(), maintain_column_froms=True)).scalar_one()
    rows = session.execute(
        asked.order_by(_waits(now).desc(), col(SweepRow.id).desc()).offset(offset).limit(limit)
    ).all()
    outs = _outs(session, viewer, segments, [Found(*row) for row in rows], now)
    return SweepPage(total=total, offset=offset, at=now, waiting=waiting(session, now, *mine), rows=outs)


def waiting(session: Session, now: int, *mine: ColumnElement[bool]) -> int:
    """How many nobody has approved yet."""
    asked = select(func.count()).select_from(SweepRow).where(_waits(now), *mine)
    return int(session.execute(asked).scalar_one())


def out(session: Session, row: SweepRow, viewer: Reader, segments: Segments, now: int) -> SweepOut:
    session.flush()
    found = session.execute(_asked().where(col(SweepRow.id) == row.id)).all()
    return _outs(session, viewer, segments, [Found(*one) for one in found], now)[0]


def ended(session: Session, viewer: Reader, segments: Segments, now: int, limit: int) -> list[SweepOut]:
    """The newest of each network that was swept, whole or in part."""
    asked = _asked().where(in_scope(viewer, col(SweepRow.branch_id)), col(AgentOrder.answered))
    newest: dict[tuple[str, int], Found] = {}
    for row in session.execute(asked.order_by(col(AgentOrder.ended_at).desc()).limit(10 * limit)):
        one = Found(*row)
        if one.row.asked or (one.order is not None and one.order.result.get("detail", {}).get("asked")):
            newest.setdefault((one.row.prefix, one.row.branch_id), one)
    return _outs(session, viewer, segments, list(newest.values())[:limit], now)


class Swept(NamedTuple):
    """A network whose every address was asked, and when the last of it was."""

    network: IPv4Network
    branch_id: int
    at: int


def swept(session: Session, since: int) -> list[Swept]:
    """Whole, since then; newest first. Agents' words of their networks are not asked: two branches may number alike."""
    asked = select(col(SweepRow.prefix), col(SweepRow.branch_id), col(AgentOrder.ended_at))
    asked = asked.join(Push, col(Push.uid) == col(SweepRow.push)).join(AgentOrder, col(AgentOrder.push_id) == Push.id)
    asked = asked.where(col(AgentOrder.state) == OrderState.DONE, col(AgentOrder.ended_at) >= since)
    rows = session.execute(asked.order_by(col(AgentOrder.ended_at).desc()))
    return [Swept(IPv4Network(prefix), branch, at) for prefix, branch, at in rows]


def _waits(now: int) -> Any:
    return col(SweepRow.decided_at).is_(None) & col(SweepRow.cancelled_at).is_(None) & (col(SweepRow.expires) > now)


def _asked() -> Select[Any]:
    agent, home = aliased(Subject), aliased(Subject)
    asked: Any = select(SweepRow, agent, home, Push, AgentOrder)
    joined: Select[Any] = (
        asked.join(agent, col(agent.id) == col(SweepRow.agent_id))
        .outerjoin(home, col(home.id) == col(SweepRow.branch_id))
        .outerjoin(Push, col(Push.uid) == col(SweepRow.push))
        .outerjoin(AgentOrder, col(AgentOrder.push_id) == col(Push.id))
    )
    return joined


def _outs(session: Session, viewer: Reader, segments: Segments, rows: Sequence[Found], now: int) -> list[SweepOut]:
    agents = {one.row.agent_id for one in rows}
    networks = told_networks(session, agents)
    heads = select(col(Person.login)).where(col(Person.role) == Role.HEAD, col(Person.disabled_at).is_(None))
    people = set(session.execute(heads).scalars())
    said = gettext_for(viewer.lang), bank_zone(session)
    outs = []
    for one in rows:
        prefix = IPv4Network(one.row.prefix)
        found = _base(one, prefix, said[1], now) | _figures(one)
        found |= {"why": _why(one, *said), "zone": zone_of(segments, prefix)}
        found |= {"on_wire": stands_in(networks, one.row.agent_id, prefix), "approvers": len(people - {one.row.by})}
        outs.append(SweepOut.model_validate(found))
    return outs


def _base(one: Found, prefix: IPv4Network, zone: Any, now: int) -> dict[str, Any]:
    row = one.row
    same = (
        *("uid", "prefix", "rate", "by", "at", "starts", "expires", "window", "reason"),
        *("decided_by", "decided_at", "push", "cancelled_by"),
    )
    long = takes(prefix, row.rate)
    opens = None
    if one.order is not None and one.order.state is OrderState.WAITING:
        opening = Times(row.starts, row.expires, row.window, long).opening(zone, now)
        opens = opening[0] if opening and opening[0] > now else None
    return {name: getattr(row, name) for name in same} | {
        "agent": one.agent.key,
        "agent_name": one.agent.name,
        "branch": one.home.key if one.home else "",
        "branch_name": one.home.name if one.home else "",
        "addresses": prefix.num_addresses,
        "takes": long // SECOND,
        "state": _state(one, now),
        "opens": opens,
        "ended_at": one.order.ended_at if one.order else None,
    }


def _state(one: Found, now: int) -> SweepState:
    row = one.row
    if one.order is not None:
        if _unheard(one):
            return SweepState.APPROVED
        if one.order.why == Reason.UNANSWERED:
            return SweepState.UNANSWERED
        return SweepState.STOPPING if (_stops_by(one) or 0) > now else STATES[one.order.state]
    if row.cancelled_at is not None:
        return SweepState.CANCELLED
    if row.decided_at is not None:
        return SweepState.REFUSED
    return SweepState.LAPSED if row.expires <= now else SweepState.ASKED


def _unheard(one: Found) -> bool:
    """Whether it was sent, and its agent told nothing of it yet: a line that is cut takes what nobody gets."""
    return one.order is not None and one.order.state is OrderState.HANDED and one.row.told_at is None


def _stops_by(one: Found) -> int | None:
    """When a cancelled one is over, whether its agent hears of that or not; None if it said that it stopped."""
    order = one.order
    if order is None or order.state is not OrderState.CANCELLED or order.answered or order.handed_at is None:
        return None
    return order.handed_at + takes(IPv4Network(one.row.prefix), one.row.rate)


def _why(one: Found, _: Gettext, zone: ZoneInfo) -> str:
    if one.order is None:
        return one.row.refusal
    who = one.row.cancelled_by or (one.push.cancelled_by if one.push else "") or ""
    why = sentence(one.order.why, _, zone, said=one.order.said, heard_at=one.order.heard_at, who=who)
    if _unheard(one):
        return _("It was sent to {agent}, which has not told yet that it began.").format(agent=one.agent.key)
    stops = _stops_by(one)
    if stops is None:
        return why
    by = f"{datetime.fromtimestamp(stops / SECOND, zone):%m-%d %H:%M}"
    unheard = _("{agent} has not said that it stopped; it asks no longer than until {when}.")
    return f"{why} {unheard.format(agent=one.agent.key, when=by)}"


def _figures(one: Found) -> dict[str, Any]:
    """Of its result; before that, or where there never was one, what its agent told on the way."""
    said = one.order.result.get("detail", {}) if one.order is not None else {}
    if one.order is not None and "asked" in said:
        return {name: count_of(said.get(name)) for name in FIGURES} | {"told_at": one.order.ended_at}
    row = one.row
    return {"of": row.of, "asked": row.asked, "answered": row.answered, "told_at": row.told_at}
