"""How long the uplink waits, and what it makes of answers that are of no use."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from agent.link.errors import Away
from agent.link.link import Link, open_line
from agent.link.trust import unproven
from agent.link.uplink import Uplink
from agent.spool.outbox import Outbox
from agent.spool.spool import Spool
from agent.wire import Ack, Ahead, Clock, DeviceWord, Event, EventName, Reading, State
from tests.agent.full import fill_disk, free_disk

if TYPE_CHECKING:
    from tests.agent.conftest import Centre
else:
    Centre = Any

Clocks = Callable[[], Clock]
Until = Callable[[Callable[[], object]], Awaitable[None]]


class Given:
    """A token that was given before; or one that comes with the word that this home may have been copied."""

    def __init__(self) -> None:
        self.parts: Outbox | None = None

    async def current(self) -> str:
        if self.parts is not None:
            outbox, self.parts = self.parts, None
            await outbox.part()
        return "bfa_test"

    def drop(self, token: str) -> None:
        pytest.fail("the token is good")


@asynccontextmanager
async def uplinked(
    path: Path,
    clocks: Clocks,
    url: str,
    jitter: Callable[[float], float],
    ahead: Callable[[], list[Ahead]] = list,
    given: Given | None = None,
) -> AsyncIterator[tuple[Uplink, Outbox]]:
    outbox = Outbox(Spool(path / "spool.db", clocks), clocks, 1 << 20, forget=lambda: None)
    writer = asyncio.create_task(outbox.run())
    async with open_line(url, unproven()) as line:
        link = Link(line, given or Given())
        yield Uplink(link, outbox, clocks, version="1", on_ack=lambda _: None, jitter=jitter, ahead=ahead), outbox
    writer.cancel()
    await outbox.close()


def event(clocks: Clocks) -> Event:
    return Event(seq=0, clock=clocks(), name=EventName.MEDIA)


async def test_the_first_wait_after_a_success_is_short_again(tmp_path: Path, clocks: Clocks, centre: Centre) -> None:
    async with uplinked(tmp_path, clocks, centre.url, lambda most: most) as (uplink, outbox):
        for _ in range(5):
            uplink._backoff.wait_after(Away("gone"))
        outbox.put([event(clocks)])
        running = asyncio.create_task(uplink.run())
        await outbox.written(20)
        async with asyncio.timeout(20):
            while not centre.order or uplink._backoff.wait_after(Away("gone")) > 1:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        running.cancel()


@pytest.mark.parametrize("odd", [{"received": []}, {"stream": "another"}])
async def test_an_ack_that_takes_nothing_is_a_failure_and_loses_nothing(
    tmp_path: Path,
    clocks: Clocks,
    centre: Centre,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    odd: dict[str, Any],
) -> None:
    def strange(batch: object) -> Ack:
        return Ack(**{"epoch": "e", "stream": batch.stream, "received": [], "server": 1, "assignment": "", **odd})  # type: ignore[attr-defined]

    monkeypatch.setattr(centre, "_keep", strange)
    async with uplinked(tmp_path, clocks, centre.url, lambda most: most) as (uplink, outbox):
        outbox.put([event(clocks)])
        await outbox.written(20)
        with caplog.at_level(logging.WARNING):
            for _ in range(3):
                with pytest.raises(Away):
                    await uplink.send_one()
                uplink._backoff.wait_after(Away("again"))
        assert len(caplog.messages) == 1
        assert (await outbox.ask(lambda spool: spool.next_batch(9, 9))).waiting == 0
        assert len((await outbox.ask(lambda spool: spool.next_batch(9, 9))).records) == 1


async def test_refusals_are_logged_and_let_go(
    tmp_path: Path, clocks: Clocks, centre: Centre, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from agent.wire import Refusal

    keep = centre._keep

    def refuse(batch: Any) -> Ack:
        ack: Ack = keep(batch)
        return Ack(
            epoch=ack.epoch,
            stream=ack.stream,
            received=ack.received,
            server=ack.server,
            assignment=ack.assignment,
            refused=[Refusal(1, "a clock\x1b[31m is out of range")],
        )

    monkeypatch.setattr(centre, "_keep", refuse)
    async with uplinked(tmp_path, clocks, centre.url, lambda most: most) as (uplink, outbox):
        outbox.put([event(clocks)])
        await outbox.written(20)
        assert await uplink.send_one()
        assert not await uplink.send_one()
    assert caplog.messages == ["The server refused record 1: a clock [31m is out of range"]


async def test_the_next_batch_carries_the_four_stamps_of_the_last_exchange(
    tmp_path: Path, clocks: Clocks, centre: Centre, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep = centre._keep
    said = iter([(1_000, 1_001), (5_000, 7_000), (9_000, 9_001)])

    def stamped(batch: Any) -> Ack:
        came, server = next(said)
        return msgspec.structs.replace(keep(batch), came=came, server=server)

    monkeypatch.setattr(centre, "_keep", stamped)
    async with uplinked(tmp_path, clocks, centre.url, lambda most: most) as (uplink, outbox):
        for _ in range(2):
            outbox.put([event(clocks)])
            await outbox.written(20)
            assert await uplink.send_one()
    meeting, first, second = centre.batches
    assert meeting.exchange is None
    assert second.exchange is not None
    assert (second.exchange.came, second.exchange.server) == (5_000, 7_000)
    assert first.sent.boot == second.exchange.sent <= second.exchange.received <= second.sent.boot
    assert second.exchange.boot_id == first.sent.boot_id


async def test_what_was_under_way_when_its_numbers_became_doubtful_is_not_sent_under_them(
    tmp_path: Path, clocks: Clocks, centre: Centre
) -> None:
    """Whoever asked for the token: the batch was made before."""
    given = Given()
    async with uplinked(tmp_path, clocks, centre.url, lambda most: most, given=given) as (uplink, outbox):
        await outbox.ask(lambda spool: spool.append([event(clocks), event(clocks)]))
        await uplink._meet()
        given.parts = outbox
        with pytest.raises(Away, match="other numbers"):
            await uplink.send_one()
        assert [list(held) for held in centre.streams.values()] == [[]]
        assert await uplink.send_one()
    assert [list(held) for held in centre.streams.values()] == [[], [1, 2, 3]]


async def test_a_restored_server_is_asked_for_each_stream_before_more_is_sent(
    tmp_path: Path, clocks: Clocks, centre: Centre, caplog: pytest.LogCaptureFixture
) -> None:
    async with uplinked(tmp_path, clocks, centre.url, lambda most: most) as (uplink, outbox):
        for _ in range(3):
            await outbox.ask(lambda spool: spool.append([event(clocks), event(clocks)]))
            assert await uplink.flush()
            await outbox.part()
        assert await uplink.flush()
        before = {uid: sorted(held) for uid, held in centre.streams.items()}
        assert list(before.values()) == [[1, 2], [3, 4, 5], [6, 7, 8], [9]]
        centre.streams.clear()
        centre.epoch = "restored"
        await outbox.ask(lambda spool: spool.append([event(clocks)]))
        assert await uplink.flush()
    after = {uid: sorted(held) for uid, held in centre.streams.items()}
    assert after.pop(uid := list(before)[-1]) == [*before.pop(uid), 10]
    assert after == before
    assert any("another than before" in message for message in caplog.messages)


async def test_a_flush_gives_up_at_the_first_trouble(tmp_path: Path, clocks: Clocks, centre: Centre) -> None:
    async with uplinked(tmp_path, clocks, centre.url, lambda most: most) as (uplink, outbox):
        outbox.put([event(clocks)])
        await outbox.written(20)
        centre.mood = ["away", "ok"]
        assert not await uplink.flush()
        assert await uplink.flush()
    assert len(centre.order) == 1


async def test_batches_shrink_while_nothing_comes_through_and_grow_again(
    tmp_path: Path, clocks: Clocks, centre: Centre
) -> None:
    """A line of 64 kbit/s does not carry a large batch within the time an answer may take."""
    centre.mood = [*["away"] * 7, "ok"]
    async with uplinked(tmp_path, clocks, centre.url, lambda _: 0.0) as (uplink, outbox):
        outbox.put([event(clocks) for _ in range(400)])
        await outbox.written(20)
        running = asyncio.create_task(uplink.run())
        async with asyncio.timeout(20):
            while len(centre.order) < 400:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        running.cancel()
    assert [len(batch.records) for batch in centre.batches if batch.records] == [50, 100, 200, 50]


def stands(clocks: Clocks, position: str, device: str = "online") -> Ahead:
    clock = clocks()
    return Ahead(State(seq=0, clock=clock, position=position, reading=Reading(device=DeviceWord(device))), clock.boot)


async def test_an_agent_behind_which_much_waits_says_so_until_it_has_caught_up(
    tmp_path: Path, clocks: Clocks, centre: Centre
) -> None:
    async with uplinked(tmp_path, clocks, centre.url, lambda _: 0.01) as (uplink, outbox):
        outbox.put([event(clocks) for _ in range(120)])
        await outbox.written(20)
        while await uplink.send_one():
            pass
        outbox.put([event(clocks)])
        await outbox.written(20)
        while await uplink.send_one():
            pass
    sent = [len(batch.records) for batch in centre.batches]
    assert list(zip(sent, centre.gave_way, strict=True)) == [(0, True), (50, True), (70, False), (1, False)]


async def test_while_records_wait_how_things_stand_is_told_before_them(
    tmp_path: Path, clocks: Clocks, centre: Centre
) -> None:
    now = [stands(clocks, "1/a"), stands(clocks, "1/b")]
    centre.mood = [*["away"] * 7, "ok"]
    async with uplinked(tmp_path, clocks, centre.url, lambda _: 0.0, lambda: now) as (uplink, outbox):
        outbox.put([event(clocks) for _ in range(120)])
        await outbox.written(20)
        running = asyncio.create_task(uplink.run())
        async with asyncio.timeout(20):
            while len(centre.order) < 120:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        running.cancel()
    assert [(len(batch.ahead), len(batch.records), batch.waiting) for batch in centre.batches] == [
        (0, 0, 120),
        (2, 0, 70),
        (0, 50, 70),
        (0, 70, 0),
    ]


async def test_what_becomes_urgent_meanwhile_is_told_ahead_at_once(
    tmp_path: Path, clocks: Clocks, centre: Centre
) -> None:
    now = [stands(clocks, "1/a"), stands(clocks, "1/b")]
    centre.mood = [*["away"] * 7, "ok"]
    centre.wait = 60.0  # the test would not end if the records had to come first
    async with uplinked(tmp_path, clocks, centre.url, lambda _: 0.0, lambda: now) as (uplink, outbox):
        outbox.put([event(clocks) for _ in range(120)])
        await outbox.written(20)
        running = asyncio.create_task(uplink.run())
        async with asyncio.timeout(30):
            while len(centre.batches) < 3:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
            now[1] = stands(clocks, "1/b", "offline")
            outbox.put([event(clocks)], urgent=True)
            while len(centre.batches) < 4:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        running.cancel()
    assert centre.batches[3].ahead == [now[1]]
    assert len(centre.order) == 50


async def test_a_server_that_does_not_take_what_is_told_ahead_gets_the_records(
    tmp_path: Path, clocks: Clocks, centre: Centre, caplog: pytest.LogCaptureFixture
) -> None:
    centre.mood = [*["away"] * 7, "ok"]
    centre.foresight = False
    async with uplinked(tmp_path, clocks, centre.url, lambda _: 0.0, lambda: [stands(clocks, "1/a")]) as (
        uplink,
        outbox,
    ):
        outbox.put([event(clocks) for _ in range(120)])
        await outbox.written(20)
        with caplog.at_level(logging.WARNING):
            running = asyncio.create_task(uplink.run())
            async with asyncio.timeout(20):
                while len(centre.order) < 120:  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
            running.cancel()
    assert not any(batch.ahead for batch in centre.batches)
    assert sum("in their turn only" in text for text in caplog.messages) == 1


async def test_an_agent_that_can_write_nothing_down_says_that_it_is_there_and_why(
    tmp_path: Path, clocks: Clocks, centre: Centre, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.link.uplink.GATHER_SECONDS", 0.01)
    monkeypatch.setattr("agent.spool.outbox.RETRY_SECONDS", 0.01)
    now = [Ahead(State(seq=0, clock=clocks(), position="1001/a", reading=Reading(device=DeviceWord.ONLINE)), 7)]
    async with uplinked(tmp_path, clocks, centre.url, lambda _: 0.0, lambda: now) as (uplink, outbox):
        outbox.put([event(clocks)])
        running = asyncio.create_task(uplink.run())
        await until(lambda: centre.order)
        await until(lambda: not outbox.hindered)
        await fill_disk(outbox)
        big = Reading(device=DeviceWord.ONLINE, texts={"console": "x" * 9000})
        outbox.put([State(seq=0, clock=clocks(), position="1001/a", reading=big)] * 50)
        await until(lambda: any(batch.hindered and not batch.ahead for batch in centre.batches))
        told = [batch for batch in centre.batches if batch.hindered]
        await free_disk(outbox)
        await until(lambda: len(centre.order) == 51)
        running.cancel()
    assert {(batch.hindered, len(batch.records)) for batch in told} == {("full", 0)}
    assert [batch.ahead for batch in told] == [now, []]
    assert {batch.waiting for batch in told} == {50}
    assert centre.batches[-1].hindered == ""
    assert centre.events(EventName.GAP) == []
