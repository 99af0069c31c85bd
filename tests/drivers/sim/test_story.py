"""The world of simulators: it answers, tells its story when told to, and writes down what it showed."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from drivers.base import Shared
from drivers.reach import Reach, ReachOptions
from drivers.sim.base import Fault
from drivers.sim.registry import make
from drivers.sim.story import Story, StoryEvent, tell


async def test_events_happen_in_the_order_of_their_times(tmp_path: Path) -> None:
    printer = make("passbook", "1001/passbook-1", {}, {}, tmp_path)
    story = Story(
        event=[
            StoryEvent(at=0.02, subject="1001/passbook-1", fault=Fault.SILENT),
            StoryEvent(at=0.01, subject="1001/passbook-1", set_={"cover": "open"}),
        ]
    )
    told: list[StoryEvent] = []
    await tell(story, {"1001/passbook-1": printer}, told.append)
    assert [event.fault for event in told] == [None, Fault.SILENT]
    assert printer.state["cover"] == "open"
    assert printer.fault is Fault.SILENT


@pytest.fixture
def world(tmp_path: Path) -> Path:
    file = tmp_path / "world.json"
    simulated = [{"name": "1001/line/main", "kind": "reach"}]
    body = {"simulators": simulated, "log": str(tmp_path / "shown.log"), "folder": str(tmp_path)}
    file.write_text(json.dumps(body), encoding="utf-8")
    return file


@pytest.fixture
def running(world: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "drivers.sim", str(world)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with process:
        yield process


async def test_a_world_answers_at_the_addresses_it_prints_and_ends_with_its_stdin(
    running: subprocess.Popen[bytes],
) -> None:
    assert running.stdin is not None
    assert running.stdout is not None
    address = json.loads(running.stdout.readline())["addresses"]["1001/line/main"]
    driver = Reach(address, ReachOptions(), Shared())
    await driver.open()
    reading = await driver.poll()
    await driver.close()
    running.stdin.close()
    assert running.wait(20) == 0
    assert reading.device == "online"
