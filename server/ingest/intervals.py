"""How long a state held: what a state and the holds after it attest, in stretches. Pure.

Stretches of one state are clusters: whatever lies no further apart than `hole` is one stretch. So they come out the
same in whatever order the holds came in.
"""

from collections.abc import Iterable

import msgspec

MINUTE = 60_000_000
NO_INTERVAL = 300_000_000  # µs; of a position that is not polled any more


class HeldFor(msgspec.Struct, frozen=True):
    """What one hold says of one subject, in corrected time."""

    since: int
    to: int
    good: int
    failed: int


class Stretch(msgspec.Struct):
    start: int
    end: int
    good: int
    failed: int


def first(at: int, *, answered: bool) -> Stretch:
    """What a state attests by itself: one poll at one instant."""
    return Stretch(at, at, int(answered), int(not answered))


def extends(stretch: Stretch, held: HeldFor, hole: int) -> bool:
    """Whether `held` goes on where the newest stretch ends, so that no other stretch can be concerned."""
    return stretch.end <= held.to and held.since - stretch.end <= hole


def extend(stretch: Stretch, held: HeldFor) -> None:
    stretch.end = held.to
    stretch.good += held.good
    stretch.failed += held.failed


def merge(stretches: Iterable[Stretch], held: HeldFor, hole: int, at: int) -> list[Stretch]:
    """The stretches of a state that began `at`, and what one more hold says, wherever in time that is.

    A hold speaks of all positions since the last hold, and this one may have changed after that. One that ends before
    its state began was told after the server's own clock was set back.
    """
    since = max(held.since, at) if held.to >= at else held.since
    grown = Stretch(since, max(held.to, since), held.good, held.failed)
    apart: list[Stretch] = []
    for one in stretches:
        if grown.start - one.end <= hole and one.start - grown.end <= hole:
            grown.start = min(grown.start, one.start)
            grown.end = max(grown.end, one.end)
            grown.good += one.good
            grown.failed += one.failed
        else:
            apart.append(one)
    return sorted([*apart, grown], key=lambda stretch: stretch.start)


def fold(at: int, held: Iterable[HeldFor], hole: int, *, answered: bool) -> list[Stretch]:
    """The stretches of a state and all its holds."""
    stretches = [first(at, answered=answered)]
    for one in held:
        stretches = merge(stretches, one, hole, at)
    return stretches


def hole_of(interval: int | None) -> int:
    """µs after which the silence of a subject polled every `interval` µs is a hole."""
    return 3 * (interval or NO_INTERVAL) + MINUTE
