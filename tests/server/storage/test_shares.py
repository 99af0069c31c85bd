"""Servers on one PostgreSQL share the parts of a role fairly, and what one leaves another takes."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import text

from server.storage import shares
from server.storage.database import Database
from server.storage.lead import ADVISORY, Lead, Role
from server.storage.shares import Shares

PARTS = 8


@pytest.fixture(autouse=True)
def looks_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shares, "LOOK", 0.0)


@pytest.fixture
def servers(cluster: Any) -> Iterator[Callable[[], Shares]]:
    """`servers()` is another on the same database."""
    name, url = cluster.create()
    made: list[tuple[Database, Shares]] = []

    def make() -> Shares:
        database = Database(url)
        made.append((database, Shares(database, Role.HEALTH, lambda: PARTS)))
        return made[-1][1]

    yield make
    for database, one in made:
        one.release()
        database.close()
    cluster.drop(name)


def led(*those: Shares) -> list[int]:
    """How many each has, after all have looked twice: one lets go, another takes. None is led twice."""
    for one in (*those, *those):
        one.held()
    parts = [part for one in those for part in one.led or ()]
    assert len(parts) == len(set(parts))
    return [len(one.led or ()) for one in those]


def test_one_alone_leads_all_and_whoever_comes_gets_its_part(servers: Callable[[], Shares]) -> None:
    first, second, third = servers(), servers(), servers()
    assert led(first) == [8]
    assert led(first, second) == [4, 4]
    assert sorted(led(first, second, third)) == [2, 3, 3]
    third.release()
    assert led(first, second) == [4, 4]


def test_with_more_servers_than_parts_some_stand_by(servers: Callable[[], Shares]) -> None:
    many = [servers() for _ in range(PARTS + 2)]
    assert sorted(led(*many)) == [0, 0, *[1] * PARTS]


def test_what_a_killed_one_led_is_taken_by_the_others(servers: Callable[[], Shares]) -> None:
    first, second = servers(), servers()
    assert led(first, second) == [4, 4]
    session = first._session
    assert session is not None
    pid = session.execute(text("SELECT pg_backend_pid()")).scalar_one()
    with second._database.engine.connect() as link:
        link.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
    deadline = time.monotonic() + 60
    while second.held() and len(second.led or ()) < PARTS:
        assert time.monotonic() < deadline
    assert led(first, second) == [4, 4]  # it is back


def test_beside_a_server_that_leads_the_role_alone_none_takes_part(servers: Callable[[], Shares]) -> None:
    """As one of an earlier version does; and it does not while any of ours is there."""
    one = servers()
    alone = Lead(one._database, Role.HEALTH)
    assert alone.held()
    assert not one.held()
    alone.release()
    assert led(one) == [8]
    assert not alone.held()


def test_on_sqlite_the_one_server_there_is_leads_all(sqlite_database: Database) -> None:
    one = Shares(sqlite_database, Role.HEALTH, lambda: 1)
    assert one.held()
    assert one.led == frozenset({0})


def test_its_locks_are_told_apart_from_those_of_another_database(cluster: Any, servers: Callable[[], Shares]) -> None:
    """One cluster may hold several banks."""
    name, url = cluster.create()
    other = Database(url)
    here, there = servers(), Shares(other, Role.HEALTH, lambda: PARTS)
    try:
        assert led(here) == [8]
        assert led(there) == [8]
        assert led(here) == [8]
        with other.engine.connect() as link:
            found = link.execute(text("SELECT count(*) FROM pg_locks WHERE classid = :kind"), {"kind": ADVISORY})
            assert found.scalar_one() == 18
    finally:
        there.release()
        other.close()
        cluster.drop(name)
