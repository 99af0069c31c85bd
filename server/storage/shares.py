"""Which of several servers on one database does which part of what they share. PostgreSQL keeps the answer.

One session has a lock for each part its server leads, and another that all of them share: how many hold that says how
many servers there are, and so how many parts each may have. Whoever has more lets go of the rest at its next look,
and whoever has fewer takes what is free; when a session is gone, so are its locks.
"""

import time
from collections.abc import Callable

from sqlalchemy import Connection, text

from server.storage.database import Database
from server.storage.lead import ADVISORY, TAKE, Role, open_session, stands, unlock

FIRST = 1000  # the number of part 0; roles have lower ones
LOOK = 0.5  # seconds between looks at who is there

# A server of a version that leads a role alone asks for the shared lock alone: neither judges beside the other.
TAKE_PART = text("SELECT pg_try_advisory_lock_shared(:kind, :number)")
LET_GO = text("SELECT pg_advisory_unlock(:kind, :number)")
HELD = text(
    "SELECT objid::bigint, count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND classid = :kind"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) GROUP BY objid"
)


class Shares:
    """The parts of a role that one server leads: `led`, None until it was asked. Used by one thread."""

    def __init__(self, database: Database, role: Role, parts: Callable[[], int]) -> None:
        """`parts` says how many there are. It is asked once this server takes part."""
        self._database = database
        self._role = role
        self._parts = parts
        self._session: Connection | None = None
        self._looked_at = float("-inf")
        self.led: frozenset[int] | None = None

    def held(self) -> bool:
        """Whether this server leads any part now. Raises DBAPIError where the database cannot be asked."""
        if self._database.sqlite:
            self.led = frozenset(range(self._parts()))
            return True
        if self._session is not None and not stands(self._session):
            self.release()
        if self._session is None:
            self._session = open_session(self._database, TAKE_PART, self._role)
            self.led, self._looked_at = frozenset(), float("-inf")
        if self._session is not None and time.monotonic() - self._looked_at >= LOOK:
            self.led = self._balanced(self._session, self.led or frozenset())
            self._looked_at = time.monotonic()
        return bool(self.led)

    def release(self) -> None:
        """Let others lead."""
        session, self._session, self.led = self._session, None, frozenset()
        if session is not None:
            unlock(session)

    def _balanced(self, session: Connection, led: frozenset[int]) -> frozenset[int]:
        parts = self._parts()
        held = {number: count for number, count in session.execute(HELD, {"kind": ADVISORY})}  # noqa: C416
        most = -(-parts // max(held.get(int(self._role), 1), 1))
        kept = sorted(led)[:most]
        for part in led.difference(kept):
            session.execute(LET_GO, {"kind": ADVISORY, "number": FIRST + part})
        for part in range(parts):
            if len(kept) == most:
                break
            if part not in led and FIRST + part not in held and self._took(session, part):
                kept.append(part)
        return frozenset(kept)

    def _took(self, session: Connection, part: int) -> bool:
        return bool(session.execute(TAKE, {"kind": ADVISORY, "number": FIRST + part}).scalar_one())
