"""The migrations make exactly what the tables say, on both databases, and refuse what is newer than the program."""

import re
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, select

from server.inventory.tables import Setting
from server.migrations import EPOCH, DatabaseNewer, DatabaseOlder, check_version, config, upgrade
from server.storage.database import Database
from server.storage.tables import is_compared, metadata

CONSTRAINTS = """
SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
WHERE connamespace = 'public'::regnamespace AND conrelid::regclass::text <> 'alembic_version'
AND conparentid = 0 AND conrelid::regclass::text NOT LIKE 'record\\_%' ORDER BY 1, 2
"""
INDEXES = """
SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename <> 'alembic_version'
AND tablename NOT LIKE 'record\\_%' ORDER BY 1
"""
COLUMNS = """
SELECT table_name, column_name, data_type, character_maximum_length, is_nullable, column_default
FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> 'alembic_version'
AND table_name NOT LIKE 'record\\_%' ORDER BY 1, 2
"""
SQLITE = """
SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND type IN ('table', 'index')
AND name NOT IN ('alembic_version', 'sqlite_sequence') ORDER BY name
"""
COLUMN_KEY = re.compile(r"\b((\w+) INTEGER)( REFERENCES \w+ \(\w+\))")


def describe(connection: Connection) -> list[tuple[object, ...]]:
    """Every table, column, constraint and index, in the database's own words."""
    if connection.dialect.name == "sqlite":
        flat = [(name, " ".join(sql.split()).removesuffix(" )")) for name, sql in connection.execute(text(SQLITE))]
        # in which order a table's columns and constraints stand is nobody's concern, nor whether a key stands apart: a
        # column that came later has it in its own words
        flat = [(name, COLUMN_KEY.sub(r"\1, FOREIGN KEY(\2)\3", sql)) for name, sql in flat]
        return [(name, sorted(sql.split(", ")) if sql.startswith("CREATE TABLE") else sql) for name, sql in flat]
    return [tuple(row) for query in (COLUMNS, CONSTRAINTS, INDEXES) for row in connection.execute(text(query))]


def test_the_migrations_and_the_tables_agree(database: Database) -> None:
    with database.engine.connect() as connection:
        options = {"compare_type": True, "compare_server_default": True, "include_object": is_compared}
        context = MigrationContext.configure(connection, opts=options)
        differences = compare_metadata(context, metadata)
    assert differences == [], (
        "tables.py has changed: say so to who owns server/migrations, or run "
        '`python -m server.migrations.generate "what changes"`'
    )


def test_the_migrations_make_the_same_constraints_as_the_tables(database: Database) -> None:
    with database.engine.connect() as connection:
        migrated = describe(connection)
    if database.sqlite:
        plain = create_engine("sqlite://")
    else:
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("DROP SCHEMA public CASCADE"))
            connection.execute(text("CREATE SCHEMA public"))
        plain = database.engine
    with plain.connect() as connection, connection.begin():
        metadata.create_all(connection)
        assert describe(connection) == migrated
    plain.dispose()


def test_a_second_upgrade_changes_nothing(database: Database) -> None:
    with database.read() as session:
        epoch = session.exec(select(Setting.value).where(Setting.key == EPOCH)).one()
    upgrade(database)
    check_version(database)
    with database.read() as session:
        assert session.exec(select(Setting.value).where(Setting.key == EPOCH)).one() == epoch


def test_a_newer_database_is_refused_with_one_sentence(database: Database) -> None:
    with database.write() as session:
        session.connection().execute(text("UPDATE alembic_version SET version_num = '9999'"))
    for refusing in (check_version, upgrade):
        with pytest.raises(DatabaseNewer, match=r"9999.*later version"):
            refusing(database)


def test_a_database_that_lacks_a_step_is_named_as_older(database: Database) -> None:
    with database.write() as session:
        session.connection().execute(text("UPDATE alembic_version SET version_num = '0001'"))
    with pytest.raises(DatabaseOlder, match="older than this program"):
        check_version(database)


