"""Records that do not simply go on from what is there. The slow way, to the same rows as in order.

A hold speaks of the state before it only if nothing between the two can have been another state: no number that is
lost or has not come, and no refused record of that position. Before it is also what stands before its stream began, in
the stream that it goes on from.
"""

from bisect import bisect_left
from collections.abc import Iterable

import msgspec

from agent.wire import Hold, State
from server.ingest.bulks import ATTESTED
from server.ingest.intervals import HeldFor, Stretch, fold, merge
from server.ingest.lineage import END, Past, before, followers, in_past
from server.ingest.link import Link, Row
from server.ingest.numbers import numbers_of, run_of
from server.ingest.places import Place
from server.ingest.ranges import Ranges
from server.ingest.times import PAST

BEFORE = """
SELECT id, stream_id, seq, at, body FROM record
WHERE stream_id = ? AND subject_id = ? AND kind = 'state' AND seq < ? ORDER BY seq DESC LIMIT 1
"""
STATES = """
SELECT id, stream_id, seq, at, body FROM record
WHERE stream_id = ? AND subject_id = ? AND kind = 'state' AND seq BETWEEN ? AND ? ORDER BY seq
"""
AFTER = "SELECT min(seq) FROM record WHERE stream_id = ? AND subject_id = ? AND kind = 'state' AND seq > ?"
REFUSED = "SELECT min(seq) FROM record WHERE stream_id = ? AND subject_id = ? AND kind = 'refused' AND seq > ?"
REFUSED_BEFORE = """
SELECT seq FROM record WHERE stream_id = ? AND subject_id = ? AND kind = 'refused' AND seq < ?
ORDER BY seq DESC LIMIT 1
"""
HOLDS = "SELECT at, body FROM record WHERE stream_id = ? AND kind = 'hold' AND seq > ? AND seq < ? ORDER BY seq"
NEWEST = """
SELECT latest.at, record.stream_id, record.seq FROM latest JOIN record ON record.id = latest.record_id
WHERE latest.subject_id = ? AND latest.agent_id = ?
"""


def held_for(hold: Hold, at: int, key: str) -> HeldFor:
    """What a hold at corrected time `at` says of one position. Within a boot, lengths are exact."""
    held = hold.held[key]
    return HeldFor(at - min(hold.clock.boot - hold.since, PAST), at, held.good, held.failed)


def late_hold(link: Link, past: Past, agent_id: int, unbroken: Ranges, place: Place, seq: int, held: HeldFor) -> None:
    """Add a hold to the state it follows by number, if that has come and nothing is lost in between.

    `unbroken` are the runs of its stream and of what that goes on from.
    """
    found = before(link, past, seq, BEFORE, place.subject_id)
    if not found:
        return  # that state will find this hold in the log when it comes
    record_id, _, state_seq, at, _ = found[0]
    if run_of(unbroken, state_seq) != run_of(unbroken, seq):
        return
    refused = before(link, past, seq, REFUSED_BEFORE, place.subject_id)
    if refused and refused[0][0] > state_seq:
        return
    rows = link.rows("SELECT start_at, end_at, good, failed FROM attested WHERE record_id = ?", record_id)
    stretches = merge([Stretch(*row) for row in rows], held, place.hole, at)
    _replace(link, record_id, agent_id, place.subject_id, stretches)


