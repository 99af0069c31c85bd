"""Sets of numbers as ranges with both ends included. Pure."""

from collections.abc import Iterable

Ranges = list[tuple[int, int]]


def joined(ranges: Iterable[tuple[int, int]]) -> Ranges:
    """Sorted, without overlap, neighbours joined; what is upside down is left out."""
    result: Ranges = []
    for low, high in sorted(pair for pair in ranges if pair[0] <= pair[1]):
        if result and low <= result[-1][1] + 1:
            result[-1] = (result[-1][0], max(result[-1][1], high))
        else:
            result.append((low, high))
    return result


def holes(ranges: Iterable[tuple[int, int]], first: int, end: int) -> Ranges:
    """What of first..end-1 is in none of the ranges."""
    found: Ranges = []
    at = first
    for low, high in joined(ranges):
        if at < min(low, end):
            found.append((at, min(low, end) - 1))
        at = max(at, high + 1)
    if at < end:
        found.append((at, end - 1))
    return found
