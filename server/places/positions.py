"""Rows of positions: where, what, how it stands, since when, and the gravest thing in words."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
from sqlalchemy import select
from sqlmodel import Session, col

from server.accounts.scope import Scoped
from server.health import queries as health
from server.health.rules import Rules, load
from server.health.standing import standing_now
from server.health.state import State
from server.health.tables import HealthRow
from server.health.titles import cause_title, condition_title, reason_title, word_title
from server.inventory.tables import DeviceClass, Observer, Position, Subject
from server.ledger.tables import Card, CardVersion
from server.places.search import Asked, Home, count, find
from server.places.tested import tested
from server.schemas.conditions import ConditionOut
from server.schemas.positions import PositionPage, PositionRow
from server.schemas.standing import FRESH, Standing
from server.storage.types import FOREVER
from server.texts import Gettext, gettext_for
from server.tickets.queries import newest_open


@dataclass(frozen=True)
class Watcher:
    """An agent that polls a position."""

    key: str
    name: str
    standing: Standing


def page(
    session: Session, viewer: Scoped, asked: Asked, *, lang: str, now: int, offset: int = 0, limit: int = 100
) -> PositionPage:
    ids = find(session, viewer, asked, now, offset, limit)
    total, coverage = count(session, viewer, asked, now)
    rows = rows_of(session, ids, lang, now)
    return PositionPage(total=total, offset=offset, coverage=coverage, at=now, rows=rows)


def rows_of(session: Session, ids: Sequence[int], lang: str, now: int) -> list[PositionRow]:
    """These positions, in this order."""
    statement = (
        select(Subject, Home, Position, col(DeviceClass.name), HealthRow, standing_now(now))
        .join(Home, col(Home.id) == col(Subject.branch_id))
        .join(Position, col(Position.id) == col(Subject.id))
        .outerjoin(DeviceClass, col(DeviceClass.key) == col(Position.cls))
        .outerjoin(HealthRow, col(HealthRow.subject_id) == col(Position.id))
        .where(col(Position.id).in_(ids))
    )
    watchers = _watchers(session, ids)
    machines = _machines(session, ids)
    tickets = newest_open(session, ids)
    gravest: dict[str, ConditionOut] = {}
    for condition in health.of_subjects(session, ids, lang):
        gravest.setdefault(condition.subject, condition)
    rules = load(session)
    found = {}
    shown = session.execute(statement).all()
    unheard = {home.id for _subject, home, *_rest, said in shown if said == Standing.NEVER}
    told = health.told_of_unheard(session, unheard, lang) if unheard else {}
    for subject, home, position, cls_name, row, said in shown:
        own = subject.id or 0
        standing = Standing(said)
        seen = watchers.get(own, [])
        asset, model = machines.get(own, (None, None))
        found[own] = PositionRow(
            key=subject.key,
            name=subject.name,
            branch=home.key,
            branch_name=home.name,
            cls=position.cls,
            cls_name=cls_name or position.cls,
            standing=standing,
            fresh_until=row.fresh_until if row and standing in FRESH else None,
            device=row.device if row else "",
            detail=_detail(standing, row, gravest.get(subject.key), seen, told.get(home.id, ""), lang, rules),
            since=_since(standing, row),
            seen_at=row.seen_at if row else None,
            as_of=row.as_of if row else None,
            tested=tested(row, lang),
            agent=seen[0].key if seen else None,
            driver=position.driver,
            asset=asset,
            model=model or None,
            ticket=tickets.get(own),
        )
    return [found[own] for own in ids if own in found]


def _since(standing: Standing, row: HealthRow | None) -> int | None:
    """A standing that was only found old by looking began when it grew old."""
    if row is None or standing is Standing.UNPOLLED:
        return None
    return row.fresh_until if standing is Standing.STALE and row.standing is not Standing.STALE else row.since


def _detail(
    standing: Standing,
    row: HealthRow | None,
    gravest: ConditionOut | None,
    watchers: list[Watcher],
    told: str,
    lang: str,
    rules: Rules,
) -> str:
    """The gravest open condition; else why it stands as it does; nothing when all is well. `told`: by telephone."""
    if gravest is not None:
        return f"{gravest.title} ({gravest.cause})" if gravest.cause else gravest.title
    _ = gettext_for(lang)
    match standing:
        case Standing.GOOD | Standing.FAULT:
            return ""
        case Standing.NEVER:
            return told or _("never reported")
        case Standing.UNPOLLED:
            return _("listed only, not polled")
        case Standing.CLOSED:
            return _("the agent was ended")
        case Standing.STALE:
            silent = [watcher.name for watcher in watchers if watcher.standing is Standing.STALE]
            return _("agent {name} is not heard").format(name=silent[0]) if silent else _("no data for too long")
    return _of_state(standing, row, lang, rules, _)


def _of_state(standing: Standing, row: HealthRow | None, lang: str, rules: Rules, _: Gettext) -> str:
    state = msgspec.convert(row.state, State) if row else State()
    newest = state.newest
    if standing is Standing.IN_USE:
        return word_title("", "inUse", lang)
    if standing is Standing.UNKNOWN:
        if state.explained:
            return cause_title(state.explained, lang)
        return reason_title(newest.reason, lang) if newest and newest.reason else word_title("", "unknown", lang)
    for key, pending in sorted(state.pending.items()):
        rule, _part, part = key.partition(" ")
        return _("{title}, being confirmed").format(title=condition_title(rule, part, pending.word, lang, rules))
    return ""


def _watchers(session: Session, ids: Sequence[int]) -> dict[int, list[Watcher]]:
    asked = (
        select(col(Observer.subject_id), col(Subject.key), col(Subject.name), col(HealthRow.standing))
        .join(Subject, col(Subject.id) == col(Observer.agent_id))
        .outerjoin(HealthRow, col(HealthRow.subject_id) == col(Observer.agent_id))
        .where(col(Observer.subject_id).in_(ids))
        .order_by(col(Subject.key))
    )
    found: dict[int, list[Watcher]] = {}
    for subject, key, name, standing in session.execute(asked):
        found.setdefault(subject, []).append(Watcher(key, name, standing or Standing.NEVER))
    return found


def _machines(session: Session, ids: Sequence[int]) -> dict[int, tuple[str, str]]:
    """Asset number and model of the machine that stands at each position now."""
    asked = (
        select(col(CardVersion.position_id), col(Card.asset), col(CardVersion.fields))
        .join(Card, col(Card.id) == col(CardVersion.card_id))
        .where(
            col(CardVersion.position_id).in_(ids),
            col(CardVersion.effective_to) == FOREVER,
            col(CardVersion.known_to) == FOREVER,
        )
    )
    return {
        position: (asset, fields.get("model", ""))
        for position, asset, fields in session.execute(asked)
        if position is not None
    }
