"""Whether this server can do its work just now, in words an outsider can make nothing of."""

import asyncio
import os
import shutil
import time
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from starlette.concurrency import run_in_threadpool

from server.clock import SteadyClock
from server.following.thread import Following
from server.health.cursors import HEALTH
from server.migrations import heads
from server.running.lag import Lag, lag_of
from server.state import State

KEPT = 1.0  # seconds an answer is given again: whoever asks, and how often, the database is asked once
LAG = 120  # seconds health may be behind with the oldest record it has not judged
SILENCE = 60  # seconds health may say nothing; idle it says so every 10
ROOM = 16 << 20  # bytes that must be free where the database is
OK = "ok"

Checks = dict[str, str]


class Readiness:
    """`look()` from the event loop. Ready is who says ok to everything."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._heads = heads()
        self._turn = asyncio.Lock()
        self._looked_at = float("-inf")
        self._checks: Checks = {}

    async def look(self) -> Checks:
        if self._state.draining:
            return {"server": "draining"}
        async with self._turn:
            if time.monotonic() - self._looked_at >= KEPT:
                self._checks = await run_in_threadpool(self._look)
                self._looked_at = time.monotonic()
        return self._checks

    def _look(self) -> Checks:
        writer = self._state.writer
        database, health = self._read()
        return {
            "database": database,
            "writer": "dead" if not writer.alive else "failing" if writer.failing else OK,
            "health": _follows(self._state.follower, health),
            **{name: _follows(one, OK) for name, one in self._state.followers.items() if name != HEALTH},
            "disk": self._disk(),
            "clock": self._clock(),
        }

    def _clock(self) -> str:
        now = self._state.now
        now()
        return now.doubt.value or OK if isinstance(now, SteadyClock) else OK

    def _read(self) -> tuple[str, str]:
        """What the database says: of itself, and of health."""
        try:
            with self._state.database.read() as session:
                present = set(session.execute(text("SELECT version_num FROM alembic_version")).scalars())
                lag = lag_of(session, self._state.now())
        except DBAPIError:
            return "away", "away"
        return OK if present == self._heads else "of another version", _how(lag)

    def _disk(self) -> str:
        """Of PostgreSQL's disk only the writer knows, by what it is told when it writes."""
        if not self._state.database.sqlite:
            return OK
        folder = Path(str(self._state.database.engine.url.database)).parent
        try:
            if not os.access(folder, os.W_OK):
                return "read-only"
            return OK if shutil.disk_usage(folder).free >= ROOM else "full"
        except OSError:
            return "away"


def _follows(following: Following, how: str) -> str:
    return "dead" if not following.alive else "failing" if following.failing else how


def _how(lag: Lag) -> str:
    if lag.silent is None:
        return "starting"
    if lag.silent > SILENCE:
        return "silent"
    return "behind" if lag.seconds > LAG else OK
