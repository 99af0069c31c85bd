"""What is asked of facts. All of it is the host's word: bounded, and nowhere markup."""

from collections.abc import Iterable
from typing import Final

from sqlalchemy import func
from sqlmodel import Session, col, select

from server.accounts.scope import Scoped, in_scope
from server.errors import NotFound
from server.facts.hosts import are_hosts
from server.facts.tables import FactChange, FactSheet
from server.inventory.tables import Subject
from server.schemas.facts import ChangeOut, ChangePage, FactsOut, TopicOut

OLD: Final = 86_400_000_000  # µs: what is free, and which addresses it has, may be otherwise by now
# An agent tells once a day at a second of its own; what it tells a little later than the day before is not old.
SLACK: Final = 3_600_000_000


def facts(session: Session, viewer: Scoped, key: str, now: int, topics: Iterable[str] = ()) -> FactsOut:
    """Of `topics`, or of all. Nothing where it never said. NotFound also out of scope."""
    asked = select(FactSheet).where(FactSheet.subject_id == _host(session, viewer, key))
    if wanted := set(topics):
        asked = asked.where(col(FactSheet.topic).in_(wanted))
    sheets = sorted(session.exec(asked), key=lambda sheet: (sheet.topic != "host", sheet.topic))
    if not sheets:
        return FactsOut(agent=key, at=None)
    first = sheets[0]
    return FactsOut(
        agent=key,
        at=first.at,
        old=_old(first, now),
        host=first.host,
        facts={name: value for sheet in sheets for name, value in sheet.facts.items()},
        topics=[TopicOut(topic=one.topic, at=one.at, old=_old(one, now), unread=one.unread) for one in sheets],
    )


def _old(sheet: FactSheet, now: int) -> bool:
    return now - sheet.at > OLD + SLACK


def changes(session: Session, viewer: Scoped, key: str, *, now: int, offset: int, limit: int) -> ChangePage:
    """Newest first. NotFound also out of scope."""
    own = FactChange.subject_id == _host(session, viewer, key)
    total = session.exec(select(func.count()).select_from(FactChange).where(own)).one()
    asked = select(FactChange).where(own).order_by(col(FactChange.at).desc(), col(FactChange.id).desc())
    rows = session.exec(asked.offset(offset).limit(limit)).all()
    return ChangePage(total=total, offset=offset, at=now, rows=[_change(row) for row in rows])


def _change(row: FactChange) -> ChangeOut:
    return ChangeOut(topic=row.topic, name=row.name, before=row.before, after=row.after, at=row.at)


def _host(session: Session, viewer: Scoped, key: str) -> int:
    """A position that told nothing yet, and whose driver is not known for it, is none."""
    asked = select(Subject.id).where(Subject.key == key, are_hosts(), in_scope(viewer, col(Subject.branch_id)))
    host = session.exec(asked).one_or_none()
    if host is None:
        raise NotFound("There is no host {key}: hosts are agents, and positions that tell facts.", key=key)
    return host
