"""Keeps the schedule as the server says: from the file at the start, from the server as soon as and whenever it can."""

import asyncio
import logging
from pathlib import Path

from agent.assignment import Target, keep, load, make_target
from agent.clock import Clocks
from agent.link.backoff import Backoff
from agent.link.errors import Away, LinkError
from agent.link.link import Link
from agent.link.uplink import Uplink
from agent.report import Report
from agent.schedule import Schedule
from agent.wire import Assignment
from drivers.base import Shared

HOLD_SECONDS = 60.0  # before any assignment is known
HOLD_LEAST = 1.0

log = logging.getLogger(__name__)


class Duties:
    """The assignment in force. What did not change in a new one goes on undisturbed."""

    def __init__(
        self, home: Path, clocks: Clocks, link: Link, uplink: Uplink, schedule: Schedule, report: Report, shared: Shared
    ) -> None:
        self._home = home
        self._clocks = clocks
        self._link = link
        self._uplink = uplink
        self._schedule = schedule
        self._report = report
        self._shared = shared
        self._backoff = Backoff(link.opens)
        self._revision = ""
        self.assignment: Assignment | None = None  # in force
        self._fetching = asyncio.Lock()  # of two answers the later counts
        self._wanted = asyncio.Event()
        self.hold_every = HOLD_SECONDS

    def begin(self) -> None:
        """Start with what was kept from last time."""
        kept = load(self._home)
        if kept is not None:
            self._apply(kept)
        self._wanted.set()

    def heard(self, revision: str) -> None:
        """An ack named the revision this agent should have, or none where the server had too much to do."""
        if revision and revision != self._revision:
            self._wanted.set()

    async def run(self) -> None:
        """Fetch whenever another revision is wanted, until cancelled."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            try:
                await self.fetch()
            except LinkError as error:
                self._wanted.set()
                await self._backoff.rest(error)
                continue
            self._backoff.succeeded()
            await asyncio.sleep(1.0)  # a server that never says the same revision twice is asked once a second at most

    async def fetch(self) -> None:
        """Ask for the assignment now, and apply it. Raises LinkError."""
        async with self._fetching:
            sent = self._clocks()
            assignment = await self._link.assignment()
            self._uplink.exchanged(sent, assignment)
            if assignment.revision != self._revision:
                self._apply(assignment)
                await asyncio.to_thread(keep, self._home, assignment)

    async def fetch_at_last(self) -> None:
        """The same, tried again as long as it may help: a thousand agents may be told to at once. Raises LinkError."""
        backoff = Backoff(self._link.opens)
        while True:
            try:
                await self.fetch()
            except Away as error:
                await backoff.rest(error)
            else:
                return

    def _apply(self, assignment: Assignment) -> None:
        earlier = self._schedule.targets
        before = dict(earlier)
        targets: list[Target] = []
        for polled in assignment.polled:
            known = before.pop(polled.position, None)
            if known is not None and known.polled == polled:
                targets.append(known)
                continue
            self._report.forget(polled.position)
            targets.append(make_target(polled, self._shared))
        for position in before:
            self._report.forget(position)
        self._schedule.replace(targets)
        self._revision = assignment.revision
        self.assignment = assignment
        self.hold_every = max(assignment.hold_every, HOLD_LEAST)
        if self._schedule.targets != earlier:
            log.info("Assignment %s: %d positions.", assignment.revision[:12], len(targets))
