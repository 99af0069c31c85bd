"""What time alone may change: subjects by when they are due, and agents of other shards as these hear them."""

from sqlalchemy import func, update
from sqlmodel import Session, col, select

from server.health.shards import Part
from server.health.tables import HealthRow, VoiceRow
from server.inventory.tables import Subject


def due(session: Session, part: Part, horizon: int, limit: int) -> list[tuple[int, int]]:
    """When, and what: the first that are due by `horizon`."""
    asked = select(HealthRow.due_at, HealthRow.subject_id).where(col(HealthRow.due_at) <= horizon)
    if not part.whole:
        asked = asked.join(Subject, col(Subject.id) == HealthRow.subject_id).where(*part.mine())
    found = session.exec(asked.order_by(col(HealthRow.due_at), col(HealthRow.subject_id)).limit(limit))
    dues = [(at or 0, subject) for at, subject in found]
    return dues if part.whole else sorted([*dues, *_voices(session, part, horizon, limit)])[:limit]


def _voices(session: Session, part: Part, horizon: int, limit: int) -> list[tuple[int, int]]:
    first = func.min(col(VoiceRow.due_at))
    asked = (
        select(first, VoiceRow.agent_id)
        .join(Subject, col(Subject.id) == VoiceRow.agent_id)
        .where(col(VoiceRow.shard).in_(sorted(part.shards)), part.foreign())
        .group_by(col(VoiceRow.agent_id))
        .having(first <= horizon)
    )
    return [(at or 0, agent) for at, agent in session.exec(asked.order_by(first, col(VoiceRow.agent_id)).limit(limit))]


def leave(session: Session, part: Part, subject: int) -> None:
    """Time does not change it any more, until it is heard of again."""
    mine = session.exec(select(Subject.id).where(Subject.id == subject, *part.mine())).first()
    if mine is not None:
        session.get_one(HealthRow, subject).due_at = None
    else:
        shards = col(VoiceRow.shard).in_(sorted(part.shards))
        session.execute(update(VoiceRow).where(col(VoiceRow.agent_id) == subject, shards).values(due_at=None))
