"""What the server holds of a spool's records, by the ranges it said. Works inside the spool's transaction."""

import sqlite3

from agent.spool.ranges import Ranges, holes
from agent.spool.room import read
from agent.spool.streams import Part, part_of, parts
from agent.wire import Event, EventName


def take_back(db: sqlite3.Connection, part: Part, held: Ranges) -> int:
    """What it held of a stream and holds no longer (an older database came back) waits again. Gives how many."""
    again = 0
    reached = db.execute("SELECT reached FROM spool").fetchone()[0] if part.current else part.end - 1
    for low, high in holes(held, part.first, reached + 1):
        lost = "UPDATE record SET acked = NULL WHERE acked IS NOT NULL AND seq BETWEEN ? AND ?"
        again += db.execute(lost, (low, high)).rowcount
    if part.current:
        db.execute("UPDATE spool SET settled = min(settled, ?)", (_settled(part, held),))
    return again


def let_go(db: sqlite3.Connection, part: Part, held: Ranges, server: int) -> int:
    """What it holds of a stream now waits no more. Gives how many."""
    newly = 0
    for low, high in held:
        got = "UPDATE record SET acked = ? WHERE acked IS NULL AND seq BETWEEN ? AND ?"
        newly += db.execute(got, (server, max(low, part.first), min(high, part.end - 1))).rowcount
    if part.current:
        reached = min(held[-1][1], part.end - 1) if held else 0
        db.execute("UPDATE spool SET settled = ?, reached = max(?, ?)", (_settled(part, held), part.first - 1, reached))
    return newly


def _settled(part: Part, held: Ranges) -> int:
    """The first number of the stream that is not held."""
    missing = holes(held, part.first, part.end)
    return missing[0][0] if missing else part.end


def forgotten(db: sqlite3.Connection, part: Part, held: Ranges) -> Ranges:
    """The numbers of a stream that neither the server nor this file has any more, and no event that waits names."""
    there: Ranges = list(held)
    known = parts(db)
    waiting = db.execute("SELECT seq, kind, CASE kind WHEN 'event' THEN body END FROM record WHERE acked IS NULL")
    for seq, kind, body in waiting:
        if there and there[-1][1] == seq - 1:
            there[-1] = (there[-1][0], seq)
        else:
            there.append((seq, seq))
        event = read(body) if kind == "event" else None
        if not isinstance(event, Event) or event.name not in (EventName.GAP, EventName.THINNING):
            continue
        if event.detail.get("stream", part_of(known, seq).uid) == part.uid:
            there.append((int(event.detail["from"]), int(event.detail["to"])))
    return holes(there, part.first, part.end)
