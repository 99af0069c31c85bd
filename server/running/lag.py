"""How far health is behind the record log."""

from dataclasses import dataclass

from sqlalchemy import func
from sqlmodel import Session, col, select

from server.health.cursors import slowest
from server.ingest.tables import RecordRow


@dataclass(frozen=True)
class Lag:
    records: int  # not judged yet, what agents send afterwards included
    seconds: float  # since the oldest of what is live arrived; 0 when there is none
    silent: float | None  # seconds since health last said that it lives; None: never


def lag_of(session: Session, now: int) -> Lag:
    """Of several shards that of the one that is furthest behind."""
    read = slowest(session)
    cursor, past = (read.live, read.past) if read else (0, 0)
    waiting = select(RecordRow.arrived).where(col(RecordRow.id) > cursor).order_by(col(RecordRow.id)).limit(1)
    oldest = session.exec(waiting).first()
    seconds = 0.0 if oldest is None else max(0.0, (now - oldest) / 1e6)
    silent = max(0.0, (now - read.at) / 1e6) if read else None
    history = select(func.count()).select_from(RecordRow).where(col(RecordRow.history), col(RecordRow.id) > past)
    live = select(func.count()).select_from(RecordRow).where(col(RecordRow.id) > cursor)  # ids have gaps
    return Lag(session.exec(live).one() + session.exec(history).one(), seconds, silent)
