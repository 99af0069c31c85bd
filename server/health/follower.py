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
from contextlib import suppress
from dataclasses import dataclass, field

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from server.following.thread import PASSING, Following, Overtaken
from server.health.cursors import HEALTH as NAME
from server.health.cursors import RESUMED, Cursor, cursors, locked, move, named, rows_of, shard_in
from server.health.dues import due, leave
from server.health.fleet import Fleet
from server.health.log import Entry, arrived, entries, newest, told_ahead
from server.health.moves import settle
from server.health.rules import SECOND, Rules, load
from server.health.set_back import heard_set_back, rows_set_back, voices_set_back
from server.health.shards import MANY, Layout, Part, heard_out, laid_out, layout_of
from server.health.sitting import ABSENCE, Sitting
from server.health.tables import Follower as FollowerRow
from server.health.turns import Turn, turns
from server.health.writing import open_conditions_of_removed, write
from server.ingest.ahead import caught_up, mark_seen
from server.ingest.tables import AheadRow, RecordRow
from server.inventory.tables import SHARDS, Setting
from server.journal.deeds import HEALTH, Act
from server.storage.database import Database
from server.storage.lead import Role
from server.storage.shares import Shares
from server.storage.types import Now

log = logging.getLogger(__name__)

GRACE = SECOND  # what was committed this long after its arrival is still judged before time passes on
BEAT = 10 * SECOND  # an idle follower says this often that it lives
GATHER = 0.1  # seconds until the next step where one read all there was: it costs the same for one record as for fifty
STEP = 0.3  # seconds a step may take: what comes meanwhile waits as long for it, and no longer
LEAST, MOST = 20, 500  # of what waited at agents in a step
LEAST_LIVE = 100  # of what is live; below that a step is dearer than what is in it


class _Anew(Exception):
    """What concerns which shard has changed since it was read; nothing was written."""


@dataclass
class _Step:
    """What one step read and worked out."""

    turn: Turn
    fleet: Fleet
    rules: Rules
    entries: list[Entry]
    reached: Cursor  # where the cursors go
    read_to: int | None = None  # when what it was to read no further than had arrived; None: it read all there is
    history: list[Entry] = field(default_factory=list)
    ahead: list[AheadRow] = field(default_factory=list)
    due: int = 0  # subjects that time alone changes
    looks_ahead: bool = False
    alone: int | None = None  # the one subject that was due, when steps are taken singly
    others: bool = False  # there are shards of this server that have read less or more, and they can go on

    @property
    def meets(self) -> bool:
        """Whether its cursors have to be written for others to find it where they are."""
        limited = self.turn.live_to is not None or self.turn.past_to is not None
        return limited and self.reached != self.turn.at


