"""The follower of the record log: it reads what ingest committed, judges it, and writes what follows.

One step reads with one session and writes with another, in one transaction with the cursor: a server killed at any
point does the step again and finds the same. Time that passes is applied in between the records, in the order it
would have passed, so however the log is cut into steps the conditions are the same.

What waited at agents that were cut off is history: each step takes what is live first, then how things stand there,
told ahead, and of history as much as leaves the live no later than a moment. An agent's own records keep their order:
it counts as behind, and all of them as history, until the last of them is judged.
"""

import logging
import time
from dataclasses import dataclass, field

from sqlmodel import Session, col, select

from server.following import PASSING, Following, Overtaken
from server.health.fleet import Fleet
from server.health.log import Entry, entries, newest, told_ahead
from server.health.rules import SECOND, Rules, load
from server.health.set_back import heard_set_back, rows_set_back
from server.health.sitting import ABSENCE, Sitting
from server.health.tables import Follower as FollowerRow
from server.health.tables import HealthRow
from server.health.writing import open_conditions_of_removed, write
from server.ingest.ahead import caught_up, mark_seen
from server.ingest.tables import AheadRow, RecordRow
from server.journal.deeds import HEALTH, Act
from server.storage.database import Database
from server.storage.lead import Lead, Role
from server.storage.types import Now

log = logging.getLogger(__name__)

NAME = "health"
PAST = "health.history"  # the cursor of what waited at agents
RESUMED = "health.resumed"  # its `at` is when the follower came back after an absence
GRACE = SECOND  # what was committed this long after its arrival is still judged before time passes on
BEAT = 10 * SECOND  # an idle follower says this often that it lives
STEP = 0.3  # seconds a step may take: what comes meanwhile waits as long for it, and no longer
LEAST, MOST = 20, 500  # of what waited at agents in a step
LEAST_LIVE = 100  # of what is live; below that a step is dearer than what is in it


@dataclass
class _Step:
    """What one step read and worked out."""

    cursor: int
    past: int  # the cursor of history
    fleet: Fleet
    rules: Rules
    entries: list[Entry]
    reached: int  # where the cursor goes
    history: list[Entry] = field(default_factory=list)
    ahead: list[AheadRow] = field(default_factory=list)
    alone: int | None = None  # the one subject that was due, when steps are taken singly


