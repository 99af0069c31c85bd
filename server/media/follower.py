"""Keeps what agents saw of media, as their records in the log say, and opens tickets of loans that are over."""

from typing import Final

from sqlmodel import Session

from agent.wire import AnyRecord, Event, EventName
from server.following.log import LogFollowing
from server.ingest.tables import RecordRow
from server.media.late import any_late, open_tickets
from server.media.sighting import keep
from server.storage.database import Database
from server.storage.lead import Role
from server.storage.types import Now

NAME: Final = "media"


class MediaFollower(LogFollowing):
    name = NAME
    kind = "event"

    def __init__(self, database: Database, now: Now) -> None:
        super().__init__(database, now, Role.MEDIA)

    def step(self) -> int:
        """The next records; where there are none, loans whose day is over."""
        return super().step() or self._late()

    def _late(self) -> int:
        now = self._now()
        with self._database.read() as session:
            if not any_late(session, now):
                return 0
        with self._database.write() as session:
            return open_tickets(session, now)

    def take(self, session: Session, row: RecordRow, record: AnyRecord) -> None:
        if isinstance(record, Event) and record.name is EventName.MEDIA:
            keep(session, self._now(), row, record)
