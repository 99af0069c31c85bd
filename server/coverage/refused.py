"""States the server could not take: of their position nothing is known until the agent tells of it anew."""

from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from server.ingest.tables import RecordRow, Stream


class Refused(NamedTuple):
    """From the first state that was refused to the next that was taken: numbers of one stream. `at` is µs."""

    agent: int
    subject: int
    stream: int
    taken: int | None  # None: no state of the position was, since
    seq: int
    at: int


def refused(session: Session, agents: Iterable[int], until: int) -> list[Refused]:
    """What agents told in vain before `until`. Of a record that does not even say its position there is no row."""
    later = aliased(RecordRow)
    taken = (
        select(func.min(col(later.seq)))
        .where(
            col(later.stream_id) == col(RecordRow.stream_id),
            col(later.subject_id) == col(RecordRow.subject_id),
            col(later.kind) == "state",
            col(later.seq) > col(RecordRow.seq),
        )
        .correlate(RecordRow)
        .scalar_subquery()
    )
    rows = (
        select(
            col(Stream.agent_id).label("agent"),
            col(RecordRow.subject_id).label("subject"),
            col(RecordRow.stream_id).label("stream"),
            taken.label("taken"),
            col(RecordRow.seq).label("seq"),
            col(RecordRow.at).label("at"),
        )
        .join(Stream, col(Stream.id) == col(RecordRow.stream_id))
        .where(
            col(RecordRow.kind) == "refused",
            col(RecordRow.subject_id).is_not(None),
            col(Stream.agent_id).in_(list(agents)),
            col(RecordRow.at) < until,
        )
        .subquery()
    )
    run = (rows.c.agent, rows.c.subject, rows.c.stream, rows.c.taken)
    asked = select(*run, func.min(rows.c.seq), func.min(rows.c.at)).group_by(*run)
    return [Refused(*row) for row in session.execute(asked)]
