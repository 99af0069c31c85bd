"""One server on one SQLite file. Of several each would take itself for the only one; PostgreSQL has them share."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from server.errors import Told

ENDING = ".running"  # of the file beside the database that is held while a server runs; nothing is in it


class AnotherRuns(Told):
    """A server runs on this file already."""


@contextmanager
def alone(file: Path) -> Iterator[None]:
    """Hold the SQLite database `file` as its one server, as long as the block runs or until this process is gone.

    Commands may go on beside it. AnotherRuns if another process does so.
    """
    held = file.with_name(file.name + ENDING)
    held.touch(mode=0o600)  # a full disk is an OSError here, and nothing one could understand from SQLite
    with closing(sqlite3.connect(held, isolation_level=None, timeout=0)) as link:
        link.execute("PRAGMA journal_mode = OFF")  # it needs no room: nothing is ever written
        try:
            link.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorname != "SQLITE_BUSY":
                raise
            sentence = "Another server runs on {file} already; only on PostgreSQL can there be several."
            raise AnotherRuns(sentence, file=file) from None
        yield
