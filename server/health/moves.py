"""The end of a move: a subject whose branch is of another shard now is judged there once both have read as far."""

from sqlalchemy import delete, select
from sqlmodel import Session, col

from server.health.cursors import cursors, locked
from server.health.shards import Layout, stay_heard
from server.inventory.tables import Moving, Subject, SubjectKind


def settle(session: Session, layout: Layout) -> bool:
    """Let what moves have arrived; False while a shard that waits for it is behind another.

    Nobody commits a step of these shards meanwhile, and whoever read before this for one finds the layout changed.
    """
    locked(session, sorted(layout.waiting), layout.shards)
    read = cursors(session)
    if len({read[shard] for shard in layout.waiting}) > 1 or not layout.same(session):
        return False
    for agent in _agents(session, layout):
        stay_heard(session, agent, layout.of(layout.moving[agent]))
    session.execute(delete(Moving).where(col(Moving.subject_id).in_(layout.moving)))
    return True


def _agents(session: Session, layout: Layout) -> list[int]:
    asked = select(col(Subject.id)).where(col(Subject.id).in_(layout.moving), col(Subject.kind) == SubjectKind.AGENT)
    return list(session.execute(asked).scalars())
