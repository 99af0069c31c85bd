"""Sets of minutes as spans `(start, end)`: sorted, apart from one another, the end not included. Pure."""

from collections.abc import Iterable

MINUTE = 60_000_000  # µs

Spans = list[tuple[int, int]]


def minute(at: int) -> int:
    """The minute a moment lies in. A minute counts as what it was at its end, so whatever is cut adds up again."""
    return at // MINUTE


def joined(spans: Iterable[tuple[int, int]]) -> Spans:
    """Any spans, in any order, as a set; what is empty or upside down is left out."""
    result: Spans = []
    for start, end in sorted(span for span in spans if span[0] < span[1]):
        if result and start <= result[-1][1]:
            result[-1] = (result[-1][0], max(result[-1][1], end))
        else:
            result.append((start, end))
    return result


def both(left: Spans, right: Spans) -> Spans:
    """What lies in both sets."""
    result: Spans = []
    i = j = 0
    while i < len(left) and j < len(right):
        start, end = max(left[i][0], right[j][0]), min(left[i][1], right[j][1])
        if start < end:
            result.append((start, end))
        if left[i][1] < right[j][1]:
            i += 1
        else:
            j += 1
    return result


def without(left: Spans, right: Spans) -> Spans:
    """What lies in the left set and not in the right."""
    if not left or not right:
        return left
    result: Spans = []
    j = 0
    for start, end in left:
        while j < len(right) and right[j][1] <= start:
            j += 1
        k = j
        while k < len(right) and right[k][0] < end:
            if start < right[k][0]:
                result.append((start, right[k][0]))
            start = max(start, right[k][1])
            k += 1
        if start < end:
            result.append((start, end))
    return result


def grown(spans: Spans, by: int) -> Spans:
    """Every span longer by so many minutes at both ends."""
    return joined((start - by, end + by) for start, end in spans)
