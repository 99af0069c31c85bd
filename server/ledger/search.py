"""Searching cards: every word must be found somewhere in what a person knows of a machine.

簿 and 薄 are alike, as they are on paper, and what an IME typed full-width is tried half-width too.
"""

import string
import unicodedata
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, String, and_, func, literal_column, or_
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlmodel import col

from server.ledger.tables import Card, CardVersion

FIELDS = ("name", "maker", "model", "serial", "terminal", "keeper", "place")
_ALIKE = ("薄", "簿")
_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)  # what SQLite's lower() does, and no more


class field_text(FunctionElement[str]):  # noqa: N801  (an SQL function)
    """One field of a card as text, NULL where it is not said."""

    name = "field_text"
    type = String()
    inherit_cache = True


@compiles(field_text, "sqlite")
def _sqlite(element: Any, compiler: SQLCompiler, **options: Any) -> str:
    fields, name = (compiler.process(clause, **options) for clause in element.clauses)
    return f"json_extract({fields}, '$.' || {name})"


@compiles(field_text, "postgresql")
def _postgresql(element: Any, compiler: SQLCompiler, **options: Any) -> str:
    fields, name = (compiler.process(clause, **options) for clause in element.clauses)
    return f"(CAST({fields} AS json) ->> {name})"


def field(name: str) -> ColumnElement[str]:
    """The SQL of a card's field; `name` is one of CardFields, never outside text."""
    found: ColumnElement[str] = field_text(col(CardVersion.fields), literal_column(f"'{name}'"))
    return found


def matches(q: str, names: Sequence[ColumnElement[str]]) -> ColumnElement[bool]:
    """Cards that have every word of `q` in a field, the asset number, or one of `names`."""
    texts = [col(Card.asset), *map(field, FIELDS), *names]
    columns = [func.replace(func.lower(text), *_ALIKE) for text in texts]
    return and_(
        *(
            or_(*(column.contains(way, autoescape=True) for column in columns for way in _ways(word)))
            for word in words(q)
        )
    )


def words(q: str) -> list[str]:
    return q.split()


def _ways(word: str) -> set[str]:
    """How a word may have been written down."""
    return {way.translate(_LOWER).replace(*_ALIKE) for way in (word, unicodedata.normalize("NFKC", word))}
