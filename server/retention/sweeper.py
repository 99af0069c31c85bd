"""Day by day: what is older than the bank keeps is counted for good, and then goes.

A server whose clock is months ahead would let everything go that it is to keep. So nothing goes but while the clocks of
the agents bear its own out.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import not_, select
from sqlalchemy.exc import OperationalError
from sqlmodel import Session, col

from server.coverage.hours import midnight
from server.coverage.kept import count, keep, kept_until
from server.coverage.period import first_day
from server.coverage.spans import MINUTE
from server.following.thread import PASSING, Following
from server.ingest.tables import RecordRow, Stream
from server.queries import bank_zone
from server.retention.letting import Copying, let_go, sweep_past
from server.retention.months import begin_month, study
from server.retention.sweep import (
    Before,
    sweep_changes,
    sweep_hours,
    sweep_orders,
    sweep_records,
    sweep_sightings,
    sweep_stretches,
    sweep_wire,
)
from server.storage.database import Database
from server.storage.lead import Lead, Role
from server.storage.types import Now

NAME = "retention"
HOUR = 3_600_000_000  # µs
DAY = 24 * HOUR
WITNESSES = 1000  # records
SURE = 60.0  # seconds for which it is not asked again what goes, and whether the clocks bear it out
LOCKED = ("55P03", "40P01")  # PostgreSQL's lock_not_available: it was waited for long enough; deadlock_detected


@dataclass
class _Chore:
    """What is done in pieces: `do` one from `at` on, and give from where to go on, or None if that was the last."""

    do: Callable[[Session, Any], Any]
    start: Any
    at: Any = None

    def __post_init__(self) -> None:
        self.at = self.start


class Sweeper(Following):
    """`days` whole days of the bank's zone are kept, and today.

    Hourly sums, agents' events and changes of facts are kept for `hour_days`, and go by whole months. What it does
    takes at most half of its time.
    """

    name = NAME
    pause = 60.0

    def __init__(self, database: Database, now: Now, days: int, hour_days: int = 1098) -> None:
        super().__init__(Lead(database, Role.RETENTION))
        self._database = database
        self._now = now
        self._days = days
        self._hour_days = hour_days
        self._begun: date | None = None  # what goes with this day is gone, or is in _chores
        self._hours: date | None = None  # all sums before this day are gone
        self._chores: list[_Chore] = []
        self._sure_until = 0.0  # of a monotonic clock

    def arrive(self) -> None:
        self._begun, self._hours, self._chores = None, None, []

    def step(self) -> int:
        """Count one day, or let some rows go; 0 if there is nothing to do before another day begins."""
        began = time.monotonic()
        try:
            done = self._step()
        except OperationalError as error:
            if getattr(error.orig, "sqlstate", "") not in LOCKED:
                raise
            return 0  # somebody reads for long: a backup, or a report
        if done:
            self._stopping.wait(time.monotonic() - began)
        return done

    def _step(self) -> int:
        if self._chores and time.monotonic() < self._sure_until:
            return self._go_on()
        with self._database.read() as session:
            zone, now = bank_zone(session), self._now()
            today = datetime.fromtimestamp(now / 1_000_000, zone).date()
            first = today - timedelta(days=self._days)
            kept = kept_until(session)
            counted = kept or first_day(session, zone)
            believed = counted is not None and borne_out(session, now)
            found = count(session, counted, now) if counted and believed and counted < first else None
        if not self._database.sqlite:
            with self._database.write() as session:
                if begin_month(session.connection(), today):
                    return 1
        if counted is None or not believed:
            return 0
        if found is not None:
            with self._database.write() as session:
                keep(session, counted, found)
            return 1
        self._sure_until = time.monotonic() + SURE
        if self._begun != first:  # a bank that is younger than what it keeps has nothing that goes
            self._begun, self._chores = first, [] if kept is None else self._chores_of(first, today, zone)
        return self._go_on() if self._chores else 0

    def _go_on(self) -> int:
        chore = self._chores[0]
        try:
            with self._database.write() as session:
                after = chore.do(session, chore.at)
        except PASSING:
            raise  # it is as far as it was
        except Exception:
            chore.at = chore.start
            raise
        chore.at = after
        if after is None:
            self._chores.pop(0)
        return 1

    def _chores_of(self, first: date, today: date, zone: ZoneInfo) -> list[_Chore]:
        def before(day: date) -> int:
            return midnight(day, zone) * MINUTE

        month = (today - timedelta(days=self._hour_days)).replace(day=1)
        detail, hours = before(first), before(month)
        both = Before(detail, hours)
        chores = [_Chore(lambda session, at: sweep_stretches(session, detail, at), 0)]
        if self._database.sqlite:
            chores.append(_Chore(lambda session, at: sweep_records(session, both, at), 0))
        else:
            chores.append(_Chore(lambda session, at: let_go(session, both, at), Copying()))
            chores.append(_Chore(lambda session, at: sweep_past(session, both, at), 0))
            chores.append(_Chore(lambda session, _: study(session.connection()), 0))
        chores.append(_Chore(lambda session, at: sweep_orders(session, detail, at), 0))
        if self._hours != month:
            self._hours = month
            chores.append(_Chore(lambda session, at: sweep_changes(session, hours, at), 0))
            chores.append(_Chore(lambda session, at: sweep_sightings(session, hours, at), 0))
            chores.append(_Chore(lambda session, at: sweep_wire(session, hours, at), 0))
            chores.append(_Chore(lambda session, at: sweep_hours(session, hours, at), (0, "")))
        return chores


def borne_out(session: Session, now: int) -> bool:
    """Whether most agents that were heard within the hour have about the server's date."""
    asked = (
        select(col(Stream.agent_id), col(RecordRow.wall), col(RecordRow.arrived))
        .join(Stream, col(Stream.id) == col(RecordRow.stream_id))
        .where(col(RecordRow.arrived) > now - HOUR, not_(col(RecordRow.history)))
        .order_by(col(RecordRow.id).desc())
        .limit(WITNESSES)
    )
    off = {agent: abs(wall - arrived) for agent, wall, arrived in reversed(session.execute(asked).all())}
    return bool(off) and median(off.values()) < DAY
