"""How far health has read the record log: what is live and what waited at agents, in each of its shards.

They are rows of `follower`: "health", or of the third of several shards "health/2".
"""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlmodel import Session, col, select

from server.following.thread import Overtaken
from server.health.tables import Follower

HEALTH = "health"
PAST = "health.history"  # the cursor of what waited at agents
RESUMED = "health.resumed"  # its `at` is when the follower came back after an absence
NAMES = (HEALTH, PAST, RESUMED)


@dataclass(frozen=True, order=True)
class Cursor:
    """How far one shard has read."""

    live: int = 0
    past: int = 0


@dataclass(frozen=True)
class Slowest:
    """How far all have read that is live and that waited, and when the last of them was heard of that was (µs)."""

    live: int
    past: int
    at: int


def named(name: str, shard: int, shards: int) -> str:
    return name if shards == 1 else f"{name}/{shard}"


def shard_in(name: str) -> int:
    return int(name.partition("/")[2] or 0)


def rows_of(session: Session, name: str) -> dict[int, Follower]:
    """By shard."""
    asked = select(Follower).where((col(Follower.name) == name) | col(Follower.name).startswith(f"{name}/"))
    return {shard_in(row.name): row for row in session.exec(asked)}


def cursors(session: Session) -> dict[int, Cursor]:
    """Of every shard."""
    asked = select(Follower.name, Follower.cursor).where(col(Follower.name).startswith(HEALTH))
    read = dict(session.exec(asked).all())
    shards = sorted(shard_in(name) for name in read if name.partition("/")[0] == HEALTH)
    count = len(shards)
    return {
        shard: Cursor(read[named(HEALTH, shard, count)], read.get(named(PAST, shard, count), 0)) for shard in shards
    }


def slowest(session: Session) -> Slowest | None:
    """What is read by all of them; None before health has begun."""
    live, past = rows_of(session, HEALTH), rows_of(session, PAST)
    if not live:
        return None
    return Slowest(
        live=min(row.cursor for row in live.values()),
        past=min((past[shard].cursor if shard in past else 0) for shard in live),
        at=min(row.at for row in live.values()),
    )


def locked(session: Session, shards: Iterable[int], count: int) -> list[Follower]:
    """The cursors of what is live, theirs until the transaction ends. Always in one order."""
    names = [named(HEALTH, shard, count) for shard in shards]
    asked = select(Follower).where(col(Follower.name).in_(names)).order_by(col(Follower.name)).with_for_update()
    return list(session.exec(asked))


def move(session: Session, shards: frozenset[int], count: int, before: Cursor, after: Cursor, now: int) -> None:
    """Raises Overtaken if anybody has moved one of them meanwhile."""
    rows = locked(session, shards, count)
    if len(rows) != len(shards) or any(row.cursor != before.live for row in rows):
        raise Overtaken
    for row in rows:
        row.cursor, row.at = after.live, now
    if after.past != before.past:
        past = rows_of(session, PAST)
        for shard in sorted(shards):
            row = past.get(shard) or Follower(name=named(PAST, shard, count), cursor=0, at=now)
            row.cursor, row.at = after.past, now
            session.add(row)
    session.flush()
