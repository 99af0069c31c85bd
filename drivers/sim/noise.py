"""A long run of noise: polls that never stop, faults that come and go in the middle of them, random bytes for answers.

Every simulator has its noise at once, in one process as an agent has its positions, so one works while others wait.
Whatever happens, a poll ends in time with a reading or a DeviceError; and when the noise is over, no handle, task,
thread or memory is left that was not there before.
"""

import asyncio
import gc
import linecache
import pathlib
import random
import tracemalloc
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

from drivers.base import Driver
from drivers.errors import DeviceError
from drivers.sim.base import Fault, Simulator
from drivers.sim.contract import (
    BrokenPromise,
    Left,
    Row,
    check_error,
    check_reading,
    nothing_left,
    poll_once,
    running,
    until_it_answers,
)

LONGEST_FAULT = 0.2  # seconds; shorter than many an answer, so that faults come in the middle of one
LONGEST_GARBAGE = 700  # bytes
AT_ONCE = 16  # polls; so many an agent has under way, and a poll is to end in time among them


@dataclass
class Heard:
    """What the polls of one row gave, by kind: "reading", "unreachable", "garbled"."""

    kinds: dict[str, int] = field(default_factory=dict)

    @property
    def polls(self) -> int:
        return sum(self.kinds.values())

    def count(self, kind: str) -> None:
        self.kinds[kind] = self.kinds.get(kind, 0) + 1


@dataclass(frozen=True)
class Noise:
    """What each row heard, and by how many bytes Python's memory grew meanwhile, the largest growth first."""

    heard: dict[str, Heard]
    grown: int
    where: list[str]


async def make_noise(rows: Mapping[str, Row], folder: Path, *, seconds: float, polls: int, seed: int) -> Noise:
    """For each row at least `seconds` and `polls` of noise; half of it first, so that what is made once is made.

    BrokenPromise if a driver breaks one or leaves a handle, task or thread."""
    chance = random.Random(seed)  # noqa: S311  (noise, no secret)
    async with AsyncExitStack() as stack:
        devices = {}
        for number, (name, row) in enumerate(rows.items()):
            place = folder / str(number)
            place.mkdir()
            devices[name] = await stack.enter_async_context(running(row, place))
        tracemalloc.start()
        try:
            await _round(devices, seconds / 2, polls // 2, chance)
            before = Left()
            then = _memory()
            heard = await _round(devices, seconds / 2, polls - polls // 2, chance)
            await nothing_left(before)
            grown, where = _growth(then, _memory())
        finally:
            tracemalloc.stop()
    return Noise(heard, grown, where)


Devices = Mapping[str, tuple[Simulator, Driver]]


async def _round(devices: Devices, seconds: float, polls: int, chance: random.Random) -> dict[str, Heard]:
    """Noise, and then quiet until every device is read as usual."""
    end = asyncio.get_running_loop().time() + seconds
    heard = {name: Heard() for name in devices}
    places = asyncio.Semaphore(AT_ONCE)
    async with asyncio.TaskGroup() as group:
        for name, (simulator, driver) in devices.items():
            group.create_task(_device(name, simulator, driver, heard[name], (end, polls), places, chance))
    for simulator, _ in devices.values():
        simulator.fault = Fault.NONE
    for _, driver in devices.values():
        await until_it_answers(driver)
    return heard


async def _device(
    name: str,
    simulator: Simulator,
    driver: Driver,
    heard: Heard,
    until: tuple[float, int],
    places: asyncio.Semaphore,
    chance: random.Random,
) -> None:
    end, polls = until
    switching = asyncio.create_task(_switch(simulator, chance))
    try:
        while asyncio.get_running_loop().time() < end or heard.polls < polls:
            async with places:
                heard.count(await _poll(driver))
    except BrokenPromise as broken:
        raise BrokenPromise(f"{name}: {broken}") from broken
    finally:
        switching.cancel()
        await asyncio.wait([switching])


async def _poll(driver: Driver) -> str:
    try:
        check_reading(await poll_once(driver))
    except DeviceError as error:
        check_error(error)
        return error.kind
    except TimeoutError:
        raise BrokenPromise(f"a poll took longer than the driver's {driver.timeout:g} s") from None
    return "reading"


async def _switch(simulator: Simulator, chance: random.Random) -> None:
    while True:
        simulator.fault = chance.choice(list(Fault))
        if hasattr(simulator, "garbage"):
            simulator.garbage = chance.randbytes(chance.randint(1, LONGEST_GARBAGE))
        await asyncio.sleep(chance.uniform(0.0, LONGEST_FAULT))


def _memory() -> tracemalloc.Snapshot:
    gc.collect()
    # pathlib interns names, and Python's one table of interned names grows in a leap of megabytes now and then.
    # linecache keeps the source of what was in a traceback, once a file; paramiko writes one for every failure.
    own = (tracemalloc.__file__, __file__, random.__file__, pathlib.__file__, linecache.__file__)
    return tracemalloc.take_snapshot().filter_traces([tracemalloc.Filter(False, file) for file in own])


def _growth(then: tracemalloc.Snapshot, now: tracemalloc.Snapshot) -> tuple[int, list[str]]:
    changes = now.compare_to(then, "lineno")
    return sum(change.size_diff for change in changes), [str(change) for change in changes[:10]]
