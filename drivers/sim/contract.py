"""What every driver promises, whatever its device does. Tried against its simulator: for our drivers, and for yours.

    @pytest.mark.parametrize("promise", PROMISES)
    def test_the_scale_keeps_its_promises(promise: str, tmp_path: Path) -> None:
        asyncio.run(PROMISES[promise](Row("scale", {"unit": 2}), tmp_path))

A promise that is broken is an AssertionError whose sentence says how. No test library is needed.
"""

import asyncio
import gc
import os
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple

from drivers.base import CLOSE_SECONDS, RAW_LIMIT, Driver, Named, Reading, Shared, TellsByItself
from drivers.catalogue import catalogue
from drivers.errors import DeviceError
from drivers.registry import find
from drivers.sim.base import Fault, Simulator
from drivers.sim.registry import make

LEFT_SECONDS = 90  # for what is to be let go; a busy machine closes late
AGAIN_SECONDS = 30  # for a device to be there again; a busy machine is late
BAD_ADDRESSES = ("", "\0")  # that no driver takes


class Row(NamedTuple):
    """A driver by its name, options for it, and options for its simulator."""

    driver: str
    options: Mapping[str, object] = {}
    simulator: Mapping[str, object] = {}


class BrokenPromise(AssertionError):
    pass


@asynccontextmanager
async def running(row: Row, folder: Path) -> AsyncIterator[tuple[Simulator, Driver]]:
    """The simulator of `row`, and a driver that has read it once: what is made on first use is made by now.

    Once both are closed nothing is left of them: links a driver keeps between polls could else hide what it leaks.
    """
    before = Left()
    shared = Shared()
    simulator = make(row.driver, "1001/simulated", dict(row.simulator), {}, folder)
    address = await simulator.start()
    try:
        kind = find(row.driver)
        _promise(kind.check_address(address) is None, f"the simulator's address {address!r} is none to the driver")
        driver = kind(address, kind.Options.model_validate(dict(row.options)), shared)
        if isinstance(driver, Named):
            driver.be(simulator.name)
        check_reading(await (until_it_answers(driver) if isinstance(driver, TellsByItself) else poll_once(driver)))
        yield simulator, driver
    finally:
        await shared.close()
        await simulator.close()
    await nothing_left(before)


async def poll_once(driver: Driver) -> Reading:
    """Open and poll, within the driver's own time, and close, within CLOSE_SECONDS, as an agent does it."""
    try:
        async with asyncio.timeout(driver.timeout):
            await driver.open()
            return await driver.poll()
    finally:
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await driver.close()
        except TimeoutError:
            raise BrokenPromise(f"a close took longer than {CLOSE_SECONDS:g} s") from None


async def until_it_answers(driver: Driver) -> Reading:
    """The first reading there is; some devices (a dropped file) take a moment after a fault."""
    deadline = time.monotonic() + AGAIN_SECONDS
    while True:
        try:
            return await poll_once(driver)
        except DeviceError as error:
            if time.monotonic() > deadline:
                raise BrokenPromise(f"the fault is gone, and the driver still says {error!r}") from error
            await asyncio.sleep(0.05)


def check_reading(reading: Reading) -> None:
    """Keys are the catalogue's, words its words, and the raw bytes within their limit."""
    _promise(isinstance(reading, Reading), f"a poll gives a Reading, not {reading!r}")
    known = catalogue()
    for key, word in reading.parts.items():
        part = known.find_part(key)
        if part is None:
            raise BrokenPromise(f"drivers/catalogue.toml has no part {key!r}")
        _promise(word in part.words, f"the part {key!r} has no word {word!r}; it has {', '.join(part.words)}")
    for key in reading.numbers:
        _promise(known.find_number(key) is not None, f"drivers/catalogue.toml has no number {key!r}")
    size = sum(len(answer) for answer in reading.raw.values())
    _promise(size <= RAW_LIMIT, f"a reading holds {size} raw bytes, more than {RAW_LIMIT}; see drivers.base.cut_raw")


