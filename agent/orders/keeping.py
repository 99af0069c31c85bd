"""Orders in the spool's file: durable before the server hears that they are here, marked before they begin, and ended
in the transaction that writes their Result. So a kill loses none, and none begins twice.

An order is kept, begun and ended in this order; each of these functions works inside the spool's transaction.
"""

import sqlite3
from collections.abc import Sequence

import msgspec

from agent.wire import Clock, Order

MOST = 100  # orders whose result the server does not have; more are not taken, and told again
UID_LENGTH = 64
LONGEST = 40 * 86_400.0  # seconds any order may wait
SETTLED_MICROS = 60_000_000  # the server may need so long to read a result that it has acknowledged


class Kept(msgspec.Struct, frozen=True):
    """An order that may be begun while the clock of the boot `boot_id` says less than `until` (µs)."""

    order: Order
    until: int
    boot_id: str

    def in_time(self, clock: Clock) -> bool:
        """After another boot nobody knows how long the PC was off."""
        return clock.boot_id == self.boot_id and clock.boot < self.until


def take(db: sqlite3.Connection, orders: Sequence[Order], came: Clock) -> list[Kept]:
    """Keep those that were not told before. Gives them."""
    room = MOST - db.execute("SELECT count(*) FROM orders WHERE acked IS NULL").fetchone()[0]
    taken: list[Kept] = []
    for order in orders:
        if len(taken) >= room:
            break
        if not 0 < len(order.uid) <= UID_LENGTH:
            continue
        until = came.boot + int(min(max(0.0, order.seconds), LONGEST) * 1_000_000)
        added = db.execute(
            "INSERT OR IGNORE INTO orders (uid, told, until, boot_id) VALUES (?, ?, ?, ?)",
            (order.uid, msgspec.msgpack.encode(order), until, came.boot_id),
        )
        if added.rowcount:
            taken.append(Kept(order, until, came.boot_id))
    return taken


def have(db: sqlite3.Connection) -> list[str]:
    """The uids not to be told again: the server does not have their results, or has hardly had time to read them."""
    rows = db.execute(
        "SELECT uid FROM orders WHERE acked IS NULL OR acked > (SELECT heard FROM spool) - ?"
        " ORDER BY acked IS NOT NULL, acked DESC LIMIT ?",
        (SETTLED_MICROS, 2 * MOST),
    )
    return [uid for (uid,) in rows]


def begin(db: sqlite3.Connection, uid: str, clock: Clock) -> bool:
    """Mark it as begun. False if it is not to be: it was begun before, was cancelled, or is not known any more."""
    marked = db.execute(
        "UPDATE orders SET began = ? WHERE uid = ? AND began IS NULL AND result IS NULL",
        (msgspec.msgpack.encode(clock), uid),
    )
    return marked.rowcount > 0


def may_end(db: sqlite3.Connection, uid: str, *, begun: bool) -> bool:
    """Whether a Result is to be written, of one that was begun or of one that was not: of each order one is."""
    asked = "SELECT began IS NOT NULL, result IS NOT NULL FROM orders WHERE uid = ?"
    found = db.execute(asked, (uid,)).fetchone()
    if found is None:  # another file is in the place of the one that had it, which was damaged
        return begun
    was_begun, ended = found
    return not ended and bool(was_begun) == begun


def note_result(db: sqlite3.Connection, uid: str, seq: int) -> None:
    """Its Result has this number. Kept also of an order that this file knows nothing of: its own was damaged since."""
    db.execute(
        "INSERT INTO orders (uid, until, boot_id, result) VALUES (?, 0, '', ?)"
        " ON CONFLICT (uid) DO UPDATE SET result = excluded.result, told = NULL",
        (uid, seq),
    )


def waiting(db: sqlite3.Connection) -> list[Kept]:
    """What was not begun yet, in the order it was told."""
    rows = db.execute(
        "SELECT told, until, boot_id FROM orders WHERE began IS NULL AND result IS NULL ORDER BY rowid"
    ).fetchall()
    return [Kept(msgspec.msgpack.decode(told, type=Order), until, boot_id) for told, until, boot_id in rows]


def under_way(db: sqlite3.Connection) -> list[tuple[str, Clock]]:
    """What was begun and has not ended, and when it began."""
    rows = db.execute("SELECT uid, began FROM orders WHERE began IS NOT NULL AND result IS NULL").fetchall()
    return [(uid, msgspec.msgpack.decode(began, type=Clock)) for uid, began in rows]
