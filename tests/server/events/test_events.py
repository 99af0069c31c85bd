"""What screens hear: in scope, in order, once, and again after having been away."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI
from sqlmodel import select

from server.events import ticker as ticking
from server.events.publish import invalidate
from server.events.tables import Invalidation
from server.events.ticker import Ticker
from server.queries import Everything
from server.schemas.status import Invalidated
from server.storage import database as storage
from server.storage.database import Database

HOUR = 3600


class Of:
    """The scope of some branches."""

    def __init__(self, *branch_ids: int) -> None:
        self.branch_ids = frozenset(branch_ids)


@pytest.fixture
async def ticker(database: Database, now: Any) -> Ticker:
    made = Ticker(database, now)
    await made.begin()
    return made


@pytest.fixture
def publish(database: Database, now: Any) -> Callable[..., None]:
    def make(*keys: str, topic: str = "position", branch_id: int | None = None) -> None:
        with database.write() as session:
            for key in keys:
                invalidate(session, topic, key, branch_id, now())

    return make


def heard(subscription: Any) -> list[str]:
    told: list[str] = []
    while not subscription.queue.empty():
        event = subscription.queue.get_nowait()
        told.append(event.key if event else "END")
    return told


async def test_a_screen_hears_what_is_published_once_and_in_order(ticker: Ticker, publish: Any) -> None:
    publish("before")
    await ticker.tick()
    async with ticker.subscribe(Everything(), None) as (cursor, missed, subscription):
        publish("a", "b")
        publish("c")
        await ticker.tick()
        await ticker.tick()
        assert (missed, heard(subscription)) == ([], ["a", "b", "c"])
        assert ticker.cursor == cursor + 3


async def test_a_branch_hears_of_itself_and_of_what_concerns_all(ticker: Ticker, publish: Any, bank: Any) -> None:
    async with ticker.subscribe(Of(bank["1001"]), None) as (_, _, subscription):
        publish("1001/atm-1", branch_id=bank["1001"])
        publish("1002/atm-1", branch_id=bank["1002"])
        publish("rules", topic="inventory")
        await ticker.tick()
        assert heard(subscription) == ["1001/atm-1", "rules"]


async def test_a_screen_that_was_away_hears_what_it_missed(ticker: Ticker, publish: Any, bank: Any) -> None:
    publish("a", "b", "a", branch_id=bank["1001"])
    publish("c", branch_id=bank["1002"])
    await ticker.tick()
    async with ticker.subscribe(Of(bank["1001"]), 1) as (cursor, missed, _):
        assert [(event.cursor, event.key) for event in missed] == [(2, "b"), (3, "a")]
        assert cursor == 4


class Told(logging.Handler):
    """Sets `heard` when anything is logged."""

    def __init__(self) -> None:
        super().__init__()
        self.heard = asyncio.Event()

    def emit(self, record: logging.LogRecord) -> None:
        self.heard.set()


async def test_screens_hear_again_once_a_connection_to_the_database_is_free(
    database: Database, now: Any, publish: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where all were in use for half a minute, the task that tells screens had ended, and nobody knew."""
    for setting, value in {"pool_size": 1, "max_overflow": 0, "pool_timeout": 0.01}.items():
        monkeypatch.setitem(storage.POOL, setting, value)
    narrow, told = Database(database.url), Told()
    ticker = Ticker(narrow, now)
    await ticker.begin()
    monkeypatch.setattr(ticking._log, "handlers", [told])
    async with asyncio.timeout(90), ticker.subscribe(Everything(), None) as (_, _, subscription):
        with narrow.engine.connect():
            running = asyncio.create_task(ticker.run())
            await told.heard.wait()
        publish("a")
        told_of = await subscription.queue.get()
        ticker.close()
        await running
    narrow.close()
    assert told_of is not None
    assert told_of.key == "a"


