"""How a spool stands, for people: asked of a running agent's spool, or of the file of one that does not run."""

import sqlite3

import msgspec

from agent.spool import streams
from agent.spool.room import read


class Standing(msgspec.Struct, frozen=True):
    """How full a spool is."""

    stream: str
    waiting: int  # records the server does not hold
    oldest: int  # UTC µs by the agent's clock of the first that waits, or 0
    bytes: int


def standing_of(db: sqlite3.Connection) -> Standing:
    """Also of a file an earlier version left. Raises sqlite3.Error if the file is not what was written."""
    if db.execute("PRAGMA user_version").fetchone()[0] < 3:
        stream = db.execute("SELECT stream FROM spool").fetchone()[0]
        waiting = db.execute("SELECT count(*) FROM record WHERE acked IS NULL").fetchone()[0]
    else:
        stream, waiting = streams.parts(db)[-1].uid, db.execute("SELECT waiting FROM spool").fetchone()[0]
    size = db.execute("SELECT bytes FROM spool").fetchone()[0]
    row = db.execute("SELECT body FROM record WHERE acked IS NULL ORDER BY seq LIMIT 1").fetchone()
    first = read(row[0]) if row else None
    return Standing(stream, waiting, first.clock.wall if first is not None else 0, size)
