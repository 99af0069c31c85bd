"""Records are taken at once, written in groups, and kept in memory while the disk is full."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from agent.spool.outbox import Outbox
from agent.spool.spool import Spool
from agent.wire import AnyRecord, Clock, DeviceWord, Event, EventName, Hold, Reading, State
from tests.agent.full import fill_disk, free_disk

Clocks = Callable[[], Clock]
Until = Callable[[Callable[[], object]], Awaitable[None]]


def state(clocks: Clocks, position: str, *, big: bool = False) -> State:
    texts = {"console": "x" * 9000} if big else {}
    reading = Reading(device=DeviceWord.ONLINE, texts=texts)
    return State(seq=0, clock=clocks(), position=position, reading=reading)


def hold(clocks: Clocks) -> Hold:
    return Hold(seq=0, clock=clocks(), since=0, held={})


@pytest.fixture
def forgotten() -> list[str]:
    return []


@asynccontextmanager
async def writing(outbox: Outbox) -> AsyncIterator[None]:
    writer = asyncio.create_task(outbox.run())
    try:
        yield
    finally:
        writer.cancel()
        await outbox.close()


def open_outbox(path: Path, clocks: Clocks, forgotten: list[str], memory: int = 100) -> Outbox:
    spool = Spool(path, clocks)
    return Outbox(spool, clocks, 1 << 20, forget=lambda: forgotten.append("all"), memory=memory, retry=0.02)


async def waiting(outbox: Outbox) -> list[AnyRecord]:
    return (await outbox.ask(lambda spool: spool.next_batch(10_000, 1 << 30))).records


async def test_what_is_put_is_written_in_order(tmp_path: Path, clocks: Clocks, forgotten: list[str]) -> None:
    outbox = open_outbox(tmp_path / "spool.db", clocks, forgotten)
    async with writing(outbox):
        for number in range(5):
            outbox.put([state(clocks, f"1/{number}")], urgent=number == 3)
        assert await outbox.written(20)
        assert outbox.news.is_set()
        assert outbox.urgent.is_set()
        records = await waiting(outbox)
    assert [(record.seq, record.position) for record in records if isinstance(record, State)] == [
        (number + 1, f"1/{number}") for number in range(5)
    ]


async def test_on_a_full_disk_news_waits_in_memory_and_one_sentence_says_so(
    tmp_path: Path, clocks: Clocks, forgotten: list[str], caplog: pytest.LogCaptureFixture, until: Until
) -> None:
    outbox = open_outbox(tmp_path / "spool.db", clocks, forgotten)
    async with writing(outbox):
        await fill_disk(outbox)
        for number in range(50):
            outbox.put([state(clocks, f"1/{number}", big=True)])
            await asyncio.sleep(0)
        await until(lambda: caplog.records)
        assert not await outbox.written(0.1)
        assert [record.getMessage().split(":")[-1] for record in caplog.records] == [
            " database or disk is full. News is kept in memory until there is room."
        ]
        await free_disk(outbox)
        assert await outbox.written(20)
        records = await waiting(outbox)
    assert [record.position for record in records if isinstance(record, State)] == [f"1/{n}" for n in range(50)]
    assert [record.seq for record in records] == list(range(1, 51))
    assert forgotten == []


async def test_what_memory_cannot_hold_is_named_by_a_gap_and_every_state_is_told_anew(
    tmp_path: Path, clocks: Clocks, forgotten: list[str], caplog: pytest.LogCaptureFixture, until: Until
) -> None:
    outbox = open_outbox(tmp_path / "spool.db", clocks, forgotten, memory=10)
    async with writing(outbox):
        await fill_disk(outbox)
        outbox.put([state(clocks, "first", big=True), hold(clocks), hold(clocks)])
        await until(lambda: caplog.records)
        outbox.put([state(clocks, f"1/{number}", big=True) for number in range(12)])
        await free_disk(outbox)
        assert await outbox.written(20)
        gap, *rest = await waiting(outbox)
    assert isinstance(gap, Event)
    assert gap.name is EventName.GAP
    assert gap.detail == {"from": 1, "to": 5, "count": 5, "reason": "the disk was full"}
    assert gap.seq == 6
    assert [record.position for record in rest if isinstance(record, State)] == [f"1/{n}" for n in range(2, 12)]
    assert forgotten == ["all"]


async def test_a_spool_damaged_under_way_is_replaced_and_the_news_is_kept(
    tmp_path: Path, clocks: Clocks, forgotten: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    outbox = open_outbox(tmp_path / "spool.db", clocks, forgotten)
    async with writing(outbox):
        await outbox.ask(lambda spool: spool._db.execute("DROP TABLE record"))
        outbox.put([state(clocks, "1/a")])
        assert await outbox.written(20)
        fresh, kept = await waiting(outbox)
    assert isinstance(fresh, Event)
    assert fresh.name is EventName.NEW_STREAM
    assert isinstance(kept, State)
    assert forgotten == ["all"]
    assert (tmp_path / "spool.db.damaged").exists()
    assert len([message for message in caplog.messages if "moved aside" in message]) == 1
