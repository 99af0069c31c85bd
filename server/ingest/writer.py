"""The one thread that writes what agents send.

Batches queue up; the thread takes as many as come within GROUP into one transaction, and each is answered only after
the commit is durable. When a transaction fails by a defect of ours, its batches are tried one by one, and a batch in
halves, down to the record that cannot be taken: that one is refused and kept, and everything else goes through.
"""

import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace

from sqlalchemy.exc import DBAPIError

from server.errors import AWAY, BROKEN, FULL, ServerError, Unavailable
from server.ingest.batch import Parcel
from server.ingest.figures import Figures
from server.ingest.link import Link, open_link
from server.ingest.places import Places
from server.ingest.transaction import Taken, Transaction
from server.storage.database import Database
from server.storage.full import disk_is_full

GROUP = 0.04  # seconds a transaction is kept open for more batches; a screen's deed waits no longer
WAITING = 512  # batches that may wait; then agents are asked to come again later
BUSY = "The server has more to write than it can just now. Try again shortly."
CLOSING = "The server is shutting down. Try again shortly."

_log = logging.getLogger(__name__)

Job = tuple[Parcel, "Future[Taken]"]


class Writer:
    """`submit` from any thread between `start` and `stop`."""

    def __init__(self, database: Database, *, committed: Callable[[], None] = lambda: None) -> None:
        self._database = database
        self._committed = committed  # told after every commit
        self._places = Places()
        self._jobs: queue.Queue[Job | None] = queue.Queue()
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
        self._closing = True
        self._jobs.put(None)
        self._thread.join()

    def submit(self, parcel: Parcel) -> "Future[Taken]":
        """The result comes after the durable commit; its exception is a ServerError."""
        future: Future[Taken] = Future()
        if self._closing:
            future.set_exception(Unavailable(CLOSING))
        elif self._jobs.qsize() >= WAITING:
            future.set_exception(Unavailable(BUSY))
        else:
            self._jobs.put((parcel, future))
        return future

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
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
                    taken.append(transaction.take(group[-1][0]))
                except ServerError as error:  # it changed nothing
                    taken.append(error)
                if time.monotonic() >= ends or not self._grow(group):
                    break
        for (_, future), result in zip(group, taken, strict=True):
            if isinstance(result, ServerError):
                future.set_exception(result)
            else:
                future.set_result(result)

    def _grow(self, group: list[Job]) -> bool:
        try:
            job = self._jobs.get_nowait()
        except queue.Empty:
            return False
        if job is None:  # the end is asked for: after this group
            self._jobs.put(None)
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
        self._committed()

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
                refused = replace(only, kind="refused", record=None, why="the server failed to take it")
                return self._salvage(replace(parcel, records=[refused]))
        half = len(parcel.records) // 2
        parts = [
            self._salvage(replace(parcel, records=part)) for part in (parcel.records[:half], parcel.records[half:])
        ]
        named = [refusal for part in parts for refusal in part.refused]
        return Taken(parts[-1].ranges, named, sum(part.fresh for part in parts))

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
    return type(error).__module__.startswith("psycopg") and type(error).__name__ == "OperationalError"
