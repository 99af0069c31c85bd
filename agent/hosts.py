"""Asks the hosts among the positions what they say of themselves: each once a day at a second of its own, and on order.

One that tells by itself is heard as soon as it told. One that gave nothing, because it is off, is asked again an hour
later. Their answers are records of their own, so a thousand hosts are never in memory at once.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from agent.assignment import Target
from agent.clock import Clocks
from agent.poll import Poller
from agent.schedule import Schedule, place_of
from agent.spool.outbox import Outbox
from agent.telling import DAY, FIRST, wait
from agent.wire import Clock, Fact, Failure, Why
from drivers.base import FactSheet, TellsByItself, TellsFacts
from drivers.errors import Reason

AT_ONCE: Final = 16
AGAIN: Final = 3600.0  # seconds until one that gave nothing is asked again
FIRST_WITHIN: Final = 1800.0  # seconds after the start, or after it was assigned, until all were asked once
TICK: Final = 5.0
TOPICS: Final = 16  # of one host: a server hears no more
NAMED: Final = 64  # characters of a host's name in its records

log = logging.getLogger(__name__)


class Hosts:
    """Which of the positions tell facts, and when each is asked. Belongs to one event loop."""

    def __init__(self, schedule: Schedule, poller: Poller, outbox: Outbox, clocks: Clocks) -> None:
        self._schedule = schedule
        self._poller = poller
        self._outbox = outbox
        self._clocks = clocks
        self._places = asyncio.Semaphore(AT_ONCE)
        self._due: dict[str, tuple[Target, int]] = {}  # by position, µs of the boot clock
        self._asking: set[asyncio.Task[object]] = set()

    def telling(self) -> list[str]:
        """Positions that tell facts."""
        return [key for key, target in self._schedule.targets.items() if isinstance(target.driver, TellsFacts)]

    async def run(self) -> None:
        """Until cancelled."""
        try:
            while True:
                await asyncio.sleep(TICK)
                for position in self._now_due():
                    task: asyncio.Task[object] = asyncio.create_task(self.ask(position))
                    self._asking.add(task)
                    task.add_done_callback(self._asking.discard)
        finally:
            for task in self._asking:
                task.cancel()
            await asyncio.gather(*self._asking, return_exceptions=True)

    def _now_due(self) -> list[str]:
        """Those whose time has come; each is put off for a day, or until its answer says otherwise."""
        now = self._clocks()
        there = {key: target for key, target in self._schedule.targets.items() if isinstance(target.driver, TellsFacts)}
        self._due = {key: due for key, due in self._due.items() if there.get(key) is due[0]}
        found = []
        for key, target in there.items():
            if key not in self._due:
                self._due[key] = target, now.boot + _micros(FIRST + place_of(key) * FIRST_WITHIN)
            elif self._due[key][1] <= now.boot or _has_told(target):
                self._put_off(key, target, wait(now, int(place_of(key) * DAY)), now)
                found.append(key)
        return found

    def _put_off(self, key: str, target: Target, seconds: float, now: Clock) -> None:
        self._due[key] = target, now.boot + _micros(seconds)

    async def ask(self, position: str) -> str:
        """Have it told: "", or why it told nothing."""
        target = self._schedule.target(position)
        if target is None:
            return Why.NOT_MINE.value
        if not isinstance(target.driver, TellsFacts):
            return Reason.NOT_IN_DEVICE.value
        async with self._places, self._schedule.turn(target):
            told = await self._poller.facts(target)
        if self._schedule.target(position) is not target:  # replaced while it was asked
            return ""
        clock = self._clocks()
        if isinstance(told, Failure):
            self._put_off(position, target, AGAIN, clock)
            return told.reason
        self._outbox.put(list(records(position, told, clock, self._poller.hidden)))
        return "" if told else Reason.NOT_IN_DEVICE.value


def records(position: str, told: list[FactSheet], clock: Clock, hidden: Callable[[str], str]) -> list[Fact]:
    """One a topic, the first of each: whatever the host said, in one line each and within a record."""
    from agent.facts.sheet import Sheet  # here: most agents have no such host

    sheets: dict[str, Sheet] = {}
    for one in told:
        facts = {
            name: hidden(value)
            if isinstance(value, str)
            else value
            if isinstance(value, int)
            else [*map(hidden, value)]
            for name, value in one.facts.items()
        }
        if one.topic not in sheets and len(sheets) < TOPICS:
            sheets[one.topic] = Sheet(one.topic, facts, dict(one.unread)).bounded()
    named = sheets["host"].facts.get("host.name", "") if "host" in sheets else ""
    host = named[:NAMED] if isinstance(named, str) else ""
    return [
        Fact(seq=0, clock=clock, host=host, position=position, topic=one.topic, facts=one.facts, unread=one.unread)
        for one in sheets.values()
    ]


def _has_told(target: Target) -> bool:
    return isinstance(target.driver, TellsByItself) and target.driver.has_told()


def _micros(seconds: float) -> int:
    return int(seconds * 1_000_000)
