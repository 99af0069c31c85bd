"""One database: how it is opened, read and written.

SQLite has one writer; a fair lock queues the writers of this process, and BEGIN IMMEDIATE those of others, so a
transaction that will write never fails half way on a lock. PostgreSQL needs neither.
"""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.orm import SessionTransaction
from sqlmodel import Session

BUSY_SECONDS = 30.0  # how long a writer waits for another process's write
THREADS = 16  # that routes run in: with more, Python passes its lock around, and what is live waits longest for it
POOL: Final[dict[str, Any]] = {
    "pool_size": THREADS + 8,  # and the threads of this server's own; a connection is dear to open
    "max_overflow": 40,
    "hide_parameters": True,  # what was to be written is nobody's business in a log
}


class FairLock:
    """First come, first served; threading.Lock promises no order, and a busy writer would starve a screen.

    It may be released by another thread than the one that took it: the API enters and leaves in different threads.
    """

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._waiting: deque[threading.Event] = deque()
        self._held = False

    def acquire(self) -> None:
        with self._guard:
            if not self._held:
                self._held = True
                return
            turn = threading.Event()
            self._waiting.append(turn)
        turn.wait()

    def release(self) -> None:
        with self._guard:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._held = False


class Database:
    """`read()` and `write()` give sessions; what is raised inside `write()` undoes all of it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.engine = _open(url)
        self.sqlite = self.engine.dialect.name == "sqlite"
        self._writing = self.engine.execution_options(branchfleet_writes=True)
        self._writer = FairLock()

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session that sees one consistent moment and changes nothing."""
        with Session(self.engine, expire_on_commit=False) as session:
            if not self.sqlite:
                session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
            try:
                yield session
            finally:
                session.expunge_all()  # what was read stays readable after the session
                session.rollback()

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session whose changes are durable when the block ends, and gone if it raises.

        The turn to write is taken at the first statement, by the thread that runs it: whoever waits for it cannot be
        in the way of whoever has it.
        """
        with Session(self._writing, expire_on_commit=False) as session:
            if self.sqlite:
                event.listen(session, "after_transaction_create", self._take_turn)
                event.listen(session, "after_transaction_end", self._pass_turn)
            try:
                yield session
                session.commit()
            except BaseException:
                session.rollback()
                raise

    @contextmanager
    def turn(self) -> Iterator[None]:
        """This thread's turn to write, for those who write without a session. PostgreSQL needs no turns."""
        if not self.sqlite:
            yield
            return
        self._writer.acquire()
        try:
            yield
        finally:
            self._writer.release()

    def close(self) -> None:
        self.engine.dispose()

    def _take_turn(self, _: object, transaction: SessionTransaction) -> None:
        if transaction.parent is None:
            self._writer.acquire()

    def _pass_turn(self, _: object, transaction: SessionTransaction) -> None:
        if transaction.parent is None:
            self._writer.release()


def _open(url: str) -> Engine:
    if not url.startswith("sqlite"):
        return create_engine(url, pool_pre_ping=True, **POOL)
    engine = create_engine(url, connect_args={"check_same_thread": False, "timeout": BUSY_SECONDS}, **POOL)

    @event.listens_for(engine, "connect")
    def _on_connect(connection: Any, _: object) -> None:
        connection.isolation_level = None  # SQLAlchemy says BEGIN itself, below
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=30000"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _on_begin(connection: Any) -> None:
        writes = connection.get_execution_options().get("branchfleet_writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine
