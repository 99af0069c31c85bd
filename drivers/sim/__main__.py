"""A world of simulators in one process: `python -m drivers.sim WORLD.json`.

The file names the simulators, the story, and a log. When all answer, one line of JSON with their addresses goes to
stdout; the story begins with the first line on stdin. The log gets one JSON line for each change a simulator told a
driver of, until the second line on stdin. It ends with its stdin, so it never outlives the program that started it.
"""

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import IO

import msgspec

from drivers.sim.base import Simulator
from drivers.sim.registry import make
from drivers.sim.story import Story, StoryEvent, tell


class Simulated(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    kind: str  # a driver's name
    options: dict[str, object] = {}
    state: dict[str, str] = {}


class World(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    simulators: list[Simulated]
    log: str
    folder: str  # for ports and dropped files
    story: Story = Story()


class ShownLog:
    """Writes what was shown where it differs from what came before. Words only: numbers have deadbands."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self._last: dict[str, dict[str, str]] = {}
        self._ended = False

    def end(self) -> None:
        """What is shown from now on is not counted."""
        self._ended = True

    def __call__(self, name: str, showed: dict[str, str]) -> None:
        if self._ended:
            return
        parts = {key: value for key, value in showed.items() if not value.replace(".", "", 1).lstrip("-").isdigit()}
        if self._last.get(name) == parts:
            return
        self._last[name] = parts
        self._file.write(json.dumps({"at": time.time_ns() // 1000, "name": name, "showed": parts}) + "\n")
        self._file.flush()


async def run(world: World, log: IO[str]) -> None:
    shown = ShownLog(log)
    simulators: dict[str, Simulator] = {}
    addresses: dict[str, str] = {}
    try:
        for wanted in world.simulators:
            simulator = make(wanted.kind, wanted.name, wanted.options, wanted.state, Path(world.folder))
            simulator.showed = shown
            simulators[wanted.name] = simulator
            addresses[wanted.name] = await simulator.start()
        sys.stdout.write(json.dumps({"addresses": addresses}) + "\n")
        sys.stdout.flush()
        if await asyncio.to_thread(sys.stdin.readline):
            story = asyncio.create_task(tell(world.story, simulators, _narrate))
            await asyncio.to_thread(sys.stdin.readline)
            story.cancel()
            shown.end()
            await asyncio.to_thread(sys.stdin.read)
    finally:
        for simulator in simulators.values():
            await simulator.close()


def _narrate(event: StoryEvent) -> None:
    sys.stderr.write(f"{event.at:.0f} s: {event.subject} {event.set_ or event.fault}\n")


def main(path: Path) -> None:
    world = msgspec.json.decode(path.read_bytes(), type=World)
    with Path(world.log).open("a", encoding="utf-8") as log:
        asyncio.run(run(world, log))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
