"""Corrected time: when something happened by the server's clock, and how sure that is. Pure.

Server time = boot clock + offset. An exchange shows the offset by NTP's four stamps: the request came no earlier than
it left, and the answer arrived no earlier than it left, so the offset lies within what both ways took together; how
long the server thought about it does not matter. Several exchanges of a boot narrow it down further.

Wall clocks decide nothing, except where in the gap between its neighbours a boot lies that never met the server.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec

from agent.wire import Clock, Exchange

SECOND = 1_000_000
HOUR = 3600 * SECOND
DAY = 24 * HOUR
DRIFT = 100  # µs a second that a cheap quartz may run away
GRAIN = 16_000  # µs; Windows' GetTickCount64 moves in steps of 10 to 16 ms
TRANSIT = 30 * SECOND  # that the head of a request is under way: an agent gives up sooner
STEP = SECOND  # what an exchange may contradict an arrival by, before the server's clock was stepped in between
STALE = 6 * HOUR  # an offset is written down again after this long
PAST = 400 * DAY  # no spool is older
ALONE = 30 * DAY  # how unsure a boot is that nothing is known of but what came after it


class Offset(msgspec.Struct, frozen=True):
    """Of one boot. `at` is the server time it was seen."""

    at: int
    offset: int
    error: int

    def error_at(self, server_time: int) -> int:
        """± µs for an instant that far from when the offset was seen; which was itself only known to ± `error`."""
        apart = abs(server_time - self.at) + self.error
        return self.error + -(-apart * DRIFT // SECOND)


class Corrected(msgspec.Struct, frozen=True):
    at: int
    confidence: int


def from_exchange(exchange: Exchange) -> Offset | None:
    """By the four stamps (RFC 5905, section 8); None if the exchange cannot have been so.

    Of a server that does not say when the request came, its one stamp lies somewhere between `sent` and `received`.
    """
    came = exchange.came or exchange.server
    away, waited = exchange.received - exchange.sent, exchange.server - came
    slack = GRAIN + -(-waited * DRIFT // SECOND)  # the two clocks do not tick alike while the server thinks
    if not 0 <= exchange.sent <= exchange.received or waited < 0 or away > HOUR or away - waited < -slack:
        return None
    offset = (came - exchange.sent + exchange.server - exchange.received) // 2
    return Offset(at=exchange.server, offset=offset, error=(max(away - waited, 0) + 1) // 2 + slack)


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
    past = exchange is not None and exchange.boot_id == sent.boot_id and exchange.received <= sent.boot
    shown = from_exchange(exchange) if exchange is not None and past else None
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


def correct(boot: int, offsets: Sequence[Offset], arrived: int) -> Corrected:
    """What all offsets of the boot, one at least, allow for this instant of its boot clock.

    Where they contradict each other the surest counts alone.
    """
    if len(offsets) == 1:
        at = boot + offsets[0].offset
        return not_after(Corrected(at, offsets[0].error_at(at)), arrived)
    seen = [Corrected(at := boot + offset.offset, offset.error_at(at)) for offset in offsets]
    low = max(one.at - one.confidence for one in seen)
    high = min(one.at + one.confidence for one in seen)
    best = Corrected((low + high) // 2, (high - low + 1) // 2)
    return not_after(best if low <= high else min(seen, key=lambda one: one.confidence), arrived)


def not_after(corrected: Corrected, arrived: int) -> Corrected:
    """Nothing happened after it was told, nor before any spool began; what seems to is as unsure as it is wrong."""
    at = min(max(corrected.at, arrived - PAST, 0), arrived)
    return Corrected(at, max(corrected.confidence, abs(corrected.at - at)))


def moved(corrected: Corrected, at: int) -> Corrected:
    """Put to `at`, because its neighbours in the stream say so: by as much it is less sure."""
    if at == corrected.at:
        return corrected
    return Corrected(at, corrected.confidence + abs(at - corrected.at))


# -- boots that never met the server ----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Unmet:
    """A boot nobody has an offset of. `last` is its boot clock at the last record there is of it; `walls` are the
    offsets its wall clock speaks for, the likeliest first."""

    boot_id: str
    last: int
    walls: tuple[int, ...] = ()


def place(run: Sequence[Unmet], after: Corrected | None, before: Corrected) -> list[Offset]:
    """Offsets of boots that followed each other between two instants: the last that is known before them, and the
    beginning of the next boot that met the server.

    None overlaps another. A wall clock that makes sense between its neighbours is believed to an hour. Else only
    the bounds are known: the boots lie in the middle of the gap, and are as unsure as half of what they leave empty.
    """
    if not run:
        return []
    length = sum(boot.last for boot in run)
    empty = before.at - length - after.at if after is not None else PAST
    unsure = max(before.confidence, after.confidence if after is not None else 0)
    earliest = before.at - length - empty
    for index, boot in enumerate(run):
        if found := _by_wall(boot, earliest, earliest + max(empty, 0), unsure):
            begun, ended = Corrected(found.offset, found.error), Corrected(found.offset + boot.last, found.error)
            return [*place(run[:index], after, begun), found, *place(run[index + 1 :], ended, before)]
        earliest += boot.last
    if after is None:  # nothing says how long before
        return _in_a_row(run, before.at - length, ALONE)
    return _in_a_row(run, after.at + empty // 2, abs(empty) // 2 + 1 + unsure)


def _by_wall(boot: Unmet, earliest: int, latest: int, unsure: int) -> Offset | None:
    """The likeliest wall clock that fits; others that would fit as well make it as unsure as they are apart."""
    fitting = [min(max(wall, earliest), latest) for wall in boot.walls if earliest - STEP <= wall <= latest + STEP]
    if not fitting:
        return None
    apart = max(abs(wall - fitting[0]) for wall in fitting)
    farthest = max(fitting[0] - earliest, latest - fitting[0]) + unsure + STEP
    return Offset(at=fitting[0] + boot.last, offset=fitting[0], error=min(max(apart, HOUR), farthest))


def _in_a_row(run: Sequence[Unmet], begins: int, error: int) -> list[Offset]:
    placed: list[Offset] = []
    for boot in run:
        placed.append(Offset(at=begins + boot.last, offset=begins, error=error))
        begins += boot.last
    return placed


def walls_of(clock: Clock, sent: Clock, arrived: int) -> list[int]:
    """The offsets a record of an earlier boot speaks for by its wall clock: as wrong as it is now, and right."""
    shown = clock.wall - clock.boot
    return [shown + arrived - sent.wall, shown]
