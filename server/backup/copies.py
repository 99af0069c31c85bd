"""A copy of a database of one moment, taken while others write; and a database made of such a copy.

SQLite is copied in steps under one read transaction: in WAL mode a reader keeps no writer waiting, and the copy does
not begin anew whenever something is written. PostgreSQL's own programs do the same, at a snapshot we hold.
"""

import errno
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlmodel import Session

from server.errors import Told
from server.storage.full import disk_is_full

PAGES = 1024  # copied in one step: 4 MiB


class NotWhole(Told):
    """The copy of the database does not pass SQLite's own check."""


class NoProgram(Told):
    """PostgreSQL's client programs are not on this machine."""


class DumpFailed(Told):
    """PostgreSQL's program ended with an error."""


def copy_sqlite(source: Path, target: Path, progress: Callable[[int, int], None] = lambda done, whole: None) -> None:
    """Copy `source` as it is now into the new file `target`, and check the copy. `progress` is told bytes."""
    try:
        with closing(sqlite3.connect(source, isolation_level=None, timeout=30)) as here:
            here.execute("BEGIN")
            here.execute("SELECT count(*) FROM sqlite_master").fetchone()  # from here on it stands still
            with closing(sqlite3.connect(target, isolation_level=None)) as there:
                size = here.execute("PRAGMA page_size").fetchone()[0]
                here.backup(
                    there, pages=PAGES, progress=lambda _, left, whole: progress((whole - left) * size, whole * size)
                )
                said = there.execute("PRAGMA integrity_check(1)").fetchone()[0]
    except sqlite3.Error as error:
        if disk_is_full(error):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target)) from None
        said = str(error)
    if said != "ok":
        raise NotWhole("The database {file} is not whole: {why}", file=source, why=Told(said))


def one_file(database: Path) -> None:
    """Leave nothing of a SQLite database beside its file."""
    with closing(sqlite3.connect(database, isolation_level=None)) as there:
        there.execute("PRAGMA journal_mode = DELETE")


def dump_postgresql(session: Session, url: str, target: Path) -> None:
    """What `session`, which reads repeatably, sees of its database, as a file of pg_dump's."""
    snapshot = session.execute(text("SELECT pg_export_snapshot()")).scalar_one()
    words = ["--format=custom", "--no-owner", "--no-privileges", f"--snapshot={snapshot}", f"--file={target}"]
    _run("pg_dump", url, words)


def restore_postgresql(url: str, source: Path) -> None:
    """Fill an empty database; all of it or nothing."""
    words = ["--no-owner", "--no-privileges", "--single-transaction", "--exit-on-error", str(source)]
    _run("pg_restore", url, words)


def _run(program: str, url: str, words: list[str]) -> None:
    found = shutil.which(program)
    if found is None:
        raise NoProgram(
            "The database is PostgreSQL, and its program {program} is not on this machine. Install PostgreSQL's client "
            "programs (apt-get install postgresql-client) and say it again.",
            program=program,
        )
    parsed = make_url(url)
    environ = os.environ | ({"PGPASSWORD": parsed.password} if parsed.password else {})  # never among the words
    plain = parsed.set(drivername="postgresql", password=None).render_as_string()
    done = subprocess.run(
        [found, f"--dbname={plain}", "--no-password", *words], env=environ, capture_output=True, text=True, check=False
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [str(done.returncode)])[-1]
        raise DumpFailed("{program} failed: {why}", program=program, why=last)
