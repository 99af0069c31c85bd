"""What is asked of pushes and their orders."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from sqlalchemy import Select, case, func, select
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from server.accounts.named import branches_named
from server.accounts.scope import Scoped, in_scope
from server.errors import NotFound
from server.health.titles import reason_title
from server.inventory.tables import Subject
from server.orders.ending import tally
from server.orders.reasons import sentence
from server.orders.seeing import own_orders, partly, touches, visible
from server.orders.tables import AgentOrder, Push
from server.orders.window import Times
from server.queries import bank_zone
from server.schemas.orders import FindingOut, OrderOut, OrderPage, OrderState, PushOut, PushPage
from server.texts import Gettext, gettext_for

# what a person has to see first
ORDER = (
    *(OrderState.FAILED, OrderState.REFUSED, OrderState.EXPIRED, OrderState.CANCELLED),
    *(OrderState.HANDED, OrderState.WAITING, OrderState.DONE),
)
DAY = 86_400_000_000  # µs


class Reader(Scoped, Protocol):
    """The person who asks."""

    @property
    def lang(self) -> str: ...


def page(session: Session, viewer: Reader, *, now: int, about: str | None, offset: int, limit: int) -> PushPage:
    """Newest first."""
    wanted = [visible(viewer)]
    if about is not None:
        known = select(col(Subject.id)).where(col(Subject.key) == about, in_scope(viewer, col(Subject.branch_id)))
        if session.execute(known.limit(1)).first() is None:
            raise NotFound("There is no branch, line, position or agent {key}.", key=about[:80])
        wanted.append(touches(session, about))
    asked = _asked().where(*wanted)
    total = session.execute(asked.with_only_columns(func.count())).scalar_one()
    rows = session.execute(asked.order_by(col(Push.id).desc()).offset(offset).limit(limit)).all()
    return PushPage(total=total, offset=offset, at=now, rows=_outs(session, viewer, rows, now))


def out(session: Session, push: Push, viewer: Reader, now: int) -> PushOut:
    session.flush()
    return _outs(session, viewer, session.execute(_asked().where(col(Push.id) == push.id)).all(), now)[0]


def _asked() -> Select[*tuple[Any, ...]]:
    return select(Push, Subject).outerjoin(Subject, col(Subject.id) == col(Push.subject_id))


def _outs(session: Session, viewer: Reader, rows: Sequence[Any], now: int) -> list[PushOut]:
    pushes = [row[0] for row in rows]
    shares = [push.id for push in pushes if partly(viewer, push)]
    counts = tally(session, [push.id for push in pushes if push.ended_at is None])
    counts |= tally(session, shares, own_orders(viewer)) if shares else {}
    _ = gettext_for(viewer.lang)
    said = branches_named(session, viewer, None, _), _, bank_zone(session), now
    return [_out(push, about, counts.get(push.id, push.counts), *said) for push, about in rows]


def _out(
    push: Push, about: Subject | None, counts: dict[str, Any], whole: str, _: Gettext, zone: ZoneInfo, now: int
) -> PushOut:
    times = Times(push.starts, push.expires, push.window, push.takes)
    opening = times.opening(zone, now) if push.ended_at is None else None
    return PushOut(
        uid=push.uid,
        what=push.what,
        about=about.key if about else "",
        about_name=about.name if about else whole,
        by=push.by,
        at=push.at,
        starts=push.starts,
        expires=push.expires,
        window=push.window,
        reason=push.reason,
        opens=opening[0] if opening and opening[0] > now else None,
        total=sum(counts["states"].values()),
        counts={state: counts["states"].get(state.value, 0) for state in OrderState},
        positions=counts["polled"],
        unread=counts["unread"],
        ended_at=push.ended_at,
        cancelled_by=push.cancelled_by,
    )


def orders(
    session: Session,
    push: Push,
    viewer: Reader,
    *,
    now: int,
    states: Collection[OrderState],
    offset: int,
    limit: int,
) -> OrderPage:
    """Those that were not done first, then those where a position gave no reading, then by agent."""
    agent, home = aliased(Subject), aliased(Subject)
    asked = (
        select(AgentOrder, agent, home)
        .join(agent, col(agent.id) == col(AgentOrder.agent_id))
        .join(home, col(home.id) == col(agent.branch_id))
        .where(col(AgentOrder.push_id) == push.id)
    )
    if partly(viewer, push):
        asked = asked.where(in_scope(viewer, col(agent.branch_id)))
    if states:
        asked = asked.where(col(AgentOrder.state).in_(states))
    total = session.execute(asked.with_only_columns(func.count())).scalar_one()
    rank = case({state: place for place, state in enumerate(ORDER)}, value=col(AgentOrder.state))
    rows = session.execute(
        asked.order_by(rank, col(AgentOrder.unread) == 0, col(agent.key)).offset(offset).limit(limit)
    ).all()
    said = _Said(viewer.lang, gettext_for(viewer.lang), bank_zone(session), push.cancelled_by or "")
    return OrderPage(total=total, offset=offset, at=now, rows=[said.of(*row) for row in rows])


def of_a_day(session: Session, now: int) -> dict[OrderState, int]:
    """Orders pushed within the last 24 hours, by how they stand."""
    asked = (
        select(col(AgentOrder.state), func.count())
        .join(Push, col(Push.id) == col(AgentOrder.push_id))
        .where(col(Push.at) > now - DAY)
        .group_by(col(AgentOrder.state))
    )
    found = {state: count for state, count in session.execute(asked)}  # noqa: C416  (rows are not pairs to mypy)
    return dict.fromkeys(OrderState, 0) | found


@dataclass(frozen=True)
class _Said:
    """Orders in the words of a language."""

    lang: str
    _: Gettext
    zone: ZoneInfo
    who: str

    def of(self, order: AgentOrder, agent: Subject, home: Subject) -> OrderOut:
        polls = order.result.get("polls", {})
        return OrderOut(
            uid=order.uid,
            agent=agent.key,
            agent_name=agent.name,
            branch=home.key,
            branch_name=home.name,
            state=order.state,
            why=sentence(order.why, self._, self.zone, said=order.said, heard_at=order.heard_at, who=self.who),
            handed_at=order.handed_at,
            ended_at=order.ended_at,
            polls={key: reason_title(why, self.lang) if why else "" for key, why in polls.items()},
            findings=[self._finding(finding) for finding in order.result.get("findings", [])],
            detail=order.result.get("detail", {}),
        )

    def _finding(self, finding: dict[str, Any]) -> FindingOut:
        lang = "en" if self.lang == "en" else "zh"
        said, mend = finding[lang], finding[f"mend_{lang}"]
        return FindingOut(what=finding["what"], good=finding["good"], sentence=said, mend=mend)
