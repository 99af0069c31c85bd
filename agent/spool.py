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
from agent.room import Loss, let_go_of_state, make_room, read
from agent.wire import AnyRecord, Clock, Event, EventName, State

SCHEMA = 1
LIMIT = 200 << 20  # bytes of records; a quiet branch writes about 1 MB a day
KEPT_MICROS = 7 * 86_400_000_000  # acknowledged records stay this long, by the server's clock
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
    bytes INTEGER NOT NULL DEFAULT 0     -- of all bodies; the triggers keep it
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
    """What is to be sent next, and how many records wait behind it."""

    stream: str
    records: list[AnyRecord]
    waiting: int


class Acked(msgspec.Struct, frozen=True):
    """What an ack changed: records now held by the server, records it held and holds no longer, and whether what the
    server knows of this agent's past is not what it was (another database, or a stream begun anew)."""

    held: int
    again: int
    other_past: bool


class Spool:
    """An open spool. Any method may raise SpoolFull or SpoolDamaged; what it was to change is then as before."""

    def __init__(self, path: Path, clocks: Clocks, limit: int = LIMIT) -> None:
        self.path = path
        self._clocks = clocks
        self._limit = limit
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
                f"BEGIN IMMEDIATE; {_TABLES} INSERT INTO spool (only, stream) VALUES (1, '{uuid4().hex}');"  # noqa: S608
                f"PRAGMA user_version = {SCHEMA}; COMMIT;"
            )
        check = self._db.execute("PRAGMA quick_check(1)").fetchone()[0]
        if check != "ok" or not self.stream:
            raise SpoolDamaged(f"The spool {self.path} is damaged: {check}.")

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
            self._insert(records)
            return make_room(self._db, self._limit, self._note)

    def _insert(self, records: Iterable[AnyRecord]) -> None:
        rows = []
        for seq, record in enumerate(records, self._next()):
            body = msgspec.msgpack.encode(msgspec.structs.replace(record, seq=seq))
            rows.append((seq, type(record).__struct_config__.tag, body))
        self._db.executemany("INSERT INTO record (seq, kind, body) VALUES (?, ?, ?)", rows)
        self._db.execute("UPDATE spool SET next = next + ?", (len(rows),))

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
                return self.next_batch(count, size)
        if records:
            self._offer(records[-1].seq)
        return Parcel(self.stream, records, waiting - len(records))

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
                return self._move_to_new_stream()
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
                return self._move_to_new_stream()
            newly = again = decided = 0
            for low, high in [*held, (end, end)]:
                lost = "UPDATE record SET acked = NULL WHERE acked IS NOT NULL AND seq > ? AND seq < ?"
                again += self._db.execute(lost, (decided, low)).rowcount
                got = "UPDATE record SET acked = ? WHERE acked IS NULL AND seq BETWEEN ? AND ?"
                newly += self._db.execute(got, (server, low, high)).rowcount
                decided = high
            before = self._db.execute("SELECT epoch FROM spool").fetchone()[0]
            if epoch != before:
                self._db.execute("UPDATE spool SET epoch = ?", (epoch,))
            self._db.execute("DELETE FROM record WHERE acked < ?", (server - KEPT_MICROS,))
        return Acked(newly, again, other_past=bool(again) or before not in ("", epoch))

    def _move_to_new_stream(self) -> Acked:
        was = self.stream
        waiting = "SELECT body FROM record WHERE acked IS NULL ORDER BY seq"
        records = [record for (body,) in self._db.execute(waiting) if (record := read(body)) is not None]
        self._db.execute("DELETE FROM record")
        self._db.execute("UPDATE spool SET stream = ?, next = 1, offered = 0, epoch = ''", (uuid4().hex,))
        self._insert([new_stream(self._clocks(), "an older copy of the spool was brought back", was), *records])
        return Acked(0, len(records), other_past=True)

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


def open_spool(path: Path, clocks: Clocks, limit: int = LIMIT) -> tuple[Spool, str]:
    """The spool at `path`, and "" or what was wrong with the file that had to be moved aside for it."""
    try:
        return Spool(path, clocks, limit), ""
    except SpoolDamaged as damage:
        return begin_anew(path, clocks, limit, str(damage)), str(damage)


def begin_anew(path: Path, clocks: Clocks, limit: int, damage: str) -> Spool:
    """Move a damaged spool aside, as `NAME.damaged`, and begin another that tells of it. The old one must be closed."""
    aside = path.with_name(f"{path.name}.damaged")
    try:
        for ending in ("-wal", ""):  # the file itself last: without its log it would look whole
            part = path.with_name(path.name + ending)
            if part.exists():
                os.replace(part, aside.with_name(aside.name + ending))
    except OSError as error:
        raise SpoolFull(f"The damaged spool {path} cannot be moved aside: {error.strerror}.") from error
    spool = Spool(path, clocks, limit)
    spool.append([new_stream(clocks(), damage, "")])
    return spool


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
