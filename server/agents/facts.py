"""What the PC of an agent said of itself last. All of it is that PC's word: bounded, and nowhere markup."""

from typing import Final

import msgspec
from sqlalchemy import select
from sqlmodel import Session, col

from agent.wire import AnyRecord, Fact
from server.accounts.scope import Scoped, in_scope
from server.errors import NotFound
from server.ingest.tables import RecordRow
from server.inventory.tables import Subject, SubjectKind
from server.plain import clean
from server.schemas.agents import FactsOut

OLD: Final = 86_400_000_000  # µs: what is free, and which addresses it has, may be otherwise by now
MOST: Final = 300  # facts
NAME, TEXT, LISTED = 64, 300, 64  # characters of a name and of a text; texts of a list

Told = str | int | list[str]


def facts(session: Session, viewer: Scoped, key: str, now: int) -> FactsOut:
    """Nothing where it never said, or so long ago that the records are gone. NotFound also out of scope."""
    asked = select(col(Subject.id)).where(col(Subject.kind) == SubjectKind.AGENT, col(Subject.key) == key)
    asked = asked.where(col(Subject.removed_at).is_(None), in_scope(viewer, col(Subject.branch_id)))
    agent = session.execute(asked).scalar_one_or_none()
    if agent is None:
        raise NotFound("There is no agent {key}: the inventory names the agents.", key=key)
    told = select(col(RecordRow.at), col(RecordRow.body)).where(
        col(RecordRow.subject_id) == agent, col(RecordRow.kind) == "fact"
    )
    newest = session.execute(told.order_by(col(RecordRow.at).desc(), col(RecordRow.id).desc()).limit(1)).first()
    if newest is None:
        return FactsOut(agent=key, at=None)
    at, body = newest
    record = msgspec.msgpack.decode(body, type=AnyRecord)
    if not isinstance(record, Fact):
        raise TypeError(record)
    shown = {_text(name, NAME): _value(value) for name, value in sorted(record.facts.items())[:MOST]}
    return FactsOut(agent=key, at=at, old=now - at > OLD, host=_text(record.host, NAME), facts=shown)


def _value(value: Told) -> Told:
    if isinstance(value, int):
        return value
    return _text(value) if isinstance(value, str) else [_text(one) for one in value[:LISTED]]


def _text(text: str, longest: int = TEXT) -> str:
    return clean(text[:longest]).replace("\n", " ")
