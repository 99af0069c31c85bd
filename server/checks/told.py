"""What the server last heard of each host, sheet by sheet."""

from collections.abc import Collection

import msgspec
from sqlalchemy import func, select
from sqlmodel import Session, col

from agent.wire import AnyRecord, Fact
from server.checks.sheets import Sheet
from server.ingest.tables import RecordRow
from server.inventory.tables import Subject, SubjectKind

AT_ONCE = 500  # subjects of one question

Sheets = dict[str, Sheet]


def sheets_of(session: Session, subjects: Collection[int]) -> dict[int, Sheets]:
    """Of each subject that ever told anything the newest sheet of every topic."""
    found: dict[int, Sheets] = {}
    asked = sorted(subjects)
    for start in range(0, len(asked), AT_ONCE):
        _read(session, asked[start : start + AT_ONCE], found)
    return found


def _read(session: Session, subjects: list[int], found: dict[int, Sheets]) -> None:
    place = func.row_number().over(
        partition_by=col(RecordRow.subject_id), order_by=(col(RecordRow.at).desc(), col(RecordRow.id).desc())
    )
    ranked = (
        select(col(RecordRow.subject_id).label("subject"), col(RecordRow.at), col(RecordRow.body), place.label("place"))
        .where(col(RecordRow.subject_id).in_(subjects), col(RecordRow.kind) == "fact")
        .subquery()
    )
    for subject, at, body in session.execute(
        select(ranked.c.subject, ranked.c.at, ranked.c.body).where(ranked.c.place == 1)
    ):
        record = msgspec.msgpack.decode(body, type=AnyRecord)
        if isinstance(record, Fact):
            found.setdefault(subject, {})["host"] = Sheet(at, record.facts)


def hosts(session: Session) -> dict[int, str]:
    """Every agent that is there: its id and its key."""
    asked = select(col(Subject.id), col(Subject.key)).where(
        col(Subject.kind) == SubjectKind.AGENT, col(Subject.removed_at).is_(None)
    )
    return {row[0]: row[1] for row in session.execute(asked)}
