"""Letting records go that are older than the bank keeps them: in small pieces, so that nobody waits for it.

What goes is the raw detail: states, holds, results, facts, and the stretches they attested. What stays for ever is what
people and auditors go by: events, entries, conditions, tickets, the journal; and of each subject its newest state.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, exists, select, update
from sqlmodel import Session, col

from server.health.cursors import slowest
from server.health.tables import Condition, HealthRow
from server.ingest.tables import Attested, Latest, RecordRow
from server.inventory.tables import Subject

DETAIL = ("state", "hold", "result", "fact", "refused")
AT_ONCE = 500  # records of one transaction
SUBJECTS = 50  # whose stretches go in one; a day of each has some tens


def sweep_stretches(session: Session, before: int, after: int) -> int | None:
    """Delete stretches that ended before then (µs) of some subjects with ids above `after`; where to go on.

    Those stay that a newest state stands on. None: there are no more subjects.
    """
    asked = select(col(Subject.id)).where(col(Subject.id) > after).order_by(col(Subject.id)).limit(SUBJECTS)
    subjects = list(session.execute(asked).scalars())
    newest = exists().where(
        col(Latest.subject_id) == col(Attested.subject_id), col(Latest.record_id) == col(Attested.record_id)
    )
    session.execute(delete(Attested).where(col(Attested.subject_id).in_(subjects), col(Attested.end) < before, ~newest))
    return subjects[-1] if len(subjects) == SUBJECTS else None


def sweep_records(session: Session, before: int, after: int) -> int | None:
    """Delete some records with numbers above `after` that arrived before then (µs); where to go on.

    None: there are no more.
    """
    read = slowest(session)
    judged, past = (read.live, read.past) if read else (0, 0)
    columns = (RecordRow.id, RecordRow.arrived, RecordRow.at, RecordRow.kind, RecordRow.history)
    rows = session.execute(
        select(*map(col, columns))
        .where(col(RecordRow.id) > after, col(RecordRow.id) <= judged)
        .order_by(col(RecordRow.id))
        .limit(AT_ONCE)
    ).all()
    old = [row for row in rows if row.arrived < before]
    done = [row for row in old if row.at < before and (not row.history or row.id <= past)]
    _delete(session, [row.id for row in done if row.kind in DETAIL])
    return int(old[-1].id) if len(old) == AT_ONCE else None


def _delete(session: Session, ids: Sequence[int]) -> None:
    closed = (col(Condition.record_id).in_(ids), col(Condition.closed_at).is_not(None))
    session.execute(update(Condition).where(*closed).values(record_id=None))
    needed: list[Any] = [
        exists().where(col(table.record_id) == col(RecordRow.id), col(table.subject_id) == col(RecordRow.subject_id))
        for table in (Latest, HealthRow, Condition, Attested)
    ]
    session.execute(delete(RecordRow).where(col(RecordRow.id).in_(ids), *(~one for one in needed)))
