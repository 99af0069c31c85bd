"""The writer's own connection: plain SQL on sqlite3, and COPY and arrays on psycopg.

Statements are written with "?" and mean the same on both. On PostgreSQL every transaction first takes an advisory
lock, so of several servers one ingests at a time and the ids of records become visible in order.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from sqlalchemy import PoolProxiedConnection
from sqlmodel import Session

from server.storage.database import Database

Row = tuple[Any, ...]

ADVISORY = 0x6272_696E  # "brin": whoever has it writes records alone
_IDS = 500  # of records, taken at once; what a transaction leaves of them nobody uses
_AT_ONCE = 400  # values of one IN (...); SQLite before 3.32 takes 999


@dataclass(frozen=True)
class Bulk:
    """A table as it is written: its columns with PostgreSQL's types, and the key on which a row replaces another."""

    table: str
    columns: dict[str, str]
    key: tuple[str, ...] = ()
    newer: str = ""  # the column by which only a later row replaces an earlier one
    merged: dict[str, str] = field(default_factory=dict)  # what a column becomes that is not simply replaced

    @property
    def names(self) -> str:
        return ", ".join(self.columns)

    @property
    def on_conflict(self) -> str:
        if not self.key:
            return ""
        left = [name for name in self.columns if name not in self.key]
        changes = ", ".join(f"{name} = {self.merged.get(name, f'excluded.{name}')}" for name in left)
        guard = f" WHERE excluded.{self.newer} >= {self.table}.{self.newer}" if self.newer else ""
        return f" ON CONFLICT ({', '.join(self.key)}) DO UPDATE SET {changes}{guard}"


class Link(Protocol):
    """One connection. Used by one thread at a time."""

    sqlite: bool

    def begin(self) -> None: ...

    def commit(self) -> None: ...

    def rollback(self) -> None: ...

    def rows(self, sql: str, *values: Any) -> list[Row]: ...

    def rows_among(self, sql: str, piece: Sequence[Any], *before: Any) -> list[Row]:
        """`sql` ends with what is to be one of `piece`, which has at least one."""

    def run(self, sql: str, *values: Any) -> None: ...

    def put(self, bulk: Bulk, rows: Sequence[Row]) -> None: ...

    def next_ids(self, count: int) -> Sequence[int]:
        """Ids for records, rising, greater than any there ever was."""

    def close(self) -> None: ...


def open_link(database: Database) -> Link:
    connection = database.engine.raw_connection()
    return SqliteLink(connection) if database.sqlite else PostgresLink(connection)


def link_in(session: Session) -> Link:
    """The same within a session, in its transaction: many rows cost the ORM a multiple of what they cost plain SQL."""
    connection = session.connection().connection
    return SqliteLink(connection) if session.get_bind().dialect.name == "sqlite" else PostgresLink(connection)


def rows_in(link: Link, sql: str, values: Iterable[Any], *before: Any) -> list[Row]:
    """`sql` ends with what is to be one of `values`; asked in pieces when there are many."""
    wanted = list(values)
    found: list[Row] = []
    for start in range(0, len(wanted), _AT_ONCE):
        found += link.rows_among(sql, wanted[start : start + _AT_ONCE], *before)
    return found


def array(kind: str, values: Iterable[Any]) -> str:
    """An array in PostgreSQL's own letters, as its array_in reads them. psycopg makes the same, a value at a time by
    a regular expression: that was a third of all that judging took."""
    return "{" + ",".join(["NULL" if value is None else _LETTERS[kind](value) for value in values]) + "}"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


_LETTERS: dict[str, Callable[[Any], str]] = {
    **dict.fromkeys(("int2", "int4", "int8"), int.__repr__),
    "float8": lambda value: repr(float(value)),
    "bool": lambda value: "t" if value else "f",
    "bytea": lambda value: f'"\\\\x{value.hex()}"',
    "text": _quoted,
    "varchar": _quoted,
}


