"""Many rows at once: what the ORM would keep an object of, for as long as the session lives."""

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

from sqlalchemy import insert
from sqlmodel import Session

AT_ONCE = 5_000  # rows of one statement's turn


def insert_all(session: Session, table: Any, rows: Iterable[Mapping[str, Any]]) -> None:
    """Rows by column, all with the same ones. Nothing is filled in but what the database itself fills in."""
    left = iter(rows)
    while part := list(islice(left, AT_ONCE)):
        session.execute(insert(table), part)
