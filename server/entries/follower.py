"""Makes tickets and notes from the entries in the record log, in its order."""

import logging

from sqlmodel import Session

from agent.wire import AnyRecord, Entry
from server.entries.deeds import take
from server.following.log import LogFollowing, agent_of
from server.ingest.tables import RecordRow
from server.storage.database import Database
from server.storage.lead import Role
from server.storage.types import Now

log = logging.getLogger(__name__)


class EntryFollower(LogFollowing):
    name = "entries"
    kind = "entry"
    at_once = 1  # each is a deed of a person, with a row of the journal

    def __init__(self, database: Database, now: Now) -> None:
        super().__init__(database, now, Role.ENTRIES)

    def take(self, session: Session, row: RecordRow, record: AnyRecord) -> None:
        if isinstance(record, Entry) and not take(session, self._now(), row, record, agent_of(session, row)):
            log.info("Entry %s came again; it was taken before.", record.uid)
