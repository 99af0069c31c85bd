"""What is kept aside."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func
from sqlmodel import Session, col, select

from server.aside.tables import Aside
from server.errors import NotFound
from server.inventory.tables import Subject


@dataclass(frozen=True)
class Kept:
    number: int
    bytes: int


def kept(session: Session) -> Kept:
    asked = select(func.count(), func.coalesce(func.sum(func.length(Aside.body)), 0)).select_from(Aside)
    number, size = session.execute(asked).one()
    return Kept(number, int(size))


def listed(session: Session) -> list[tuple[Aside, str]]:
    """Each with the key of its agent, the newest first."""
    asked = select(Aside, Subject.key).join(Subject, col(Subject.id) == col(Aside.agent_id))
    return list(session.exec(asked.order_by(col(Aside.last_at).desc(), col(Aside.id).desc())).all())


def out(row: Aside, key: str) -> dict[str, Any]:
    """What a person is told of it: all but its bytes. Times are UTC."""
    return {
        "id": row.id,
        "agent": key,
        "first_at": _time(row.first_at),
        "last_at": _time(row.last_at),
        "times": row.times,
        "why": row.why,
        "media": row.media,
        "encoding": row.encoding,
        "size": row.size,
        "kept": len(row.body),
        "sha256": row.digest,
    }


def _time(at: int) -> str:
    return datetime.fromtimestamp(at // 1_000_000, UTC).isoformat()


def one(session: Session, id: int) -> tuple[Aside, str]:
    found = session.exec(
        select(Aside, Subject.key).join(Subject, col(Subject.id) == col(Aside.agent_id)).where(Aside.id == id)
    ).first()
    if found is None:
        raise NotFound("Nothing is kept aside under the number {id}.", id=id)
    return found
