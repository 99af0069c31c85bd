"""How far a follower has read the record log: a row, moved in the transaction of what it makes of the records."""

from contextlib import suppress

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, select

from server.health.tables import Follower
from server.storage.database import Database
from server.storage.types import Now


class LogCursor:
    """Of the follower `name`. The numbers are ids of records; 0 is before the first."""

    def __init__(self, database: Database, name: str, now: Now) -> None:
        self._database = database
        self._name = name
        self._now = now
        self._begun = False

    def begin(self) -> None:
        """Have the row, before anything hangs on it; another server may have made it meanwhile."""
        if self._begun:
            return
        with suppress(IntegrityError), self._database.write() as session:
            if session.get(Follower, self._name) is None:
                session.add(Follower(name=self._name, cursor=0, at=self._now()))
        self._begun = True

    def at(self, session: Session) -> int:
        row = session.get(Follower, self._name)
        return row.cursor if row else 0

    def held(self, session: Session) -> Follower:
        """To be moved: of two servers on one database the second waits here, and then finds it moved."""
        return session.exec(select(Follower).where(Follower.name == self._name).with_for_update()).one()

    def move(self, session: Session, row: Follower, to: int) -> None:
        row.cursor, row.at = to, self._now()
        session.add(row)
        session.flush()
