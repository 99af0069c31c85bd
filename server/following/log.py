"""Follows the records of one kind in the log, in its order, some in a transaction with the cursor."""

import logging
from abc import abstractmethod

import msgspec
from sqlmodel import Session, col, select

from agent.wire import AnyRecord
from server.following.cursor import LogCursor
from server.following.thread import PASSING, Following
from server.ingest.tables import RecordRow, Stream
from server.inventory.tables import Subject
from server.storage.database import Database
from server.storage.lead import Lead, Role
from server.storage.types import Now

log = logging.getLogger(__name__)

_decode = msgspec.msgpack.Decoder(AnyRecord).decode


class LogFollowing(Following):
    """`take` makes of a record what follows. One that it cannot take stays in the log, and the rest is taken."""

    kind: str  # of record
    pause = 2.0
    at_once = 50  # records of one transaction

    def __init__(self, database: Database, now: Now, role: Role) -> None:
        super().__init__(Lead(database, role))
        self._database = database
        self._now = now
        self._cursor = LogCursor(database, self.name, now)
        self._single = 0  # records still to be taken one by one, after one failed

    @abstractmethod
    def take(self, session: Session, row: RecordRow, record: AnyRecord) -> None:
        """In the transaction with the cursor."""

    def step(self) -> int:
        """Take the next records of the log, and say how many; 0 if there are none."""
        self._cursor.begin()
        with self._database.read() as session:
            if not self._next(session, self._cursor.at(session), 1):
                return 0
        limit = 1 if self._single else self.at_once
        try:
            with self._database.write() as session:
                taken = self._take_next(session, limit, make=True)
            self._single = max(0, self._single - 1)
            return taken
        except PASSING:
            raise
        except Exception:  # the border: what one record provokes, the rest must not wait for
            if limit > 1:
                log.exception("Records (%s) are taken one by one, as one of the next cannot be", self.name)
                self._single = limit
                return limit
            log.exception("A record is kept in the log and nothing was made of it (%s)", self.name)
            self.defects += 1
        with self._database.write() as session:
            return self._take_next(session, 1, make=False)

    def _take_next(self, session: Session, limit: int, *, make: bool) -> int:
        cursor = self._cursor.held(session)
        rows = self._next(session, cursor.cursor, limit)
        for row in rows if make else ():
            self.take(session, row, _decode(row.body))
        if rows:
            self._cursor.move(session, cursor, rows[-1].id or 0)
        return len(rows)

    def _next(self, session: Session, after: int, limit: int) -> list[RecordRow]:
        asked = select(RecordRow).where(col(RecordRow.kind) == self.kind, col(RecordRow.id) > after)
        return list(session.exec(asked.order_by(col(RecordRow.id)).limit(limit)).all())


def agent_of(session: Session, row: RecordRow) -> Subject:
    """Whose record it is."""
    asked = select(Subject).join(Stream, col(Stream.agent_id) == col(Subject.id))
    return session.exec(asked.where(Stream.id == row.stream_id)).one()