class Follower(Following):
    """All shards there are, or those that `led` says."""

    name = NAME
    pause = 0.25

    def __init__(self, database: Database, now: Now, batch: int = 2000) -> None:
        self._shares = Shares(database, Role.HEALTH, self._count)
        super().__init__(self._shares)
        self._database = database
        self._now = now
        self._batch = batch
        self._live = min(500, batch)  # as many of it as fit into STEP seconds,
        self._waited = 100  # and of what waited at agents
        self._single = 0  # steps still to be taken one record at a time, after one failed
        self._shards = 0  # how many there are; 0: not asked yet
        self._layout = Layout()
        self._turn = 0
        self._beats: dict[int, int] = {}  # when each shard was last written
        self._resumed: dict[int, int] = {}
        self._back = False  # the clock was set back, and what is remembered is not put right yet

    @property
    def shards_led(self) -> int:
        return len(self._shares.led or ()) if self.leads else 0

    # -- one step -----------------------------------------------------------------------------------

    def step(self) -> int:
        """Judge what is new and what is due; give how many records and dues that was."""
        led = self._shares.led
        led = frozenset(range(self._count())) if led is None else led
        if fresh := led - self._beats.keys():
            self._arrive(fresh)
        self._beats = {shard: at for shard, at in self._beats.items() if shard in led}
        if not led:
            return 0
        if self._now() < min(self._beats.values()) - ABSENCE:
            self._back = True
        if self._back:
            self._set_back(led)
        limit = 1 if self._single else self._live
        step: _Step | None = None
        began = time.monotonic()
        try:
            # Time passes up to here at most: what is committed while the rest is read, this step does not see.
            upto = self._now()
            with self._database.read() as session:
                step = self._work(session, limit, upto)
            self._write(step)
        except _Anew:
            return 1
        except (*PASSING, Overtaken):
            raise
        except Exception as error:
            # The border of judging: whatever one record or subject provokes, the rest must be judged.
            isolated = self._isolate(step, error)
            log.exception("Health failed on a batch; going on one by one")
            self.defects += 1
            return isolated
        self._single = max(0, self._single - 1)
        self._turn += 1
        self._measure(step, time.monotonic() - began)
        done = len(step.entries) + len(step.history) + len(step.fleet.touched)
        full = max(len(step.entries), step.due) == limit
        self.gather = 0.0 if full or step.history or step.others else GATHER
        return done + step.others + self._settle(step.turn.part.layout)

    def arrive(self) -> None:
        self._beats.clear()

    def _count(self) -> int:
        """How many shards there are: as the database says, which is told once."""
        if not self._shards:
            with self._database.read() as session:
                said = session.get(Setting, SHARDS)
            if said is None and not self._database.sqlite:
                with suppress(IntegrityError), self._database.write() as session:
                    laid_out(session, MANY, self._now())
                return self._count()
            self._shards = int(said.value) if said else 1
        return self._shards

    def _measure(self, step: _Step, seconds: float) -> None:
        """Take as much the next time as fits, by how long this took on a machine as busy as it is."""
        more = min(STEP / max(seconds, 0.001), 1.5)
        if len(step.history) + len(step.ahead) >= self._waited or seconds > STEP:
            fits = self._waited * more
            self._waited = round(min(max(fits, LEAST), MOST))
        if max(len(step.entries), step.due) >= self._live or seconds > STEP:
            fits = self._live * more
            self._live = round(min(max(fits, LEAST_LIVE), self._batch))

    def _arrive(self, shards: frozenset[int]) -> None:
        """Begin, and note an absence: while nobody listened nobody can have been silent."""
        now = self._now()
        with self._database.write() as session:
            live = {shard_in(row.name): row for row in locked(session, shards, self._count())}
            resumed = rows_of(session, RESUMED)
            for shard in sorted(shards):
                row, before = live.get(shard), resumed.get(shard)
                if row is None:
                    session.add(FollowerRow(name=named(NAME, shard, self._count()), cursor=0, at=now))
                elif row.at > now + ABSENCE:
                    self._back = True
                elif now - row.at > ABSENCE:
                    before = before or FollowerRow(name=named(RESUMED, shard, self._count()), cursor=0, at=now)
                    before.at = now
                    session.add(before)
                self._resumed[shard] = before.at if before else 0
                self._beats[shard] = now

    def _set_back(self, led: frozenset[int]) -> None:
        """Put right what is remembered, once all that arrived by the clock of before is judged."""
        now = self._now()
        with self._database.read() as session:
            self._layout = layout_of(session, self._count(), self._layout)
            read = cursors(session)
            cursor = min(read[shard].live for shard in led)
            before = select(RecordRow.id).where(col(RecordRow.id) > cursor, RecordRow.arrived > now + ABSENCE)
            if session.exec(before.limit(1)).first() is not None:
                return
        log.warning("The server's clock was set back; what was judged by it is put right.")
        subject, part = -1, Part(self._layout, led)
        while subject:
            with self._database.write() as session:
                subject = rows_set_back(session, part, now, max(subject, 0))
        with self._database.write() as session:
            heard_set_back(session, now)
            voices_set_back(session, led, now)
            live = rows_of(session, NAME)
            for shard in sorted(led):
                # since now, nobody has been silent
                session.merge(FollowerRow(name=named(RESUMED, shard, self._count()), cursor=0, at=now))
                live[shard].at = now
                self._resumed[shard] = self._beats[shard] = now
        self._back = False

    def _work(self, session: Session, limit: int, upto: int) -> _Step:
        step = self._read(session, load(session), limit)
        horizon = self._horizon(step, limit, upto)
        dues = self._dues(session, step.turn.part, horizon, limit)
        step.due = len(dues)
        if len(dues) == limit:  # much is due: nothing may be judged before the rest of it
            horizon = min(horizon, dues[-1][0])
            step.entries, step.history, step.ahead = _before(step.entries, horizon), [], []
            live = step.entries[-1].id if step.entries else step.turn.at.live
            step.reached = Cursor(live, step.turn.at.past)
            # before that no time passes, and what is due stays due
            horizon = max(horizon, self._back_at(step.turn.part) + ABSENCE)
        if limit == 1 and dues and (step.entries or step.history or step.ahead):  # singly: the one or the other
            horizon, dues = step.entries[0].arrived if step.entries else horizon, []
        elif limit == 1 and dues:
            step.alone = dues[0][1]
        elif self._beat_is_due(step.turn.part):
            for subject in open_conditions_of_removed(session, step.turn.part):
                step.fleet.load([subject])
                step.fleet.see(subject, None, self._now())
        step.fleet.load(subject for _, subject in dues)
        sitting = Sitting(session, step.fleet, dues, not_before=self._back_at(step.turn.part))
        sitting.judge(step.entries, horizon)
        sitting.judge_ahead(step.ahead, elsewhere=step.looks_ahead)
        sitting.judge_history(step.history)
        return step

    def _horizon(self, step: _Step, limit: int, now: int) -> int:
        """Up to when time may pass: all that had arrived by then is read."""
        last = max((entry.arrived for entry in step.entries), default=0)
        if len(step.entries) == limit:
            return last
        return max(last, now - GRACE if step.read_to is None else step.read_to)

    def _read(self, session: Session, rules: Rules, limit: int) -> _Step:
        """The next of the log: `limit` live records; and only if there are fewer, of the rest."""
        led = frozenset(self._beats)
        self._layout = layout_of(session, self._count(), self._layout)
        every = turns(self._layout, led, cursors(session))
        turn = every[self._turn % len(every)]
        part, at, top = turn.part, turn.at, newest(session)
        upto = top if turn.live_to is None else min(top, turn.live_to)
        live = entries(session, part, at.live, upto, limit, history=False)
        step = _Step(turn, Fleet(session, rules, part), rules, live, Cursor(upto, at.past))
        step.others = any(other.has_more(top) for other in every if other is not turn)
        if upto < top:
            step.read_to = arrived(session, upto)
        if len(live) == limit:
            step.reached = Cursor(live[-1].id, at.past)
            return step
        room = min(limit, self._waited)
        if limit > 1 and upto == top:  # how things stand now goes before what led there, and never takes all
            step.ahead, step.looks_ahead = told_ahead(session, part, room * 3 // 4), True
        upto = top if turn.past_to is None else min(top, turn.past_to)
        room -= len(step.ahead)
        step.history = entries(session, part, at.past, upto, room, history=True)
        step.reached = Cursor(step.reached.live, step.history[-1].id if len(step.history) == room else upto)
        if limit == 1 and not step.history and step.read_to is None:
            step.ahead = told_ahead(session, part, 1)
        return step

    def _dues(self, session: Session, part: Part, horizon: int, limit: int) -> list[tuple[int, int]]:
        return [] if horizon < self._back_at(part) + ABSENCE else due(session, part, horizon, limit)

    def _beat_is_due(self, part: Part) -> bool:
        return self._now() - min(self._beats.get(shard, 0) for shard in part.shards) >= BEAT

    def _back_at(self, part: Part) -> int:
        """When the follower last came back after an absence from any of these."""
        return max(self._resumed[shard] for shard in part.shards)

    def _write(self, step: _Step) -> None:
        part = step.turn.part
        if not (step.entries or step.history or step.fleet.touched or step.meets or self._beat_is_due(part)):
            return
        now = self._now()
        with self._database.write() as session:
            self._move(session, step, now)
            mark_seen(session, step.ahead)
            write(session, step.fleet, Act("system", HEALTH, now), step.rules)
        self._beats.update(dict.fromkeys(part.shards, now))

    def _move(self, session: Session, step: _Step, now: int) -> None:
        """Raises Overtaken, and _Anew."""
        turn, layout = step.turn, step.turn.part.layout
        looks = bool(step.history) or self._beat_is_due(turn.part)
        past = step.reached.past if looks or step.meets else turn.at.past  # a row more for each step is dear
        move(session, turn.part.shards, layout.shards, turn.at, Cursor(step.reached.live, past), now)
        if not layout.same(session):
            raise _Anew
        if looks:
            caught_up(session, lambda agents: heard_out(session, layout, agents))

    def _settle(self, layout: Layout) -> bool:
        """Whether what moved from shard to shard has arrived, so that these may read on."""
        if not layout.moving:
            return False
        with self._database.write() as session:
            return settle(session, layout)

    def _isolate(self, step: _Step | None, error: Exception) -> int:
        """After a failure: one by one; and of one alone, leave it out and say so. Raises an error that is of none."""
        if not self._single:
            self._single = self._batch + 1
            return 1
        if step is None:
            upto = self._now()
            with self._database.read() as session:
                step = self._read(session, Rules([]), 1)
                dues = self._dues(session, step.turn.part, self._horizon(step, 1, upto), 1)
                step.alone = dues[0][1] if dues and not (step.entries or step.history or step.ahead) else None
        with suppress(_Anew), self._database.write() as session:
            if step.alone is not None:
                log.error("Subject %d is left as it stands until it is heard of again.", step.alone)
                leave(session, step.turn.part, step.alone)
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
