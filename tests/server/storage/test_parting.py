"""The step that parts the record log of a PostgreSQL database that is in use."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from alembic import command
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError

from server.migrations import check_version, config, upgrade
from server.storage.database import Database

SUBJECT = "INSERT INTO subject (id, uid, kind, key, name, branch_id) VALUES (1, 'u', 'agent', 'centre', '总行', 1)"
ROWS = """
INSERT INTO record (stream_id, seq, kind, subject_id, at, confidence, wall, boot, boot_id, arrived, body)
SELECT 1, n, 'state', 1, n, 5, n, n, 'b', n, 'x' FROM generate_series(1, 3000) AS n
"""
CONDITION = """
INSERT INTO condition (uid, subject_id, rule, part, word, severity, opened_at, noticed_at, cause, record_id)
VALUES ('c', 1, 'jam', '', '', 'fault', 1, 1, '', 2998)
"""
FILE = "SELECT pg_relation_filenode('{table}')"


@pytest.fixture
def old(cluster: Any) -> Iterator[Database]:
    """A database of before, with rows."""
    name, url = cluster.create()
    database = Database(url)
    with database.engine.connect() as link, link.begin():
        link.execute(text("DROP SCHEMA public CASCADE"))
        link.execute(text("CREATE SCHEMA public"))
        command.upgrade(config(link), "0018")
        for statement in (SUBJECT, "INSERT INTO agent (id) VALUES (1)"):
            link.execute(text(statement))
        link.execute(text("INSERT INTO stream (id, agent_id, uid, first_seen) VALUES (1, 1, 'one', 1)"))
        link.execute(text(ROWS))
        link.execute(text("INSERT INTO latest VALUES (1, 1, 2999, 1, 1, true)"))
        link.execute(text(CONDITION))
        link.execute(text("DELETE FROM record WHERE id = 3000"))
    yield database
    database.close()
    cluster.drop(name)


def one(database: Database, sql: str) -> Any:
    with database.engine.connect() as link:
        return link.execute(text(sql)).scalar_one()


def refused(database: Database, sql: str) -> None:
    with database.engine.connect() as link, link.begin():
        link.execute(text(sql))


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not true():
        assert time.monotonic() < deadline, "it never came true"


def whole(database: Database) -> None:
    """As it was, and as well guarded."""
    check_version(database)
    assert one(database, "SELECT count(*) FROM record") == 2999
    for sql in (
        "UPDATE condition SET record_id = 3000",
        "DELETE FROM record WHERE id = 2998",
        ROWS,  # each number is there once
    ):
        with pytest.raises(IntegrityError):
            refused(database, sql)
    assert one(database, "SELECT nextval(pg_get_serial_sequence('record', 'id'))") > 3000


def test_the_table_of_before_is_the_first_part_and_nothing_is_copied(old: Database) -> None:
    file = one(old, FILE.format(table="record"))
    upgrade(old)
    assert one(old, FILE.format(table="record_first")) == file
    indexes = "SELECT count(*) FROM pg_index WHERE indrelid = '{}'::regclass AND indisvalid"
    assert one(old, indexes.format("record_first")) == one(old, indexes.format("record")) + 1  # a number is there once
    whole(old)


def test_a_server_killed_on_the_way_leaves_the_database_as_it_was(old: Database) -> None:
    """It has taken half of the keys away when it waits for a table that somebody reads."""
    errors: list[BaseException] = []

    def run() -> None:
        try:
            upgrade(old)
        except DBAPIError as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'entry'::regclass"
    with old.engine.connect() as reader, reader.begin():
        reader.execute(text("SELECT 1 FROM entry"))
        thread.start()
        until(lambda: bool(one(old, waits)))
        one(old, "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE NOT granted AND relation = 'entry'::regclass")
        thread.join()
    assert errors
    assert one(old, "SELECT version_num FROM alembic_version") == "0018"
    assert one(old, "SELECT relkind = 'r' FROM pg_class WHERE relname = 'record'")
    upgrade(old)
    whole(old)
