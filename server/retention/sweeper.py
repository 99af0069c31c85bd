"""Day by day: what is older than the bank keeps is counted for good, and then goes.

A server whose clock is months ahead would let everything go that it is to keep. So nothing goes but while the clocks of
the agents bear its own out.
"""

import time
from datetime import date, datetime, timedelta
from statistics import median

from sqlalchemy import not_, select
from sqlmodel import Session, col

from server.coverage.hours import midnight
from server.coverage.kept import count, keep, kept_until
from server.coverage.period import first_day
from server.coverage.spans import MINUTE
from server.following import Following
from server.ingest.tables import RecordRow, Stream
from server.queries import bank_zone
from server.retention.sweep import sweep_records, sweep_stretches
from server.storage.database import Database
from server.storage.lead import Lead, Role
from server.storage.types import Now

NAME = "retention"
HOUR = 3_600_000_000  # µs
DAY = 24 * HOUR
WITNESSES = 1000  # records


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
            zone = bank_zone(session)
            first = datetime.fromtimestamp(self._now() / 1_000_000, zone).date() - timedelta(days=self._days)
            counted = kept_until(session) or first_day(session, zone)
            before = midnight(first, zone) * MINUTE
            if counted is None or self._swept == first or not borne_out(session, self._now()):
                return 0
            found = count(session, counted, self._now()) if counted < first else None
        with self._database.write() as session:
            if found is not None:
                keep(session, counted, found)
            elif self._subject is not None:
                self._subject = sweep_stretches(session, before, self._subject)
            elif (after := sweep_records(session, before, self._record)) is not None:
                self._record = after
            else:
                self._swept, self._subject, self._record = first, 0, 0
        return 1


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
