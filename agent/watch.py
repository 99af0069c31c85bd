"""Waits between polls for the news a driver may tell: a card put in, a port let go. Then it is polled at once."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from agent.assignment import Target
from drivers.base import TellsNews
from drivers.errors import DeviceError

LEAST_SECONDS = 1.0  # from the end of a poll to the next that news may bring: what chatters is not asked without end
STOP_SECONDS = 3.0

log = logging.getLogger(__name__)


class Watch:
    """One task for each position whose driver tells news: it waits, and calls `poll`. Belongs to one event loop."""

    def __init__(self, poll: Callable[[Target], Awaitable[object]]) -> None:
        self._poll = poll
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._defects: set[str] = set()  # positions whose driver's defect has been logged in full

    def begin(self, target: Target) -> None:
        """A poll has ended: wait for news until `drop`."""
        if isinstance(target.driver, TellsNews):
            self.drop(target.polled.position)
            self._tasks[target.polled.position] = asyncio.create_task(self._wait(target, target.driver))

    def drop(self, position: str) -> None:
        """Wait no more for this one; a poll that news brought is broken off."""
        task = self._tasks.pop(position, None)
        if task is not None and task.cancel():
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)

    async def end(self, position: str) -> None:
        """The same, and return when nothing of it runs any more."""
        task = self._tasks.get(position)
        self.drop(position)
        if task is not None:
            await asyncio.wait([task])

    async def stop(self) -> None:
        for position in list(self._tasks):
            self.drop(position)
        if self._ending:
            await asyncio.wait(self._ending, timeout=STOP_SECONDS)

    async def _wait(self, target: Target, driver: TellsNews) -> None:
        try:
            while True:
                await asyncio.sleep(LEAST_SECONDS)
                if not await driver.news():
                    return
                await self._poll(target)
        except DeviceError:
            return  # the poll in its time says what is the matter
        except Exception as error:  # the border to a driver, as in poll.py: its position is polled in its time
            self._log_defect(target.polled.position, error)

    def _log_defect(self, position: str, error: Exception) -> None:
        first = position not in self._defects
        self._defects.add(position)
        if first:
            log.error("Waiting for news of %s failed by a defect", position, exc_info=error)
