"""Keeps what agents saw of media, as their records in the log say, each with its ticket."""

from typing import Final

from sqlmodel import Session

from agent.wire import AnyRecord, Event, EventName
from server.ingest.tables import RecordRow
from server.log_following import LogFollowing
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

    def take(self, session: Session, row: RecordRow, record: AnyRecord) -> None:
        if isinstance(record, Event) and record.name is EventName.MEDIA:
            keep(session, self._now(), row, record)
