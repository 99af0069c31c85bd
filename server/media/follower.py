"""Keeps what agents saw of media, as their records in the log say, each with the cursor and its ticket."""

import logging
from typing import Final

import msgspec
from sqlmodel import Session, col, select

from agent.wire import AnyRecord, Event, EventName
from server.following import PASSING, Following
from server.ingest.tables import RecordRow
from server.log_cursor import LogCursor
from server.media.sighting import keep
from server.storage.database import Database
from server.storage.lead import Lead, Role
from server.storage.types import Now

log = logging.getLogger(__name__)

NAME: Final = "media"


class MediaFollower(Following):
    name = NAME
    pause = 2.0

    def __init__(self, database: Database, now: Now) -> None:
        super().__init__(Lead(database, Role.MEDIA))
        self._database = database
        self._now = now
        self._cursor = LogCursor(database, NAME, now)

    def step(self) -> int:
        """Take the next event of the log; 0 if there is none."""
        self._cursor.begin()
        with self._database.read() as session:
            if _next(session, self._cursor.at(session)) is None:
                return 0
        try:
            with self._database.write() as session:
                self._take(session, make=True)
        except PASSING:
            raise
        except Exception:  # the border: whatever one record provokes, the rest must be taken
            log.exception("What an agent saw of a medium is kept in the log and nothing was made of it")
            self.defects += 1
            with self._database.write() as session:
                self._take(session, make=False)
        return 1

    def _take(self, session: Session, *, make: bool) -> None:
        cursor = self._cursor.held(session)
        row = _next(session, cursor.cursor)
        if row is None:
            return
        self._cursor.move(session, cursor, row.id or 0)
        if make:
            record: AnyRecord = msgspec.msgpack.decode(row.body, type=AnyRecord)
            if isinstance(record, Event) and record.name is EventName.MEDIA:
                keep(session, self._now(), row, record)


def _next(session: Session, after: int) -> RecordRow | None:
    asked = select(RecordRow).where(col(RecordRow.kind) == "event", col(RecordRow.id) > after)
    return session.exec(asked.order_by(col(RecordRow.id)).limit(1)).first()
