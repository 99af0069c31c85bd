"""Which numbers of a spool count in which stream.

Numbers never begin again in a file. Where a stream cannot go on, because another may have used its numbers, the next
one goes on with them: from a number on they count there. So a change of streams rewrites no record and loses none.
"""

import sqlite3
from bisect import bisect_right
from uuid import uuid4

import msgspec

from agent.wire import Follows

TOLD_APART = 20  # streams of one file; older ones of which no record is kept are forgotten


class Part(msgspec.Struct, frozen=True):
    """Numbers `first` to `end` - 1 count in the stream `uid`."""

    uid: str
    first: int
    end: int
    current: bool  # what is written now counts here
    epoch: str  # of the server's database at the last ack
    was: str = ""  # the stream it goes on from

    @property
    def follows(self) -> Follows | None:
        return Follows(self.was, self.first) if self.was or self.first > 1 else None


def parts(db: sqlite3.Connection) -> list[Part]:
    """In the order of their numbers; the last is the current one."""
    rows = db.execute("SELECT uid, first, epoch FROM stream ORDER BY first").fetchall()
    ends = [first for _, first, _ in rows[1:]] + [db.execute("SELECT next FROM spool").fetchone()[0]]
    found: list[Part] = []
    for (uid, first, epoch), end in zip(rows, ends, strict=True):
        found.append(Part(uid, first, end, len(found) == len(rows) - 1, epoch, found[-1].uid if found else ""))
    return found


def part_of(found: list[Part], seq: int) -> Part:
    """Where a number counts. One that is older than all that is known of counts in the oldest."""
    return found[max(bisect_right(found, seq, key=lambda part: part.first) - 1, 0)]


def begin(db: sqlite3.Connection, first: int) -> None:
    """Let numbers from `first` on count in a new stream; what the server holds of them it holds in the old one only."""
    reached, epoch = db.execute(
        "SELECT reached, stream.epoch FROM spool, stream ORDER BY first DESC LIMIT 1"
    ).fetchone()
    db.execute("UPDATE record SET acked = NULL WHERE acked IS NOT NULL AND seq BETWEEN ? AND ?", (first, reached))
    db.execute("INSERT OR REPLACE INTO stream (first, uid, epoch) VALUES (?, ?, ?)", (first, uuid4().hex, epoch))
    db.execute(
        "UPDATE spool SET offered = ?1, reached = ?1, thinned = min(thinned, ?1), settled = ?1 + 1, parting = ''",
        (first - 1,),
    )
    db.execute(
        "DELETE FROM stream WHERE first < (SELECT first FROM stream ORDER BY first DESC LIMIT 1 OFFSET ?)"
        " AND first < (SELECT max(first) FROM stream WHERE first <= (SELECT min(seq) FROM record))",
        (TOLD_APART - 1,),
    )
