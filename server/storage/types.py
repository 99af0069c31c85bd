"""Column types and ids every table uses.

Times are UTC microseconds in integers, so nothing is lost or shifted between databases; FOREVER is the open end.
Ids are integers inside and UUIDv7 outside.
"""

import json
from collections.abc import Callable
from datetime import date
from enum import StrEnum
from typing import Any

import uuid_utils
from sqlalchemy import BigInteger, Dialect, Enum, ForeignKeyConstraint, Integer, String, Text, TypeDecorator

Now = Callable[[], int]  # the clock, passed in: UTC µs

FOREVER = 9_000_000_000_000_000  # UTC µs in the year 2255; the end of what has no end yet

Id = BigInteger().with_variant(Integer(), "sqlite")  # SQLite numbers rows by itself only for INTEGER
Micros = BigInteger()


def key_to_record() -> ForeignKeyConstraint:
    """A foreign key of `record_id` to the record log, which SQLite holds.

    PostgreSQL would look for each in all parts of the log, which costs it more than to write the row; there retention,
    which alone takes records away, looks by itself.
    """
    return key_of_many("record_id", "record.id")


def key_of_many(column: str, to: str) -> ForeignKeyConstraint:
    """A foreign key of a table that grows by thousands of rows a second, which SQLite holds.

    PostgreSQL would spend more on looking than on writing the row. It is for rows that are written by ids just read, to
    what nobody deletes.
    """
    return ForeignKeyConstraint([column], [to]).ddl_if(dialect="sqlite")


def new_uid() -> str:
    """A fresh UUIDv7 as text: sorts by time of making."""
    return str(uuid_utils.uuid7())


def canonical(value: Any) -> str:
    """JSON with sorted keys and no spaces; floats are refused, so the same value has the same bytes everywhere."""
    _refuse_floats(value)
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _refuse_floats(value: Any) -> None:
    if isinstance(value, float):
        raise TypeError("canonical JSON holds no floats; write text or whole units")
    if isinstance(value, dict):
        for key, inner in value.items():
            if not isinstance(key, str):
                raise TypeError("canonical JSON has text keys")
            _refuse_floats(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            _refuse_floats(inner)


class Json(TypeDecorator[Any]):
    """A value kept as JSON text: the same bytes on both databases."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        return None if value is None else json.loads(value)


class Day(TypeDecorator[date]):
    """A day of the calendar as text, 2026-11-30: the same on both databases, and in order."""

    impl = String(10)
    cache_ok = True

    def process_bind_param(self, value: date | None, dialect: Dialect) -> str | None:
        return None if value is None else value.isoformat()

    def process_result_value(self, value: str | None, dialect: Dialect) -> date | None:
        return None if value is None else date.fromisoformat(value)


def words(kind: type[StrEnum]) -> Enum:
    """A column of `kind`'s values, held to them by a CHECK. SQLModel alone would store the names."""
    return Enum(
        kind,
        values_callable=lambda members: [member.value for member in members],
        native_enum=False,
        create_constraint=True,
        name=kind.__name__.lower(),
        length=32,
    )
