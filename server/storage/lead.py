"""Which of several servers on one database does what one alone should do. PostgreSQL keeps the answer.

A lock of a session of its own: whoever has it leads, and it is free again as soon as that session is gone, by a kill,
a cut line or a machine that burnt. What is led stays right without it: every step guards its cursor.
"""

import logging
from contextlib import suppress
from enum import IntEnum

from sqlalchemy import Connection, TextClause, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from server.storage.database import Database

ADVISORY = 0x6272_6C64  # "brld", the first of PostgreSQL's two numbers
TAKE = text("SELECT pg_try_advisory_lock(:kind, :number)")
# A machine that is gone without a word is missed after 20 s of silence; PostgreSQL's own default is two hours.
KEEPALIVE = ("tcp_keepalives_idle = 5", "tcp_keepalives_interval = 5", "tcp_keepalives_count = 3")

_log = logging.getLogger(__name__)


class Role(IntEnum):
    """What one server alone does."""

    HEALTH = 1
    ENTRIES = 2
    RETENTION = 3
    ORDERS = 4
    FACTS = 5
    VERDICTS = 6
    CAMPAIGNS = 7
    MEDIA = 8


class Lead:
    """One role of one server. Used by one thread."""

    def __init__(self, database: Database, role: Role) -> None:
        self._database = database
        self._role = role
        self._session: Connection | None = None  # has the lock

    def held(self) -> bool:
        """Whether this server leads now; it does from here on if nobody else does.

        Raises DBAPIError where the database cannot be asked.
        """
        if self._database.sqlite:
            return True
        if self._session is not None and not stands(self._session):
            self.release()
        if self._session is None:
            self._session = open_session(self._database, TAKE, self._role)
        return self._session is not None

    def release(self) -> None:
        """Let another lead."""
        session, self._session = self._session, None
        if session is not None:
            unlock(session)


def open_session(database: Database, take: TextClause, role: Role) -> Connection | None:
    """A session that has the lock of `role` from `take` on; None if it cannot be had."""
    session = database.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    session.detach()  # from the pool: it is kept for as long as this server leads
    try:
        for setting in KEEPALIVE:
            session.execute(text(f"SET {setting}"))
        if session.execute(take, {"kind": ADVISORY, "number": int(role)}).scalar_one():
            return session
    except BaseException:
        session.close()
        raise
    session.close()
    return None


def stands(session: Connection) -> bool:
    """Whether it is still there, and with it its locks."""
    try:
        session.execute(text("SELECT 1"))
    except DBAPIError as error:
        _log.warning("This server lost its session with the database, and leads no more: %s", error.orig)
        return False
    return True


def unlock(session: Connection) -> None:
    """End it; it may be lost."""
    with suppress(SQLAlchemyError):
        session.execute(text("SELECT pg_advisory_unlock_all()"))  # sooner than the end of a session is noticed
    with suppress(SQLAlchemyError):
        session.close()
