"""How far health is behind the record log."""

from dataclasses import dataclass

from sqlalchemy import func
from sqlmodel import Session, col, select

from server.health.tables import Follower
from server.ingest.tables import RecordRow
from server.queries import HEALTH, PAST


@dataclass(frozen=True)
class Lag:
    records: int  # not judged yet, what agents send afterwards included
    seconds: float  # since the oldest of what is live arrived; 0 when there is none
    silent: float | None  # seconds since health last said that it lives; None: never


def lag_of(session: Session, now: int) -> Lag:
    follower = session.get(Follower, HEALTH)
    cursor = follower.cursor if follower else 0
    waiting = select(RecordRow.arrived).where(col(RecordRow.id) > cursor).order_by(col(RecordRow.id)).limit(1)
    oldest = session.exec(waiting).first()
    seconds = 0.0 if oldest is None else max(0.0, (now - oldest) / 1e6)
    silent = max(0.0, (now - follower.at) / 1e6) if follower else None
    follower_past = session.get(Follower, PAST)
    past = follower_past.cursor if follower_past else 0
    history = select(func.count()).select_from(RecordRow).where(col(RecordRow.history), col(RecordRow.id) > past)
    live = select(func.count()).select_from(RecordRow).where(col(RecordRow.id) > cursor)  # ids have gaps
    return Lag(session.exec(live).one() + session.exec(history).one(), seconds, silent)
