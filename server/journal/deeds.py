"""Writing a deed: the one way a row gets into the journal, always last in the transaction of what it tells."""

import hashlib
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlmodel import Session, select

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
    take_turn(session)
    last = session.exec(select(JournalRow).order_by(JournalRow.seq.desc()).limit(1)).first()  # type: ignore[attr-defined]
    row = JournalRow(
        seq=last.seq + 1 if last else 1,
        at=act.now,
        actor=act.actor,
        via=act.via,
        about=about,
        deed=deed,
        before=None if before is None else canonical(before),
        after=None if after is None else canonical(after),
        reason=clean(reason),  # whoever reads the journal at a terminal takes no orders from it
        effective_at=act.now if effective_at is None else effective_at,
        previous=last.hash if last else GENESIS,
        hash="",
    )
    row.hash = digest(row)
    session.add(row)
    session.flush()
    return row.seq


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
