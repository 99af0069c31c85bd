"""When each position is polled: one job a position, each in its own slot of its interval, and earlier if there is news.

APScheduler plans by the wall clock, which people turn: set back an hour, it would be silent for an hour. So the wall
clock is watched against the boot clock, and the plan is moved with it.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from math import ceil
from weakref import WeakValueDictionary

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.base import BaseTrigger

from agent.assignment import Target
from agent.clock import Clocks
from agent.watch import Watch
from drivers.base import GoesFirst

FIRST_SECONDS = 10.0  # every position is asked within this after a start, however long its interval
FIRST_EACH = 0.02  # and not more than 50 of them a second
SHORTEST = 0.1  # seconds; a shorter interval is a mistake
STOP_SECONDS = 3.0
WATCH_SECONDS = 1.0
JUMP_MICROS = 1_500_000  # a wall clock that left the boot clock by more was turned, and did not drift

log = logging.getLogger(__name__)

Job = Callable[[Target], Awaitable[object]]


class Schedule:
    """Runs `job` for every target. Belongs to one event loop; `replace` leaves alone what did not change."""

    def __init__(self, job: Job, clocks: Clocks) -> None:
        logging.getLogger("apscheduler").setLevel(logging.CRITICAL)  # it tells of every job, and of each cancelled one
        self._job = job
        self._watch = Watch(job)
        self._running: set[asyncio.Task[object]] = set()
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._clocks = clocks
        self._targets: dict[str, Target] = {}
        self._scheduler = AsyncIOScheduler(timezone=UTC)

    def start(self) -> None:
        self._scheduler.start()

    async def stop(self) -> None:
        """No more polls; those under way are cancelled, and close their devices before this returns."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)
        self._targets.clear()
        running = list(self._running)
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running, timeout=STOP_SECONDS)
        await self._watch.stop()

    @property
    def targets(self) -> dict[str, Target]:
        return dict(self._targets)

    def target(self, position: str) -> Target | None:
        return self._targets.get(position)

    @asynccontextmanager
    async def turn(self, target: Target) -> AsyncIterator[None]:
        """To poll it within: nobody else polls this position meanwhile, or waits for its news."""
        position = target.polled.position
        turn = self._turns.get(position)
        if turn is None:
            turn = self._turns[position] = asyncio.Lock()
        async with turn:
            await self._watch.end(position)
            yield
            if self._targets.get(position) is target:
                self._watch.begin(target)

    def replace(self, targets: Iterable[Target]) -> None:
        """Poll exactly these from now on. A target that is the same object as before keeps its job and its slot."""
        wanted = {target.polled.position: target for target in targets}
        for position, target in list(self._targets.items()):
            if wanted.get(position) is not target:
                self._scheduler.remove_job(position)
                self._watch.drop(position)
                del self._targets[position]
        fresh = [target for position, target in wanted.items() if position not in self._targets]
        for target, first_in in first_polls(fresh):
            polled = target.polled
            self._targets[polled.position] = target
            self._scheduler.add_job(
                self._run,
                Slot(polled.position, max(polled.interval, SHORTEST), first_in, self._lead),
                args=(target,),
                id=polled.position,
                max_instances=1,
                coalesce=True,
                misfire_grace_time=None,
            )

    async def _run(self, target: Target) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  (for mypy: a job is always a task)
        self._running.add(task)
        try:
            async with self.turn(target):
                await self._job(target)
        except Exception:  # the border of a job: a defect in one poll must not end the others unseen
            log.exception("A poll of %s failed by a defect", target.polled.position)
        finally:
            self._running.discard(task)

    async def watch_clock(self) -> None:
        """Move the plan whenever somebody turns the wall clock. Runs until cancelled."""
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            self._move(self._lead())

    def _lead(self) -> int:
        clock = self._clocks()
        return clock.wall - clock.boot

    def _move(self, lead: int) -> None:
        """A job that ran since the clock was turned was planned by the turned clock already, and stays."""
        for job in self._scheduler.get_jobs():
            turned = lead - job.trigger.planned_by
            if job.next_run_time is not None and abs(turned) > JUMP_MICROS:
                job.trigger.planned_by = lead
                job.modify(next_run_time=job.next_run_time + timedelta(microseconds=turned))


class Slot(BaseTrigger):  # type: ignore[misc]  # APScheduler has no types
    """After `first_in` seconds, then once every interval at a place in it that follows from the position's key alone.

    So positions spread evenly over their interval, and one more of them moves no other. `lead` is µs by which the wall
    clock is ahead of the boot clock.
    """

    def __init__(self, position: str, interval: float, first_in: float, lead: Callable[[], int]) -> None:
        self._lead = lead
        self.planned_by = 0  # the lead of the clock that the next time was planned by
        self._interval = interval
        self._place = place_of(position)
        self._first_in = min(first_in, self._place * interval)
        self._first_at: datetime | None = None

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime:
        self.planned_by = self._lead()
        if previous is None:
            self._first_at = now + timedelta(seconds=self._first_in)
            return self._first_at
        # From the crowd of the start into the slot: half an interval to one and a half from the first poll.
        settle = 0.5 + self._place if previous == self._first_at else 1.0
        ahead = previous + timedelta(seconds=self._interval * settle)
        if ahead > now:
            return ahead
        # After sleep: the next one of its slot, and not every one that was missed.
        missed = ceil((now - ahead).total_seconds() / self._interval) or 1
        return ahead + timedelta(seconds=missed * self._interval)


def first_polls(targets: Sequence[Target]) -> Iterator[tuple[Target, float]]:
    """In how many seconds each is asked for the first time: those that go first at once, the others spread out."""
    within = max(FIRST_SECONDS, FIRST_EACH * len(targets))
    ahead = 0
    for target in targets:
        if isinstance(target.driver, GoesFirst) and target.driver.goes_first:
            yield target, FIRST_EACH * ahead
            ahead += 1
        else:
            yield target, within * place_of(target.polled.position)


def place_of(position: str) -> float:
    """A number from 0 up to 1 that is the same for a key always and everywhere."""
    return int.from_bytes(blake2b(position.encode(), digest_size=6).digest(), "big") / (1 << 48)
