"""Writing a deed: the one way a row gets into the journal, always last in the transaction of what it tells."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlmodel import Session, col, select

from server.journal.tables import JournalRow
from server.plain import clean
from server.storage.types import canonical

GENESIS = "0" * 64  # the hash before the first row
HEALTH = "health"  # the door of what the health follower opens and closes by itself
_ADVISORY = 0x6272_6A6E  # "brjn": PostgreSQL's writers of the journal and of invalidations take turns on this number


@dataclass(frozen=True)
class Act:
    """Who does something, by what door, and when (UTC µs)."""

    actor: str
    via: str
    now: int


@dataclass(frozen=True)
class Deed:
    """What one row of the journal says. `effective_at`: when it was done, if that is not when it is written down."""

    deed: str
    about: str
    before: Any = None
    after: Any = None
    reason: str = ""
    effective_at: int | None = None


def record(
    session: Session,
    act: Act,
    *,
    deed: str,
    about: str,
    before: Any = None,
    after: Any = None,
    reason: str = "",
    effective_at: int | None = None,
) -> int:
    """Append one row and give its seq. Call it last: from here to the commit nobody else can write a deed."""
    return record_all(session, act, [Deed(deed, about, before, after, reason, effective_at)])


def record_all(session: Session, act: Act, deeds: Iterable[Deed]) -> int:
    """The same of many, in their order; gives the seq of the last."""
    take_turn(session)
    last = session.exec(select(JournalRow.seq, JournalRow.hash).order_by(col(JournalRow.seq).desc()).limit(1)).first()
    seq, previous = last or (0, GENESIS)
    for deed in deeds:
        row = JournalRow(
            seq=(seq := seq + 1),
            at=act.now,
            actor=act.actor,
            via=act.via,
            about=deed.about,
            deed=deed.deed,
            before=None if deed.before is None else canonical(deed.before),
            after=None if deed.after is None else canonical(deed.after),
            reason=clean(deed.reason),  # whoever reads the journal at a terminal takes no orders from it
            effective_at=act.now if deed.effective_at is None else deed.effective_at,
            previous=previous,
            hash="",
        )
        row.hash = previous = digest(row)
        session.add(row)
    session.flush()
    return seq


def take_turn(session: Session) -> None:
    """Wait until no other transaction is between its first deed or invalidation and its commit. SQLite always is so."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY})


def digest(row: JournalRow) -> str:
    """SHA-256 over the canonical form of every column but the hash itself."""
    body = {
        "seq": row.seq,
        "at": row.at,
        "actor": row.actor,
        "via": row.via,
        "about": row.about,
        "deed": row.deed,
        "before": row.before,
        "after": row.after,
        "reason": row.reason,
        "effective_at": row.effective_at,
        "previous": row.previous,
    }
    return hashlib.sha256(canonical(body).encode()).hexdigest()
