"""Ends orders: by the results in the record log, in its order and in a transaction with the cursor; and by time."""

import logging

import msgspec
from sqlalchemy import select
from sqlmodel import Session, col

from agent.wire import AnyRecord, Result
from server.following.cursor import LogCursor
from server.following.thread import PASSING, Following
from server.ingest.tables import RecordRow, Stream
from server.orders.ending import answer, lapse, overdue, refuse, shut_out
from server.storage.database import Database
from server.storage.lead import Lead, Role
from server.storage.types import Now

log = logging.getLogger(__name__)

NAME = "orders"
AT_ONCE = 500  # results in one transaction: a thousand agents answer within a second

_decode = msgspec.msgpack.Decoder(AnyRecord).decode


class OrderFollower(Following):
    name = NAME
    pause = 0.5
    gather = 0.05  # a thousand agents answer within a second, and a step costs the same for one result as for fifty

    def __init__(self, database: Database, now: Now) -> None:
        super().__init__(Lead(database, Role.ORDERS))
        self._database = database
        self._now = now
        self._cursor = LogCursor(database, NAME, now)
        self._decided = True  # about who an agent is: since the last look, or before this server looked first
        self._single = 0  # steps still to be taken one result at a time, after one failed

    def decide(self) -> None:
        """Somebody was revoked or quarantined, it may be: look now. From any thread."""
        self._decided = True
        self.wake()

    def arrive(self) -> None:
        self._decided = True

    def step(self) -> int:
        """End what the next results end, and what is overdue; 0 if there was neither."""
        self._cursor.begin()
        limit = 1 if self._single else AT_ONCE
        with self._database.read() as session:
            news = _next(session, self._cursor.at(session), 1)
            late = overdue(session, self._now())
        if news:
            self._take(limit)
        if self._decided:
            self._decided = False
            self._shut_out()
        return len(news) + (self._lapse(late) if late else 0)

    def _lapse(self, late: list[int]) -> int:
        try:
            with self._database.write() as session:
                lapse(session, self._now(), late)
        except PASSING:
            raise
        except Exception:  # the border: results are taken whatever happens to what is overdue
            log.exception("What is overdue could not be ended")
            self.defects += 1
            return 0
        return len(late)

    def _shut_out(self) -> None:
        """End the orders of agents that nobody may speak as any more."""
        try:
            with self._database.read() as session:
                agents = shut_out(session, self._now())
            if agents:
                with self._database.write() as session:
                    refuse(session, self._now(), agents)
        except PASSING:
            self._decided = True
            raise

    def _take(self, limit: int) -> None:
        try:
            with self._database.write() as session:
                self._take_next(session, limit)
            self._single = max(0, self._single - 1)
        except PASSING:
            raise
        except Exception:  # the border: whatever one result provokes, the rest must be taken
            log.exception("A result could not be taken; going on one by one")
            self.defects += 1
            if not self._single:
                self._single = AT_ONCE
                return
            with self._database.write() as session:
                self._take_next(session, 1, end=False)

    def _take_next(self, session: Session, limit: int, *, end: bool = True) -> None:
        cursor = self._cursor.held(session)
        rows = _next(session, cursor.cursor, limit)
        if not rows:
            return
        self._cursor.move(session, cursor, rows[-1][0])
        if end:
            said = [(agent, at, _decode(body)) for _, agent, at, body in rows]
            heard = [(agent, at, record) for agent, at, record in said if isinstance(record, Result)]
            answer(session, self._now(), heard)
        else:
            log.error("Record %d is kept in the log and ends no order.", rows[-1][0])


def _next(session: Session, after: int, limit: int) -> list[tuple[int, int, int, bytes]]:
    """Results: the record's id, its agent's, its corrected time, and what it says."""
    asked = (
        select(col(RecordRow.id), col(Stream.agent_id), col(RecordRow.at), col(RecordRow.body))
        .join(Stream, col(Stream.id) == col(RecordRow.stream_id))
        .where(col(RecordRow.kind) == "result", col(RecordRow.id) > after)
    )
    return [tuple(row) for row in session.execute(asked.order_by(col(RecordRow.id)).limit(limit))]
