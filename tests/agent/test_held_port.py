"""A program takes a printer's port and lets it go: what the agent sees, as its schedule runs."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from agent.assignment import Target, make_target
from agent.clock import system_clocks
from agent.poll import Poller, Seen
from agent.schedule import Schedule
from agent.wire import DeviceWord, Polled
from drivers.base import Shared
from drivers.sim.registry import make

if sys.platform == "win32":
    raise pytest.skip.Exception("there are no ptys on Windows", allow_module_level=True)

Until = Callable[[Callable[[], object]], Awaitable[None]]
HOLD = "import os, sys; held = os.open(sys.argv[1], os.O_RDWR | os.O_NOCTTY); print('held', flush=True); input()"


async def test_a_printer_is_polled_again_as_soon_as_its_port_is_let_go(
    tmp_path: Path, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("drivers.serial_owner.LOOK_SECONDS", 0.02)
    printer = make("passbook", "printer", {}, {}, tmp_path)
    port = await printer.start()
    options: dict[str, object] = {"emulation": "olivetti", "profile": "simulated"}
    polled = Polled(position="1001/p", name="", driver="passbook", address=port, options=options, interval=3600)
    seen: list[Seen] = []
    poller = Poller()

    async def look(target: Target) -> None:
        seen.append(await poller.poll(target))

    teller = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLD, port, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert teller.stdin is not None
    assert teller.stdout is not None
    await teller.stdout.readline()
    schedule = Schedule(look, system_clocks(tmp_path))
    schedule.start()
    schedule.replace([make_target(polled, Shared())])
    try:
        await until(lambda: seen)
        teller.stdin.close()
        await teller.wait()
        await until(lambda: len(seen) > 1)
    finally:
        await schedule.stop()
        await printer.close()
    assert [each.reading.device for each in seen] == [DeviceWord.IN_USE, DeviceWord.ONLINE]
