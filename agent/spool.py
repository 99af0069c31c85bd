"""The spool: every record on disk before it is sent, kept until the server holds it and for a while after.

One SQLite file, one writer: a second agent is refused. Numbers count from 1 within the stream, which is minted with
the file. A number that was given and never comes is named by a GAP or THINNING event, so the server can tell a loss
from a record under way. Nothing here knows threads or retries; `outbox.py` keeps the spool in a thread of its own.
"""

import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from uuid import uuid4

import msgspec

from agent.clock import Clocks
from agent.room import Loss, drop_before, let_go_of_state, make_room, read
from agent.wire import AnyRecord, Clock, Entry, Event, EventName, State

SCHEMA = 2
LIMIT = 2048 << 20  # bytes of records; a quiet branch writes about 1 MB a day
DAYS = 60  # records wait this long at most, counting only the time the agent ran: no clock can make them older
DAY = 86_400_000_000  # µs
KEPT_MICROS = 7 * DAY  # acknowledged records stay this long, by the server's clock
COPIED = "an older copy of the spool was brought back"
FORGOTTEN = "the server lost them when they had been let go of here"
_FULL = {
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PERM,
}
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_TABLES = """
CREATE TABLE spool (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    stream TEXT NOT NULL,
    next INTEGER NOT NULL DEFAULT 1,     -- the number the next record gets
    offered INTEGER NOT NULL DEFAULT 0,  -- the highest number ever handed out: up to here the server may know it
    epoch TEXT NOT NULL DEFAULT '',      -- of the server's database at the last ack
    heard INTEGER NOT NULL DEFAULT 0,    -- the server's latest clock in an ack: what says less was on its way for long
    bytes INTEGER NOT NULL DEFAULT 0,    -- of all bodies; the triggers keep it
    thinned INTEGER NOT NULL DEFAULT 0,  -- up to this number holds are merged as far as they can be
    ran INTEGER NOT NULL DEFAULT 0,      -- µs the agent has run with this file, over all boots
    boot_id TEXT NOT NULL DEFAULT '',    -- the boot, and its clock, up to which `ran` counts
    boot INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE day (                       -- the number of the first record of each day the agent ran
    day INTEGER PRIMARY KEY,
    first INTEGER NOT NULL
);
CREATE TABLE record (
    seq INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    body BLOB NOT NULL,
    acked INTEGER                        -- the server's clock when it first said it holds the record
);
CREATE INDEX waiting ON record (seq) WHERE acked IS NULL;
CREATE INDEX kept ON record (acked) WHERE acked IS NOT NULL;
CREATE TRIGGER came AFTER INSERT ON record BEGIN UPDATE spool SET bytes = bytes + length(new.body); END;
CREATE TRIGGER went AFTER DELETE ON record BEGIN UPDATE spool SET bytes = bytes - length(old.body); END;
CREATE TRIGGER merged AFTER UPDATE OF body ON record
    BEGIN UPDATE spool SET bytes = bytes + length(new.body) - length(old.body); END;
"""


_BOOTS = """
CREATE TABLE boot (
    boot_id TEXT PRIMARY KEY,
    first INTEGER NOT NULL,              -- the number of its first record
    last INTEGER NOT NULL,               -- and of its last,
    wall INTEGER NOT NULL,               -- with that one's clocks
    boot INTEGER NOT NULL
);
"""
_TOLD_BOOTS = 500  # boots one batch speaks of
# What schema 1 lacks. SQLite adds columns without rewriting the file, however large it is.
_SINCE_1 = f"""
ALTER TABLE spool ADD COLUMN heard INTEGER NOT NULL DEFAULT 0;
ALTER TABLE spool ADD COLUMN thinned INTEGER NOT NULL DEFAULT 0;
ALTER TABLE spool ADD COLUMN ran INTEGER NOT NULL DEFAULT 0;
ALTER TABLE spool ADD COLUMN boot_id TEXT NOT NULL DEFAULT '';
ALTER TABLE spool ADD COLUMN boot INTEGER NOT NULL DEFAULT 0;
CREATE TABLE day (day INTEGER PRIMARY KEY, first INTEGER NOT NULL);
{_BOOTS}
"""


class SpoolError(Exception):
    """The spool cannot do it; the message is a sentence.

    SpoolError
    ├── SpoolTaken      another agent has it
    ├── SpoolNewer      a newer version wrote it
    ├── SpoolFull       the disk is full or cannot be written: trying again may help
    └── SpoolDamaged    the file is not what was written; `begin_anew` puts another in its place
    """


class SpoolTaken(SpoolError):
    pass


