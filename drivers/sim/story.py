"""A written order of events for a world of simulators: at which second which device becomes what.

Each event names a simulator and a change: `set` puts parts and numbers, `fault` switches a fault on ("none" is off).
With `every` a story begins again after so many seconds, for as long as it is watched.
"""

import asyncio
from collections.abc import Callable

import msgspec

from drivers.sim.base import Fault, Simulator


class StoryEvent(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"set_": "set"}):
    at: float  # seconds from the beginning of the story
    subject: str
    set_: dict[str, str] = {}
    fault: Fault | None = None


class Story(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    event: list[StoryEvent] = []
    every: float = 0.0  # 0: it is told once


async def tell(story: Story, simulators: dict[str, Simulator], told: Callable[[StoryEvent], None]) -> None:
    """Let the events happen at their times; `told` is called after each. Ends when the story does."""
    loop = asyncio.get_running_loop()
    begin = loop.time()
    events = sorted(story.event, key=lambda event: event.at)
    while True:
        for event in events:
            await asyncio.sleep(max(0.0, begin + event.at - loop.time()))
            happen(event, simulators[event.subject])
            told(event)
        if not story.every:
            return
        begin += story.every


def happen(event: StoryEvent, simulator: Simulator) -> None:
    simulator.state.update(event.set_)
    if event.fault is not None:
        simulator.fault = event.fault
