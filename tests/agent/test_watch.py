"""A driver that tells news is polled at once, never beside a poll, and never without end."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import ClassVar

import pytest

from agent.assignment import Target
from agent.clock import Clocks
from agent.schedule import Schedule
from agent.wire import Clock, Polled
from drivers.base import DeviceWord, DriverOptions, Reading, TellsNews
from drivers.errors import Reason, Unreachable

Until = Callable[[Callable[[], object]], Awaitable[None]]
HOUR = 3600.0


class Bell:
    """Tells news whenever `rung` is set; `said` has what was done with it, in order."""

    Options: ClassVar[type[DriverOptions]] = DriverOptions
    timeout: ClassVar[float] = 1.0

    def __init__(self) -> None:
        self.rung = asyncio.Event()
        self.said: list[str] = []
        self.fails: Exception | None = None
        self.deaf = False

    @staticmethod
    def check_address(address: str) -> str | None:
        return None

    async def open(self) -> None:
        self.said.append("open")

    async def poll(self) -> Reading:
        return Reading(device=DeviceWord.ONLINE)

    async def close(self) -> None:
        self.said.append("close")

    async def news(self) -> bool:
        self.said.append("wait")
        if self.deaf:
            return False
        try:
            await self.rung.wait()
        finally:
            self.said.append("waited")
        self.rung.clear()
        if self.fails is not None:
            raise self.fails
        return True


def clocks() -> Clock:
    return Clock(wall=0, boot=0, boot_id="b")


async def _poll(target: Target) -> None:
    assert target.driver is not None
    await target.driver.open()
    await asyncio.sleep(0)
    await target.driver.close()


@asynccontextmanager
async def watched(interval: float, clocks: Clocks = clocks) -> AsyncIterator[tuple[Bell, Schedule]]:
    schedule = Schedule(_poll, clocks)
    schedule.start()
    bell = Bell()
    polled = Polled(position="1/bell", name="", driver="bell", address="", options={}, interval=interval)
    schedule.replace([Target(polled, bell)])
    try:
        yield bell, schedule
    finally:
        await schedule.stop()


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.watch.LEAST_SECONDS", 0.01)
    monkeypatch.setattr("agent.schedule.FIRST_SECONDS", 0.05)


def test_a_bell_tells_news() -> None:
    assert isinstance(Bell(), TellsNews)


async def test_news_brings_a_poll_long_before_its_time(until: Until) -> None:
    async with watched(HOUR) as (bell, _):
        for rings in (1, 2, 3):
            await until(lambda: bell.said[-1:] == ["wait"])
            bell.rung.set()
            await until(lambda rings=rings: bell.said.count("close") == rings + 1)  # type: ignore[misc]
    assert bell.said[:5] == ["open", "close", "wait", "waited", "open"]


async def test_waiting_never_runs_beside_a_poll(until: Until) -> None:
    async with watched(0.1) as (bell, _):
        await until(lambda: bell.said.count("close") > 4)
    doing = "".join({"open": "(", "close": ")", "wait": "<", "waited": ">"}[word] for word in bell.said)
    assert doing.replace("()", "").replace("<>", "") == ""


async def test_a_poll_out_of_its_time_takes_its_turn_with_those_in_time_and_with_the_waiting(until: Until) -> None:
    async with watched(0.1) as (bell, schedule):
        await until(lambda: bell.said[-1:] == ["wait"])
        target = schedule.target("1/bell")
        assert target is not None
        while bell.said.count("close") < 10:
            async with schedule.turn(target):
                await _poll(target)
        await until(lambda: bell.said[-1:] == ["wait"])
    doing = "".join({"open": "(", "close": ")", "wait": "<", "waited": ">"}[word] for word in bell.said)
    assert doing.replace("()", "").replace("<>", "") == ""


async def test_without_anything_to_wait_for_it_is_polled_in_its_time(until: Until) -> None:
    async with watched(0.1) as (bell, _):
        bell.deaf = True
        await until(lambda: bell.said.count("close") > 3)


@pytest.mark.parametrize("fails", [Unreachable(Reason.HUNG_UP, "gone"), KeyError("a defect")])
async def test_news_that_fails_ends_the_waiting_and_not_the_polls(
    fails: Exception, until: Until, caplog: pytest.LogCaptureFixture
) -> None:
    async with watched(0.2) as (bell, _):
        bell.fails = fails
        await until(lambda: bell.said[-1:] == ["wait"])
        polls = bell.said.count("close")
        bell.rung.set()
        await until(lambda: bell.said.count("close") > polls + 2)
    assert bool([record for record in caplog.records if "defect" in record.message]) == isinstance(fails, KeyError)


async def test_a_defect_in_news_is_logged_once_however_often_it_fails(
    until: Until, caplog: pytest.LogCaptureFixture
) -> None:
    async with watched(0.1) as (bell, _):
        bell.fails = KeyError("a defect")
        for waits in range(1, 4):
            await until(lambda waits=waits: bell.said.count("wait") >= waits)  # type: ignore[misc]
            bell.rung.set()
            await until(lambda: not bell.rung.is_set())
        await until(lambda: bell.said.count("wait") > 3)
    assert len([record for record in caplog.records if "defect" in record.message]) == 1


async def test_a_position_that_goes_is_waited_for_no_more(until: Until) -> None:
    async with watched(HOUR) as (bell, schedule):
        await until(lambda: bell.said[-1:] == ["wait"])
        schedule.replace([])
        await until(lambda: bell.said[-1] == "waited")
        bell.rung.set()
    assert bell.said.count("open") == 1


async def test_stopping_ends_the_waiting(until: Until) -> None:
    async with watched(HOUR) as (bell, _):
        await until(lambda: bell.said[-1:] == ["wait"])
    assert bell.said[-1] == "waited"
