"""The one thread that writes what agents send.

Batches queue up; the thread takes as many as come within GROUP into one transaction, and each is answered only after
the commit is durable. When a transaction fails by a defect of ours, its batches are tried one by one, and a batch in
halves, down to the record that cannot be taken: that one is refused and kept, and everything else goes through.

What waited at agents that were cut off (a batch behind which more waits) gives way to what is live: it is written when
nothing else is queued, a few batches at a time, and `pace.py` says when an agent may send the next.
"""

import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Set
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import count

import msgspec
from sqlalchemy.exc import DBAPIError

from agent.wire import State
from server.errors import AWAY, BROKEN, FULL, ServerError, Unavailable
from server.ingest.batch import Parcel
from server.ingest.figures import Figures
from server.ingest.link import Link, open_link
from server.ingest.pace import Pace
from server.ingest.places import Places
from server.ingest.transaction import Taken, Transaction
from server.storage.database import Database
from server.storage.full import disk_is_full

GROUP = 0.04  # seconds a transaction is kept open for more batches; a screen's deed waits no longer
WAITING = 512  # batches that may wait; then agents are asked to come again later
HISTORY_WAITING = 16  # of those with what waited at agents
BUSY = "The server has more to write than it can just now. Try again shortly."
CLOSING = "The server is shutting down. Try again shortly."

_log = logging.getLogger(__name__)

LIVE, HISTORY, END = range(3)  # what is queued, in the order it is taken


@dataclass(order=True, slots=True)
class _Queued:
    turn: int
    number: int
    job: "Job | None" = field(compare=False)


Job = tuple[Parcel, "Future[Taken]"]


