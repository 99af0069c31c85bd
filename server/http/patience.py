"""What a client may make the server wait for: the head of a request, and how many connections there may be.

uvicorn gives up on a connection between two requests, and on none whose request never comes to the end of its head.
"""

import asyncio
import sys
from typing import Any

from uvicorn.protocols.http.auto import AutoHTTPProtocol

REST_SECONDS = 90  # a connection is kept for its next question: agents have one a minute, and a new one costs both ends
HEAD_SECONDS = 20.0  # for the whole head of a request, from the connection or the first byte on
SPARE = 128  # file descriptors for everything but connections


def patient_protocol(base: Any = AutoHTTPProtocol, seconds: float = HEAD_SECONDS) -> type[asyncio.Protocol]:
    """uvicorn's own protocol, with an end to waiting for a head."""

    class Patient(base):  # type: ignore[misc]
        """`cycle` is the request under way: None before the first, and complete between two."""

        waiting: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._look()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self._look()

        def connection_lost(self, exc: Exception | None) -> None:
            self._end()
            super().connection_lost(exc)

        def _look(self) -> None:
            if self.cycle is not None and not self.cycle.response_complete:
                self._end()
            elif self.waiting is None:
                self.waiting = asyncio.get_running_loop().call_later(seconds, self._give_up)

        def _give_up(self) -> None:
            if self.cycle is None or self.cycle.response_complete:
                self.transport.close()

        def _end(self) -> None:
            if self.waiting is not None:
                self.waiting.cancel()
                self.waiting = None

    return Patient


def room_for(connections: int) -> int:
    """How many connections may be open: as asked for, as far as the system lets us."""
    if sys.platform == "win32":
        return connections
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + SPARE
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        return max(16, soft - SPARE)
    return connections
