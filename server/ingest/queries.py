"""The record log as people's programs read it."""

import msgspec
from sqlalchemy import func
from sqlmodel import Session, col, select

from agent.wire import State
from server.accounts.scope import Scoped, in_scope
from server.ingest.tables import RecordRow, Stream
from server.inventory.tables import Subject
from server.schemas.observations import ObservationOut, ObservationPage


def observations(
    session: Session, viewer: Scoped, subject: str | None, after: int, limit: int, now: int
) -> ObservationPage:
    """State records in scope, by id."""
    observer = select(col(Subject.id).label("id"), col(Subject.key).label("key")).subquery()
    wanted = [col(RecordRow.kind) == "state", col(RecordRow.id) > after, in_scope(viewer, col(Subject.branch_id))]
    if subject is not None:
        wanted.append(col(Subject.key) == subject)
    joined = select(func.count()).select_from(RecordRow).join(Subject, col(Subject.id) == col(RecordRow.subject_id))
    total = session.execute(joined.where(*wanted)).scalar_one()
    rows = session.execute(
        select(RecordRow, Subject.key, observer.c.key)
        .join(Subject, col(Subject.id) == col(RecordRow.subject_id))
        .join(Stream, col(Stream.id) == col(RecordRow.stream_id))
        .join(observer, observer.c.id == col(Stream.agent_id))
        .where(*wanted)
        .order_by(col(RecordRow.id))
        .limit(limit)
    ).all()
    return ObservationPage(
        total=total, offset=0, at=now, rows=[_observation(row, key, agent) for row, key, agent in rows]
    )


def _observation(row: RecordRow, key: str, agent: str) -> ObservationOut:
    state = msgspec.msgpack.decode(row.body, type=State)
    return ObservationOut(
        id=row.id or 0,
        subject=key,
        agent=agent,
        seq=row.seq,
        at=row.at,
        device=state.reading.device.value,
        parts=state.reading.parts,
        numbers=state.reading.numbers,
        failure=state.failure.detail if state.failure else None,
    )