class Follower(Following):
    name = NAME
    pause = 0.25

    def __init__(self, database: Database, now: Now, batch: int = 2000) -> None:
        super().__init__(Lead(database, Role.HEALTH))
        self._database = database
        self._now = now
        self._batch = batch
        self._live = min(500, batch)  # as many of it as fit into STEP seconds,
        self._waited = 100  # and of what waited at agents
        self._single = 0  # steps still to be taken one record at a time, after one failed
        self._beat_at: int | None = None
        self._resumed = 0
        self._back = False  # the clock was set back, and what is remembered is not put right yet

    # -- one step -----------------------------------------------------------------------------------

    def step(self) -> int:
        """Judge what is new and what is due; give how many records and dues that was."""
        if self._beat_at is None:
            self._arrive()
        elif self._now() < self._beat_at - ABSENCE:
            self._back = True
        if self._back:
            self._set_back()
        limit = 1 if self._single else self._live
        step: _Step | None = None
        began = time.monotonic()
        try:
            with self._database.read() as session:
                step = self._work(session, limit)
            self._write(step)
        except (*PASSING, Overtaken):
            raise
        except Exception as error:
            # The border of judging: whatever one record or subject provokes, the rest must be judged.
            isolated = self._isolate(step, error)
            log.exception("Health failed on a batch; going on one by one")
            self.defects += 1
            return isolated
        self._single = max(0, self._single - 1)
        self._measure(step, time.monotonic() - began)
        return len(step.entries) + len(step.history) + len(step.fleet.touched)

    def arrive(self) -> None:
        self._beat_at = None

    def _measure(self, step: _Step, seconds: float) -> None:
        """Take as much the next time as fits, by how long this took on a machine as busy as it is."""
        more = min(STEP / max(seconds, 0.001), 1.5)
        if len(step.history) + len(step.ahead) >= self._waited or seconds > STEP:
            fits = self._waited * more
            self._waited = round(min(max(fits, LEAST), MOST))
        if len(step.entries) >= self._live or seconds > STEP:
            fits = self._live * more
            self._live = round(min(max(fits, LEAST_LIVE), self._batch))

    def _arrive(self) -> None:
        """Begin, and note an absence: while nobody listened nobody can have been silent."""
        now = self._now()
        with self._database.write() as session:
            row = session.get(FollowerRow, NAME)
            resumed = session.get(FollowerRow, RESUMED)
            if row is None:
                session.add(FollowerRow(name=NAME, cursor=0, at=now))
            elif row.at > now + ABSENCE:
                self._back = True
            elif now - row.at > ABSENCE:
                resumed = resumed or FollowerRow(name=RESUMED, cursor=0, at=now)
                resumed.at = now
                session.add(resumed)
            self._resumed = resumed.at if resumed else 0
        self._beat_at = now

    def _set_back(self) -> None:
        """Put right what is remembered, once all that arrived by the clock of before is judged."""
        now = self._now()
        with self._database.read() as session:
            cursor = session.get_one(FollowerRow, NAME).cursor
            before = select(RecordRow.id).where(col(RecordRow.id) > cursor, RecordRow.arrived > now + ABSENCE)
            if session.exec(before.limit(1)).first() is not None:
                return
        log.warning("The server's clock was set back; what was judged by it is put right.")
        subject = -1
        while subject:
            with self._database.write() as session:
                subject = rows_set_back(session, now, max(subject, 0))
        with self._database.write() as session:
            heard_set_back(session, now)
            session.merge(FollowerRow(name=RESUMED, cursor=0, at=now))  # since now, nobody has been silent
            session.get_one(FollowerRow, NAME).at = now
        self._resumed, self._beat_at, self._back = now, now, False

    def _work(self, session: Session, limit: int) -> _Step:
        step = self._read(session, load(session), limit)
        last = max((entry.arrived for entry in step.entries), default=0)
        horizon = last if len(step.entries) == limit else max(last, self._now() - GRACE)
        dues = self._dues(session, horizon, limit)
        if len(dues) == limit:  # much is due: nothing may be judged before the rest of it
            horizon = min(horizon, dues[-1][0])
            step.entries, step.history, step.ahead = _before(step.entries, horizon), [], []
            step.reached = step.entries[-1].id if step.entries else step.cursor
            horizon = max(horizon, self._resumed + ABSENCE)  # before that no time passes, and what is due stays due
        if limit == 1 and dues and (step.entries or step.history or step.ahead):  # singly: the one or the other
            horizon, dues = step.entries[0].arrived if step.entries else horizon, []
        elif limit == 1 and dues:
            step.alone = dues[0][1]
        elif self._beat_is_due():
            for subject in open_conditions_of_removed(session):
                step.fleet.load([subject])
                step.fleet.see(subject, None, self._now())
        step.fleet.load(subject for _, subject in dues)
        sitting = Sitting(session, step.fleet, dues, not_before=self._resumed)
        sitting.judge(step.entries, horizon)
        sitting.judge_ahead(step.ahead)
        sitting.judge_history(step.history)
        return step

    def _read(self, session: Session, rules: Rules, limit: int) -> _Step:
        """The next of the log: `limit` live records; and only if there are fewer, of the rest."""
        found = session.exec(select(FollowerRow.name, FollowerRow.cursor)).all()
        cursors = dict(found)
        cursor, past = cursors.get(NAME, 0), cursors.get(PAST, 0)
        top = newest(session)
        live = entries(session, cursor, top, limit, history=False)
        step = _Step(cursor, past, Fleet(session, rules), rules, live, reached=top)
        if len(live) == limit:
            step.reached = live[-1].id
            return step
        room = min(limit, self._waited)
        if limit > 1:  # how things stand now goes before what led there, and never takes all
            step.ahead = told_ahead(session, room * 3 // 4)
        step.history = entries(session, past, top, room - len(step.ahead), history=True)
        if limit == 1 and not step.history:
            step.ahead = told_ahead(session, 1)
        return step

    def _dues(self, session: Session, horizon: int, limit: int) -> list[tuple[int, int]]:
        if horizon < self._resumed + ABSENCE:
            return []
        asked = select(HealthRow.due_at, HealthRow.subject_id).where(col(HealthRow.due_at) <= horizon)
        found = session.exec(asked.order_by(col(HealthRow.due_at), col(HealthRow.subject_id)).limit(limit))
        return [(due or 0, subject) for due, subject in found]

    def _beat_is_due(self) -> bool:
        return self._beat_at is None or self._now() - self._beat_at >= BEAT

    def _write(self, step: _Step) -> None:
        if not (step.entries or step.history or step.fleet.touched or self._beat_is_due()):
            return
        now = self._now()
        with self._database.write() as session:
            self._move(session, step, now)
            mark_seen(session, step.ahead)
            write(session, step.fleet, Act("system", HEALTH, now), step.rules)
        self._beat_at = now

    def _move(self, session: Session, step: _Step, now: int) -> None:
        row = session.exec(select(FollowerRow).where(FollowerRow.name == NAME).with_for_update()).one()
        if row.cursor != step.cursor:
            raise Overtaken
        row.cursor, row.at = step.reached, now
        past = step.history[-1].id if step.history else step.past
        if step.history:
            session.merge(FollowerRow(name=PAST, cursor=past, at=now))
        session.flush()
        if step.history or self._beat_is_due():
            caught_up(session, past)

    def _isolate(self, step: _Step | None, error: Exception) -> int:
        """After a failure: one by one; and of one alone, leave it out and say so. Raises an error that is of none."""
        if not self._single:
            self._single = self._batch + 1
            return 1
        if step is None:
            with self._database.read() as session:
                step = self._read(session, Rules([]), 1)
                dues = self._dues(session, self._now() - GRACE, 1)
                step.alone = dues[0][1] if dues and not (step.entries or step.history or step.ahead) else None
        with self._database.write() as session:
            if step.alone is not None:
                log.error("Subject %d is left as it stands until it is heard of again.", step.alone)
                session.get_one(HealthRow, step.alone).due_at = None
                return 1
            if not (step.entries or step.history or step.ahead):
                raise error
            for entry in step.entries or step.history:
                log.error("Record %d is kept in the log and not judged.", entry.id)
            self._move(session, step, self._now())
            mark_seen(session, step.ahead)
        return 1


def _before(entries: list[Entry], horizon: int) -> list[Entry]:
    """The first entries that arrived before `horizon`."""
    kept = []
    for entry in entries:
        if entry.arrived >= horizon:
            break
        kept.append(entry)
    return kept
