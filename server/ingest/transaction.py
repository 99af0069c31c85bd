"""One transaction of the writer: batches in, rows out.

Records in the order of their numbers go the quick way: what they change is kept in memory and written at the end. A
record that comes after a later one of its stream goes the slow way, `late.py`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import msgspec

from agent.wire import Entry, Event, EventName, Hold, Refusal, State
from server.errors import Forbidden
from server.ingest import late, lineage, times
from server.ingest.batch import Incoming, Parcel
from server.ingest.bulks import AHEAD, OFFSET, RANGE, RECORD, SEEN
from server.ingest.lineage import Past, before, past_of
from server.ingest.link import Link, Row, rows_in
from server.ingest.places import Place, Places
from server.ingest.ranges import Ranges, holds, joined
from server.ingest.times import Corrected, Offset
from server.ingest.unmet import place_unmet
from server.ingest.views import Views

UNKNOWN = "this agent polls no position or line of that key"
BEFORE = "SELECT at FROM record WHERE stream_id = ? AND seq < ? ORDER BY seq DESC LIMIT 1"
AFTER = "SELECT at FROM record WHERE stream_id = ? AND seq > ? ORDER BY seq LIMIT 1"
ELSEWHERE = "its branch has no branch, line or position of that key"


@dataclass(frozen=True)
class Taken:
    """What became of one batch, once the transaction is durable."""

    ranges: Ranges
    refused: list[Refusal]
    wait: float = 0.0  # seconds before the agent may send more of what waits
    fresh: int = 0  # records that had not come before


@dataclass(slots=True)
class _Stream:
    id: int
    agent_id: int
    ranges: Ranges
    past: Past  # the stream itself, and those it goes on from
    last_at: int  # corrected time of the record with the highest number


@dataclass(frozen=True, slots=True)
class _Late:
    record_id: int
    incoming: Incoming
    at: int
    places: dict[str, Place]


class Transaction:
    """`take` batches, then `finish`, then commit the link. Of no use after a rollback."""

    def __init__(self, link: Link, places: Places) -> None:
        self._link = link
        self._places = places
        self._views = Views(link)
        self._streams: dict[str, _Stream] = {}
        self._records: list[Row] = []
        self._seen: dict[int, Row] = {}
        self._behind: dict[int, bool] = {}
        self._ahead: dict[tuple[int, int], Row] = {}

    def take(self, parcel: Parcel) -> Taken:
        """Forbidden, with nothing changed, if the stream belongs to another agent."""
        stream = self._stream(parcel)
        agent_id = parcel.agent_id
        boot_id = parcel.sent.boot_id
        history = self._behind[agent_id] = parcel.waiting > 0 or self._is_behind(agent_id)
        self._seen[agent_id] = (agent_id, parcel.arrived, parcel.agent_version, parcel.waiting, boot_id, history)
        fresh = [incoming for incoming in parcel.records if not holds(stream.ranges, incoming.seq)]
        top = stream.ranges[-1][1] if stream.ranges else 0
        overtaken = lineage.overtaken(self._link, stream.id)
        if fresh and fresh[0].seq < max(top, overtaken):
            self._flush()  # its neighbours are asked for below
        offsets = self._offsets(parcel, stream, fresh)
        spoken_of = [self._spoken_of(incoming, parcel) for incoming in fresh]
        self._views.load(agent_id, {place.subject_id for places in spoken_of for place in places.values()})
        refused: list[Refusal] = []
        delayed: list[_Late] = []
        late_at = 0
        for record_id, incoming, places in zip(self._link.next_ids(len(fresh)), fresh, spoken_of, strict=True):
            clock = incoming.clock
            when = times.correct(clock.boot, offsets[clock.boot_id], parcel.arrived)
            in_order = incoming.seq > top and incoming.seq >= overtaken
            if in_order:
                # Within a stream time never runs back, whichever offsets two batches went by; but for a server whose
                # own clock was set back.
                if stream.last_at <= parcel.arrived:
                    when = times.moved(when, max(when.at, stream.last_at))
                stream.last_at = when.at
            else:
                when = self._between(stream, incoming.seq, when, late_at)
                late_at = when.at
            unknown = ELSEWHERE if isinstance(incoming.record, Entry) else UNKNOWN
            why = incoming.why or ("" if places or isinstance(incoming.record, Hold) else unknown)
            subject_id = None
            if why:
                refused.append(Refusal(incoming.seq, why))
            else:
                subject_id = next((place.subject_id for place in places.values()), None)
                if isinstance(incoming.record, Hold):
                    subject_id = None
                rest = places
                if in_order:
                    rest = self._in_order(record_id, incoming, stream, when.at, places)
                if rest and isinstance(incoming.record, State | Hold):
                    delayed.append(_Late(record_id, incoming, when.at, rest))
            kind = "refused" if why else incoming.kind
            what = (record_id, stream.id, incoming.seq, kind, subject_id)
            whenever = (when.at, when.confidence, clock.wall, clock.boot, clock.boot_id, parcel.arrived)
            self._records.append((*what, *whenever, history, incoming.body))
        self._tell_ahead(parcel, offsets)
        self._receive(stream, fresh)
        if delayed:
            self._fold_in(delayed, stream)
        return Taken(stream.ranges, refused, fresh=len(fresh))

    def finish(self) -> None:
        """Write what is still in memory."""
        self._flush()
        self._link.put(SEEN, sorted(self._seen.values()))
        self._link.put(AHEAD, [self._ahead[key] for key in sorted(self._ahead)])

    def _is_behind(self, agent_id: int) -> bool:
        """Whether records of this agent still wait to be judged, here or there: then its others wait behind them."""
        if agent_id not in self._behind:
            lock = "" if self._link.sqlite else " FOR UPDATE"  # health says when it is over
            found = self._link.rows(f"SELECT behind FROM agent_seen WHERE agent_id = ?{lock}", agent_id)  # noqa: S608
            self._behind[agent_id] = bool(found and found[0][0])
        return self._behind[agent_id]

    def _tell_ahead(self, parcel: Parcel, offsets: dict[str, list[Offset]]) -> None:
        """Keep how things stand by the clock of the boot that sends; other boots have nothing to tell ahead."""
        for ahead in parcel.ahead:
            state, sent = ahead.state, parcel.sent
            place = self._places.find(self._link, parcel.agent_id, state.position, parcel.arrived)
            if place is None or state.clock.boot_id != sent.boot_id:
                continue
            when = times.correct(state.clock.boot, offsets[sent.boot_id], parcel.arrived)
            held_to = min(when.at + ahead.held - state.clock.boot, parcel.arrived)
            key = (place.subject_id, parcel.agent_id)
            self._ahead[key] = (*key, when.at, held_to, when.confidence, True, msgspec.msgpack.encode(state))

    # -- one record ---------------------------------------------------------------------------------

    def _spoken_of(self, incoming: Incoming, parcel: Parcel) -> dict[str, Place]:
        """The places a record is about, by key; none for a record that is refused. An agent is its own place."""
        record = incoming.record
        if record is None:
            return {}
        if isinstance(record, Entry):
            at_home = self._places.at_home(self._link, parcel.agent_id, record.subject)
            return {record.subject: at_home} if at_home else {}
        if isinstance(record, Hold):
            keys: Iterator[str] = iter(record.held)
        elif isinstance(record, State) or (isinstance(record, Event) and record.position is not None):
            keys = iter([str(record.position)])
        else:
            return {"": Place(parcel.agent_id, 0)}
        found = ((key, self._places.find(self._link, parcel.agent_id, key, parcel.arrived)) for key in keys)
        return {key: place for key, place in found if place is not None}

    def _in_order(
        self, record_id: int, incoming: Incoming, stream: _Stream, at: int, places: dict[str, Place]
    ) -> dict[str, Place]:
        """Take a record that is the newest of its stream. Gives the places for which that is not simply so."""
        record = incoming.record
        if isinstance(record, State):
            for place in places.values():
                subject = (place.subject_id, stream.agent_id)
                answered = record.failure is None
                self._views.state(subject, stream.past, record.seq, record_id, at, answered=answered)
            return {}
        rest: dict[str, Place] = {}
        if isinstance(record, Hold):
            for key, place in places.items():
                held = late.held_for(record, at, key)
                if not self._views.hold((place.subject_id, stream.agent_id), stream.past, held, place.hole):
                    rest[key] = place
        return rest

    def _between(self, stream: _Stream, seq: int, when: Corrected, late_at: int) -> Corrected:
        """A late record's time, no earlier than its neighbours' before it and no later than theirs after it."""
        earlier = before(self._link, stream.past, seq, BEFORE)
        after = self._link.rows(AFTER, stream.id, seq)
        at = max(when.at, late_at, earlier[0][0] if earlier else 0)
        return times.moved(when, min(at, after[0][0]) if after else at)

    def _fold_in(self, delayed: list[_Late], stream: _Stream) -> None:
        """Holds first: what a late state then folds anew from the log has them already."""
        self._flush()
        for one in delayed:
            if isinstance(one.incoming.record, Hold):
                for key, place in one.places.items():
                    held = late.held_for(one.incoming.record, one.at, key)
                    late.late_hold(self._link, stream.past, stream.agent_id, place, one.incoming.seq, held)
        for one in delayed:
            if isinstance(one.incoming.record, State):
                for key, place in one.places.items():
                    late.late_state(self._link, stream.past, stream.agent_id, place, key, one.record_id)

    def _flush(self) -> None:
        self._link.put(RECORD, self._records)
        self._records.clear()
        self._views.flush()

    # -- streams and clocks -------------------------------------------------------------------------

    def _stream(self, parcel: Parcel) -> _Stream:
        stream = self._streams.get(parcel.stream) or self._find_stream(parcel)
        if stream.agent_id != parcel.agent_id:
            raise Forbidden("This stream belongs to another agent: every agent needs a home of its own.")
        self._streams[parcel.stream] = stream
        return stream

    def _find_stream(self, parcel: Parcel) -> _Stream:
        found = self._link.rows("SELECT id, agent_id FROM stream WHERE uid = ?", parcel.stream)
        if found:
            return self._loaded(*found[0])
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
            self._link.put(RANGE, [(made[0][0], 1, first - 1)])
        return self._loaded(made[0][0], parcel.agent_id)

    def _loaded(self, stream_id: int, agent_id: int) -> _Stream:
        rows = self._link.rows("SELECT lo, hi FROM received_range WHERE stream_id = ? ORDER BY lo", stream_id)
        ranges = [(lo, hi) for lo, hi in rows]
        past = past_of(self._link, stream_id)
        newest = before(self._link, past, ranges[-1][1] + 1, BEFORE) if ranges else []
        return _Stream(stream_id, agent_id, ranges, past, newest[0][0] if newest else 0)

    def _receive(self, stream: _Stream, fresh: list[Incoming]) -> None:
        """Numbers that a gap says will never come count as received, or every ack would list the holes for ever."""
        given_up = [said for incoming in fresh if (said := _given_up(incoming))]
        self._widen(stream, (incoming.seq for incoming in fresh), [gap for uid, gap in given_up if not uid])
        for uid, gap in given_up:
            other = self._other(stream, uid) if uid else None
            if other is not None:
                self._widen(other, (), [gap])

    def _other(self, stream: _Stream, uid: str) -> _Stream | None:
        """Another stream of the same agent."""
        if uid not in self._streams:
            found = self._link.rows("SELECT id, agent_id FROM stream WHERE uid = ?", uid)
            if not found or found[0][1] != stream.agent_id:
                return None
            self._streams[uid] = self._loaded(*found[0])
        other = self._streams[uid]
        return other if other.agent_id == stream.agent_id else None

    def _widen(self, stream: _Stream, numbers: Iterable[int], given_up: list[tuple[int, int]]) -> None:
        """Write the ranges that changed: usually one that grew."""
        were = set(stream.ranges)
        stream.ranges = joined(stream.ranges, numbers, given_up)
        after = set(stream.ranges)
        kept = {lo for lo, _ in after}
        for lo, _ in were - after:
            if lo not in kept:
                self._link.run("DELETE FROM received_range WHERE stream_id = ? AND lo = ?", stream.id, lo)
        self._link.put(RANGE, [(stream.id, lo, hi) for lo, hi in sorted(after - were)])

    def _offsets(self, parcel: Parcel, stream: _Stream, fresh: list[Incoming]) -> dict[str, list[Offset]]:
        """The offsets of every boot the fresh records are of. What is new is written down."""
        sent = parcel.sent.boot_id
        boots = {sent, *(clock.boot_id for clock in parcel.boots), *(incoming.clock.boot_id for incoming in fresh)}
        known: dict[str, list[Offset]] = {boot: [] for boot in boots}
        sql = "SELECT boot_id, at, offset_us, error_us FROM clock_offset WHERE agent_id = ? AND boot_id"
        for boot, *numbers in rows_in(self._link, sql, boots, parcel.agent_id):
            known[boot].append(Offset(*numbers))
        seen, written = times.see(known[sent], parcel.sent, parcel.exchange, parcel.arrived)
        known[sent] = seen
        found = {} if written else {sent: seen[-1]}
        if not all(known[incoming.clock.boot_id] for incoming in fresh):
            self._flush()  # what was recorded before and after them is asked for
            began = times.correct(0, seen, parcel.arrived)
            placed = place_unmet(self._link, stream.past, parcel, fresh, known, began)
            known.update((boot, [offset]) for boot, offset in placed.items())
            found |= placed
        self._link.put(OFFSET, [(parcel.agent_id, boot, one.at, one.offset, one.error) for boot, one in found.items()])
        return known


def _given_up(incoming: Incoming) -> tuple[str, tuple[int, int]] | None:
    """The numbers before its own that an event says will never come, and which stream they are of: "" of its own."""
    record = incoming.record
    if not isinstance(record, Event) or record.name not in (EventName.GAP, EventName.THINNING, EventName.NEW_STREAM):
        return None
    lo, hi = record.detail.get("from"), record.detail.get("to")
    if isinstance(lo, int) and isinstance(hi, int) and 1 <= lo <= hi < incoming.seq:
        return str(record.detail.get("stream", "")), (lo, hi)
    return None
