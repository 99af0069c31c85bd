"""Drivers meet the other end here: simulators on real ptys, ports and folders, and what must not be left behind."""

import asyncio
import gc
import os
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from drivers.base import Driver, Shared
from drivers.registry import find
from drivers.sim.base import Simulator
from drivers.sim.registry import make

Start = Callable[..., Awaitable[tuple[Any, str]]]
Make = Callable[..., Driver]


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Start]:
    """`await start("passbook", {"emulation": ...}, {"paper": "out"})` -> the simulator and its address."""
    started: list[Simulator] = []

    async def begin(
        kind: str, options: dict[str, object] | None = None, state: dict[str, str] | None = None
    ) -> tuple[Simulator, str]:
        simulator = make(kind, f"1001/{len(started)}", options or {}, state or {}, tmp_path)
        started.append(simulator)
        return simulator, await simulator.start()

    yield begin
    for simulator in started:
        await simulator.close()


@pytest.fixture
async def driver() -> AsyncIterator[Make]:
    """`driver("passbook", address, emulation="olivetti")` -> the driver, its options read as an inventory's are."""
    shared = Shared()

    def made(kind: str, address: str, **options: object) -> Driver:
        found = find(kind)
        assert found.check_address(address) is None
        return found(address, found.Options.model_validate(options), shared)

    yield made
    await shared.close()


@pytest.fixture
def poll() -> Callable[[Driver], Awaitable[Any]]:
    """Open, poll, close, as an agent does it."""

    async def once(driver: Driver) -> Any:
        try:
            await driver.open()
            return await driver.poll()
        finally:
            await driver.close()

    return once


@pytest.fixture
def until() -> Callable[[Callable[[], bool]], Awaitable[None]]:
    """`await until(lambda: printer.heard == 2)`, with a deadline."""

    async def wait(met: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not met():  # noqa: ASYNC110  (a simulator's counters tell nobody)
                await asyncio.sleep(0.005)

    return wait


@pytest.fixture
def overhear() -> Callable[[Any], bytearray]:
    """`sent = overhear(printer)`: every byte that reaches a serial simulator from now on."""

    def begin(simulator: Any) -> bytearray:
        sent = bytearray()
        hear = simulator._end._hear

        def also(data: bytes) -> None:
            sent.extend(data)
            hear(data)

        simulator._end._hear = also
        return sent

    return begin


class Left:
    """What this process holds now: file descriptors, tasks, and threads other than the loop's own pool."""

    def __init__(self) -> None:
        gc.collect()
        self.handles = _handles()
        self.tasks = len(asyncio.all_tasks())
        self.threads = {thread for thread in threading.enumerate() if not thread.name.startswith("asyncio_")}


def _handles() -> set[tuple[int, str]]:
    if sys.platform != "linux":
        return set()
    found = set()
    for name in os.listdir("/proc/self/fd"):
        try:
            found.add((int(name), os.readlink(f"/proc/self/fd/{name}")))
        except FileNotFoundError:
            continue  # the one that listed them
    return found


@pytest.fixture
def nothing_left() -> Callable[[Left], Awaitable[None]]:
    """`await nothing_left(before)` waits until handles, tasks and threads are as before, and fails if they stay."""

    async def wait(before: Left) -> None:
        deadline = time.monotonic() + 90
        while True:
            now = Left()
            threads = now.threads - before.threads
            if len(now.handles) <= len(before.handles) and not threads and now.tasks <= before.tasks:
                return
            if time.monotonic() > deadline:
                pytest.fail(f"left: {now.handles - before.handles}, {threads}, {now.tasks - before.tasks} tasks")
            await asyncio.sleep(0.01)

    return wait


@pytest.fixture
def look_around() -> type[Left]:
    return Left
