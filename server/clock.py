"""The two clocks there are: the machine's, and one a person sets (tests, rule trials, replays)."""

import time


def utc_now() -> int:
    """UTC µs by the machine's clock."""
    return time.time_ns() // 1000


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
