"""Makes tickets and notes from the entries in the record log, in its order, each in a transaction with the cursor."""

import logging

import msgspec
from sqlmodel import Session, col, select

from agent.wire import AnyRecord, Entry
from server.entries.deeds import take
from server.following import PASSING, Following
from server.ingest.tables import RecordRow, Stream
from server.inventory.tables import Subject
from server.log_cursor import LogCursor
from server.storage.database import Database
from server.storage.lead import Lead, Role
from server.storage.types import Now

log = logging.getLogger(__name__)

NAME = "entries"


class EntryFollower(Following):
    name = NAME
    pause = 2.0

    def __init__(self, database: Database, now: Now) -> None:
        super().__init__(Lead(database, Role.ENTRIES))
        self._database = database
        self._now = now
        self._cursor = LogCursor(database, NAME, now)

    def step(self) -> int:
        """Take the next entry of the log; 0 if there is none."""
        self._cursor.begin()
        with self._database.read() as session:
            if _next(session, self._cursor.at(session)) is None:
                return 0
        try:
            with self._database.write() as session:
                self._take_next(session, make=True)
        except PASSING:
            raise
        except Exception:  # the border: whatever one entry provokes, the rest must be taken
            log.exception("An entry is kept in the log and nothing was made of it")
            self.defects += 1
            with self._database.write() as session:
                self._take_next(session, make=False)
        return 1

    def _take_next(self, session: Session, *, make: bool) -> None:
        cursor = self._cursor.held(session)
        row = _next(session, cursor.cursor)
        if row is None:
            return
        self._cursor.move(session, cursor, row.id or 0)
        if make:
            self._make(session, row)

    def _make(self, session: Session, row: RecordRow) -> None:
        record: AnyRecord = msgspec.msgpack.decode(row.body, type=AnyRecord)
        if isinstance(record, Entry):
            asked = select(Subject).join(Stream, col(Stream.agent_id) == col(Subject.id))
            agent = session.exec(asked.where(Stream.id == row.stream_id)).one()
            if not take(session, self._now(), row, record, agent):
                log.info("Entry %s came again; it was taken before.", record.uid)


def _next(session: Session, after: int) -> RecordRow | None:
    asked = select(RecordRow).where(col(RecordRow.kind) == "entry", col(RecordRow.id) > after)
    return session.exec(asked.order_by(col(RecordRow.id)).limit(1)).first()