@pytest.mark.parametrize("statement", ["UPDATE journal SET reason = 'x'", "DELETE FROM journal"])
def test_the_journal_itself_refuses_change(database: Database, statement: str) -> None:
    from sqlalchemy.exc import DatabaseError

    from server.journal.deeds import Act, record

    with database.write() as session:
        record(session, Act("system", "cli", 1), deed="server.init", about="server")
    with pytest.raises(DatabaseError, match="append-only"), database.write() as session:
        Session.connection(session).execute(text(statement))


def test_postgresql_refuses_to_empty_the_journal(database: Database) -> None:
    from sqlalchemy.exc import DatabaseError

    if database.sqlite:
        return  # has no TRUNCATE
    with pytest.raises(DatabaseError, match="append-only"), database.write() as session:
        session.connection().execute(text("TRUNCATE journal CASCADE"))


def test_agents_outlive_the_step_that_takes_their_tokens_away(tmp_path: Path) -> None:
    """SQLite makes the table anew while others point at it. PostgreSQL drops three columns."""
    database = Database(f"sqlite:///{tmp_path / 'old.db'}")
    with database.engine.connect() as connection, connection.begin():
        command.upgrade(config(connection), "0003")
        for statement in (
            "INSERT INTO subject (id, uid, kind, key, name, branch_id) VALUES (1, 'u', 'agent', 'centre', '总行', 1)",
            "INSERT INTO agent (id, token_hash) VALUES (1, 'hash')",
            "INSERT INTO observer (subject_id, agent_id) VALUES (1, 1)",
        ):
            connection.execute(text(statement))
    upgrade(database)
    check_version(database)
    with database.engine.connect() as connection:
        assert connection.execute(text("SELECT * FROM agent")).all() == [(1,)]
        assert connection.execute(text("PRAGMA foreign_key_check")).all() == []
    with pytest.raises(IntegrityError), database.engine.connect() as connection, connection.begin():
        connection.execute(text("DELETE FROM agent"))
    database.close()


def test_agents_that_were_let_in_no_more_are_so_after_the_step_that_notes_it(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'old.db'}")
    with database.engine.connect() as connection, connection.begin():
        command.upgrade(config(connection), "0011")
        for own in (1, 2, 3, 4):
            subject = f"INSERT INTO subject (id, uid, kind, key, name, branch_id) VALUES ({own}, 'u{own}', 'agent', "
            connection.execute(text(f"{subject}'a{own}', '采集', {own})"))
            connection.execute(text(f"INSERT INTO agent (id) VALUES ({own})"))
        identity = "INSERT INTO agent_identity (agent_id, challenged_at, rotate, quarantined_at, revoked_at) VALUES "
        connection.execute(text(identity + "(1, 0, 0, 50, 40), (2, 0, 0, NULL, 60), (3, 0, 0, NULL, 60)"))
        key = "INSERT INTO agent_key (public_key, agent_id, standing, made_at, host, system, address) VALUES "
        connection.execute(text(key + "('k1', 1, 'good', 1, '', '', ''), ('k3', 3, 'good', 70, '', '', '')"))
        connection.execute(text(key + "('k4', 4, 'good', 1, '', '', ''), ('w4', 4, 'waiting', 80, '', '', '')"))
    upgrade(database)
    with database.engine.connect() as connection:
        rows = connection.execute(text("SELECT agent_id, why, start_at, end_at FROM agent_kept_out ORDER BY agent_id"))
        assert rows.all() == [(1, "quarantined", 50, None), (2, "revoked", 60, None), (4, "waiting", 80, None)]
    again = "INSERT INTO agent_kept_out (agent_id, why, start_at) VALUES (1, 'revoked', 60)"
    with pytest.raises(IntegrityError), database.engine.connect() as connection, connection.begin():
        connection.execute(text(again))
    database.close()
