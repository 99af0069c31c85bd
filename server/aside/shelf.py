"""Where the route puts what it could not read. An agent that sends only rubbish costs a bounded number of writes."""

import logging
import threading

from sqlalchemy.exc import DBAPIError

from server.aside.deeds import OF_AGENT, keep
from server.storage.database import Database
from server.storage.types import Now

WINDOW = 60_000_000  # µs in which as many are written of an agent as are kept of it

_log = logging.getLogger(__name__)


class Shelf:
    """`put` from any thread."""

    def __init__(self, database: Database, now: Now) -> None:
        self._database = database
        self._now = now
        self._guard = threading.Lock()
        self._written: dict[int, tuple[int, int]] = {}  # agent: when the window began, and how many since

    def put(self, agent_id: int, agent_key: str, why: str, media: str, encoding: str, body: bytes) -> None:
        """Keep it if there is a turn for it. That it cannot be kept is no reason not to answer."""
        now = self._now()
        if not self._has_turn(agent_id, now):
            return
        try:
            with self._database.write() as session:
                new = keep(session, agent_id, now, why, media, encoding, body)
        except DBAPIError as error:
            _log.error("A batch of agent %s cannot be read, nor kept aside: %s", agent_key, error.orig)
            return
        if new:
            _log.warning("A batch of agent %s cannot be read and is kept aside: %s", agent_key, why)

    def _has_turn(self, agent_id: int, now: int) -> bool:
        with self._guard:
            began, count = self._written.get(agent_id, (now, 0))
            if not began <= now < began + WINDOW:
                began, count = now, 0
            self._written[agent_id] = (began, count + 1)
        return count < OF_AGENT