class Refold:
    """Fold states and their holds anew, after numbers of a stream came late or their fate changed."""

    def __init__(self, link: Link, past: Past, agent_id: int) -> None:
        self._link = link
        self._past = past
        self._agent_id = agent_id
        self._unbroken: dict[int, Ranges] = {}  # by stream, its own numbers alone

    def run(self, place: Place, key: str, marks: Iterable[int]) -> None:
        """`marks` are numbers at which, or from which on, something of this subject may be otherwise than before."""
        ordered = sorted(marks)
        states = before(self._link, self._past, ordered[0], BEFORE, place.subject_id)
        stream = next(iter(self._past))
        states += self._link.rows(STATES, stream, place.subject_id, ordered[0], ordered[-1])
        numbers = [row[2] for row in states]
        concerned = {bisect_left(numbers, mark) - 1 for mark in ordered}
        late = set(ordered)
        for index, row in enumerate(states):
            if index in concerned or row[2] in late:
                self._fold(place, key, row, late=row[2] in late and row[1] == stream)

    def _fold(self, place: Place, key: str, state: Row, *, late: bool) -> None:
        record_id, stream_id, seq, at, body = state
        answered = msgspec.msgpack.decode(body, type=State).failure is None
        held: list[HeldFor] = []
        for hold_at, hold_body in self._holds(stream_id, place.subject_id, seq):
            hold = msgspec.msgpack.decode(hold_body, type=Hold)
            if key in hold.held:
                held.append(held_for(hold, hold_at, key))
        stretches = fold(at, held, place.hole, answered=answered)
        _replace(self._link, record_id, self._agent_id, place.subject_id, stretches)
        if late:
            self._newest(place.subject_id, state, stretches[-1].end, answered=answered)

    def _holds(self, stream_id: int, subject_id: int, seq: int) -> list[Row]:
        """The holds that speak of a state: up to the next of its subject, taken or refused, and no further than its
        run of numbers goes, also into the streams that go on from its own."""
        if stream_id not in self._unbroken:
            self._unbroken[stream_id] = numbers_of(self._link, stream_id).unbroken
        run = run_of(self._unbroken[stream_id], seq)
        return self._from(stream_id, subject_id, seq, run[1] if run else seq)

    def _from(self, stream_id: int, subject_id: int, seq: int, last: int) -> list[Row]:
        ends = [self._link.rows(sql, stream_id, subject_id, seq)[0][0] for sql in (AFTER, REFUSED)]
        until = min((end for end in ends if end is not None), default=END)
        rows = self._link.rows(HOLDS, stream_id, seq, min(until, last + 1))
        for follower, first in followers(self._link, stream_id):
            if seq < first <= min(until, last + 1):
                rows += self._into(follower, subject_id, first)
        return rows

    def _into(self, stream_id: int, subject_id: int, first: int) -> list[Row]:
        """What a stream that begins with the number `first` says of a state before it."""
        if stream_id not in self._unbroken:
            self._unbroken[stream_id] = numbers_of(self._link, stream_id).unbroken
        run = run_of(self._unbroken[stream_id], first)
        last = run[1] if run else first - 1
        return self._from(stream_id, subject_id, first - 1, last)

    def _newest(self, subject: int, state: Row, held_to: int, *, answered: bool) -> None:
        """A state that came late may be the newest all the same."""
        record_id, stream_id, seq, at, _ = state
        newest = self._link.rows(NEWEST, subject, self._agent_id)
        if newest:
            newest_at, newest_stream, newest_seq = newest[0]
            related = in_past(self._past, newest_stream, newest_seq)
            if newest_seq > seq if related else (newest_at, newest_stream) >= (at, stream_id):
                return
        self._link.run("DELETE FROM latest WHERE subject_id = ? AND agent_id = ?", subject, self._agent_id)
        self._link.run(
            "INSERT INTO latest (subject_id, agent_id, record_id, at, held_to, answered) VALUES (?, ?, ?, ?, ?, ?)",
            *(subject, self._agent_id, record_id, at, held_to, answered),
        )


def _replace(link: Link, record_id: int, agent_id: int, subject_id: int, stretches: list[Stretch]) -> None:
    link.run("DELETE FROM attested WHERE record_id = ?", record_id)
    rows = [(record_id, one.start, one.end, subject_id, agent_id, one.good, one.failed) for one in stretches]
    link.put(ATTESTED, rows)
    link.run(
        "UPDATE latest SET held_to = ? WHERE subject_id = ? AND agent_id = ? AND record_id = ?",
        *(stretches[-1].end, subject_id, agent_id, record_id),
    )
