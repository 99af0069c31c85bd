"""Reading and writing: turns are fair, nobody waits for whom they keep waiting, and ids come in order."""

import threading
from typing import Any

import pytest
from sqlalchemy import text
from sqlmodel import col, select

from server.events.publish import invalidate
from server.events.tables import Invalidation
from server.inventory.tables import Setting
from server.storage.database import Database, FairLock


def put(database: Database, key: str, value: str = "x") -> None:
    with database.write() as session:
        session.add(Setting(key=key, value=value))


def keys(database: Database) -> set[str]:
    with database.read() as session:
        return set(session.exec(select(Setting.key).where(col(Setting.key).startswith("t."))).all())


def test_what_raises_is_undone(database: Database) -> None:
    def fail() -> None:
        with database.write() as session:
            session.add(Setting(key="t.1", value="x"))
            session.flush()
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert keys(database) == set()
    put(database, "t.2")
    assert keys(database) == {"t.2"}


def test_a_reader_sees_one_moment(database: Database) -> None:
    put(database, "t.1")
    with database.read() as session:
        asked = select(Setting.key).where(col(Setting.key).startswith("t."))
        assert len(session.exec(asked).all()) == 1
        put(database, "t.2")
        assert len(session.exec(asked).all()) == 1
    assert keys(database) == {"t.1", "t.2"}


def test_what_was_read_stays_readable(database: Database) -> None:
    put(database, "t.1", "value")
    with database.read() as session:
        row = session.get_one(Setting, "t.1")
    assert row.value == "value"


def test_many_writers_at_once_all_get_through(database: Database) -> None:
    def write(number: int) -> None:
        for turn in range(5):
            put(database, f"t.{number}.{turn}")

    threads = [threading.Thread(target=write, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(keys(database)) == 80


def test_a_session_that_writes_nothing_takes_no_turn(database: Database) -> None:
    with database.write(), database.write() as inner:
        inner.add(Setting(key="t.1", value="x"))
    assert keys(database) == {"t.1"}


def test_a_turn_may_be_passed_on_by_another_thread() -> None:
    lock = FairLock()
    lock.acquire()
    order: list[int] = []

    def wait(number: int) -> None:
        lock.acquire()
        order.append(number)
        lock.release()

    threads = []
    for number in range(5):
        threads.append(threading.Thread(target=wait, args=(number,)))
        threads[-1].start()
        while len(lock._waiting) < number + 1:
            pass
    threading.Thread(target=lock.release).start()
    for thread in threads:
        thread.join(10)
    assert order == [0, 1, 2, 3, 4]


def test_a_cursor_over_invalidations_misses_none(database: Database) -> None:
    """Numbers are given out before the commit; a reader that goes by them must not pass one that comes later."""
    seen: list[int] = []
    done = threading.Event()

    def follow() -> None:
        cursor = 0
        while True:
            last = done.is_set()
            with database.read() as session:
                asked = select(Invalidation.id).where(col(Invalidation.id) > cursor).order_by(col(Invalidation.id))
                found = [number or 0 for number in session.exec(asked).all()]
            seen.extend(found)
            cursor = max([cursor, *found])
            if last:
                return

    def write(number: int) -> None:
        for turn in range(15):
            with database.write() as session:
                invalidate(session, "position", f"{number}/{turn}", None, 1)
                session.flush()
                session.connection().execute(text("SELECT 1"))
                invalidate(session, "ticket", f"{number}/{turn}", None, 1)

    follower = threading.Thread(target=follow)
    follower.start()
    writers = [threading.Thread(target=write, args=(number,)) for number in range(6)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    done.set()
    follower.join(60)
    assert len(seen) == 180


def test_more_deeds_at_once_than_threads_do_not_stop_the_server(sqlite_database: Database, now: Any) -> None:
    """A deed that waits for its turn holds a thread; whoever has the turn must not need one of those."""
    from fastapi.testclient import TestClient

    from server.accounts.passwords import Passwords
    from server.accounts.tables import Person, SignIn
    from server.accounts.tokens import hash_token
    from server.app import create_app
    from server.schemas.people import Role
    from server.settings import Settings

    count = 60
    with sqlite_database.write() as session:
        hashed = Passwords(32).hash("a password")
        session.add(Person(id=1, login="li", name="李", role=Role.HEAD, password_hash=hashed))
        session.flush()
        for number in range(count):
            token = hash_token(f"bfs_{number}")
            session.add(SignIn(token_hash=token, person_id=1, created_at=now(), expires_at=now() + 10**9))
    app = create_app(sqlite_database, Settings(password_memory=32), now)
    with TestClient(app) as client:
        statuses: list[int] = []

        def sign_out(number: int) -> None:
            headers = {"Authorization": f"Bearer bfs_{number}"}
            statuses.append(client.delete("/api/sign-in", headers=headers).status_code)

        threads = [threading.Thread(target=sign_out, args=(number,)) for number in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert statuses == [204] * count
