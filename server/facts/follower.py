"""Keeps the sheets of hosts as their records in the log say, in its order, each in a transaction with the cursor."""

import logging
from collections.abc import Mapping
from typing import Final, NamedTuple, Protocol

from sqlalchemy import func
from sqlalchemy.orm.attributes import flag_modified
from sqlmodel import Session, select

from agent.wire import AnyRecord, Fact
from server.checks.due import judge_again
from server.facts.hosts import may_tell
from server.facts.sheets import cleaned, differences, reasons, text
from server.facts.tables import HOST, TOPIC, FactChange, FactSheet, Value
from server.following.log import LogFollowing
from server.ingest.tables import RecordRow
from server.network import seen
from server.registers.machine import of_change
from server.schemas.registers import Source
from server.storage.database import Database
from server.storage.lead import Role
from server.storage.types import Now
from server.sweeps import progress

log = logging.getLogger(__name__)

NAME: Final = "facts"
TOPICS: Final = 16  # of one host


class FactFollower(LogFollowing):
    name = NAME
    kind = "fact"

    def __init__(self, database: Database, now: Now) -> None:
        super().__init__(database, now, Role.FACTS)

    def take(self, session: Session, row: RecordRow, record: AnyRecord) -> None:
        if isinstance(record, Fact) and row.subject_id is not None and may_tell(session, row.subject_id, record.topic):
            keep(session, row.subject_id, Came(row.at, row.arrived, row.id or 0), record)


class Came(NamedTuple):
    at: int  # corrected time
    arrived: int
    record: int  # its id in the log; 0 of what came another way


class Told(Protocol):
    """As a `Fact`, or a sheet out of a file."""

    @property
    def topic(self) -> str: ...
    @property
    def host(self) -> str: ...
    @property
    def facts(self) -> Mapping[str, Value]: ...
    @property
    def unread(self) -> Mapping[str, str]: ...


def keep(session: Session, subject: int, row: Came, fact: Told) -> None:
    """Its sheet, and what differs from the one before. What is earlier than that changes nothing."""
    topic, facts, unread = text(fact.topic, TOPIC), cleaned(fact.facts), reasons(fact.unread)
    sheet = session.get(FactSheet, (subject, topic))
    if sheet is None:
        known = select(func.count()).select_from(FactSheet).where(FactSheet.subject_id == subject)
        if session.exec(known).one() >= TOPICS:
            log.debug("A host that says more than %d topics is not heard about another.", TOPICS)
            return
        sheet = FactSheet(subject_id=subject, topic=topic, at=row.at, arrived=0, record=0, host="", facts={}, unread={})
    elif (row.at, row.record) < (sheet.at, sheet.record):
        return
    else:
        source = Source.REMOTE if row.record else Source.IMPORT
        of_change(session, sheet, facts, at=row.at, arrived=row.arrived, source=source)
        for name, before, after in differences(sheet.facts, facts):
            session.add(FactChange(subject_id=subject, topic=topic, name=name, before=before, after=after, at=row.at))
    sheet.at, sheet.arrived, sheet.record = row
    sheet.host = text(fact.host, HOST)
    sheet.facts, sheet.unread = facts, unread
    session.add(sheet)
    seen.note(session, subject, topic, row.at, facts)
    progress.note(session, subject, topic, row.at, facts)
    flag_modified(sheet, "facts")  # of false instead of 0 it would not see that it is another
    session.flush()
    judge_again(session, [subject])
