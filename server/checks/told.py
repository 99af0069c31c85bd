"""What the server last heard of each host, sheet by sheet."""

from collections.abc import Collection, Iterable

from sqlalchemy import select
from sqlmodel import Session, col

from server.checks.sheets import Sheet
from server.facts.hosts import are_hosts
from server.facts.tables import FactSheet
from server.inventory.tables import Subject

AT_ONCE = 500  # subjects of one question

Sheets = dict[str, Sheet]


def sheets_of(session: Session, subjects: Collection[int], topics: Iterable[str] = ()) -> dict[int, Sheets]:
    """By subject and topic: of `topics`, or of all. A subject that never told anything is not among them."""
    found: dict[int, Sheets] = {}
    ids, wanted = sorted(subjects), set(topics)
    sheet = FactSheet.subject_id, FactSheet.topic, FactSheet.at, FactSheet.facts, FactSheet.unread
    for start in range(0, len(ids), AT_ONCE):
        asked = select(*map(col, sheet)).where(col(FactSheet.subject_id).in_(ids[start : start + AT_ONCE]))
        if wanted:
            asked = asked.where(col(FactSheet.topic).in_(wanted))
        for subject, topic, at, facts, unread in session.execute(asked):
            found.setdefault(subject, {})[topic] = Sheet(at, facts, unread)
    return found


def hosts(session: Session) -> dict[int, str]:
    """Every agent, and every position that tells facts: its id and its key."""
    asked = select(col(Subject.id), col(Subject.key)).where(are_hosts())
    return {row[0]: row[1] for row in session.execute(asked)}
