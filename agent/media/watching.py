"""Looks every few seconds what is in this PC, and writes a record when something came or went.

What is in when the agent begins is told too, as found: a person may have put it in while no agent ran.
"""

import asyncio
import logging
import sys
from collections import deque
from collections.abc import Callable, Iterator
from typing import Final

from agent.clock import Clocks
from agent.facts.sheet import NotRead
from agent.media.stick import Stick, Sticks
from agent.spool.outbox import Outbox
from agent.wire import Clock, Event, EventName

EVERY: Final = 3.0  # seconds: who copies a file needs longer
HOUR: Final = 3_600_000_000  # µs
MOST: Final = 60  # records an hour: a stick with a loose contact must not fill the spool

log = logging.getLogger(__name__)


def system_sticks() -> Callable[[], Sticks] | None:
    """How this system says what is in; None where it does not."""
    if sys.platform == "linux":
        from agent.media.linux import sticks

        return sticks
    if sys.platform == "win32":
        from agent.facts.registry import LocalMachine
        from agent.media import windows

        return lambda: windows.sticks(LocalMachine())
    return None


class Media:
    def __init__(self, outbox: Outbox, clocks: Clocks, look: Callable[[], Sticks] | None = None) -> None:
        self._outbox = outbox
        self._clocks = clocks
        self._look = look or system_sticks()
        self._in: Sticks | None = None  # None: not looked yet
        self._told: deque[int] = deque()  # boot clocks of the records of the last hour
        self._left_out = 0
        self._failing = False

    async def run(self) -> None:
        """Until cancelled."""
        while self._look is not None:
            try:
                there = await asyncio.to_thread(self._look)
            except NotRead as error:
                if not self._failing:
                    log.warning("What is put into this PC cannot be seen (%s).", error.why)
                self._failing = True
            else:
                self._failing = False
                if records := list(self.seen(there, self._clocks())):
                    self._outbox.put(records, urgent=True)
            await asyncio.sleep(EVERY)

    def seen(self, there: Sticks, clock: Clock) -> Iterator[Event]:
        """The records of what differs from the last look."""
        first, before = self._in is None, self._in or {}
        self._in = there
        for place in before.keys() - there.keys():
            yield from self._event("out", before[place], clock)
        for place in sorted(there.keys() - before.keys()):
            yield from self._event("found" if first else "in", there[place], clock)

    def _event(self, way: str, one: Stick, clock: Clock) -> Iterator[Event]:
        while self._told and self._told[0] <= clock.boot - HOUR:
            self._told.popleft()
        if len(self._told) >= MOST:
            self._left_out += 1
            return
        self._told.append(clock.boot)
        detail: dict[str, str | int] = {"way": way, **one._asdict()}
        if self._left_out:
            detail["leftOut"] = self._left_out
            self._left_out = 0
        yield Event(seq=0, clock=clock, name=EventName.MEDIA, detail=detail)
