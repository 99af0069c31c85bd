"""The clocks: the machine's, the one a server goes by, and one a person sets (tests, rule trials, replays)."""

import logging
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from threading import Lock

# A new certificate is good for 397 days: whoever believed a jump of less than this is let in by the next certificate.
LEAP = 366 * 86_400_000_000  # µs
STEP = 60_000_000  # µs a clock may be set by and is followed at once
STOOD = 5 * 60_000_000  # µs a clock that was set by more must stand before it is followed: slips are mended sooner

_log = logging.getLogger(__name__)


def utc_now() -> int:
    """UTC µs by the machine's clock."""
    return time.time_ns() // 1000


def _boot() -> int:
    """µs by a clock that nobody sets, and that goes on while the machine sleeps, where there is such a one."""
    if sys.platform == "linux":
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000
    return time.monotonic_ns() // 1000


def leapt(now: int, passed: int) -> bool:
    """Whether a clock that says `now` is wrong rather than a little off, where `passed` is known to be over."""
    return abs(now - passed) > LEAP


def day(micros: int) -> str:
    return datetime.fromtimestamp(micros / 1_000_000, UTC).date().isoformat()


def _minute(micros: int) -> str:
    return datetime.fromtimestamp(micros / 1_000_000, UTC).isoformat(sep=" ", timespec="minutes")[:16]


class Doubt(StrEnum):
    """Why the machine's clock is not gone by."""

    NONE = ""
    AHEAD = "ahead"
    BEHIND = "behind"
    MOVED = "moved"  # by less than a year, and just now: whether that was right is yet to be seen


class SteadyClock:
    """The machine's clock, as long as it can be right.

    Where it jumps (a dead battery, a slip of a hand), time goes on from what is known to have passed, by a clock that
    nobody sets: until it is put right, or has stood there for some minutes, if it is within a year. Nothing is then
    judged, signed or dated by the jump: who was heard by a clock three hours ahead would pass for well that long.
    """

    def __init__(self, passed: int, wall: Callable[[], int] = utc_now, boot: Callable[[], int] = _boot) -> None:
        self._wall = wall
        self._boot = boot
        at = wall()
        right = passed - STEP <= at and not leapt(at, passed)
        self._anchor = (at if right else passed), boot()
        self._moved = 0, 0  # by how much, and when by the boot clock
        self._turn = Lock()
        self.doubt = Doubt.NONE

    def __call__(self) -> int:
        with self._turn:
            wall, boot = self._wall(), self._boot()
            was, at = self._anchor
            passed = was + boot - at
            doubt = self._doubt(wall - passed, boot)
            if doubt is not self.doubt:
                self.doubt = doubt
                _tell(doubt, wall, passed)
            if doubt:
                return passed
            self._anchor = wall, boot
            return wall

    def _doubt(self, off: int, boot: int) -> Doubt:
        if abs(off) <= STEP:
            return Doubt.NONE
        if abs(off) > LEAP:
            return Doubt.AHEAD if off > 0 else Doubt.BEHIND
        by, since = self._moved
        if self.doubt is not Doubt.MOVED or abs(off - by) > STEP:
            self._moved = off, boot
            return Doubt.MOVED
        return Doubt.MOVED if boot - since < STOOD else Doubt.NONE


def _tell(doubt: Doubt, wall: int, passed: int) -> None:
    if not doubt:
        _log.info("The server goes by this machine's clock again.")
    elif doubt is Doubt.MOVED:
        _log.warning(
            "This machine's clock was set from %s to %s (UTC); the server goes by its own until that has stood for "
            "five minutes.",
            _minute(passed),
            _minute(wall),
        )
    else:
        _log.error(
            "This machine's clock says %s, and by the journal it is about %s: set it; until then the server "
            "goes by its own. If it is right, `branchfleet-server clock --right`, and start the server again.",
            day(wall),
            day(passed),
        )


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
