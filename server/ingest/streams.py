"""The streams one transaction writes to: found or begun, with what became of their numbers."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from server.errors import Forbidden
from server.ingest import lineage
from server.ingest.batch import Parcel
from server.ingest.bulks import RANGE
from server.ingest.lineage import END, Followers, Past, before, past_of
from server.ingest.link import Link
from server.ingest.numbers import ROOM, ROWS_AT_MOST, STREAMS_AT_MOST, Fate, Numbers, numbers_of
from server.ingest.ranges import Ranges, joined

STREAM = """
SELECT id, agent_id, after_id, EXISTS (SELECT 1 FROM stream AS later WHERE later.after_id = stream.id),
       (SELECT at FROM record WHERE record.stream_id = stream.id ORDER BY seq DESC LIMIT 1)
FROM stream WHERE uid = ?
"""
BEFORE = "SELECT at FROM record WHERE stream_id = ? AND seq < ? ORDER BY seq DESC LIMIT 1"
ELSEWHERE_ROWS = """
SELECT count(*) FROM received_range JOIN stream ON stream.id = received_range.stream_id
WHERE stream.agent_id = ? AND stream.id <> ?
"""
TOO_MANY = (
    "This agent began {count} streams, and an agent of ours begins one with each home. "
    "Its key may be in other hands: revoke it, and enrol the agent anew."
)


@dataclass(slots=True)
class Written:
    """A stream as it stands while batches are written to it."""

    uid: str
    id: int
    agent_id: int
    numbers: Numbers
    past: Past  # the stream itself, and those it goes on from
    last_at: int  # corrected time of the record with the highest number
    goes_on: bool = False  # another stream goes on from it


class Streams:
    """Of one transaction. `flush` writes the records that are in memory: they are asked for here."""

    def __init__(self, link: Link, flush: Callable[[], None]) -> None:
        self._link = link
        self._flush = flush
        self._known: dict[str, Written] = {}  # by uid

    def of(self, parcel: Parcel) -> Written:
        """The stream of a batch, begun if need be. Forbidden if it is another agent's."""
        return self._begun(self._found(parcel), parcel)

    def other(self, stream: Written, uid: str) -> Written | None:
        """Another stream of the same agent."""
        if uid not in self._known:
            found = self._link.rows(STREAM, uid)
            if not found or found[0][1] != stream.agent_id:
                return None
            self._known[uid] = self._loaded(uid, *found[0])
        other = self._known[uid]
        return other if other.agent_id == stream.agent_id else None

    def going_on(self, stream: Written) -> Followers:
        """The streams that go on from it."""
        return lineage.followers(self._link, stream.id) if stream.goes_on else []

    def unbroken(self, stream: Written) -> Ranges:
        """Runs of numbers of a stream, and of what it goes on from, in which no state can have been lost."""
        runs = stream.numbers.unbroken
        for past, below in list(stream.past.items())[1:]:
            if runs and runs[0][0] != below:
                break  # something is missing in between: what was before is of no use to it
            earlier = numbers_of(self._link, past).unbroken
            runs = joined(runs, (), [(lo, min(hi, below - 1)) for lo, hi in earlier if lo < below])
        return runs

    def write(self, stream: Written, numbers: Numbers) -> None:
        """Write the rows that changed: usually one that grew."""
        was = set(stream.numbers.rows)
        if len(numbers.rows) > ROOM:
            [[elsewhere]] = self._link.rows(ELSEWHERE_ROWS, stream.agent_id, stream.id)
            numbers = numbers.within(max(ROOM, ROWS_AT_MOST - elsewhere))
        stream.numbers = numbers
        after = set(numbers.rows)
        kept = {lo for lo, *_ in after}
        for lo, *_ in was - after:
            if lo not in kept:
                self._link.run("DELETE FROM received_range WHERE stream_id = ? AND lo = ?", stream.id, lo)
        self._link.put(RANGE, [(stream.id, *row) for row in sorted(after - was)])

    # -- finding and beginning ----------------------------------------------------------------------

    def _found(self, parcel: Parcel) -> Written:
        stream = self._known.get(parcel.stream) or self._find(parcel)
        if stream.agent_id != parcel.agent_id:
            raise Forbidden("This stream belongs to another agent: every agent needs a home of its own.")
        self._known[parcel.stream] = stream
        return stream

    def _find(self, parcel: Parcel) -> Written:
        found = self._link.rows(STREAM, parcel.stream)
        if found:
            return self._loaded(parcel.stream, *found[0])
        [[count]] = self._link.rows("SELECT count(*) FROM stream WHERE agent_id = ?", parcel.agent_id)
        if count >= STREAMS_AT_MOST:
            raise Forbidden(TOO_MANY, count=count)
        first, after_id = 1, None
        if parcel.follows is not None:
            first = parcel.follows.first
            sql = "SELECT id FROM stream WHERE uid = ? AND agent_id = ?"
            after_id = next((row[0] for row in self._link.rows(sql, parcel.follows.stream, parcel.agent_id)), None)
        made = self._link.rows(
            "INSERT INTO stream (agent_id, uid, after_id, first, first_seen) VALUES (?, ?, ?, ?, ?) RETURNING id",
            *(parcel.agent_id, parcel.stream, after_id, first, parcel.arrived),
        )
        if first > 1:  # they count in the stream before, and never come in this one
            self._link.put(RANGE, [(made[0][0], 1, first - 1, Fate.BEFORE.value)])
        self._now_goes_on(after_id)
        return self._loaded(parcel.stream, made[0][0], parcel.agent_id, after_id)

    def _begun(self, stream: Written, parcel: Parcel) -> Written:
        """What a stream begins with may have come in one before it already: it is there, and is counted, once."""
        numbers = stream.numbers
        if not parcel.records or len(stream.past) == 1 or numbers != Numbers(before=numbers.before):
            return stream
        self._flush()  # what came before may have come in this transaction
        was = numbers.before[-1][1] + 1 if numbers.before else 1
        first = lineage.first_own(self._link, stream.past, was, parcel.records)
        twin = lineage.sibling(self._link, stream.id, first, parcel.records)
        if twin is not None:  # what a copy of the same home sent already is the past of both
            self._link.run("UPDATE stream SET after_id = ?, first = ? WHERE id = ?", twin, first, stream.id)
            self._now_goes_on(twin)
            first = lineage.first_own(self._link, past_of(self._link, stream.id), first, parcel.records)
        if first == was:
            return stream
        self._link.run("UPDATE stream SET first = ? WHERE id = ?", first, stream.id)
        self.write(stream, replace(numbers, before=[(1, first - 1)]))
        self._known = {uid: one for uid, one in self._known.items() if stream.id not in one.past}
        return self._found(parcel)

    def _loaded(
        self, uid: str, stream_id: int, agent_id: int, after_id: int | None, goes_on: int = 0, newest: int | None = None
    ) -> Written:
        numbers = numbers_of(self._link, stream_id)
        past = {stream_id: END}
        if after_id is not None:
            past = past_of(self._link, stream_id)
            rows = before(self._link, past, numbers.settled[-1][1] + 1, BEFORE) if numbers.rows else []
            newest = rows[0][0] if rows else None
        return Written(uid, stream_id, agent_id, numbers, past, newest or 0, bool(goes_on))

    def _now_goes_on(self, stream_id: int | None) -> None:
        for stream in self._known.values():
            if stream.id == stream_id:
                stream.goes_on = True
