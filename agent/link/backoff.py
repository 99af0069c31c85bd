"""How long to wait after a failure: longer each time, with full jitter, so that a thousand branches do not come back in
one second after the centre's line was cut; and where nobody answered, not much longer than until somebody does.

A night without a line makes the waits a minute long. To see whether the server is there costs one handshake, so that is
tried more often, and a line that is back is in use within seconds.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable

from agent.link.errors import Away, LinkError, NotTaken, Rejected
from agent.spool.tables import SpoolFull

FIRST_WAIT = 1.0
LONGEST_WAIT = 60.0
SLOW_WAIT = 300.0  # where only a person can help
SOON_WAIT = 30.0  # where one is at it: who enrolled a PC has it confirmed on the telephone
SOON_TIMES = 80  # half an hour of that; who is still not confirmed then is asked about another day
KNOCK_SECONDS = 5.0  # between two looks whether the server is there, on average

Jitter = Callable[[float], float]


def full_jitter(most: float) -> float:
    return random.uniform(0, most)  # noqa: S311 - no secret


class Backoff:
    """Of one asker. `opens` says whether the server itself, and no other, takes a connection."""

    def __init__(self, opens: Callable[[], Awaitable[bool]], jitter: Jitter = full_jitter) -> None:
        self._opens = opens
        self._jitter = jitter
        self._failures = 0
        self._unconfirmed = 0  # how often it was said that a person has to confirm this PC

    @property
    def failed(self) -> bool:
        """Whether the last try did."""
        return self._failures > 0

    def succeeded(self) -> None:
        self._failures = self._unconfirmed = 0

    def wait_after(self, error: LinkError | SpoolFull) -> float:
        """Seconds to wait at most before the next try."""
        if isinstance(error, Rejected) and error.reason == "waiting" and self._unconfirmed < SOON_TIMES:
            self._unconfirmed += 1
            return SOON_WAIT / 2 + self._jitter(SOON_WAIT / 2)
        if isinstance(error, Rejected | NotTaken):
            return SLOW_WAIT / 2 + self._jitter(SLOW_WAIT / 2)
        self._failures += 1
        most = min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(self._failures - 1, 10))
        asked = error.wait if isinstance(error, Away) else 0.0
        return asked + self._jitter(most)

    async def rest(self, error: LinkError | SpoolFull) -> None:
        """Wait before the next try."""
        loop = asyncio.get_running_loop()
        looked = loop.time()
        until = looked + self.wait_after(error)
        unanswered = isinstance(error, LinkError) and not error.answered
        while (left := until - loop.time()) > 0:
            # a look that led nowhere for seconds has waited that long already
            knock = looked + KNOCK_SECONDS / 2 + self._jitter(KNOCK_SECONDS) - loop.time()
            await asyncio.sleep(min(left, max(knock, 0.0)) if unanswered else left)
            looked = loop.time()
            if unanswered and looked < until and await self._opens():
                return
