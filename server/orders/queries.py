"""What is asked of pushes and their orders."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Select, case, func, select
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from server.accounts.scope import Scoped, in_scope
from server.health.titles import reason_title
from server.inventory.tables import Subject
from server.orders.ending import tally
from server.orders.reasons import sentence
from server.orders.tables import AgentOrder, Push
from server.queries import bank_zone
from server.schemas.orders import FindingOut, OrderOut, OrderPage, OrderState, PushOut, PushPage
from server.texts import Gettext, gettext_for

# what a person has to see first
ORDER = (
    *(OrderState.FAILED, OrderState.REFUSED, OrderState.EXPIRED, OrderState.CANCELLED),
    *(OrderState.HANDED, OrderState.WAITING, OrderState.DONE),
)
EVERYTHING = "all branches"
DAY = 86_400_000_000  # µs


def page(
    session: Session, viewer: Scoped, lang: str, *, now: int, about: str | None, offset: int, limit: int
) -> PushPage:
    """Newest first. What is about everything is head office's to see, as it names all branches."""
    wanted = [in_scope(viewer, col(Push.branch_id))]
    if about is not None:
        wanted.append(col(Subject.key) == about)
    asked = _asked().where(*wanted)
    total = session.execute(asked.with_only_columns(func.count())).scalar_one()
    rows = session.execute(asked.order_by(col(Push.id).desc()).offset(offset).limit(limit)).all()
    return PushPage(total=total, offset=offset, at=now, rows=_outs(session, rows, lang))


def out(session: Session, push: Push, lang: str) -> PushOut:
    session.flush()
    return _outs(session, session.execute(_asked().where(col(Push.id) == push.id)).all(), lang)[0]


def _asked() -> Select[*tuple[Any, ...]]:
    return select(Push, Subject).outerjoin(Subject, col(Subject.id) == col(Push.subject_id))


def _outs(session: Session, rows: Sequence[Any], lang: str) -> list[PushOut]:
    running = tally(session, [push.id for push, _ in rows if push.ended_at is None])
    return [_out(push, about, running.get(push.id, push.counts), gettext_for(lang)) for push, about in rows]


def _out(push: Push, about: Subject | None, counts: dict[str, Any], _: Gettext) -> PushOut:
    return PushOut(
        uid=push.uid,
        what=push.what,
        about=about.key if about else "",
        about_name=about.name if about else _(EVERYTHING),
        by=push.by,
        at=push.at,
        starts=push.starts,
        expires=push.expires,
        window=push.window,
        reason=push.reason,
        total=push.total,
        counts={state: counts["states"].get(state.value, 0) for state in OrderState},
        positions=counts["polled"],
        unread=counts["unread"],
        ended_at=push.ended_at,
        cancelled_by=push.cancelled_by,
    )


def orders(
    session: Session,
    push: Push,
    lang: str,
    *,
    now: int,
    states: Collection[OrderState],
    offset: int,
    limit: int,
) -> OrderPage:
    """Those that were not done first, then by agent."""
    agent, home = aliased(Subject), aliased(Subject)
    asked = (
        select(AgentOrder, agent, home)
        .join(agent, col(agent.id) == col(AgentOrder.agent_id))
        .join(home, col(home.id) == col(agent.branch_id))
        .where(col(AgentOrder.push_id) == push.id)
    )
    if states:
        asked = asked.where(col(AgentOrder.state).in_(states))
    total = session.execute(asked.with_only_columns(func.count())).scalar_one()
    rank = case({state: place for place, state in enumerate(ORDER)}, value=col(AgentOrder.state))
    rows = session.execute(asked.order_by(rank, col(agent.key)).offset(offset).limit(limit)).all()
    said = _Said(lang, gettext_for(lang), bank_zone(session), push.cancelled_by or "")
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