class SpoolNewer(SpoolError):
    pass


class SpoolFull(SpoolError):
    pass


class SpoolDamaged(SpoolError):
    pass


class Parcel(msgspec.Struct, frozen=True):
    """What is to be sent next, how many records wait behind it, and the boots these are of."""

    stream: str
    records: list[AnyRecord]
    waiting: int
    boots: list[Clock] = []
    lost: bool = False  # a record could not be read back: whatever it said has to be told anew


class Standing(msgspec.Struct, frozen=True):
    """How full a spool is."""

    stream: str
    waiting: int  # records the server does not hold
    oldest: int  # UTC µs by the agent's clock of the first that waits, or 0
    bytes: int


class Acked(msgspec.Struct, frozen=True):
    """What an ack changed: records now held by the server, records it held and holds no longer, and whether what the
    server knows of this agent's past is not what it was (another database, or a stream begun anew)."""

    held: int
    again: int
    other_past: bool


class Spool:
    """An open spool. Any method may raise SpoolFull or SpoolDamaged; what it was to change is then as before."""

    def __init__(self, path: Path, clocks: Clocks, limit: int = LIMIT, days: int = DAYS) -> None:
        self.path = path
        self._clocks = clocks
        self._limit = limit
        self._days = days
        with self._translated():
            self._db = _connect(path)
            try:
                self._prepare()
            except BaseException:
                self._db.close()
                raise

    def _prepare(self) -> None:
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version > SCHEMA:
            raise SpoolNewer(f"The spool {self.path} was written by a newer branchfleet-agent; install that one again.")
        if version == 0:
            self._db.executescript(
                f"BEGIN IMMEDIATE; {_TABLES} {_BOOTS} INSERT INTO spool (only, stream) VALUES (1, '{uuid4().hex}');"  # noqa: S608
                f"PRAGMA user_version = {SCHEMA}; COMMIT;"
            )
        elif version == 1:
            self._db.executescript(f"BEGIN IMMEDIATE; {_SINCE_1} PRAGMA user_version = {SCHEMA}; COMMIT;")
        check = self._db.execute("PRAGMA quick_check(1)").fetchone()[0]
        if check != "ok" or not self.stream:
            raise SpoolDamaged(f"The spool {self.path} is damaged: {check}.")
        with suppress(sqlite3.OperationalError):  # a full disk: slower, and no more
            self._db.execute("CREATE INDEX IF NOT EXISTS entries ON record (seq) WHERE kind = 'entry'")

    def close(self) -> None:
        self._db.close()

    @property
    def stream(self) -> str:
        with self._translated():
            row = self._db.execute("SELECT stream FROM spool").fetchone()
        return str(row[0]) if row else ""

    # -- writing ------------------------------------------------------------------------------------

    def append(self, records: Sequence[AnyRecord], *, lost: int = 0, why: str = "") -> bool:
        """Number the records and make them durable. Their own `seq` is ignored.

        `lost` records before them never got here: they take numbers too, and a GAP event says why they never come.
        True if records had to be dropped to stay within the limit.
        """
        with self._writing():
            if lost:
                first = self._next()
                self._db.execute("UPDATE spool SET next = next + ?", (lost,))
                self._note(EventName.GAP, first, first + lost - 1, lost, why)
            another_day = self._pass_time()
            self._insert(records)
            dropped = another_day and self._drop_old()
            return make_room(self._db, self._limit, self._note) or dropped

    def _pass_time(self) -> bool:
        """Count how long the agent has run. True if another day of that has begun."""
        clock = self._clocks()
        ran, boot_id, boot = self._db.execute("SELECT ran, boot_id, boot FROM spool").fetchone()
        if boot_id == clock.boot_id:
            ran += max(0, clock.boot - boot)
        self._db.execute("UPDATE spool SET ran = ?, boot_id = ?, boot = ?", (ran, clock.boot_id, clock.boot))
        begun = self._db.execute("INSERT OR IGNORE INTO day SELECT ?, next FROM spool", (ran // DAY,))
        return begun.rowcount > 0

    def _drop_old(self) -> bool:
        oldest = "SELECT max(first) FROM day WHERE day <= (SELECT max(day) FROM day) - ?"
        first = self._db.execute(oldest, (self._days,)).fetchone()[0]
        if first is None:
            return False
        self._db.execute("DELETE FROM day WHERE first < ?", (first,))
        return drop_before(self._db, first, self._note)

    def append_once(self, entry: Entry) -> bool:
        """Take an entry of a person, unless one of its uid is here already: then it was taken before a crash."""
        if any(kept.uid == entry.uid for kept, _ in self.entries()):
            return False
        self.append([entry])
        return True

    def entries(self) -> list[tuple[Entry, bool]]:
        """What people entered and is still here, oldest first, and whether the server holds it."""
        with self._translated():
            asked = "SELECT body, acked IS NOT NULL FROM record WHERE kind = 'entry' ORDER BY seq"
            rows = self._db.execute(asked).fetchall()
        found = ((read(body), bool(held)) for body, held in rows)
        return [(record, held) for record, held in found if isinstance(record, Entry)]

    def waiting(self) -> int:
        """How many records the server does not hold yet."""
        with self._translated():
            found: int = self._db.execute("SELECT count(*) FROM record WHERE acked IS NULL").fetchone()[0]
        return found

    def _insert(self, records: Iterable[AnyRecord]) -> None:
        rows = []
        boots: dict[str, tuple[str, int, int, int, int]] = {}
        for seq, record in enumerate(records, self._next()):
            clock = record.clock
            first = boots[clock.boot_id][1] if clock.boot_id in boots else seq
            boots[clock.boot_id] = (clock.boot_id, first, seq, clock.wall, clock.boot)
            body = msgspec.msgpack.encode(msgspec.structs.replace(record, seq=seq))
            rows.append((seq, type(record).__struct_config__.tag, body))
        self._db.executemany("INSERT INTO record (seq, kind, body) VALUES (?, ?, ?)", rows)
        self._db.execute("UPDATE spool SET next = next + ?", (len(rows),))
        self._db.executemany(
            "INSERT INTO boot (boot_id, first, last, wall, boot) VALUES (?, ?, ?, ?, ?) ON CONFLICT (boot_id)"
            " DO UPDATE SET last = excluded.last, wall = excluded.wall, boot = excluded.boot",
            list(boots.values()),
        )

    def _next(self) -> int:
        found: int = self._db.execute("SELECT next FROM spool").fetchone()[0]
        return found

    def _note(self, name: EventName, first: int, last: int, count: int, why: str) -> None:
        """Say that numbers never come, in one event with what earlier ones not yet handed out said of the same."""
        loss = Loss()
        loss.add(first, last, count)
        rows = self._db.execute(
            "SELECT seq, body FROM record WHERE kind = 'event' AND acked IS NULL AND seq > (SELECT offered FROM spool)"
        ).fetchall()
        for seq, body in rows:
            event = read(body)
            if isinstance(event, Event) and event.name is name and event.detail.get("reason") == why:
                self._db.execute("DELETE FROM record WHERE seq = ?", (seq,))
                loss.add(seq)
                loss.absorb(event)
        detail: dict[str, str | int] = {"from": loss.first, "to": loss.last, "count": loss.count, "reason": why}
        self._insert([Event(seq=0, clock=self._clocks(), name=name, detail=detail)])

    def set_aside(self, seq: int, why: str) -> None:
        """Let go of a record the server cannot take, and say so with a GAP."""
        with self._writing():
            row = self._db.execute("SELECT body FROM record WHERE seq = ?", (seq,)).fetchone()
            records, _ = _decode([(seq, row[0])] if row else [], 0)
            self._db.execute("DELETE FROM record WHERE seq = ?", (seq,))
            for record in records:
                if isinstance(record, State):
                    let_go_of_state(self._db, record)
            self._note(EventName.GAP, seq, seq, 1, why)

    # -- sending ------------------------------------------------------------------------------------

    def next_batch(self, count: int, size: int) -> Parcel:
        """The oldest records the server does not hold: at most `count`, and `size` bytes unless the first is longer."""
        with self._translated():
            waiting = self._db.execute("SELECT count(*) FROM record WHERE acked IS NULL").fetchone()[0]
            found = self._db.execute("SELECT seq, body FROM record WHERE acked IS NULL ORDER BY seq LIMIT ?", (count,))
            with closing(found) as rows:
                records, unreadable = _decode(rows, size)
        if unreadable:
            self.set_aside(unreadable, "the record could not be read back from the spool")
            if not records:
                return msgspec.structs.replace(self.next_batch(count, size), lost=True)
        if records:
            self._offer(records[-1].seq)
        return Parcel(self.stream, records, waiting - len(records), self._boots(records), bool(unreadable))

    def _boots(self, records: Sequence[AnyRecord]) -> list[Clock]:
        """The boots that have records from the first of `records` on, and each one's end.

        Only whoever knows them all can place boots that never met the server, and they come in several batches.
        """
        if not records:
            return []
        with self._translated():
            rows = self._db.execute(
                "SELECT wall, boot, boot_id FROM boot WHERE last >= ? ORDER BY first LIMIT ?",
                (records[0].seq, _TOLD_BOOTS),
            ).fetchall()
        return [Clock(*row) for row in rows]

    def _offer(self, seq: int) -> None:
        offered = self._db.execute("SELECT offered FROM spool").fetchone()[0]
        if seq > offered:
            with suppress(SpoolFull), self._writing():  # a full disk must not keep records from being sent
                self._db.execute("UPDATE spool SET offered = ?", (seq,))

    def met(self, stream: str, ranges: Iterable[tuple[int, int]], epoch: str, server: int) -> Acked:
        """As `acked`, of the first answer since this file was opened, to a batch without records.

        What the server holds beyond what was ever handed out shows a copy brought back, even if as many new records
        have been written meanwhile as the old file had. Later on, only numbers never given would show it.
        """
        ranges = merge_ranges(ranges)
        with self._writing():
            offered = self._db.execute("SELECT offered FROM spool").fetchone()[0]
            if ranges and ranges[-1][1] > offered and stream == self.stream:
                return self._move_to_new_stream(COPIED)
        return self.acked(stream, ranges, epoch, server)

    def acked(self, stream: str, ranges: Iterable[tuple[int, int]], epoch: str, server: int) -> Acked:
        """The server holds exactly `ranges` of `stream`, and `server` is its clock.

        What it held before and holds no longer (an older database came back) waits again. Numbers it holds and we
        never gave mean that this file is a copy brought back (a restored image of the PC): those numbers were used
        for other records, so all that waits moves to a new stream.
        """
        held = merge_ranges(ranges)
        with self._writing():
            if stream != self.stream:
                return Acked(0, 0, False)
            end = self._next()
            if held and held[-1][1] >= end:
                return self._move_to_new_stream(COPIED)
            newly = again = decided = 0
            for low, high in [*held, (end, end)]:
                lost = "UPDATE record SET acked = NULL WHERE acked IS NOT NULL AND seq > ? AND seq < ?"
                again += self._db.execute(lost, (decided, low)).rowcount
                got = "UPDATE record SET acked = ? WHERE acked IS NULL AND seq BETWEEN ? AND ?"
                newly += self._db.execute(got, (server, low, high)).rowcount
                decided = high
            before, heard = self._db.execute("SELECT epoch, heard FROM spool").fetchone()
            another = before not in ("", epoch)
            if another and server >= heard:
                self._name_forgotten(held, end)
            if epoch != before or server > heard:
                self._db.execute("UPDATE spool SET epoch = ?, heard = max(heard, ?)", (epoch, server))
            self._db.execute("DELETE FROM record WHERE acked < ?", (server - KEPT_MICROS,))
            self._db.execute("DELETE FROM boot WHERE last < (SELECT min(seq) FROM record)")
        return Acked(newly, again, other_past=bool(again) or another)

    def _name_forgotten(self, held: list[tuple[int, int]], end: int) -> None:
        """Say which numbers neither the server nor this file has any more, unless an event that waits says it."""
        waiting = self._db.execute(
            "SELECT seq, kind, CASE kind WHEN 'event' THEN body END FROM record WHERE acked IS NULL"
        )
        there: list[tuple[int, int]] = list(held)
        for seq, kind, body in waiting:
            if there and there[-1][1] == seq - 1:
                there[-1] = (there[-1][0], seq)
            else:
                there.append((seq, seq))
            event = read(body) if kind == "event" else None
            if isinstance(event, Event) and event.name in (EventName.GAP, EventName.THINNING):
                there.append((int(event.detail["from"]), int(event.detail["to"])))
        missing = holes(there, end)
        if missing:
            count = sum(high - low + 1 for low, high in missing)
            self._note(EventName.GAP, missing[0][0], missing[-1][1], count, FORGOTTEN)

    def move_to_new_stream(self, why: str) -> None:
        """Give what waits other numbers: those it has may have been used for other records."""
        with self._writing():
            self._move_to_new_stream(why)

    def _move_to_new_stream(self, why: str) -> Acked:
        was = self.stream
        waiting = "SELECT body FROM record WHERE acked IS NULL ORDER BY seq"
        records = [record for (body,) in self._db.execute(waiting) if (record := read(body)) is not None]
        self._db.execute("DELETE FROM record")
        self._db.execute("DELETE FROM day")
        self._db.execute("DELETE FROM boot")
        self._db.execute("UPDATE spool SET stream = ?, next = 1, offered = 0, thinned = 0, epoch = ''", (uuid4().hex,))
        self._insert([new_stream(self._clocks(), why, was), *records])
        return Acked(0, len(records), other_past=True)

    def standing(self) -> Standing:
        with self._translated():
            return standing_of(self._db)

    # -- borders ------------------------------------------------------------------------------------

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """A transaction: durable when the block ends, and nothing changed if it raises."""
        with self._translated():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:  # on a full disk SQLite may have rolled back by itself
                    self._db.execute("ROLLBACK")
                raise

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """SQLite's errors as ours."""
        try:
            yield
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the primary code of an extended one
            if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise SpoolTaken(f"Another agent is running on the spool {self.path}.") from error
            if code in _FULL:
                raise SpoolFull(f"The spool {self.path} cannot be written: {error}.") from error
            if code in _DAMAGED or isinstance(error, sqlite3.OperationalError):  # e.g. "no such table"
                raise SpoolDamaged(f"The spool {self.path} is damaged: {error}.") from error
            raise


def open_spool(path: Path, clocks: Clocks, limit: int = LIMIT, days: int = DAYS) -> tuple[Spool, str]:
    """The spool at `path`, and "" or what was wrong with the file that had to be moved aside for it."""
    try:
        return Spool(path, clocks, limit, days), ""
    except SpoolDamaged as damage:
        return begin_anew(path, clocks, limit, str(damage), days), str(damage)


def begin_anew(path: Path, clocks: Clocks, limit: int, damage: str, days: int = DAYS) -> Spool:
    """Move a damaged spool aside, as `NAME.damaged`, and begin another that tells of it. The old one must be closed."""
    aside = path.with_name(f"{path.name}.damaged")
    try:
        for ending in ("-wal", ""):  # the file itself last: without its log it would look whole
            part = path.with_name(path.name + ending)
            if part.exists():
                os.replace(part, aside.with_name(aside.name + ending))
    except OSError as error:
        raise SpoolFull(f"The damaged spool {path} cannot be moved aside: {error.strerror}.") from error
    spool = Spool(path, clocks, limit, days)
    spool.append([new_stream(clocks(), damage, "")])
    return spool


def standing_of(db: sqlite3.Connection) -> Standing:
    """Raises sqlite3.Error if the file is not what was written."""
    stream, size = db.execute("SELECT stream, bytes FROM spool").fetchone()
    waiting = db.execute("SELECT count(*) FROM record WHERE acked IS NULL").fetchone()[0]
    row = db.execute("SELECT body FROM record WHERE acked IS NULL ORDER BY seq LIMIT 1").fetchone()
    first = read(row[0]) if row else None
    return Standing(stream, waiting, first.clock.wall if first is not None else 0, size)


def new_stream(clock: Clock, reason: str, was: str) -> Event:
    """The event that begins a stream whose forerunner could not be continued."""
    return Event(seq=0, clock=clock, name=EventName.NEW_STREAM, detail={"reason": reason, "was": was})


def merge_ranges(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Sorted, without overlap, neighbours joined; what is upside down is left out."""
    merged: list[tuple[int, int]] = []
    for low, high in sorted(pair for pair in ranges if pair[0] <= pair[1]):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return merged


def holes(ranges: Iterable[tuple[int, int]], end: int) -> list[tuple[int, int]]:
    """What of 1..end-1 is in none of the ranges."""
    found: list[tuple[int, int]] = []
    at = 1
    for low, high in merge_ranges(ranges):
        if at < min(low, end):
            found.append((at, min(low, end) - 1))
        at = max(at, high + 1)
    if at < end:
        found.append((at, end - 1))
    return found


def _connect(path: Path) -> sqlite3.Connection:
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))  # SQLite gives its log the same mode
    except OSError as error:
        raise SpoolFull(f"The spool {path} cannot be opened: {error.strerror}.") from error
    db = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
    try:
        # EXCLUSIVE keeps the lock between transactions, so a second agent finds the file taken.
        for pragma in ("locking_mode=EXCLUSIVE", "journal_mode=WAL", "synchronous=FULL", "journal_size_limit=4194304"):
            db.execute(f"PRAGMA {pragma}")
    except BaseException:
        db.close()
        raise
    return db


def _decode(rows: Iterable[tuple[int, bytes]], size: int) -> tuple[list[AnyRecord], int]:
    """Records within `size` bytes, and the number of the one that stopped it because it cannot be read, or 0."""
    records: list[AnyRecord] = []
    for seq, body in rows:
        size -= len(body)
        if records and size < 0:
            break
        record = read(body)
        if record is None:
            return records, seq
        records.append(record)
    return records, 0
