"""The follower of the record log: it reads what ingest committed, judges it, and writes what follows.

One step reads with one session and writes with another, in one transaction with the cursor: a server killed at any
point does the step again and finds the same. Time that passes is applied in between the records, in the order it
would have passed, so however the log is cut into steps the conditions are the same.

What waited at agents that were cut off is history: each step takes what is live first, then how things stand there,
told ahead, and of history as much as leaves the live no later than a moment. An agent's own records keep their order:
it counts as behind, and all of them as history, until the last of them is judged.
"""

import heapq
import logging
import threading
from dataclasses import dataclass, field

import msgspec
from sqlalchemy.exc import OperationalError
from sqlmodel import Session, col, select

from agent.wire import AnyRecord, Hold
from server.health.fleet import Fleet
from server.health.log import Entry, ahead_of, decode, entries, heard, newest, told, told_ahead
from server.health.rules import SECOND, SILENT, Rules, load
from server.health.state import MINUTE, Heard
from server.health.tables import Follower as FollowerRow
from server.health.tables import HealthRow
from server.health.writing import open_conditions_of_removed, write
from server.ingest.ahead import caught_up, mark_seen
from server.ingest.tables import AgentSeen, AheadRow
from server.inventory.tables import SubjectKind
from server.journal.deeds import Act
from server.schemas import Standing
from server.storage.database import Database
from server.storage.types import Now

log = logging.getLogger(__name__)

NAME = "health"
PAST = "health.history"  # the cursor of what waited at agents
RESUMED = "health.resumed"  # its `at` is when the follower came back after an absence
GRACE = SECOND  # what was committed this long after its arrival is still judged before time passes on
ABSENCE = MINUTE  # away for longer, and the silence of others is not held against them
BEAT = 10 * SECOND  # an idle follower says this often that it lives
PAUSE = 0.25  # seconds between looks at the log
HISTORY = 200  # records of history in a step: some tenths of a second
AHEAD = 1000  # and of what is told ahead


class Overtaken(Exception):
    """Another follower moved the cursor; nothing was written."""


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


