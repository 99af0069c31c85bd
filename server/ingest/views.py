"""The newest state of each subject as each agent sees it, and how long it has held: in memory for a transaction."""

from collections.abc import Iterable

import msgspec

from server.ingest.bulks import ATTESTED, LATEST
from server.ingest.intervals import HeldFor, Stretch, extend, extends, first
from server.ingest.lineage import Past, in_past
from server.ingest.link import Link, Row, rows_in

NEWEST = """
SELECT latest.subject_id, latest.record_id, record.stream_id, record.seq,
       EXISTS (
           SELECT 1 FROM record AS other WHERE other.kind = 'refused' AND other.subject_id = latest.subject_id
            AND other.stream_id = record.stream_id AND other.seq > record.seq
       ),
       latest.at, latest.answered, attested.start_at, attested.end_at, attested.good, attested.failed
FROM latest JOIN record ON record.id = latest.record_id JOIN attested ON attested.record_id = latest.record_id
 AND attested.start_at = (SELECT max(a.start_at) FROM attested AS a WHERE a.record_id = latest.record_id)
WHERE latest.agent_id = ? AND latest.subject_id
"""

Key = tuple[int, int]  # subject, agent


class View(msgspec.Struct):
    record_id: int
    stream_id: int
    seq: int
    forgotten: bool  # a later state was refused: nobody knows how it stands now
    at: int
    answered: bool
    stretch: Stretch  # the newest, which holds extend


class Views:
    """What records in order do to `latest` and `attested`; `flush` writes it."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._views: dict[Key, View | None] = {}
        self._changed: set[Key] = set()
        self._attested: dict[tuple[int, int], Row] = {}  # stretches that are not of a view any more

    def load(self, agent_id: int, subjects: Iterable[int]) -> None:
        missing = {subject for subject in subjects if (subject, agent_id) not in self._views}
        if not missing:
            return
        self._views.update(((subject, agent_id), None) for subject in missing)
        for row in rows_in(self._link, NEWEST, missing, agent_id):
            subject, record_id, stream_id, seq, forgotten, at, answered, *stretch = row
            view = View(record_id, stream_id, seq, bool(forgotten), at, bool(answered), Stretch(*stretch))
            self._views[subject, agent_id] = view

    def state(self, key: Key, past: Past, seq: int, record_id: int, at: int, *, answered: bool) -> None:
        """A state newer than all before it in its stream and the past of that. Of two streams that do not go on from
        one another the later state by corrected time counts."""
        view = self._views[key]
        stretch = first(at, answered=answered)
        stream_id = next(iter(past))
        apart = view is not None and not in_past(past, view.stream_id, view.seq)
        # what came in both, under one number before and after a change of streams, goes on in the younger
        if view is not None and apart and (at, stream_id) < (view.at, view.stream_id):
            self._put(key, record_id, stretch)
            return
        if view is not None and key in self._changed:
            self._put(key, view.record_id, view.stretch)
        self._views[key] = View(record_id, stream_id, seq, False, at, answered, stretch)
        self._changed.add(key)

    def refused(self, key: Key, stream_id: int) -> None:
        """A state newer than all before it in its stream cannot be taken: what it followed holds no longer."""
        view = self._views[key]
        if view is not None and view.stream_id == stream_id:
            view.forgotten = True

    def hold(self, key: Key, stream_id: int, unbroken_from: int, held: HeldFor, hole: int) -> bool:
        """A hold newer than all before it in its stream. False if it does not simply go on from the newest state.

        Nothing is known of numbers before `unbroken_from`, so the hold does not speak of a state there.
        """
        view = self._views[key]
        if view is None or view.stream_id != stream_id:
            return False
        if view.forgotten or view.seq < unbroken_from:
            return True
        if extends(view.stretch, held, hole):
            extend(view.stretch, held)
        elif held.since - view.stretch.end > hole:
            if key in self._changed:
                self._put(key, view.record_id, view.stretch)
            view.stretch = Stretch(held.since, held.to, held.good, held.failed)
        else:
            return False
        self._changed.add(key)
        return True

    def flush(self) -> None:
        """Write all, after the records they speak of, and know nothing any more."""
        latest: list[Row] = []
        for key in sorted(self._changed):
            view = self._views[key]
            if view is not None:
                self._put(key, view.record_id, view.stretch)
                latest.append((*key, view.record_id, view.at, view.stretch.end, view.answered))
        self._link.put(ATTESTED, list(self._attested.values()))
        self._link.put(LATEST, latest)
        self._views.clear()
        self._changed.clear()
        self._attested.clear()

    def _put(self, key: Key, record_id: int, stretch: Stretch) -> None:
        row = (record_id, stretch.start, stretch.end, *key, stretch.good, stretch.failed)
        self._attested[record_id, stretch.start] = row
