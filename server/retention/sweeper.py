"""Day by day: what is older than the bank keeps is counted for good, and then goes."""

import time
from datetime import date, datetime, timedelta

from sqlalchemy import func, select
from sqlmodel import Session, col

from server.coverage.hours import midnight
from server.coverage.kept import keep, kept_until
from server.coverage.spans import MINUTE
from server.following import Following
from server.inventory.tables import Duty
from server.queries import bank_zone
from server.retention.sweep import sweep_records, sweep_stretches
from server.storage.database import Database
from server.storage.lead import Lead, Role
from server.storage.types import Now

NAME = "retention"


class Sweeper(Following):
    """`days` whole days of the bank's zone are kept, and today. What it does takes at most half of its time."""

    name = NAME
    pause = 60.0

    def __init__(self, database: Database, now: Now, days: int) -> None:
        super().__init__(Lead(database, Role.RETENTION))
        self._database = database
        self._now = now
        self._days = days
        self._swept: date | None = None  # everything before this day is gone
        self._subject: int | None = 0  # the last whose stretches were looked at; None: all were
        self._record = 0  # the number of the last record that was looked at

    def step(self) -> int:
        """Count one day, or let some rows go; 0 if there is nothing to do before another day begins."""
        began = time.monotonic()
        done = self._step()
        if done:
            self._stopping.wait(time.monotonic() - began)
        return done

    def _step(self) -> int:
        with self._database.read() as session:
            first = _first_kept(session, self._now(), self._days)
            counted = kept_until(session) or _first_day(session)
            before = midnight(first, bank_zone(session)) * MINUTE
        if counted is None or self._swept == first:
            return 0
        with self._database.write() as session:
            if counted < first:
                keep(session, counted, self._now())
            elif self._subject is not None:
                self._subject = sweep_stretches(session, before, self._subject)
            elif (after := sweep_records(session, before, self._record)) is not None:
                self._record = after
            else:
                self._swept, self._subject, self._record = first, 0, 0
        return 1


def _first_kept(session: Session, now: int, days: int) -> date:
    return datetime.fromtimestamp(now / 1_000_000, bank_zone(session)).date() - timedelta(days=days)


def _first_day(session: Session) -> date | None:
    """The day on which anything was to be polled first."""
    began = session.execute(select(func.min(col(Duty.start)))).scalar()
    return None if began is None else datetime.fromtimestamp(began / 1_000_000, bank_zone(session)).date()