def check_error(error: DeviceError) -> None:
    _promise(bool(error.detail), f"{error.kind} says no sentence")
    _promise(len(error.raw) <= RAW_LIMIT, f"an error holds {len(error.raw)} raw bytes, more than {RAW_LIMIT}")


class Left:
    """What this process holds now: file descriptors, tasks, and threads other than the loop's own pool."""

    def __init__(self) -> None:
        gc.collect()
        self.handles = _handles()
        self.tasks = set(asyncio.all_tasks())
        self.threads = {thread for thread in threading.enumerate() if not thread.name.startswith("asyncio_")}


def _handles() -> set[tuple[int, str]]:
    if sys.platform != "linux":
        return set()
    found = set()
    for name in os.listdir("/proc/self/fd"):
        with suppress(FileNotFoundError):  # the one that listed them
            found.add((int(name), os.readlink(f"/proc/self/fd/{name}")))
    return found


async def nothing_left(before: Left) -> None:
    """Wait until handles, tasks and threads are as `before`; a broken promise if they stay."""
    deadline = time.monotonic() + LEFT_SECONDS
    while True:
        now = Left()
        threads, tasks = now.threads - before.threads, now.tasks - before.tasks
        if len(now.handles) <= len(before.handles) and not threads and len(now.tasks) <= len(before.tasks):
            return
        if time.monotonic() > deadline:
            raise BrokenPromise(f"left: handles {now.handles - before.handles}, threads {threads}, tasks {tasks}")
        await asyncio.sleep(0.01)


# -- the promises ---------------------------------------------------------------------------------------------------


async def ends_in_time(fault: Fault, row: Row, folder: Path) -> None:
    """Within the driver's own time there is a reading or a DeviceError, and nothing is left of the poll."""
    async with running(row, folder) as (simulator, driver):
        simulator.fault = fault
        before = Left()
        try:
            check_reading(await poll_once(driver))
        except DeviceError as error:
            check_error(error)
            _promise(fault is not Fault.NONE, f"a device without a fault gave {error!r}")
        except TimeoutError:
            raise BrokenPromise(f"a poll took longer than the driver's {driver.timeout:g} s") from None
        await nothing_left(before)


async def can_be_cancelled(row: Row, folder: Path) -> None:
    """The agent may stop at any moment."""
    async with running(row, folder) as (simulator, driver):
        simulator.fault = Fault.SILENT
        before = Left()
        polling = asyncio.create_task(poll_once(driver))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        polling.cancel()
        await asyncio.wait([polling])
        await nothing_left(before)


async def is_itself_again(row: Row, folder: Path) -> None:
    """A device that was mended is read as before, and one that is mended late (a dropped file) a moment later."""
    async with running(row, folder) as (simulator, driver):
        first = await poll_once(driver)
        for fault in (Fault.HALF, Fault.GARBAGE, Fault.HANG_UP):
            simulator.fault = fault
            with suppress(DeviceError):
                await poll_once(driver)
        simulator.fault = Fault.NONE
        again = await until_it_answers(driver)
        for what in ("device", "parts", "identity"):
            was, now = getattr(first, what), getattr(again, what)
            _promise(was == now, f"before the faults `{what}` was {was!r}, after them {now!r}")


async def tells_bad_addresses(row: Row, folder: Path) -> None:
    """The inventory puts the address before what is said, so it goes on: "is not HOST:PORT"."""
    for address in BAD_ADDRESSES:
        wrong = find(row.driver).check_address(address)
        _promise(wrong is not None and wrong.startswith("is "), f"of the address {address!r} is said {wrong!r}")


def _promise(kept: bool, otherwise: str) -> None:
    if not kept:
        raise BrokenPromise(otherwise)


Promise = Callable[[Row, Path], Awaitable[None]]

PROMISES: Mapping[str, Promise] = {
    **{f"a poll ends in time and leaves nothing, fault {fault}": partial(ends_in_time, fault) for fault in Fault},
    "a poll that is cancelled leaves nothing": can_be_cancelled,
    "it is itself again once the fault is gone": is_itself_again,
    "a bad address is told by the end of a sentence": tells_bad_addresses,
}
