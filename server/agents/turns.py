"""Turns: what agents ask that are behind gives way to all else before it costs anything.

An agent behind which much waits says so in a header. While every thread is at work, it is told when to come again, each
some milliseconds after the one before: so a thousand that come back at once are spread over as many seconds as they
take, and what is live is not queued up behind them.
"""

import math
import time
from collections.abc import Callable

from server.agents.limits import TooMany

APART = 0.01  # seconds between two that are told to come again: fewer a second than a server can take


class Turns:
    """Belongs to one event loop."""

    def __init__(self, seconds: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._promised = 0.0  # the last turn given away

    def wait(self) -> None:
        """TooMany, with the seconds until the next free turn."""
        now = self._seconds()
        self._promised = max(self._promised, now) + APART
        raise TooMany(math.ceil(self._promised - now))
