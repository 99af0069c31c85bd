"""A whole database from SQLite to PostgreSQL: one transaction there, each row compared, nothing changed here.

Nobody may write meanwhile, or what they wrote would be lost: the file is held alone, which a server that runs prevents
and which keeps one from starting. The epoch stays: nothing is older than it was, and agents notice nothing.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import inspect

from server.errors import Told
from server.journal.deeds import Act, record
from server.migrations import check_version, upgrade
from server.moving.rows import compare, copy, side_of
from server.storage.database import Database
from server.storage.tables import metadata

Progress = Callable[[str, int, bool], None]  # a table, its rows, and whether they are compared already


class Occupied(Told):
    """There are rows in the database that was to be filled."""


class StillRuns(Told):
    """Somebody has the file open."""


def move(
    file: Path, url: str, act: Act, switch: Callable[[], None], progress: Progress = lambda *_: None
) -> dict[str, int]:
    """Fill the database at `url` with what is in the SQLite database `file`, all of it or nothing; rows by table.

    Then `switch` is to have the server go on there, before anybody can open the file again.

    Raises Occupied, StillRuns, Differs, Unfit, or what the databases say.
    """
    source = Database(f"sqlite:///{file.absolute()}")
    try:
        check_version(source)
    finally:
        source.close()
    with _alone(file) as here:
        target = Database(url)
        try:
            _make_ready(target)
            rows = _fill(here, target, act, progress)
            switch()
            return rows
        finally:
            target.close()


@contextmanager
def _alone(file: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(f"file:{file}?mode=rw", uri=True, isolation_level=None, timeout=0)) as link:
        link.execute("PRAGMA locking_mode = EXCLUSIVE")
        try:
            link.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorname != "SQLITE_BUSY":
                raise
            raise StillRuns(
                "{file} is in use: stop the server, and every other command on it, before it is moved.", file=file
            ) from None
        yield link


def _make_ready(target: Database) -> None:
    """The schema, in a database that has nothing else."""
    named = target.engine.url.render_as_string()
    present = set(inspect(target.engine).get_table_names())
    if present and not {table.name for table in metadata.tables.values()} & present:
        raise Occupied("The database {url} has other tables in it. Make a new one for Branchfleet.", url=named)
    upgrade(target)
    with target.read() as session:
        if session.connection().exec_driver_sql("SELECT 1 FROM journal LIMIT 1").first() is not None:
            raise Occupied("There is a server's data in the database {url} already. Name an empty one.", url=named)


def _fill(here: sqlite3.Connection, target: Database, act: Act, progress: Progress) -> dict[str, int]:
    sides = [side_of(table) for table in metadata.sorted_tables]
    rows: dict[str, int] = {}
    with target.write() as session:
        there: Any = session.connection().connection.driver_connection
        there.execute("TRUNCATE " + ", ".join(f'"{side.name}"' for side in sides if side.name != "journal"))
        with _unreferenced(there):
            for side in sides:
                rows[side.name] = copy(here, there, side)
                progress(side.name, rows[side.name], False)
        for side in sides:
            compare(here, there, side)
            progress(side.name, rows[side.name], True)
        _go_on_numbering(here, there)
        record(session, act, deed="server.move", about="server", after={"database": "postgresql", "rows": rows})
    return rows


@contextmanager
def _unreferenced(there: Any) -> Iterator[None]:
    """Without foreign keys, so that rows may come in any order; they are there again, and checked, at the end."""
    keys = there.execute(
        "SELECT conrelid::regclass::text, quote_ident(conname), pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE contype = 'f' AND conparentid = 0 AND connamespace = current_schema()::regnamespace ORDER BY 1, 2"
    ).fetchall()
    for table, name, _ in keys:
        there.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
    yield
    for table, name, said in keys:
        there.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} {said}")


def _go_on_numbering(here: sqlite3.Connection, there: Any) -> None:
    """Numbers go on where they were: one that was used never comes back, even if its row is gone."""
    used = dict(here.execute("SELECT name, seq FROM sqlite_sequence").fetchall())
    numbered = there.execute(
        "SELECT table_name, column_name, pg_get_serial_sequence(quote_ident(table_name), column_name)"
        " FROM information_schema.columns WHERE table_schema = current_schema()"
        " AND pg_get_serial_sequence(quote_ident(table_name), column_name) IS NOT NULL"
    ).fetchall()
    for table, column, sequence in numbered:
        highest = there.execute(f'SELECT max("{column}") FROM "{table}"').fetchone()[0] or 0  # noqa: S608
        if number := max(highest, used.get(table, 0)):
            there.execute("SELECT setval(%s, %s)", (sequence, number))
