"""Keeps the sheets of hosts as their records in the log say, in its order, each in a transaction with the cursor."""

import logging
from typing import Final

import msgspec
from sqlalchemy import func
from sqlalchemy.orm.attributes import flag_modified
from sqlmodel import Session, col, select

from agent.wire import AnyRecord, Fact
from server.checks.due import judge_again
from server.facts.sheets import cleaned, differences, reasons, text
from server.facts.tables import HOST, TOPIC, FactChange, FactSheet
from server.following import PASSING, Following
from server.ingest.tables import RecordRow
from server.log_cursor import LogCursor
from server.network.seen import note
from server.registers.machine import of_change
from server.storage.database import Database
from server.storage.lead import Lead, Role
from server.storage.types import Now

log = logging.getLogger(__name__)

NAME: Final = "facts"
AT_ONCE: Final = 50  # records of one transaction: a push to all agents brings thousands
TOPICS: Final = 16  # of one host


class FactFollower(Following):
    name = NAME
    pause = 2.0

    def __init__(self, database: Database, now: Now) -> None:
        super().__init__(Lead(database, Role.FACTS))
        self._database = database
        self._now = now
        self._cursor = LogCursor(database, NAME, now)

    def step(self) -> int:
        """Take the next facts of the log, and say how many; 0 if there are none."""
        self._cursor.begin()
        with self._database.read() as session:
            if not _next(session, self._cursor.at(session), 1):
                return 0
        try:
            with self._database.write() as session:
                return self._take(session, AT_ONCE, make=True)
        except PASSING:
            raise
        except Exception:  # the border: what one record provokes, the rest must not wait for
            log.exception("Facts are taken one by one, as one of the next cannot be")
        return self._take_one()

    def _take_one(self) -> int:
        try:
            with self._database.write() as session:
                return self._take(session, 1, make=True)
        except PASSING:
            raise
        except Exception:  # the border: as above, and this is the one
            log.exception("A fact is kept in the log and nothing was made of it")
            self.defects += 1
            with self._database.write() as session:
                return self._take(session, 1, make=False)

    def _take(self, session: Session, most: int, *, make: bool) -> int:
        cursor = self._cursor.held(session)
        rows = _next(session, cursor.cursor, most)
        for row in rows if make else ():
            record: AnyRecord = msgspec.msgpack.decode(row.body, type=AnyRecord)
            if isinstance(record, Fact) and row.subject_id is not None:
                keep(session, row.subject_id, row, record)
        if rows:
            self._cursor.move(session, cursor, rows[-1].id or 0)
        return len(rows)


def keep(session: Session, subject: int, row: RecordRow, fact: Fact) -> None:
    """Its sheet, and what differs from the one before. What is earlier than that changes nothing."""
    topic, facts, unread = text(fact.topic, TOPIC), cleaned(fact.facts), reasons(fact.unread)
    sheet = session.get(FactSheet, (subject, topic))
    if sheet is None:
        known = select(func.count()).select_from(FactSheet).where(FactSheet.subject_id == subject)
        if session.exec(known).one() >= TOPICS:
            log.debug("A host that says more than %d topics is not heard about another.", TOPICS)
            return
        sheet = FactSheet(subject_id=subject, topic=topic, at=row.at, arrived=0, record=0, host="", facts={}, unread={})
    elif (row.at, row.id or 0) < (sheet.at, sheet.record):
        return
    else:
        of_change(session, sheet, facts, row)
        for name, before, after in differences(sheet.facts, facts):
            session.add(FactChange(subject_id=subject, topic=topic, name=name, before=before, after=after, at=row.at))
    sheet.at, sheet.arrived, sheet.record = row.at, row.arrived, row.id or 0
    sheet.host = text(fact.host, HOST)
    sheet.facts, sheet.unread = facts, unread
    session.add(sheet)
    note(session, subject, topic, row.at, facts)
    flag_modified(sheet, "facts")  # of false instead of 0 it would not see that it is another
    session.flush()
    judge_again(session, [subject])


def _next(session: Session, after: int, most: int) -> list[RecordRow]:
    asked = select(RecordRow).where(col(RecordRow.kind) == "fact", col(RecordRow.id) > after)
    return list(session.exec(asked.order_by(col(RecordRow.id)).limit(most)).all())
