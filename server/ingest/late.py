"""Records that do not simply go on from what is there. The slow way, to the same rows as in order.

A hold speaks of the state before it only if nothing between the two can have been another state: no number that is
lost or has not come, and no refused record of that position.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import msgspec

from agent.wire import Hold, State
from server.ingest.bulks import ATTESTED
from server.ingest.intervals import HeldFor, Stretch, first, merge
from server.ingest.link import Link
from server.ingest.numbers import run_of
from server.ingest.places import Place
from server.ingest.ranges import Ranges

BEFORE = """
SELECT id, seq, at, body FROM record
WHERE stream_id = ? AND subject_id = ? AND kind = 'state' AND seq < ? ORDER BY seq DESC LIMIT 1
"""
REFUSED = """
SELECT seq FROM record WHERE kind = 'refused' AND subject_id = ? AND stream_id = ? AND seq > ? AND seq < ?
ORDER BY seq LIMIT 1
"""
TELLING = """
SELECT id, seq, at, kind, subject_id, body FROM record
WHERE stream_id = ? AND kind IN ('state', 'hold', 'refused') AND seq BETWEEN ? AND ? ORDER BY seq
"""
NEWEST = """
SELECT latest.at, record.stream_id, record.seq FROM latest JOIN record ON record.id = latest.record_id
WHERE latest.subject_id = ? AND latest.agent_id = ?
"""
PART = 1000  # records in memory at once

Find = Callable[[str], Place | None]


@dataclass(slots=True)
class _Run:
    """A state, and what is known of how long it held."""

    record_id: int
    seq: int
    at: int
    answered: bool
    stretches: list[Stretch]
    last: int  # the last number to which nothing of it can have been lost
    new: bool = False
    changed: bool = False


def held_for(hold: Hold, at: int, key: str) -> HeldFor:
    """What a hold at corrected time `at` says of one position. Within a boot, lengths are exact."""
    held = hold.held[key]
    return HeldFor(at - (hold.clock.boot - hold.since), at, held.good, held.failed)


def late_hold(
    link: Link, stream_id: int, agent_id: int, unbroken: Ranges, place: Place, seq: int, held: HeldFor
) -> None:
    """Add a hold to the state it follows by number, if that has come and nothing is lost in between."""
    found = link.rows(BEFORE, stream_id, place.subject_id, seq)
    if not found:
        return  # that state will find this hold in the log when it comes
    record_id, state_seq, at, _ = found[0]
    if run_of(unbroken, state_seq) != run_of(unbroken, seq):
        return
    if link.rows(REFUSED, place.subject_id, stream_id, state_seq, seq):
        return
    rows = link.rows("SELECT start_at, end_at, good, failed FROM attested WHERE record_id = ?", record_id)
    stretches = merge([Stretch(*row) for row in rows], held, place.hole, at)
    _replace(link, record_id, agent_id, place.subject_id, stretches)


class Refold:
    """Fold states and holds of one stream anew, after numbers came late or their fate changed."""

    def __init__(self, link: Link, stream_id: int, agent_id: int, unbroken: Ranges, find: Find) -> None:
        self._link = link
        self._stream_id = stream_id
        self._agent_id = agent_id
        self._unbroken = unbroken
        self._find = find
        self._runs: dict[int, _Run | None] = {}  # by subject, of the state that holds now
        self._changed: set[int] = set()
        self._marks: list[int] = []

    def run(self, changed: Iterable[int], last: int) -> None:
        """What the records from the first of `changed` up to the number `last` say of the states they follow."""
        self._changed = set(changed)
        self._marks = sorted(self._changed)
        at = self._marks[0]
        while rows := self._link.rows(f"{TELLING} LIMIT {PART}", self._stream_id, at, last):
            for record_id, seq, when, kind, subject, body in rows:
                if kind == "hold":
                    self._hold(seq, when, msgspec.msgpack.decode(body, type=Hold))
                elif subject is not None:
                    self._other(subject, record_id, seq, when, kind, body)
            at = rows[-1][1] + 1
        for subject in list(self._runs):
            self._close(subject)

    def _other(self, subject: int, record_id: int, seq: int, at: int, kind: str, body: bytes) -> None:
        """A state, or one that was refused, ends how long the one before it held."""
        new = seq in self._changed
        before = self._current(subject) if new else self._runs.get(subject)
        if before is not None:
            before.changed |= new
            self._close(subject)
        self._runs[subject] = self._begin(record_id, seq, at, body, new=new) if kind == "state" else None

    def _hold(self, seq: int, at: int, hold: Hold) -> None:
        for key in hold.held:
            place = self._find(key)
            run = self._current(place.subject_id) if place is not None else None
            if place is None or run is None:
                continue
            mark = bisect_right(self._marks, run.seq)
            run.changed |= mark < len(self._marks) and self._marks[mark] <= seq
            if seq <= run.last:
                run.stretches = merge(run.stretches, held_for(hold, at, key), place.hole, run.at)

    def _current(self, subject: int) -> _Run | None:
        """The state that holds; at first that before the first mark, with what the holds up to there say of it."""
        if subject in self._runs:
            return self._runs[subject]
        found = self._link.rows(BEFORE, self._stream_id, subject, self._marks[0])
        if not found:
            self._runs[subject] = None
            return None
        run = self._begin(*found[0])
        refused = self._link.rows(REFUSED, subject, self._stream_id, run.seq, self._marks[0])
        if refused:
            run.last = min(run.last, refused[0][0] - 1)
        until = self._marks[0] - 1
        if run.last < until:  # something is missing before the first mark: it is not concerned
            self._runs[subject] = None
            return None
        for _, _, at, kind, _, body in self._link.rows(TELLING, self._stream_id, run.seq, until):
            hold = msgspec.msgpack.decode(body, type=Hold) if kind == "hold" else None
            for key in hold.held if hold is not None else ():
                place = self._find(key)
                if hold is not None and place is not None and place.subject_id == subject:
                    run.stretches = merge(run.stretches, held_for(hold, at, key), place.hole, run.at)
        self._runs[subject] = run
        return run

    def _begin(self, record_id: int, seq: int, at: int, body: bytes, *, new: bool = False) -> _Run:
        answered = msgspec.msgpack.decode(body, type=State).failure is None
        run = run_of(self._unbroken, seq)
        return _Run(record_id, seq, at, answered, [first(at, answered=answered)], run[1] if run else seq, new, new)

    def _close(self, subject: int) -> None:
        run = self._runs[subject]
        if run is None or not run.changed:
            return
        _replace(self._link, run.record_id, self._agent_id, subject, run.stretches)
        if run.new:
            self._newest(subject, run)

    def _newest(self, subject: int, run: _Run) -> None:
        """A state that came late may be the newest all the same."""
        newest = self._link.rows(NEWEST, subject, self._agent_id)
        if newest:
            at, stream, seq = newest[0]
            if seq > run.seq if stream == self._stream_id else at >= run.at:
                return
        self._link.run("DELETE FROM latest WHERE subject_id = ? AND agent_id = ?", subject, self._agent_id)
        self._link.run(
            "INSERT INTO latest (subject_id, agent_id, record_id, at, held_to, answered) VALUES (?, ?, ?, ?, ?, ?)",
            *(subject, self._agent_id, run.record_id, run.at, run.stretches[-1].end, run.answered),
        )


def _replace(link: Link, record_id: int, agent_id: int, subject_id: int, stretches: list[Stretch]) -> None:
    link.run("DELETE FROM attested WHERE record_id = ?", record_id)
    rows = [(record_id, one.start, one.end, subject_id, agent_id, one.good, one.failed) for one in stretches]
    link.put(ATTESTED, rows)
    link.run(
        "UPDATE latest SET held_to = ? WHERE subject_id = ? AND agent_id = ? AND record_id = ?",
        *(stretches[-1].end, subject_id, agent_id, record_id),
    )
