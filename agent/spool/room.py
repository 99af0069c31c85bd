"""Room in a spool that reached its limit, at the least cost: what the server holds goes first, then holds are merged,
then the oldest are dropped, detail before changes, and events say which. Works inside the spool's transaction.

A spool may hold gigabytes and its agent little memory: whatever is done here is done to a stretch of it at a time.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import msgspec

from agent.spool.streams import Part, part_of, parts
from agent.wire import AnyRecord, Event, EventName, Held, Hold, State

SHARE = 0.1  # of the limit is made free at once: making room anew for every record would rewrite the file all day
AT_ONCE = 16 << 20  # bytes freed at once at most: a spool of gigabytes must not keep its thread for minutes
WINDOW = 20_000  # records read for thinning at a time
THIN_SPAN = 600_000_000  # µs one merged hold may cover: a position in it may have been last seen this much earlier
HOLD_POSITIONS = 400  # in one hold: at most 56 KB, and a server takes 64 KiB as one record
OPEN_RUNS = 64

FULL = "the spool was full"
OLD = "they were older than the spool may keep them"

Note = Callable[[EventName, "Loss", str], None]  # writes events of what is lost, and why


def make_room(db: sqlite3.Connection, limit: int, note: Note) -> bool:
    """Bring the records within `limit` bytes. True if some were dropped that the server never got."""
    if _bytes(db) <= limit:
        return False
    goal = limit - min(int(limit * SHARE), AT_ONCE)
    _let_go(db, _bytes(db) - goal)
    while _bytes(db) > goal and _thin(db, note):
        pass
    if _bytes(db) > goal:
        _drop(db, _bytes(db) - goal, note)
        return True
    return False


def drop_before(db: sqlite3.Connection, first: int, note: Note) -> bool:
    """Drop what waits and has a number below `first`, but for what people entered and results. True if there was any.

    Of each position the newest of these states stays: the holds that follow it speak of it.
    """
    newest: dict[str, int] = {}
    loss = Loss(parts(db))
    doomed: list[int] = []
    waiting = db.execute(
        "SELECT seq, body FROM record WHERE acked IS NULL AND kind NOT IN ('entry', 'result') AND seq < ? ORDER BY seq",
        (first,),
    )
    for seq, body in waiting:
        record = read(body)
        if isinstance(record, State):
            seq, newest[record.position] = newest.get(record.position, 0), seq
        if seq:
            doomed.append(seq)
            loss.add(seq)
            loss.absorb(record)
    _delete(db, doomed)
    if doomed:
        note(EventName.GAP, loss, OLD)
    return bool(doomed)


def read(body: bytes) -> AnyRecord | None:
    """A record as the spool keeps it; None if it is of no kind this version knows."""
    try:
        record: AnyRecord = msgspec.msgpack.decode(body, type=AnyRecord)
    except msgspec.DecodeError:
        return None
    return record


def read_within(rows: Iterable[tuple[int, bytes]], size: int) -> tuple[list[AnyRecord], list[int]]:
    """Records within `size` bytes, and the numbers of those between them that cannot be read."""
    records: list[AnyRecord] = []
    unreadable: list[int] = []
    for seq, body in rows:
        size -= len(body)
        if records and size < 0:
            break
        if (record := read(body)) is None:
            unreadable.append(seq)
        else:
            records.append(record)
    return records, unreadable


def _bytes(db: sqlite3.Connection) -> int:
    found: int = db.execute("SELECT bytes FROM spool").fetchone()[0]
    return found


def _delete(db: sqlite3.Connection, numbers: Iterable[int]) -> None:
    db.executemany("DELETE FROM record WHERE seq = ?", ((seq,) for seq in numbers))


def _let_go(db: sqlite3.Connection, excess: int) -> None:
    """Remove the oldest records the server holds; they were kept only in case it loses them."""
    held = db.execute("SELECT seq, length(body) FROM record WHERE acked IS NOT NULL ORDER BY seq")
    _delete(db, _oldest(held, excess))


def _oldest(rows: Iterable[tuple[int, int]], excess: int) -> list[int]:
    """As many of the numbers, from the first, as it takes to free `excess` bytes."""
    numbers = []
    for seq, size in rows:
        if excess <= 0:
            break
        numbers.append(seq)
        excess -= size
    return numbers


def _thin(db: sqlite3.Connection, note: Note) -> bool:
    """Merge neighbouring holds that were never handed out: what the server may know already must stay as it was.

    One window of the spool; False once there is none left that was not gone through.
    """
    waiting = db.execute(
        "SELECT seq, body FROM record WHERE acked IS NULL AND kind IN ('hold', 'state')"
        " AND seq > (SELECT max(offered, thinned) FROM spool) ORDER BY seq LIMIT ?",
        (WINDOW,),
    ).fetchall()
    if not waiting:
        return False
    gone: list[int] = []
    for run in _runs(record for _, body in waiting if (record := read(body)) is not None):
        merged = msgspec.structs.replace(run[-1], since=run[0].since, held=_sum(run))
        db.execute("UPDATE record SET body = ? WHERE seq = ?", (msgspec.msgpack.encode(merged), merged.seq))
        gone += [hold.seq for hold in run[:-1]]
    _delete(db, gone)
    db.execute("UPDATE spool SET thinned = ?", (waiting[-1][0],))
    if gone:
        loss = Loss(parts(db))
        for seq in gone:
            loss.add(seq)
        note(EventName.THINNING, loss, FULL)
    return True


class _Run:
    """Holds one hold can stand for.

    They follow each other on one boot's clock without a pause, and none of their positions changed in between: a hold
    says "as the last state said", and that state must be the same for all of them.
    """

    def __init__(self, first: Hold) -> None:
        self.holds = [first]
        self.held = set(first.held)
        self.changed: set[str] = set()

    def takes(self, hold: Hold) -> bool:
        first, last = self.holds[0], self.holds[-1]
        return (
            first.clock.boot_id == hold.clock.boot_id
            and hold.since <= last.clock.boot
            and hold.clock.boot - first.since <= THIN_SPAN
            and len(self.held | hold.held.keys()) <= HOLD_POSITIONS
            and self.changed.isdisjoint(hold.held)
        )

    def take(self, hold: Hold) -> None:
        self.holds.append(hold)
        self.held |= hold.held.keys()


def _runs(records: Iterable[AnyRecord]) -> Iterator[list[Hold]]:
    """Every two or more holds that one can stand for. Several runs are open at once: a minute may have many holds."""
    open_runs: list[_Run] = []
    closed: list[_Run] = []
    for record in records:
        if isinstance(record, State):
            closed += [run for run in open_runs if record.position in run.held]
            open_runs = [run for run in open_runs if record.position not in run.held]
            for run in open_runs:
                run.changed.add(record.position)
        elif isinstance(record, Hold):
            fitting = next((run for run in open_runs if run.takes(record)), None)
            if fitting is not None:
                fitting.take(record)
                continue
            open_runs.append(_Run(record))
            if len(open_runs) > OPEN_RUNS:
                closed.append(open_runs.pop(0))
    return (run.holds for run in [*closed, *open_runs] if len(run.holds) > 1)


def _sum(run: list[Hold]) -> dict[str, Held]:
    held: dict[str, Held] = {}
    for hold in run:
        for position, more in hold.held.items():
            so_far = held.get(position, Held(0, 0))
            held[position] = Held(so_far.good + more.good, so_far.failed + more.failed)
    return held


def _drop(db: sqlite3.Connection, excess: int, note: Note) -> None:
    """Remove what waits: holds, states that tell of numbers only, all states, events, and last results and what people
    entered, because somebody waits for each of these.

    Of each the oldest first. Holds go before states, because a hold left without the state it follows would speak for
    an older one.
    """
    loss = Loss(parts(db))
    kinds = (_kind(db, "state", "fact"), _kind(db, "event"), _kind(db, "result", "entry"))
    for rows in (_kind(db, "hold"), _details(db), *kinds):
        doomed = _oldest(rows, excess)
        for seq in doomed:
            size, kind, body = db.execute(
                "SELECT length(body), kind, CASE kind WHEN 'event' THEN body END FROM record WHERE seq = ?", (seq,)
            ).fetchone()
            excess -= size
            loss.add(seq)
            if kind == "event":
                loss.absorb(read(body))
        _delete(db, doomed)
    note(EventName.GAP, loss, FULL)


def _kind(db: sqlite3.Connection, *kinds: str) -> Iterator[tuple[int, int]]:
    """Number and size of what waits of these kinds."""
    marks = ", ".join("?" * len(kinds))
    asked = f"SELECT seq, length(body) FROM record WHERE acked IS NULL AND kind IN ({marks}) ORDER BY seq"  # noqa: S608
    yield from db.execute(asked, kinds)


def _details(db: sqlite3.Connection) -> Iterator[tuple[int, int]]:
    """States that differ from the one before, of their position, in numbers alone."""
    before: dict[str, object] = {}
    for seq, body in db.execute("SELECT seq, body FROM record WHERE acked IS NULL AND kind = 'state' ORDER BY seq"):
        state = read(body)
        if not isinstance(state, State):
            continue
        reading, failure = state.reading, state.failure
        says = (reading.device, reading.parts, reading.texts, failure and (failure.kind, failure.reason))
        if before.get(state.position) == says:
            yield seq, len(body)
        before[state.position] = says


@dataclass
class Span:
    """So many numbers from the first to the last of them."""

    first: int
    last: int
    count: int


class Loss:
    """Numbers that will never come, by the stream they are of."""

    def __init__(self, known: list[Part]) -> None:
        self._known = known
        self.spans: dict[str, Span] = {}

    def add(self, first: int, last: int | None = None, count: int = 1) -> None:
        """Numbers of one stream."""
        self._add(part_of(self._known, first).uid, first, first if last is None else last, count)

    def absorb(self, event: AnyRecord | None) -> None:
        """An event that tells of a loss goes too: this loss tells of both."""
        if isinstance(event, Event) and event.name in (EventName.GAP, EventName.THINNING):
            first, last, count = (int(event.detail[key]) for key in ("from", "to", "count"))
            self._add(str(event.detail.get("stream", part_of(self._known, event.seq).uid)), first, last, count)

    def _add(self, uid: str, first: int, last: int, count: int) -> None:
        span = self.spans.setdefault(uid, Span(first, last, 0))
        span.first, span.last, span.count = min(span.first, first), max(span.last, last), span.count + count


def let_go_of_state(db: sqlite3.Connection, lost: State) -> None:
    """Take the position out of the holds that follow a state which will never be sent, up to its next state."""
    later = db.execute(
        "SELECT body FROM record WHERE acked IS NULL AND kind IN ('hold', 'state') AND seq > ? ORDER BY seq",
        (lost.seq,),
    ).fetchall()
    for (body,) in later:
        record = read(body)
        if isinstance(record, State) and record.position == lost.position:
            return
        if isinstance(record, Hold) and lost.position in record.held:
            held = {position: polls for position, polls in record.held.items() if position != lost.position}
            stripped = msgspec.msgpack.encode(msgspec.structs.replace(record, held=held))
            db.execute("UPDATE record SET body = ? WHERE seq = ?", (stripped, record.seq))
