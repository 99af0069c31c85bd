"""One job a position, spread over its interval, undisturbed by the others and by a turned wall clock."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.assignment import Target
from agent.clock import boot_micros
from agent.schedule import FIRST_EACH, Job, Schedule, Slot, first_polls, place_of
from agent.wire import Clock, Polled
from drivers.base import Shared
from drivers.registry import find

Until = Callable[[Callable[[], object]], Awaitable[None]]
START = datetime(2026, 11, 4, 4, tzinfo=UTC)


class TurnedClock:
    """The machine's wall clock, as it is after somebody turned it by `by` seconds."""

    by = 0.0

    @classmethod
    def now(cls, zone: object = None) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=cls.by)


def clocks() -> Clock:
    return Clock(wall=int(TurnedClock.now().timestamp() * 1_000_000), boot=boot_micros(), boot_id="b")


def target(position: str, interval: float) -> Target:
    return Target(Polled(position=position, name="", driver="", address="", options={}, interval=interval))


@asynccontextmanager
async def scheduled(job: Job) -> AsyncIterator[Schedule]:
    schedule = Schedule(job, clocks)
    schedule.start()
    watch = asyncio.create_task(schedule.watch_clock())
    try:
        yield schedule
    finally:
        watch.cancel()
        await schedule.stop()


def plan(position: str, interval: float, count: int) -> list[float]:
    slot = Slot(position, interval, 10.0, lambda: 0)
    times: list[datetime] = []
    now = START
    for _ in range(count):
        now = slot.get_next_fire_time(times[-1] if times else None, now)
        times.append(now)
    return [(each - START).total_seconds() for each in times]


@given(st.text(min_size=1), st.floats(0.1, 86_400))
def test_a_position_is_asked_soon_and_then_once_an_interval(position: str, interval: float) -> None:
    times = plan(position, interval, 5)
    assert 0 <= times[0] <= min(interval, 10.0)
    assert interval * 0.49 < times[1] - times[0] < interval * 1.51
    for earlier, later in pairwise(times[1:]):
        assert later - earlier == pytest.approx(interval, abs=1e-5)


def test_positions_spread_evenly_over_their_interval() -> None:
    phases = [plan(f"{branch}/atm-{number}", 300, 3)[2] % 300 for branch in range(1001, 1101) for number in range(10)]
    tenths = [sum(1 for phase in phases if at <= phase < at + 30) for at in range(0, 300, 30)]
    assert min(tenths) > 60
    assert max(tenths) < 140


def test_a_slot_is_the_same_always_and_everywhere() -> None:
    assert place_of("1001/atm-1") == pytest.approx(0.5636494, abs=1e-6)


def test_after_sleep_a_position_is_asked_once_and_not_for_every_time_missed() -> None:
    slot = Slot("1/a", 60, 10.0, lambda: 0)
    first = slot.get_next_fire_time(None, START)
    second = slot.get_next_fire_time(first, first)
    awake = second + timedelta(hours=8, seconds=7)
    following = slot.get_next_fire_time(second, awake)
    assert awake < following <= awake + timedelta(seconds=60)
    assert ((following - second).total_seconds() / 60) == pytest.approx(
        round((following - second).total_seconds() / 60)
    )


def test_those_that_go_first_are_asked_at_once_however_many_others_there_are() -> None:
    passbook = find("passbook")
    serial = passbook("/dev/ttyS0", passbook.Options.model_validate({"emulation": "olivetti"}), Shared())
    others = [target(f"1001/atm-{number}", 300) for number in range(2000)]
    ports = [Target(target(f"1001/passbook-{number}", 300).polled, serial) for number in range(3)]
    planned = {each.polled.position: first for each, first in first_polls([*others, *ports])}
    assert [planned[each.polled.position] for each in ports] == [0, FIRST_EACH, 2 * FIRST_EACH]
    assert max(planned[each.polled.position] for each in others) == pytest.approx(2003 * FIRST_EACH, rel=0.01)


