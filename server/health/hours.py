"""The hours of a number: those that are over, from the table, and the one that goes on, from the subject's state."""

import msgspec
from sqlalchemy import Text, select, type_coerce
from sqlmodel import Session, col

from server.health.rollups import each, merged
from server.health.sums import Abreast, Sum
from server.health.tables import HealthRow, RollUp


class _Going(msgspec.Struct):
    """Of the state, what is asked for here."""

    hour: int = 0
    going: list[Abreast] = []

    @property
    def sums(self) -> dict[str, Sum]:
        return dict(each(self.going))


_going = msgspec.json.Decoder(_Going).decode


def hours_of(session: Session, subject: int, metric: str, start: int = 0, end: int = 1 << 62) -> list[tuple[int, Sum]]:
    """Hours that begin within `start`..`end`, the first µs of each and its sum, in order."""
    asked = select(RollUp).where(
        col(RollUp.subject_id) == subject, col(RollUp.metric) == metric, col(RollUp.hour).between(start, end)
    )
    found = {
        row.hour: Sum(row.n, row.low, row.high, row.weighted, row.seconds, row.last, row.last_at)
        for row in session.execute(asked).scalars()
    }
    going = _goes_on(session, subject)
    so_far = going.sums.get(metric)
    if so_far is not None and start <= going.hour <= end:
        known = found.get(going.hour)
        found[going.hour] = merged(known, so_far) if known else so_far
    return sorted(found.items())


def metrics_of(session: Session, subject: int) -> list[str]:
    """Every number there ever was."""
    asked = select(col(RollUp.metric)).where(col(RollUp.subject_id) == subject).distinct()
    return sorted({*session.execute(asked).scalars(), *_goes_on(session, subject).sums})


def _goes_on(session: Session, subject: int) -> _Going:
    asked = select(type_coerce(col(HealthRow.state), Text)).where(col(HealthRow.subject_id) == subject)
    kept = session.execute(asked).scalar_one_or_none()
    return _going(kept) if kept else _Going()