class Follower:
    """`step()` once, or `start()` a thread that steps until `stop()`."""

    def __init__(self, database: Database, now: Now, batch: int = 2000) -> None:
        self._database = database
        self._now = now
        self._batch = batch
        self._single = 0  # steps still to be taken one record at a time, after one failed
        self._beat_at: int | None = None
        self._resumed = 0
        self._stopping = threading.Event()
        self._news = threading.Event()
        self._thread: threading.Thread | None = None

    # -- the thread ---------------------------------------------------------------------------------

    def start(self) -> None:
        self._stopping.clear()
        self._thread = threading.Thread(target=self._run, name="health", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._news.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    @property
    def alive(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def wake(self) -> None:
        """There is news: look now."""
        self._news.set()

    def _run(self) -> None:
        pause, hindered = PAUSE, False
        while not self._stopping.is_set():
            try:
                done = self.step()
                if hindered:
                    log.warning("Health judges again.")
                hindered, pause = False, PAUSE
            except OperationalError as error:  # locked, full, or away: nothing was written, and it is tried again
                if not hindered:
                    log.error("Health cannot write what it judges, and goes on when it can: %s", error.orig)
                done, hindered, pause = 0, True, min(pause * 2, 10.0)
            except Overtaken:
                log.error("Another follower judges this database too; run one server for one database.")
                done, pause = 0, 10.0
            if not done:
                self._news.wait(pause)
                self._news.clear()

    # -- one step -----------------------------------------------------------------------------------

    def step(self) -> int:
        """Judge what is new and what is due; give how many records and dues that was."""
        if self._beat_at is None:
            self._arrive()
        limit = 1 if self._single else self._batch
        step: _Step | None = None
        try:
            with self._database.read() as session:
                step = self._work(session, limit)
            self._write(step)
        except (OperationalError, Overtaken):
            raise
        except Exception:
            # The border of judging: whatever one record or subject provokes, the rest must be judged.
            log.exception("Health failed on a batch; going on one by one")
            return self._isolate(step)
        self._single = max(0, self._single - 1)
        return len(step.entries) + len(step.history) + len(step.fleet.touched)

    def _arrive(self) -> None:
        """Begin, and note an absence: while nobody listened nobody can have been silent."""
        now = self._now()
        with self._database.write() as session:
            row = session.get(FollowerRow, NAME)
            resumed = session.get(FollowerRow, RESUMED)
            if row is None:
                session.add(FollowerRow(name=NAME, cursor=0, at=now))
            elif now - row.at > ABSENCE:
                resumed = resumed or FollowerRow(name=RESUMED, cursor=0, at=now)
                resumed.at = now
                session.add(resumed)
            self._resumed = resumed.at if resumed else 0
        self._beat_at = now

    def _work(self, session: Session, limit: int) -> _Step:
        step = self._read(session, load(session), limit)
        last = max((entry.arrived for entry in step.entries), default=0)
        horizon = last if len(step.entries) == limit else max(last, self._now() - GRACE)
        dues = self._dues(session, horizon, limit)
        if len(dues) == limit:  # much is due: nothing may be judged before the rest of it
            horizon = min(horizon, dues[-1][0])
            step.entries, step.history, step.ahead = _before(step.entries, horizon), [], []
            step.reached = step.entries[-1].id if step.entries else step.cursor
        if limit == 1 and dues and (step.entries or step.history or step.ahead):  # singly: the one or the other
            horizon, dues = step.entries[0].arrived if step.entries else horizon, []
        elif limit == 1 and dues:
            step.alone = dues[0][1]
        elif self._beat_is_due():
            for subject in open_conditions_of_removed(session):
                step.fleet.load([subject])
                step.fleet.see(subject, None, self._now())
        step.fleet.load(subject for _, subject in dues)
        current = _Pass(session, step.fleet, dues, self._resumed)
        current.run(step.entries, horizon)
        current.run_ahead(step.ahead)
        current.run_history(step.history)
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
        step.history = entries(session, past, top, min(limit, HISTORY), history=True)
        if limit > 1 or not step.history:
            step.ahead = told_ahead(session, min(limit, AHEAD))
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
            write(session, step.fleet, Act("system", "health", now), step.rules)
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

    def _isolate(self, step: _Step | None) -> int:
        """After a failure: one by one; and of one alone, leave it out and say so."""
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


class _Pass:
    """Records and dues, merged in the order of the server's clock."""

    def __init__(self, session: Session, fleet: Fleet, dues: list[tuple[int, int]], resumed: int) -> None:
        self._session = session
        self._fleet = fleet
        self._due = list(dues)
        heapq.heapify(self._due)
        self._resumed = resumed
        self._clock = 0
        self._ids: dict[str, int] = {}

    def run(self, entries: list[Entry], horizon: int) -> None:
        for entry, record in self._open(entries):
            self._clock = max(self._clock, entry.arrived)
            self._pass_to(self._clock)
            self._see(entry, record, self._ids)
        self._clock = max(self._clock, horizon)
        self._pass_to(horizon)

    def _open(self, entries: list[Entry]) -> list[tuple[Entry, AnyRecord | None]]:
        """The records, and what they speak of loaded."""
        records = [(entry, _read(entry)) for entry in entries]
        holds = [record for _, record in records if isinstance(record, Hold)]
        self._ids = self._fleet.by_key({key for hold in holds for key in hold.held})
        named = {entry.subject for entry in entries if entry.subject is not None}
        self._fleet.load({*self._ids.values(), *named, *(entry.agent for entry in entries)})
        return records

    def run_ahead(self, rows: list[AheadRow]) -> None:
        """How things stand where agents are behind. It says that they are there, and nothing of their history."""
        self._fleet.load({*(row.subject_id for row in rows), *(row.agent_id for row in rows)})
        for agent in {row.agent_id for row in rows}:
            if told := self._fleet.states[agent].told:
                self._hear(agent, Heard(told), self._clock)
        for row in rows:
            try:
                self._judge(row.subject_id, ahead_of(row), self._clock)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
                log.error("What was told ahead of subject %d cannot be read: %s", row.subject_id, error)

    def run_history(self, entries: list[Entry]) -> None:
        records = self._open(entries)
        for entry, record in records:
            self._see(entry, record, self._ids)

    def _see(self, entry: Entry, record: AnyRecord | None, ids: dict[str, int]) -> None:
        if entry.agent in self._fleet.places:
            self._hear(entry.agent, heard(entry, record), self._clock)
        for subject, seen in told(entry, record, ids):
            if subject in self._fleet.places:
                self._judge(subject, seen, self._clock)

    def _hear(self, agent: int, said: Heard, now: int) -> None:
        before = self._fleet.states[agent].standing
        self._judge(agent, said, now)
        after = self._fleet.states[agent].standing
        if before is Standing.STALE or (after is not before and Standing.CLOSED in (before, after)):
            for subject in self._fleet.polled_by(agent):
                self._judge(subject, None, now)

    def _judge(self, subject: int, seen: object, now: int) -> None:
        self._fleet.see(subject, seen, now)  # type: ignore[arg-type]
        due = self._fleet.states[subject].due
        if due is not None:
            heapq.heappush(self._due, (due, subject))

    def _pass_to(self, horizon: int) -> None:
        """Let time pass: judge what is due by `horizon`, each at the moment it is due."""
        if horizon < self._resumed + ABSENCE:
            return
        while self._due and self._due[0][0] <= horizon:
            due, subject = heapq.heappop(self._due)
            if subject not in self._fleet.places:
                self._fleet.load([subject])
            if self._fleet.states[subject].due != due:
                continue  # judged since
            if self._fleet.places[subject].kind is SubjectKind.AGENT and self._spare(subject, due):
                continue
            self._judge(subject, None, due)

    def _spare(self, agent: int, due: int) -> bool:
        """Whether an agent that seems silent was heard after all: it had nothing to tell, or nobody listened."""
        fleet = self._fleet
        state, rule = fleet.states[agent], fleet.places[agent].rules
        after = next((each.after for each in rule if each.key == SILENT), 0)
        seen = self._session.get(AgentSeen, agent)
        if seen is not None and state.heard < seen.at <= due + after:
            self._judge(agent, Heard(seen.at if seen.waiting == 0 else state.told), seen.at)
            return True
        if self._resumed > state.heard and self._resumed + after > due:
            fleet.states[agent] = msgspec.structs.replace(state, due=self._resumed + after)
            fleet.touched.add(agent)
            heapq.heappush(self._due, (self._resumed + after, agent))
            return True
        return False


def _read(entry: Entry) -> AnyRecord | None:
    try:
        return decode(entry)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        log.error("Record %d cannot be read and is not judged: %s", entry.id, error)
        return None
