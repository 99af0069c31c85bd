"""How many hosts stood how by a check, day by day since the first, and as they stand now."""

from datetime import date, datetime, timedelta
from typing import Final

from sqlalchemy import func, select
from sqlmodel import Session, col

from server.accounts.scope import Scoped, in_scope
from server.checks.check import Check
from server.checks.matrix import counts_out
from server.checks.standing import Words, branch_words
from server.checks.tables import VerdictDay
from server.inventory.tables import Subject
from server.queries import bank_zone
from server.schemas.matrix import TrendDay, TrendOut

DAYS: Final = 90


def trend(
    session: Session, viewer: Scoped, check: Check, *, branch: str | None, days: int, now: int, lang: str
) -> TrendOut:
    """The last `days` days. Today is counted anew, of the moment it is asked."""
    today = datetime.fromtimestamp(now / 1_000_000, bank_zone(session)).date()
    counted = _counted(session, viewer, check, branch, today - timedelta(days=days - 1))
    counted[today.isoformat()] = _now(session, viewer, check, branch, now)
    return TrendOut(
        check=check.id,
        title=check.title.of(lang),
        branch=branch or "",
        at=now,
        first=session.execute(select(func.min(col(VerdictDay.day)))).scalar_one(),
        days=[TrendDay(day=day, counts=counts_out(words)) for day, words in sorted(counted.items())],
    )


def _counted(session: Session, viewer: Scoped, check: Check, branch: str | None, first: date) -> dict[str, Words]:
    columns = (
        VerdictDay.passes,
        VerdictDay.fails,
        VerdictDay.unknown,
        VerdictDay.not_applicable,
        VerdictDay.exempt,
    )
    asked = (
        select(col(VerdictDay.day), *(func.sum(col(column)) for column in columns))
        .where(col(VerdictDay.check_id) == check.id, col(VerdictDay.day) >= first.isoformat())
        .where(in_scope(viewer, col(VerdictDay.branch_id)))
        .group_by(col(VerdictDay.day))
    )
    if branch:
        asked = asked.join(Subject, col(Subject.id) == col(VerdictDay.branch_id)).where(col(Subject.key) == branch)
    return {day: Words(*map(int, counts)) for day, *counts in session.execute(asked)}


def _now(session: Session, viewer: Scoped, check: Check, branch: str | None, now: int) -> Words:
    counted = branch_words(session, viewer, now, [check.id])
    own = None
    if branch:
        own = session.execute(select(col(Subject.id)).where(col(Subject.key) == branch)).scalars().first()
    total = Words()
    for (place, _), words in counted.items():
        if own is None or place == own:
            total = total.plus(words)
    return total
