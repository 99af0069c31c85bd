"""The clocks: the machine's, the one a server goes by, and one a person sets (tests, rule trials, replays)."""

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime

# A new certificate is good for 397 days: whoever believed a jump of less than this is let in by the next certificate.
LEAP = 366 * 86_400_000_000  # µs

_log = logging.getLogger(__name__)


def utc_now() -> int:
    """UTC µs by the machine's clock."""
    return time.time_ns() // 1000


def _boot() -> int:
    return time.monotonic_ns() // 1000


def leapt(now: int, passed: int) -> bool:
    """Whether a clock that says `now` is wrong rather than late, where `passed` is known to be over."""
    return now - passed > LEAP


def day(micros: int) -> str:
    return datetime.fromtimestamp(micros / 1_000_000, UTC).date().isoformat()


class SteadyClock:
    """The machine's clock, as long as it can be right.

    Where it leaps ahead (a dead battery, a slip of a hand), time goes on from what is known to have passed, by a clock
    that nobody sets, until the machine's is put right. Nothing is then judged, signed or dated by the leap.
    """

    def __init__(self, passed: int, wall: Callable[[], int] = utc_now, boot: Callable[[], int] = _boot) -> None:
        self._wall = wall
        self._boot = boot
        self._anchor = passed, boot()  # one tuple: threads ask at once
        self.ahead = False

    def __call__(self) -> int:
        wall, boot = self._wall(), self._boot()
        was, at = self._anchor
        passed = was + boot - at
        if leapt(wall, passed):
            if not self.ahead:
                _log.error(
                    "This machine's clock says %s, and by the journal it is about %s: set it; until then the server "
                    "goes by its own. If it is right, `branchfleet-server clock --right`, and start the server again.",
                    day(wall),
                    day(passed),
                )
            self.ahead = True
            return passed
        if self.ahead:
            _log.info("This machine's clock is right again.")
            self.ahead = False
        if wall > passed:
            self._anchor = wall, boot
        return wall


class SetClock:
    """A clock that stands still until it is moved."""

    def __init__(self, at: int) -> None:
        self.at = at

    def __call__(self) -> int:
        return self.at

    def forward(self, seconds: float) -> int:
        """Move on (or back, below zero) and give the new time."""
        self.at += round(seconds * 1_000_000)
        return self.at
