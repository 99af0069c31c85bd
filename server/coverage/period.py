"""The days of one question, in the bank's zone."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlmodel import Session, col

from server.coverage.hours import midnight
from server.coverage.spans import MINUTE, minute
from server.errors import Invalid
from server.inventory.tables import Duty
from server.queries import bank_zone

LONGEST = 92  # days in one question


@dataclass(frozen=True)
class Period:
    """The days asked for. `edges` are the minutes at which they begin, and the end of the last, or now."""

    days: list[date]
    edges: list[int]
    over: list[bool]
    zone: ZoneInfo
    now: int

    @property
    def start(self) -> int:
        return self.edges[0] * MINUTE

    @property
    def end(self) -> int:
        return self.edges[-1] * MINUTE


def period_of(session: Session, first: date | None, last: date | None, now: int) -> Period:
    """Days in the bank's zone. Of what is to come there is no account: the period ends with today at the latest."""
    zone = bank_zone(session)
    today = datetime.fromtimestamp(now / 1_000_000, zone).date()
    until = min(last or today, today)
    begins = first_day(session, zone) or today
    if until < begins:
        raise Invalid("There is nothing so early: what was due is known from {day} on.", day=begins.isoformat())
    since = first or until - timedelta(days=6)
    if since > today:
        raise Invalid("{day} is still to come; the last day there is an account of is today.", day=since.isoformat())
    if since > until:
        raise Invalid(
            "The first day, {first}, comes after the last, {last}.", first=since.isoformat(), last=until.isoformat()
        )
    if (until - since).days >= LONGEST:
        raise Invalid("Coverage is asked for {days} days at most.", days=LONGEST)
    days = [since + timedelta(days=number) for number in range((until - since).days + 1)]
    edges = [midnight(day, zone) for day in [*days, until + timedelta(days=1)]]
    over = [edge <= minute(now) for edge in edges[1:]]
    edges[-1] = min(edges[-1], minute(now))
    return Period(days, edges, over, zone, now)


def first_day(session: Session, zone: ZoneInfo) -> date | None:
    """The day from which it is known who was to poll what."""
    first: int | None = session.execute(select(func.min(col(Duty.start)))).scalar_one()
    return None if first is None else datetime.fromtimestamp(first / 1_000_000, zone).date()


def numbers_by_day(told: list[tuple[int, int]], period: Period) -> list[int]:
    """Numbers by the day on which the agent noted that they never come."""
    edges = period.edges
    return [
        sum(number for at, number in told if begins <= at < ends or (at == ends == edges[-1] and not over))
        for begins, ends, over in zip(edges, edges[1:], period.over, strict=False)
    ]
