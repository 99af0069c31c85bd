"""Of several servers on one PostgreSQL one does what one alone should do, and another takes over."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from server.storage.database import Database
from server.storage.lead import ADVISORY, Lead, Role


@pytest.fixture
def servers(cluster: Any) -> Iterator[tuple[Database, Database]]:
    """Two servers on one database."""
    name, url = cluster.create()
    both = Database(url), Database(url)
    yield both
    for one in both:
        one.close()
    cluster.drop(name)


def end_sessions(database: Database) -> int:
    """End every session that leads, as a line that is cut would; gives how many there were."""
    asked = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND classid = :kind"
    with database.engine.connect() as link:
        return len(link.execute(text(asked), {"kind": ADVISORY}).all())


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline, "it never came true"


def test_one_leads_and_the_other_once_it_lets_go(servers: tuple[Database, Database]) -> None:
    first, second = (Lead(one, Role.HEALTH) for one in servers)
    assert first.held()
    assert not second.held()
    assert first.held()
    first.release()
    assert second.held()
    assert not first.held()
    second.release()


def test_each_role_is_led_apart(servers: tuple[Database, Database]) -> None:
    health, entries = Lead(servers[0], Role.HEALTH), Lead(servers[1], Role.ENTRIES)
    assert health.held()
    assert entries.held()
    health.release()
    entries.release()


def test_whoever_loses_its_session_leads_no_more(servers: tuple[Database, Database]) -> None:
    first, second = (Lead(one, Role.HEALTH) for one in servers)
    assert first.held()
    assert end_sessions(servers[1]) == 1
    until(second.held)
    assert not first.held()
    second.release()
    assert first.held()
    first.release()


def test_who_stands_by_holds_no_connection(servers: tuple[Database, Database]) -> None:
    first, second = (Lead(one, Role.HEALTH) for one in servers)
    assert first.held()
    for _ in range(3):
        assert not second.held()

    def others() -> int:
        mine = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        with servers[0].engine.connect() as link:
            found: int = link.execute(text(mine)).scalar_one()
            return found

    until(lambda: others() == 1)
    first.release()


def test_a_database_that_is_away_is_said_and_led_again_afterwards(cluster: Any) -> None:
    name, url = cluster.create()
    database = Database(url)
    lead = Lead(database, Role.HEALTH)
    try:
        assert lead.held()
        cluster.drop(name)
        with pytest.raises(DBAPIError):
            lead.held()
    finally:
        lead.release()
        database.close()


def test_on_sqlite_the_one_server_there_is_leads(sqlite_database: Database) -> None:
    assert Lead(sqlite_database, Role.HEALTH).held()
