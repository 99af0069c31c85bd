"""The spool's file: its tables, how a file of an earlier version becomes one of this, and SQLite's errors as ours."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar
from uuid import uuid4

from agent.wire import Hindered

SCHEMA = 4
_FULL = {
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PERM,
}
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_RECORDS = """
CREATE TABLE spool (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    next INTEGER NOT NULL DEFAULT 1,     -- the number the next record gets
    offered INTEGER NOT NULL DEFAULT 0,  -- the highest ever handed out in this stream: the server may know up to here
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
# SQLite adds columns without rewriting the file, however large it is.
_STREAMS = """
ALTER TABLE spool ADD COLUMN waiting INTEGER NOT NULL DEFAULT 0; -- of the records; the triggers keep it
ALTER TABLE spool ADD COLUMN settled INTEGER NOT NULL DEFAULT 1; -- all of this stream below it the server holds
ALTER TABLE spool ADD COLUMN reached INTEGER NOT NULL DEFAULT 0; -- and none above this
ALTER TABLE spool ADD COLUMN parting TEXT NOT NULL DEFAULT '';   -- why another stream must begin before more is sent
ALTER TABLE spool ADD COLUMN owner TEXT NOT NULL DEFAULT '';     -- the agent these are the records of
CREATE TABLE stream (                    -- numbers from `first` on count in this stream, up to the next one's
    first INTEGER PRIMARY KEY,
    uid TEXT NOT NULL UNIQUE,
    epoch TEXT NOT NULL DEFAULT ''       -- of the server's database at the last ack
);
CREATE TRIGGER came AFTER INSERT ON record BEGIN
    UPDATE spool SET bytes = bytes + length(new.body), waiting = waiting + (new.acked IS NULL); END;
CREATE TRIGGER went AFTER DELETE ON record BEGIN
    UPDATE spool SET bytes = bytes - length(old.body), waiting = waiting - (old.acked IS NULL); END;
CREATE TRIGGER decided AFTER UPDATE OF acked ON record WHEN (old.acked IS NULL) != (new.acked IS NULL) BEGIN
    UPDATE spool SET waiting = waiting + (new.acked IS NULL) - (old.acked IS NULL); END;
"""
_MERGED = """
CREATE TRIGGER merged AFTER UPDATE OF body ON record
    BEGIN UPDATE spool SET bytes = bytes + length(new.body) - length(old.body); END;
"""
# What the server had this agent do. Of a result that was lost the uid is remembered as long as an order may be told.
_ORDERS = """
CREATE TABLE orders (
    uid TEXT PRIMARY KEY,
    told BLOB,                           -- the Order; NULL once it has ended
    until INTEGER NOT NULL,              -- it may be begun while the clock (µs) of this boot says less
    boot_id TEXT NOT NULL,
    began BLOB,                          -- the Clock when it was begun
    result INTEGER UNIQUE,               -- the number of its Result, once it has ended
    acked INTEGER                        -- the server's clock when it first said that it holds that
);
CREATE TRIGGER answered AFTER UPDATE OF acked ON record WHEN new.kind = 'result' BEGIN
    UPDATE orders SET acked = new.acked WHERE result = new.seq; END;
CREATE TRIGGER unanswered AFTER DELETE ON record WHEN old.kind = 'result' AND old.acked IS NULL BEGIN
    UPDATE orders SET acked = 2592000000000 + (SELECT heard FROM spool) WHERE result = old.seq; END;
"""
# What schema 1 lacks.
_SINCE_1 = f"""
ALTER TABLE spool ADD COLUMN heard INTEGER NOT NULL DEFAULT 0;
ALTER TABLE spool ADD COLUMN thinned INTEGER NOT NULL DEFAULT 0;
ALTER TABLE spool ADD COLUMN ran INTEGER NOT NULL DEFAULT 0;
ALTER TABLE spool ADD COLUMN boot_id TEXT NOT NULL DEFAULT '';
ALTER TABLE spool ADD COLUMN boot INTEGER NOT NULL DEFAULT 0;
CREATE TABLE day (day INTEGER PRIMARY KEY, first INTEGER NOT NULL);
{_BOOTS}
"""
# What schema 2 lacks. `stream` and `epoch` of its table `spool` stay there, and nobody reads them any more.
_SINCE_2 = f"""
DROP TRIGGER came;
DROP TRIGGER went;
{_STREAMS}
INSERT INTO stream SELECT 1, stream, epoch FROM spool;
UPDATE spool SET reached = next - 1, waiting = (SELECT count(*) FROM record WHERE acked IS NULL),
    settled = coalesce((SELECT min(seq) FROM record WHERE acked IS NULL), next);
"""  # noqa: S608


class SpoolError(Exception):
    """The spool cannot do it; the message is a sentence.

    SpoolError
    ├── SpoolTaken      another agent has it
    ├── SpoolNewer      a newer version wrote it
    ├── SpoolFull       the disk is full or cannot be written: trying again may help
    └── SpoolDamaged    the file is not what was written; `begin_anew` puts another in its place
    """

    zh: ClassVar[str]  # the same for people at a branch, without a full stop


class SpoolTaken(SpoolError):
    zh = "另一个采集程序正在使用记录缓存，同一文件夹只能运行一个"


class SpoolNewer(SpoolError):
    zh = "记录缓存是更新版本的采集程序写的，请装回那个版本"


class SpoolFull(SpoolError):
    why = Hindered.UNWRITABLE
    zh = "记录缓存写不进去：磁盘已满，或没有权限"


class SpoolDamaged(SpoolError):
    zh = "记录缓存已损坏"


def open_file(path: Path) -> sqlite3.Connection:
    """The file with this version's tables, whole as far as SQLite can tell. Raises SpoolError or sqlite3.Error."""
    db = _connect(path)
    try:
        _prepare(db, path)
    except BaseException:
        db.close()
        raise
    return db


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


def _prepare(db: sqlite3.Connection, path: Path) -> None:
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version > SCHEMA:
        raise SpoolNewer(f"The spool {path} was written by a newer branchfleet-agent; install that one again.")
    minted = f"INSERT INTO spool (only) VALUES (1); INSERT INTO stream (first, uid) VALUES (1, '{uuid4().hex}');"  # noqa: S608
    missing = {
        0: f"{_RECORDS} {_BOOTS} {_MERGED} {_STREAMS} {_ORDERS} {minted}",
        1: f"{_SINCE_1} {_SINCE_2} {_ORDERS}",
        2: f"{_SINCE_2} {_ORDERS}",
        3: _ORDERS,
    }
    if version in missing:
        db.executescript(f"BEGIN IMMEDIATE; {missing[version]} PRAGMA user_version = {SCHEMA}; COMMIT;")
    check = db.execute("PRAGMA quick_check(1)").fetchone()[0]
    if check != "ok" or not db.execute("SELECT count(*) FROM stream, spool").fetchone()[0]:
        raise SpoolDamaged(f"The spool {path} is damaged: {check}.")


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """SQLite's errors as ours."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the primary code of an extended one
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise SpoolTaken(f"Another agent is running on the spool {path}.") from error
        if code in _FULL:
            full = SpoolFull(f"The spool {path} cannot be written: {error}.")
            full.why = Hindered.FULL if code == sqlite3.SQLITE_FULL else Hindered.UNWRITABLE
            raise full from error
        if code in _DAMAGED or isinstance(error, sqlite3.OperationalError):  # e.g. "no such table"
            raise SpoolDamaged(f"The spool {path} is damaged: {error}.") from error
        raise