class SqliteLink:
    sqlite = True

    def __init__(self, connection: PoolProxiedConnection) -> None:
        self._connection = connection
        self._cursor: Any = connection.cursor()
        self._id = 0

    def begin(self) -> None:
        self._cursor.execute("BEGIN IMMEDIATE")
        found = self.rows("SELECT seq FROM sqlite_sequence WHERE name = 'record'")
        self._id = found[0][0] if found else 0

    def commit(self) -> None:
        self._cursor.execute("COMMIT")

    def rollback(self) -> None:
        if self._connection.driver_connection.in_transaction:  # type: ignore[union-attr]
            self._cursor.execute("ROLLBACK")

    def rows(self, sql: str, *values: Any) -> list[Row]:
        found: list[Row] = self._cursor.execute(sql, values).fetchall()
        return found

    def rows_among(self, sql: str, piece: Sequence[Any], *before: Any) -> list[Row]:
        return self.rows(f"{sql} IN ({', '.join('?' * len(piece))})", *before, *piece)

    def run(self, sql: str, *values: Any) -> None:
        self._cursor.execute(sql, values)

    def put(self, bulk: Bulk, rows: Sequence[Row]) -> None:
        marks = ", ".join("?" * len(bulk.columns))
        sql = f"INSERT INTO {bulk.table} ({bulk.names}) VALUES ({marks}){bulk.on_conflict}"  # noqa: S608
        self._cursor.executemany(sql, rows)

    def next_ids(self, count: int) -> Sequence[int]:
        first = self._id + 1
        self._id += count
        return range(first, first + count)

    def close(self) -> None:
        self._connection.close()


class PostgresLink:
    sqlite = False

    def __init__(self, connection: PoolProxiedConnection) -> None:
        self._connection = connection
        self._cursor: Any = connection.cursor()
        self._ids = range(0)  # taken, and not given out yet

    def begin(self) -> None:
        self._ids = range(0)
        self.run("SELECT pg_advisory_xact_lock(?)", ADVISORY)

    def commit(self) -> None:
        self._connection.commit()

    def rollback(self) -> None:
        self._connection.rollback()

    def rows(self, sql: str, *values: Any) -> list[Row]:
        found: list[Row] = self._cursor.execute(sql.replace("?", "%s"), values).fetchall()
        return found

    def rows_among(self, sql: str, piece: Sequence[Any], *before: Any) -> list[Row]:
        """The same statement however many there are, so it is read and planned once."""
        kind = "varchar" if isinstance(piece[0], str) else "int8"
        return self.rows(f"{sql} = ANY(?::{kind}[])", *before, array(kind, piece))

    def run(self, sql: str, *values: Any) -> None:
        self._cursor.execute(sql.replace("?", "%s"), values)

    def put(self, bulk: Bulk, rows: Sequence[Row]) -> None:
        if not rows:
            return
        if not bulk.key:
            with self._cursor.copy(f"COPY {bulk.table} ({bulk.names}) FROM STDIN (FORMAT BINARY)") as copy:
                copy.set_types(list(bulk.columns.values()))
                for row in rows:
                    copy.write_row(row)
            return
        arrays = ", ".join(f"%s::{kind}[]" for kind in bulk.columns.values())
        columns = [
            array(kind, column) for kind, column in zip(bulk.columns.values(), zip(*rows, strict=True), strict=True)
        ]
        sql = f"INSERT INTO {bulk.table} ({bulk.names}) SELECT * FROM unnest({arrays}){bulk.on_conflict}"  # noqa: S608
        self._cursor.execute(sql, columns)

    def next_ids(self, count: int) -> Sequence[int]:
        if count > len(self._ids):
            # Whoever takes numbers of it holds the advisory lock, so all between the two are nobody else's.
            asked = "SELECT setval(own, nextval(own) + ? - 1) FROM pg_get_serial_sequence('record', 'id') AS own"
            taken = max(count, _IDS)
            [[last]] = self.rows(asked, taken)
            self._ids = range(last - taken + 1, last + 1)
        given, self._ids = self._ids[:count], self._ids[count:]
        return given

    def close(self) -> None:
        self._connection.close()