async def test_replacing_targets_leaves_the_others_alone(until: Until) -> None:
    polled: list[str] = []

    async def job(target: Target) -> None:
        polled.append(target.polled.position)

    stays, goes, comes = target("stays", 0.1), target("goes", 0.1), target("comes", 0.1)
    async with scheduled(job) as schedule:
        schedule.replace([stays, goes])
        await until(lambda: {"stays", "goes"} <= set(polled))
        before = schedule._scheduler.get_job("stays")
        schedule.replace([stays, comes])
        assert schedule._scheduler.get_job("stays") is before
        polled.clear()
        await until(lambda: polled.count("stays") > 3 and "comes" in polled)
        assert "goes" not in polled
        assert set(schedule.targets) == {"stays", "comes"}


async def test_a_poll_that_lasts_longer_than_its_interval_is_not_doubled(until: Until) -> None:
    running = 0
    most = 0
    done = 0

    async def slow(target: Target) -> None:
        nonlocal running, most, done
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.25)
        running -= 1
        done += 1

    async with scheduled(slow) as schedule:
        schedule.replace([target("slow", 0.1)])
        await until(lambda: done >= 3)
    assert most == 1


async def test_a_defect_in_one_poll_ends_neither_that_job_nor_another(until: Until) -> None:
    polled: list[str] = []

    async def job(target: Target) -> None:
        polled.append(target.polled.position)
        if target.polled.position == "broken":
            raise RuntimeError("a defect")

    async with scheduled(job) as schedule:
        schedule.replace([target("broken", 0.1), target("fine", 0.1)])
        await until(lambda: polled.count("broken") > 2 and polled.count("fine") > 2)


async def test_stopping_cancels_what_is_under_way_and_waits_for_it(until: Until) -> None:
    said: list[str] = []

    async def long(target: Target) -> None:
        said.append("began")
        try:
            await asyncio.sleep(3600)
        finally:
            await asyncio.sleep(0.01)
            said.append("closed")

    async with scheduled(long) as schedule:
        schedule.replace([target("long", 0.1)])
        await until(lambda: said)
    assert said == ["began", "closed"]


@pytest.mark.parametrize("hours", [-5, 5])
async def test_a_turned_wall_clock_neither_silences_nor_hurries_the_polls(
    until: Until, monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    """APScheduler plans by datetime.now: set back by hours, it would wait for hours."""
    monkeypatch.setattr("apscheduler.schedulers.base.datetime", TurnedClock)
    monkeypatch.setattr("agent.schedule.WATCH_SECONDS", 0.05)
    monkeypatch.setattr(TurnedClock, "by", 0.0)
    polled: list[float] = []

    async def job(target: Target) -> None:
        polled.append(asyncio.get_running_loop().time())

    async with scheduled(job) as schedule:
        schedule.replace([target("a", 0.5)])
        await until(lambda: len(polled) >= 2)
        TurnedClock.by = hours * 3600.0
        turned = len(polled)
        await until(lambda: len(polled) >= turned + 3)
        planned = schedule._scheduler.get_job("a").next_run_time
        assert abs(planned - TurnedClock.now()) < timedelta(seconds=60)


@pytest.mark.parametrize("years", [-99, 73])
async def test_polls_made_before_the_turned_clock_was_seen_silence_nothing(
    until: Until, monkeypatch: pytest.MonkeyPatch, years: int
) -> None:
    """Turned forward, all is due at once and planned by the new clock; to move that plan again would end the polls."""
    monkeypatch.setattr("apscheduler.schedulers.base.datetime", TurnedClock)
    monkeypatch.setattr("agent.schedule.WATCH_SECONDS", 0.6)
    monkeypatch.setattr(TurnedClock, "by", 0.0)
    polled: list[str] = []

    async def job(target: Target) -> None:
        polled.append(target.polled.position)

    async with scheduled(job) as schedule:
        schedule.replace([target("a", 0.1), target("b", 0.25)])
        await until(lambda: {"a", "b"} <= set(polled))
        for by in (years * 365 * 86_400.0, 0.0):
            TurnedClock.by = by
            del polled[:]
            await until(lambda: polled.count("a") > 12 and polled.count("b") > 5)
