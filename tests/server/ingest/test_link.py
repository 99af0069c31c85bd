"""Rows go to PostgreSQL as they are, whatever is in them, and come back as they went."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from server.ingest.link import Bulk, array, open_link, rows_in
from server.storage.database import Database
from tests.tries import tries

ODD = Bulk(
    "odd",
    {"id": "int8", "small": "int2", "whole": "int4", "said": "varchar", "long": "text", "real": "float8", "yes": "bool",
     "body": "bytea"},
    ("id",),
)  # fmt: skip
KINDS = {"sqlite": {}, "postgresql": ODD.columns}
said = st.none() | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
hostile = st.sampled_from(
    ['"', "\\", '\\"', "{}", ",", "NULL", "null", "", " a ", "{a,b}", "'; DROP TABLE odd; --", "%s ?"]
)
row = st.tuples(
    st.none() | st.integers(-(2**15), 2**15 - 1),
    st.none() | st.integers(-(2**31), 2**31 - 1),
    said | hostile,
    said | hostile,
    st.none() | st.floats(allow_nan=False),
    st.none() | st.booleans(),
    st.none() | st.binary(max_size=20),
)


@settings(max_examples=tries(40), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.dictionaries(st.integers(-(2**63), 2**63 - 1), row, min_size=1, max_size=8))
def test_what_is_put_comes_back_and_replaces_what_had_its_key(database: Database, rows: dict[int, Any]) -> None:
    kinds = ", ".join(f"{name} {KINDS[database.engine.dialect.name].get(name, '')}" for name in ODD.columns)
    with database.engine.connect() as connection, connection.begin():
        connection.execute(text("DROP TABLE IF EXISTS odd"))
        connection.execute(text(f"CREATE TABLE odd ({kinds}, PRIMARY KEY (id))"))
    link = open_link(database)
    try:
        link.begin()
        link.put(ODD, [(own, None, None, "before", None, None, None, None) for own in rows])
        link.put(ODD, [(own, *values) for own, values in rows.items()])
        link.commit()
        found = rows_in(link, f"SELECT {ODD.names} FROM odd WHERE id", rows)
    finally:
        link.close()
    assert {one[0]: tuple(one[1:]) for one in found} == rows


@pytest.mark.parametrize(
    ("kind", "values", "letters"),
    [
        ("int8", [1, None, True], "{1,NULL,1}"),
        ("float8", [0.1, float("inf"), float("-inf")], "{0.1,inf,-inf}"),
        ("bool", [True, None, False], "{t,NULL,f}"),
        ("bytea", [b"\x00\xff", b""], '{"\\\\x00ff","\\\\x"}'),
        ("text", ["", "NULL", 'a"b\\c'], '{"","NULL","a\\"b\\\\c"}'),
        ("text", [], "{}"),
    ],
)
def test_an_array_is_written_as_postgresql_reads_it(kind: str, values: list[Any], letters: str) -> None:
    assert array(kind, values) == letters
