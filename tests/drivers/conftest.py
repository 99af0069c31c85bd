"""Drivers meet the other end here: simulators on real ptys, ports and folders, and what must not be left behind."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from drivers.base import Driver, Shared
from drivers.registry import find
from drivers.sim import contract
from drivers.sim.base import Simulator
from drivers.sim.contract import Left
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
def nothing_left() -> Callable[[Left], Awaitable[None]]:
    """`await nothing_left(before)` waits until handles, tasks and threads are as before, and fails if they stay."""
    return contract.nothing_left


@pytest.fixture
def look_around() -> type[Left]:
    return Left
