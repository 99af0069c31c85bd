"""Streams that go on from one another: what stands before a record, and what follows it, across the change.

An agent whose numbers may have been used by a copy of it goes on with them in another stream, from a number on. What
it recorded before that is the past of the new stream: times do not run back over it, and holds speak of its states.
"""

from collections.abc import Iterable
from typing import Any

from server.ingest.batch import Incoming
from server.ingest.link import Link, Row, rows_in

END = 1 << 62

Past = dict[int, int]  # stream -> below this number it is the past; the stream itself first, then back in time

Followers = list[tuple[int, int]]  # streams that go on from one, and from which number on

# A stream may begin before the first number of the one it goes on from: what that one shared with those before it
_PAST = """
WITH RECURSIVE past (id, after_id, first, below, back) AS (
    SELECT id, after_id, first, CAST(? AS BIGINT), 0 FROM stream WHERE id = ?
    UNION ALL
    SELECT stream.id, stream.after_id, stream.first,
           CASE WHEN past.first < past.below THEN past.first ELSE past.below END, back + 1
    FROM past JOIN stream ON stream.id = past.after_id
)
SELECT id, below FROM past ORDER BY back
"""
_SIBLINGS = """
SELECT other.id, record.body FROM stream
JOIN stream AS other ON other.after_id = stream.after_id AND other.id <> stream.id
JOIN record ON record.stream_id = other.id
WHERE stream.id = ? AND record.seq = ? ORDER BY other.id
"""
_THERE = "SELECT seq, body FROM record WHERE seq BETWEEN ? AND ? AND stream_id"


def past_of(link: Link, stream_id: int) -> Past:
    rows: list[tuple[int, int]] = [(row[0], row[1]) for row in link.rows(_PAST, END, stream_id)]
    return dict(rows)


def in_past(past: Past, stream_id: int, seq: int) -> bool:
    """Whether that record is of the stream, or stands before it."""
    return seq < past.get(stream_id, 0)


def before(link: Link, past: Past, seq: int, sql: str, *values: Any) -> list[Row]:
    """The nearest rows before a number. `sql` asks for a stream, `values`, and what is below a number."""
    for stream_id, below in past.items():
        found = link.rows(sql, stream_id, *values, min(seq, below))
        if found:
            return found
    return []


def first_own(link: Link, past: Past, first: int, records: Iterable[Incoming]) -> int:
    """From which number on, `first` at least, a stream that begins has what did not come in one before it.

    The answer to what came last may have been lost; then it comes again here, under its number and byte for byte.
    """
    again = {incoming.seq: incoming.body for incoming in records}
    span = (first, max(again, default=0))
    there = {(seq, bytes(body)) for seq, body in rows_in(link, _THERE, list(past)[1:], *span)}
    while (first, again.get(first)) in there:
        first += 1
    return first


def sibling(link: Link, stream_id: int, first: int, records: Iterable[Incoming]) -> int | None:
    """Another stream that goes on from the same one and has this number, byte for byte: of a copy of the same home."""
    body = next((incoming.body for incoming in records if incoming.seq == first), None)
    rows = [] if body is None else link.rows(_SIBLINGS, stream_id, first)
    return next((row[0] for row in rows if bytes(row[1]) == body), None)


def overtaken(link: Link, going_on: Followers) -> int:
    """Below this number, what comes of a stream comes after records of one that goes on from it. 0: of none."""
    number = 0
    for follower, first in going_on:
        here = link.rows("SELECT 1 FROM received_range WHERE stream_id = ? AND hi >= ? LIMIT 1", follower, first)
        number = max(number, first if here else 0, overtaken(link, followers(link, follower)))
    return number


def followers(link: Link, stream_id: int) -> Followers:
    """The streams that go on from this one, and from which number on: two, if it was copied."""
    rows = link.rows("SELECT id, first FROM stream WHERE after_id = ? ORDER BY id", stream_id)
    return [(follower, first) for follower, first in rows]
