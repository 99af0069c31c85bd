"""When an order may be handed out: between its start and its expiry, and within hours of the bank's day. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

SECOND = 1_000_000
HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")


@dataclass(frozen=True)
class Times:
    """UTC µs, and "17:30-08:00" in the bank's zone: such hours go over midnight. No hours are all of them.

    What `takes` long is begun so early that it has ended when the hours close, and when it expires.
    """

    starts: int
    expires: int
    window: str = ""
    takes: int = 0

    def opening(self, zone: ZoneInfo, now: int) -> tuple[int, int] | None:
        """From when to when it may be handed out next; from `now` if that is so now. None: never again."""
        begin = max(now, self.starts)
        for opens, closes in self._spans(zone, begin):
            closes = min(closes, self.expires) - self.takes
            if closes > begin:
                opens = max(opens, begin)
                return (opens, closes) if opens < closes else None
        return None

    def _spans(self, zone: ZoneInfo, about: int) -> Iterator[tuple[int, int]]:
        """In their order, the one that `about` lies in or before among them."""
        if not self.window:
            yield self.starts, self.expires
            return
        begin, end = hours(self.window)
        today = datetime.fromtimestamp(about / SECOND, zone).date()
        for day in (today + timedelta(days=ahead) for ahead in (-1, 0, 1, 2)):
            last = day if begin < end else day + timedelta(days=1)
            yield tuple(  # type: ignore[misc]
                int(datetime.combine(on, at, zone).timestamp()) * SECOND for on, at in ((day, begin), (last, end))
            )


def hours(window: str) -> tuple[time, time]:
    """ValueError if it is none, or one of no length."""
    found = HOURS.fullmatch(window)
    if found is None:
        raise ValueError(window)
    begin, end = time(int(found[1]), int(found[2])), time(int(found[3]), int(found[4]))
    if begin == end:
        raise ValueError(window)
    return begin, end
