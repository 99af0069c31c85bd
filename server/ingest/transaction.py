"""One transaction of the writer: batches in, rows out.

Records in the order of their numbers go the quick way: what they change is kept in memory and written at the end. A
record that comes after a later one of its stream goes the slow way, `late.py`.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import msgspec

from agent.wire import Entry, Event, EventName, Fact, Hold, Refusal, State
from server.errors import NOT_LET_IN, Unauthorized
from server.ingest import late, lineage, times
from server.ingest.arrivals import Arrivals, Delayed
from server.ingest.batch import Incoming, Parcel
from server.ingest.boots import let_go_of_boots
from server.ingest.bulks import AHEAD, OFFSET, RECORD, SEEN
from server.ingest.lineage import Followers, before
from server.ingest.link import Link, Row, rows_in
from server.ingest.numbers import Numbers, changed, run_of
from server.ingest.places import Place, Places
from server.ingest.ranges import Ranges
from server.ingest.streams import BEFORE, Streams, Written
from server.ingest.times import Corrected, Offset
from server.ingest.unmet import place_unmet
from server.ingest.views import Views

UNKNOWN = "this agent polls no position or line of that key"
ELSEWHERE = "its branch has no branch, line or position of that key"

# Who sends is known from memory; whether that is still let in, the database says, in the transaction that takes it.
LET_IN = """
SELECT 1 FROM agent_token JOIN subject ON subject.id = agent_token.agent_id
WHERE agent_token.token_hash = ? AND agent_token.agent_id = ? AND agent_token.expires_at > ?
AND subject.removed_at IS NULL
"""
AFTER = "SELECT at FROM record WHERE stream_id = ? AND seq > ? ORDER BY seq LIMIT 1"
OFFSETS_KEPT = 64  # of a boot, the newest: one every six hours, and every record is held against each


@dataclass(frozen=True)
class Taken:
    """What became of one batch, once the transaction is durable."""

    ranges: Ranges
    refused: list[Refusal]
    wait: float = 0.0  # seconds before the agent may send more of what waits
    fresh: int = 0  # records that had not come before


class Transaction:
    """`take` batches, then `finish`, then commit the link. Of no use after a rollback."""

    def __init__(self, link: Link, places: Places) -> None:
        self._link = link
        self._places = places
        self._views = Views(link)
        self._streams = Streams(link, self._flush)
        self._records: list[Row] = []
        self._seen: dict[int, Row] = {}
        self._behind: dict[int, bool] = {}
        self._ahead: dict[tuple[int, int], Row] = {}
        self.kinds: set[str] = set()  # of the records that were taken

    def take(self, parcel: Parcel) -> Taken:
        """With nothing changed, Unauthorized if its token has ended, Forbidden if the stream is another agent's."""
        if parcel.token is not None and not self._link.rows(LET_IN, parcel.token, parcel.agent_id, parcel.arrived):
            raise Unauthorized(NOT_LET_IN)
        stream = self._streams.of(parcel)
        agent_id = parcel.agent_id
        boot_id = parcel.sent.boot_id
        history = self._behind[agent_id] = parcel.waiting > 0 or self._is_behind(agent_id)
        said = (parcel.agent_version, parcel.waiting, boot_id, history, parcel.hindered)
        self._seen[agent_id] = (agent_id, parcel.arrived, *said)
        going_on = self._streams.going_on(stream)
        overtaken = lineage.overtaken(self._link, going_on)
        came = Arrivals(stream.numbers, self._streams.unbroken(stream), overtaken, parcel)
        fresh = came.fresh
        if fresh and fresh[0].seq < max(came.top, overtaken):
            self._flush()  # its neighbours are asked for below
        offsets = self._offsets(parcel, stream, fresh)
        spoken_of = [self._spoken_of(incoming, parcel) for incoming in fresh]
        self._views.load(agent_id, {place.subject_id for places in spoken_of for place in places.values()})
        refused: list[Refusal] = []
        marks: dict[int, set[int]] = defaultdict(set)  # subject: numbers of late records that speak of it
        late_at = 0
        for record_id, incoming, places in zip(self._link.next_ids(len(fresh)), fresh, spoken_of, strict=True):
            clock = incoming.clock
            when = times.correct(clock.boot, offsets[clock.boot_id], parcel.arrived)
            in_order = came.follows(incoming)
            if in_order:
                # Within a stream time never runs back, whichever offsets two batches went by; but for a server whose
                # own clock was set back.
                if stream.last_at <= parcel.arrived:
                    when = times.moved(when, max(when.at, stream.last_at))
                stream.last_at = when.at
            else:
                when = self._between(stream, incoming.seq, when, late_at)
                late_at = when.at
                for place in places.values():
                    marks[place.subject_id].add(incoming.seq)
            unknown = ELSEWHERE if isinstance(incoming.record, Entry) else UNKNOWN
            why = incoming.why or ("" if places or isinstance(incoming.record, Hold) else unknown)
            hold = isinstance(incoming.record, Hold)
            subject_id = None if hold else next((place.subject_id for place in places.values()), None)
            if why:
                refused.append(Refusal(incoming.seq, why))
            if in_order:
                self._in_order(record_id, incoming, stream, came, when.at, places)
            kind = "refused" if why else incoming.kind
            self.kinds.add(kind)
            what = (record_id, stream.id, incoming.seq, kind, subject_id)
            whenever = (when.at, when.confidence, clock.wall, clock.boot, clock.boot_id, parcel.arrived)
            self._records.append((*what, *whenever, history, incoming.body))
        self._tell_ahead(parcel, offsets)
        if fresh:
            self._settle(stream, going_on, came, marks, parcel.arrived)
        return Taken(stream.numbers.settled, refused, fresh=len(fresh))

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
        """The places a record is about, by key. An agent is its own place.

        Of a record that is refused it is the place whose state is lost with it, if any.
        """
        record = incoming.record
        if isinstance(record, State):  # as nearly all are
            place = self._places.find(self._link, parcel.agent_id, record.position, parcel.arrived)
            return {} if place is None else {record.position: place}
        if record is None:
            keys: Iterator[str] = iter([incoming.state_of] if incoming.state_of else [])
        elif isinstance(record, Fact) and record.position:
            keys = iter([record.position])
        elif isinstance(record, Entry):
            at_home = self._places.at_home(self._link, parcel.agent_id, record.subject)
            return {record.subject: at_home} if at_home else {}
        elif isinstance(record, Hold):
            keys = iter(record.held)
        elif isinstance(record, Event) and record.position is not None:
            keys = iter([str(record.position)])
        else:
            return {"": Place(parcel.agent_id, 0)}
        found = ((key, self._places.find(self._link, parcel.agent_id, key, parcel.arrived)) for key in keys)
        return {key: place for key, place in found if place is not None}

    def _in_order(
        self, record_id: int, incoming: Incoming, stream: Written, came: Arrivals, at: int, places: dict[str, Place]
    ) -> None:
        """Take a record that is the newest of its stream."""
        record = incoming.record
        for key, place in places.items():
            subject = (place.subject_id, stream.agent_id)
            if record is None:
                self._views.refused(subject, stream.id)
            elif isinstance(record, State):
                answered = record.failure is None
                self._views.state(subject, stream.past, incoming.seq, record_id, at, answered=answered)
            elif isinstance(record, Hold):
                held = late.held_for(record, at, key)
                if not self._views.hold(subject, stream.id, came.unbroken_from, held, place.hole):
                    came.delayed.append(Delayed(place, incoming.seq, held))

    def _between(self, stream: Written, seq: int, when: Corrected, late_at: int) -> Corrected:
        """A late record's time, no earlier than its neighbours' before it and no later than theirs after it."""
        earlier = before(self._link, stream.past, seq, BEFORE)
        after = self._link.rows(AFTER, stream.id, seq)
        at = max(when.at, late_at, earlier[0][0] if earlier else 0)
        return times.moved(when, min(at, after[0][0]) if after else at)

    # -- what becomes of numbers --------------------------------------------------------------------

    def _settle(
        self, stream: Written, going_on: Followers, came: Arrivals, marks: dict[int, set[int]], now: int
    ) -> None:
        """Write what became of the numbers, and what follows from it for holds that were written before."""
        others = [self._streams.other(stream, uid) for uid in came.elsewhere()]
        for other in others:
            if other is not None:
                thinned = came.given_up(EventName.THINNING, other.uid)
                lost = came.given_up(EventName.GAP, other.uid)
                self._renumber(
                    other, self._streams.going_on(other), other.numbers.with_more((), (), thinned, lost), set(), {}, now
                )
        self._renumber(stream, going_on, came.added_to(stream.numbers), came.starts, marks, now, came.delayed)

    def _renumber(
        self,
        stream: Written,
        going_on: Followers,
        numbers: Numbers,
        starts: set[int],
        marks: dict[int, set[int]],
        now: int,
        delayed: Iterable[Delayed] = (),
    ) -> None:
        was = self._streams.unbroken(stream)
        self._streams.write(stream, numbers)
        unbroken = self._streams.unbroken(stream)
        everybody = changed(was, unbroken, starts)
        for _, first in going_on:
            if _start(was, first - 1) != _start(unbroken, first - 1):
                everybody.add(first)  # what it begins with speaks of other states than before
        if not (delayed or marks or everybody):
            return
        self._flush()
        for one in delayed:
            late.late_hold(self._link, stream.past, stream.agent_id, unbroken, one.place, one.seq, one.held)
        if everybody:
            known = self._link.rows("SELECT subject_id FROM latest WHERE agent_id = ?", stream.agent_id)
            marks = {
                subject: marks.get(subject, set()) | everybody for subject in {row[0] for row in known} | marks.keys()
            }
        refold = late.Refold(self._link, stream.past, stream.agent_id)
        for key, subject in self._keys(marks):
            place = self._places.find(self._link, stream.agent_id, key, now)
            if place is not None and place.subject_id == subject:
                refold.run(place, key, marks[subject])

    def _keys(self, subjects: Iterable[int]) -> list[tuple[str, int]]:
        rows = rows_in(self._link, "SELECT id, key FROM subject WHERE id", set(subjects))
        return sorted((key, subject) for subject, key in rows)

    def _flush(self) -> None:
        self._link.put(RECORD, self._records)
        self._records.clear()
        self._views.flush()

    # -- clocks -------------------------------------------------------------------------------------

    def _offsets(self, parcel: Parcel, stream: Written, fresh: list[Incoming]) -> dict[str, list[Offset]]:
        """The offsets of every boot the fresh records are of. What is new is written down."""
        sent = parcel.sent.boot_id
        boots = {sent, *(clock.boot_id for clock in parcel.boots), *(incoming.clock.boot_id for incoming in fresh)}
        known: dict[str, list[Offset]] = {boot: [] for boot in boots}
        sql = "SELECT boot_id, at, offset_us, error_us FROM clock_offset WHERE agent_id = ? AND boot_id"
        for boot, *numbers in rows_in(self._link, sql, boots, parcel.agent_id):
            known[boot].append(Offset(*numbers))
        met = {boot for boot, offsets in known.items() if offsets}
        seen, written = times.see(known[sent], parcel.sent, parcel.exchange, parcel.came)
        if len(seen) > OFFSETS_KEPT:
            seen = seen[-OFFSETS_KEPT:]
            dated = (parcel.agent_id, sent, seen[0].at)
            self._link.run("DELETE FROM clock_offset WHERE agent_id = ? AND boot_id = ? AND at < ?", *dated)
        known[sent] = seen
        found = {} if written else {sent: seen[-1]}
        if not all(known[incoming.clock.boot_id] for incoming in fresh):
            self._flush()  # what was recorded before and after them is asked for
            began = times.correct(0, seen, parcel.arrived)
            placed = place_unmet(self._link, stream.past, parcel, fresh, known, began)
            known.update((boot, [offset]) for boot, offset in placed.items())
            found |= placed
        self._link.put(OFFSET, [(parcel.agent_id, boot, one.at, one.offset, one.error) for boot, one in found.items()])
        if not found.keys() <= met:
            let_go_of_boots(self._link, parcel.agent_id, boots)
        return known


def _start(ranges: Ranges, number: int) -> int:
    """Where the run of a number begins; 0 if it is in none."""
    run = run_of(ranges, number)
    return run[0] if run else 0
