"""Corrected time: when something happened by the server's clock, and how sure that is. Pure.

Server time = boot clock + offset. An exchange shows the offset: the server's clock was read some time between the
agent's `sent` and `received`, so the middle is off by half the round trip at most. Wall clocks decide nothing, except
for a boot that ended before any exchange; those records say so by a confidence of an hour and more.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from agent.wire import Clock, Exchange

SECOND = 1_000_000
HOUR = 3600 * SECOND
DAY = 24 * HOUR
DRIFT = 100  # µs a second that a cheap quartz may run away
TRANSIT = 30 * SECOND  # an agent gives a request up after this long
STEP = SECOND  # what an exchange may contradict an arrival by, before the server's clock was stepped in between
STALE = 6 * HOUR  # an offset is written down again after this long
PAST = 400 * DAY  # no spool is older


@dataclass(frozen=True, slots=True)
class Offset:
    """Of one boot. `at` is the server time it was seen."""

    at: int
    offset: int
    error: int

    def error_at(self, server_time: int) -> int:
        """± µs for an instant that far from when the offset was seen; which was itself only known to ± `error`."""
        apart = abs(server_time - self.at) + self.error
        return self.error + -(-apart * DRIFT // SECOND)


@dataclass(frozen=True, slots=True)
class Corrected:
    at: int
    confidence: int


def from_exchange(exchange: Exchange) -> Offset | None:
    """None if the exchange cannot have been so."""
    if not 0 <= exchange.sent <= exchange.received or exchange.received - exchange.sent > HOUR:
        return None
    middle = (exchange.sent + exchange.received) // 2
    return Offset(
        at=exchange.server, offset=exchange.server - middle, error=(exchange.received - exchange.sent + 1) // 2
    )


def from_arrival(sent: Clock, arrived: int) -> Offset:
    """The batch took between nothing and TRANSIT to come, and nothing says how long."""
    return Offset(at=arrived, offset=arrived - sent.boot, error=TRANSIT)


def agrees(offset: Offset, sent: Clock, arrived: int) -> bool:
    """Whether an offset of this boot can be true of a batch that came at `arrived`: it cannot come before it left."""
    left = sent.boot + offset.offset
    slack = offset.error_at(arrived) + STEP
    return left <= arrived + slack and arrived - left <= 2 * TRANSIT + slack


def see(known: list[Offset], sent: Clock, exchange: Exchange | None, arrived: int) -> tuple[list[Offset], bool]:
    """The offsets to go by for the boot of `sent`, newest last, and whether the newest is written down already.

    What contradicts the newest is left out: then the server's own clock was set in between, and the newest is right.
    """
    shown = from_exchange(exchange) if exchange and exchange.boot_id == sent.boot_id else None
    if shown is not None and agrees(shown, sent, arrived):
        fitting = [offset for offset in known if not _contradict(offset, shown)]
    else:
        fitting = [offset for offset in known if agrees(offset, sent, arrived)]
        if fitting:
            return sorted(fitting, key=lambda offset: offset.at), True
        shown = from_arrival(sent, arrived)
    return [*sorted(fitting, key=lambda offset: offset.at), shown], not _is_news(fitting, shown)


def _contradict(a: Offset, b: Offset) -> bool:
    return abs(a.offset - b.offset) > a.error_at(b.at) + b.error


def _is_news(known: Iterable[Offset], fresh: Offset) -> bool:
    """Whether a fresh offset is to be written down: the first, a surer one, or after a long while."""
    newest = max(known, key=lambda offset: offset.at, default=None)
    return newest is None or fresh.error * 2 < newest.error or fresh.at - newest.at > STALE


def correct(clock: Clock, offsets: Iterable[Offset], arrived: int) -> Corrected | None:
    """By the offset that is surest for this instant; None if the boot has none."""
    best: Corrected | None = None
    for offset in offsets:
        at = clock.boot + offset.offset
        error = offset.error_at(at)
        if best is None or error < best.confidence:
            best = Corrected(at, error)
    return best and not_after(best, arrived)


def by_wall(clock: Clock, sent: Clock, began: int, arrived: int) -> Corrected:
    """Of an earlier boot nobody has an offset of. `began` is when the boot of `sent` began, in server time.

    The wall clock counts, moved by what it is wrong by now, as long as that gives an instant before this boot.
    A clock that was set in between (a dead CMOS battery) gives nonsense: then only "before this boot" is known.
    """
    at = clock.wall + (arrived - sent.wall)
    if began - PAST <= at <= began + STEP:
        return not_after(Corrected(min(at, began), HOUR), arrived)
    return not_after(Corrected(began, 30 * DAY), arrived)


def not_after(corrected: Corrected, arrived: int) -> Corrected:
    """Nothing happened after it was told; what seems to is as unsure as it is wrong."""
    if corrected.at <= arrived:
        return Corrected(max(corrected.at, 0), corrected.confidence)
    return Corrected(arrived, max(corrected.confidence, corrected.at - arrived))
