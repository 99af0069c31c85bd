"""The rows of one table on either side: read in one order, written by COPY, and held against each other."""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Boolean, Float, String, Table, Text
from sqlalchemy.types import TypeDecorator

from server.errors import Told

Row = tuple[Any, ...]
AT_ONCE = 5000  # rows held in memory


class Differs(Told):
    """What is in PostgreSQL now is not what was in SQLite."""


class Unfit(Told):
    """A value that PostgreSQL cannot hold."""


@dataclass(frozen=True)
class Side:
    """How one table is asked for, on either side, in the order of its key by bytes."""

    name: str
    columns: tuple[str, ...]
    booleans: frozenset[int]  # by place: SQLite keeps them as numbers
    floats: frozenset[int]  # it keeps 1.0 as 1
    from_sqlite: str
    from_postgres: str


def side_of(table: Table) -> Side:
    columns = tuple(column.name for column in table.columns)
    listed = ", ".join(_quoted(name) for name in columns)
    key = list(table.primary_key.columns)
    plain = ", ".join(_quoted(column.name) for column in key)
    by_bytes = ", ".join(_quoted(column.name) + (' COLLATE "C"' if _is_text(column.type) else "") for column in key)
    asked = f"SELECT {listed} FROM {_quoted(table.name)} ORDER BY "  # noqa: S608 - names of our own tables
    return Side(
        table.name,
        columns,
        _places(table, Boolean),
        _places(table, Float),
        asked + plain,
        asked + by_bytes,
    )


def sqlite_rows(link: sqlite3.Connection, side: Side) -> Iterator[Row]:
    """The rows as PostgreSQL would give them."""
    cursor = link.execute(side.from_sqlite)
    turned = side.booleans | side.floats
    while part := cursor.fetchmany(AT_ONCE):
        for row in part:
            yield tuple(_turned(side, place, value) for place, value in enumerate(row)) if turned else row


def postgres_rows(link: Any, side: Side) -> Iterator[Row]:
    """`link` is psycopg's connection, within a transaction."""
    with link.cursor(name="rows") as cursor:
        cursor.itersize = AT_ONCE
        cursor.execute(side.from_postgres)
        yield from cursor


def copy(source: sqlite3.Connection, target: Any, side: Side) -> int:
    """Write all rows of a table; how many there are. Raises Unfit."""
    listed = ", ".join(_quoted(name) for name in side.columns)
    number = 0
    with target.cursor().copy(f"COPY {_quoted(side.name)} ({listed}) FROM STDIN") as into:
        for row in sqlite_rows(source, side):
            if any(isinstance(value, str) and "\0" in value for value in row):
                raise Unfit(
                    "A row of {table} has a zero byte in a text, which PostgreSQL cannot hold.", table=side.name
                )
            into.write_row(row)
            number += 1
    return number


def compare(source: sqlite3.Connection, target: Any, side: Side) -> int:
    """Hold every row of a table against its copy; how many there are. Raises Differs."""
    number = 0
    theirs = postgres_rows(target, side)
    for row in sqlite_rows(source, side):
        number += 1
        if next(theirs, None) != row:
            break
    else:
        if next(theirs, None) is None:
            return number
    raise Differs(
        "Row {number} of {table} is not the same in PostgreSQL; nothing was changed there.",
        number=number,
        table=side.name,
    )


def _turned(side: Side, place: int, value: Any) -> Any:
    if value is None:
        return None
    if place in side.booleans:
        return bool(value)
    return float(value) if place in side.floats else value


def _places(table: Table, kind: type[Any]) -> frozenset[int]:
    return frozenset(place for place, column in enumerate(table.columns) if isinstance(column.type, kind))


def _is_text(kind: Any) -> bool:
    inner = kind.impl if isinstance(kind, TypeDecorator) else kind
    return isinstance(inner, String | Text)


def _quoted(name: str) -> str:
    return f'"{name}"'
