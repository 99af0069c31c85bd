"""Sets of numbers as ranges with both ends included: sorted, and never touching one another."""

from bisect import bisect_right
from collections.abc import Iterable

Ranges = list[tuple[int, int]]


def holds(ranges: Ranges, number: int) -> bool:
    at = bisect_right(ranges, (number, float("inf"))) - 1
    return at >= 0 and number <= ranges[at][1]


def joined(ranges: Ranges, numbers: Iterable[int], more: Iterable[tuple[int, int]] = ()) -> Ranges:
    """`ranges` with `numbers` and the ranges of `more` in them too."""
    result: Ranges = []
    for lo, hi in sorted([*ranges, *more, *((number, number) for number in numbers)]):
        if result and lo <= result[-1][1] + 1:
            result[-1] = (result[-1][0], max(result[-1][1], hi))
        else:
            result.append((lo, hi))
    return result


def without(ranges: Ranges, taken: Ranges) -> Ranges:
    """The numbers of `ranges` that are in none of `taken`."""
    result: Ranges = []
    for lo, hi in ranges:
        for low, high in taken[max(0, bisect_right(taken, (lo, lo)) - 1) :]:
            if low > hi:
                break
            if high >= lo:
                if lo < low:
                    result.append((lo, low - 1))
                lo = high + 1
        if lo <= hi:
            result.append((lo, hi))
    return result


def holes(ranges: Ranges, end: int) -> Ranges:
    """What of 1..end-1 is in none of the ranges."""
    edges = [0, *(number for lo, hi in ranges for number in (lo, hi)), end]
    pairs = zip(edges[::2], edges[1::2], strict=True)
    return [(hi + 1, min(lo, end) - 1) for hi, lo in pairs if hi + 1 < min(lo, end)]
