"""Polls that were ordered: so many at once, each order in its turn, and a result that fits a record."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import msgspec

from agent.assignment import Target
from agent.orders.doing import AT_ONCE, Doing, _bounded
from agent.poll import Seen
from agent.report import Report
from agent.schedule import Schedule
from agent.sweep.sweeping import Sweeping
from agent.wire import DeviceWord, Order, Polled, Reading, Result, catalogue

if TYPE_CHECKING:
    from tests.agent.conftest import FakeClocks
else:
    FakeClocks = Any

Until = Callable[[Callable[[], object]], Awaitable[None]]


class Slow:
    """Polls that end when they are let."""

    def __init__(self, clocks: FakeClocks, positions: list[str]) -> None:
        self.asked: list[str] = []
        self.ends = asyncio.Semaphore(0)
        self.under_way = 0
        schedule = Schedule(self.look, clocks)
        targets = [
            Target(Polled(position=position, name="", driver="", address="", options={}, interval=3600.0))
            for position in positions
        ]
        schedule.replace(targets)
        nobody: Any = None
        outbox: Any = self
        sweeping = Sweeping(outbox, clocks)
        duties: Any = self
        report = Report(catalogue(), clocks())
        self.assignment = True
        self.poll = (
            Doing(nobody, clocks, outbox, schedule, self.look, report, duties, nobody, nobody, nobody, sweeping)
            .kinds()["poll"]
            .do
        )

    def put(self, records: object) -> None:
        pass

    async def look(self, target: Target) -> Seen:
        self.asked.append(target.polled.position)
        self.under_way += 1
        await self.ends.acquire()
        self.under_way -= 1
        return Seen(Reading(device=DeviceWord.ONLINE))

    def let(self, count: int) -> None:
        for _ in range(count):
            self.ends.release()


async def test_so_many_are_polled_at_once_and_a_single_one_waits_for_no_thousand(
    clocks: FakeClocks, until: Until
) -> None:
    slow = Slow(clocks, [f"1/{number}" for number in range(100)] + ["2/a"])
    many = asyncio.ensure_future(slow.poll(Order(uid="o1", what="poll", seconds=60)))
    await until(lambda: slow.under_way == AT_ONCE)
    one = asyncio.ensure_future(slow.poll(Order(uid="o2", what="poll", seconds=60, positions=["2/a"])))
    slow.let(2 * AT_ONCE)
    await until(lambda: len(slow.asked) == 3 * AT_ONCE)
    assert slow.under_way == AT_ONCE
    assert "2/a" in slow.asked
    slow.let(100)
    assert (await one).polls == {"2/a": ""}
    assert len((await many).polls) == 101


def test_of_a_thousand_positions_those_without_a_reading_are_told_and_the_result_fits_a_record(
    clocks: FakeClocks,
) -> None:
    polls = {f"机构{number:06}/passbook-printer-{number % 7}": "" for number in range(3000)}
    unread = {f"机构{number:06}/passbook-printer-{number % 7}": "connectionRefused" for number in range(0, 3000, 20)}
    kept = _bounded(polls | unread)
    assert unread.items() <= kept.items()
    assert len(kept) > len(unread)
    detail: dict[str, str | int] = {"polled": 3000, "unread": len(unread)}
    result = Result(seq=1 << 40, clock=clocks(), order="0" * 36, done=True, began=clocks(), polls=kept, detail=detail)
    assert len(msgspec.msgpack.encode(result)) < 64 << 10