class Writer:
    """`submit` from any thread between `start` and `stop`."""

    def __init__(self, database: Database, *, committed: Callable[[Set[str]], None] = lambda _: None) -> None:
        self._database = database
        self._committed = committed  # told after every commit, of which kinds the records were
        self._places = Places()
        self._pace = Pace()
        self._jobs: queue.PriorityQueue[_Queued] = queue.PriorityQueue()
        self._numbers = count()
        self._history = 0  # queued batches of what waited; counted under the guard
        self._guard = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="ingest", daemon=True)
        self._link: Link | None = None
        self._closing = False
        self.figures = Figures()
        self.failing = False  # the database refused the last that was written

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    @property
    def waiting(self) -> int:
        """Batches in the queue."""
        return self._jobs.qsize()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Write what was submitted, then end."""
        with self._guard:  # so nothing is put behind the end
            self._closing = True
            self._put(END, None)
        self._thread.join()

    def submit(self, parcel: Parcel) -> "Future[Taken]":
        """The result comes after the durable commit; its exception is a ServerError."""
        future: Future[Taken] = Future()
        future.set_running_or_notify_cancel()  # whoever gives up waiting for it cannot take it back
        turn = HISTORY if parcel.waited else LIVE
        with self._guard:
            refused = self._why_not(turn)
            if refused is None:
                self._history += turn == HISTORY
                self._put(turn, (parcel, future))
        if refused is not None:
            future.set_exception(refused)
        return future

    def _why_not(self, turn: int) -> Unavailable | None:
        if self._closing:
            return Unavailable(CLOSING)
        full = turn == HISTORY and self._history >= HISTORY_WAITING
        return Unavailable(BUSY) if full or self._jobs.qsize() >= WAITING else None

    def _put(self, turn: int, job: Job | None) -> None:
        self._jobs.put(_Queued(turn, next(self._numbers), job))

    def _took(self, queued: _Queued) -> Job | None:
        with self._guard:
            self._history -= queued.turn == HISTORY
        return queued.job

    def _run(self) -> None:
        while (job := self._took(self._jobs.get())) is not None:
            group = [job]
            try:
                self._write(group)
            except Exception as error:  # the border: whatever it was, agents keep their records and come again
                self._undo()
                if _of_the_database(error):
                    self._refuse(group, error)
                else:
                    self._one_by_one(group)
        self._disconnect()

    def _write(self, group: list[Job]) -> None:
        """Write a group, with what comes meanwhile, and answer it."""
        taken: list[Taken | ServerError] = []
        with self._transaction() as transaction:
            ends = time.monotonic() + GROUP
            while True:
                try:
                    taken.append(self._take(transaction, group[-1][0]))
                except ServerError as error:  # it changed nothing
                    taken.append(error)
                if time.monotonic() >= ends or not self._grow(group):
                    break
        for (_, future), result in zip(group, taken, strict=True):
            if isinstance(result, ServerError):
                future.set_exception(result)
            else:
                future.set_result(result)

    def _take(self, transaction: Transaction, parcel: Parcel) -> Taken:
        began = time.perf_counter()
        taken = transaction.take(parcel)
        if not parcel.waited:
            return taken
        return replace(taken, wait=self._pace.after(parcel.agent_id, time.perf_counter() - began))

    def _grow(self, group: list[Job]) -> bool:
        try:
            queued = self._jobs.get_nowait()
        except queue.Empty:
            return False
        job = self._took(queued)
        if job is None:  # the end is asked for: after this group
            self._put(END, None)
            return False
        group.append(job)
        return True

    @contextmanager
    def _transaction(self) -> Iterator[Transaction]:
        with self._database.turn():
            link = self._link = self._link or open_link(self._database)
            link.begin()
            began = time.monotonic()
            transaction = Transaction(link, self._places)
            yield transaction
            transaction.finish()
            link.commit()
        self.figures.commits.add(time.monotonic() - began)
        self.failing = False
        self._committed(transaction.kinds)

    def _one_by_one(self, group: list[Job]) -> None:
        for parcel, future in group:
            try:
                future.set_result(self._salvage(parcel))
            except ServerError as error:
                future.set_exception(error)
            except Exception as error:  # the border, as above
                self._undo()
                self._refuse([(parcel, future)], error)

    def _salvage(self, parcel: Parcel) -> Taken:
        """Take a batch without the record that makes it fail."""
        try:
            with self._transaction() as transaction:
                return transaction.take(parcel)
        except Exception as error:
            self._undo()
            if isinstance(error, ServerError) or _of_the_database(error) or not parcel.records:
                raise
            if len(parcel.records) == 1:
                only = parcel.records[0]
                if only.record is None:
                    raise
                _log.error("Record %d of stream %s is refused.", only.seq, parcel.stream, exc_info=error)
                state_of = only.record.position if isinstance(only.record, State) else None
                why = "the server failed to take it"
                refused = msgspec.structs.replace(only, kind="refused", record=None, why=why, state_of=state_of)
                return self._salvage(replace(parcel, records=[refused]))
        half = len(parcel.records) // 2
        parts = [
            self._salvage(replace(parcel, records=part)) for part in (parcel.records[:half], parcel.records[half:])
        ]
        named = [refusal for part in parts for refusal in part.refused]
        return Taken(parts[-1].ranges, named, fresh=sum(part.fresh for part in parts))

    def _refuse(self, group: list[Job], error: Exception) -> None:
        self.failing = True
        if disk_is_full(error):
            _log.error("The disk of the database is full: nothing can be taken from agents.")
            answer = Unavailable(FULL)
        elif _of_the_database(error):
            _log.error("The database cannot be written.", exc_info=error)
            answer = Unavailable(AWAY)
        else:
            _log.error("A batch cannot be taken.", exc_info=error)
            answer = Unavailable(BROKEN)
        for _, future in group:
            if not future.done():
                future.set_exception(answer)

    def _undo(self) -> None:
        self._places.forget()
        try:
            if self._link is not None:
                self._link.rollback()
        except Exception:  # the connection itself is gone; the next transaction opens another
            self._disconnect()

    def _disconnect(self) -> None:
        link, self._link = self._link, None
        try:
            if link is not None:
                link.close()
        except Exception:  # it was gone already
            _log.debug("closing a broken connection", exc_info=True)


def _of_the_database(error: Exception) -> bool:
    """Whether it was the database that failed, and not one batch that it would not take."""
    if isinstance(error, DBAPIError | sqlite3.OperationalError):
        return True
    kinds = type(error).__mro__  # psycopg raises kinds of its OperationalError: DiskFull, DeadlockDetected
    return any(kind.__module__.startswith("psycopg") and kind.__name__ == "OperationalError" for kind in kinds)