async def test_one_that_was_away_too_long_is_told_to_fetch_everything(
    ticker: Ticker, publish: Any, now: Any, database: Database
) -> None:
    publish("a", "b")
    await ticker.tick()
    now.forward(HOUR + 1)
    publish("c")
    await ticker.tick()
    with database.read() as session:
        assert [row.key for row in session.exec(select(Invalidation)).all()] == ["c"]
    everything = [Invalidated(cursor=3, topic=ticking.EVERYTHING, key="")]
    async with ticker.subscribe(Everything(), 1) as (_, missed, _):
        assert missed == everything
    async with ticker.subscribe(Everything(), 2) as (_, missed, _):
        assert [event.key for event in missed] == ["c"]
    async with ticker.subscribe(Everything(), 999) as (_, missed, _):  # of a database that is no more
        assert missed == everything


async def test_a_cursor_never_comes_back(ticker: Ticker, publish: Any, now: Any) -> None:
    publish("a")
    await ticker.tick()
    now.forward(HOUR + 1)
    await ticker.tick()
    publish("b")
    await ticker.tick()
    assert ticker.cursor == 2


async def test_a_screen_that_does_not_read_is_let_go_and_keeps_nobody_waiting(
    ticker: Ticker, publish: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ticking, "WAITING", 3)
    async with (
        ticker.subscribe(Everything(), None) as (_, _, slow),
        ticker.subscribe(Everything(), None) as (_, _, quick),
    ):
        publish("a", "b", "c")
        await ticker.tick()
        assert heard(quick) == ["a", "b", "c"]
        publish("d")
        await ticker.tick()
        assert heard(slow) == ["a", "b", "c", "END"]
        assert heard(quick) == ["d"]


async def test_closing_ends_every_stream_and_lets_no_new_one_begin(ticker: Ticker) -> None:
    async with ticker.subscribe(Everything(), None) as (_, _, subscription):
        ticker.close()
        assert heard(subscription) == ["END"]
    async with ticker.subscribe(Everything(), None) as (_, _, subscription):
        assert heard(subscription) == ["END"]


async def test_one_look_serves_every_screen(ticker: Ticker, publish: Any, database: Database) -> None:
    from sqlalchemy import event

    asked: list[str] = []
    event.listen(database.engine, "before_cursor_execute", lambda *args: asked.append(args[2]))
    await ticker.tick()
    alone = len(asked)
    asked.clear()
    async with asyncio.TaskGroup() as group:

        async def watch() -> None:
            async with ticker.subscribe(Everything(), None) as (_, _, subscription):
                while await subscription.queue.get() is not None:
                    pass

        for _ in range(50):
            group.create_task(watch())
        await asyncio.sleep(0)
        publish("a")
        asked.clear()
        await ticker.tick()
        assert len(asked) <= alone
        ticker.close()


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 90
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_stream_begins_with_its_cursor_and_says_what_was_missed(
    sign_in: Any, app: FastAPI, publish: Any, bank: dict[str, int]
) -> None:
    head = sign_in()
    state = app.state.branchfleet
    publish("1001/atm-1", "1002/atm-1", branch_id=bank["1001"])
    wait_for(lambda: state.ticker.cursor == 2)

    def close() -> None:
        wait_for(lambda: bool(state.ticker._subscriptions))
        head.portal.call(state.ticker.close)

    closing = threading.Thread(target=close)
    closing.start()
    answer = head.get("/api/events", params={"after": 0})
    closing.join()
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert [line for line in answer.text.splitlines() if line] == [
        ": connected",
        "id: 0",
        'data: {"cursor":1,"topic":"position","key":"1001/atm-1"}',
        "id: 1",
        'data: {"cursor":2,"topic":"position","key":"1002/atm-1"}',
        "id: 2",
    ]


def test_a_stream_holds_no_connection_of_the_database(sign_in: Any, app: FastAPI, database: Database) -> None:
    head = sign_in()
    state = app.state.branchfleet
    out: list[int] = []

    def look() -> None:
        wait_for(lambda: bool(state.ticker._subscriptions))
        pool: Any = database.engine.pool
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline and (not out or out[-1] > 0):
            out.append(pool.checkedout())  # the ticker and health look at the database between
            time.sleep(0.005)
        head.portal.call(state.ticker.close)

    looking = threading.Thread(target=look)
    looking.start()
    head.get("/api/events")
    looking.join()
    assert out[-1] == 0
