"""The kinds of order there are, and what each does. None changes a device or the PC."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import NamedTuple

from agent.assignment import Target
from agent.clock import Clocks
from agent.duties import Duties
from agent.hosts import Hosts
from agent.link.errors import LinkError
from agent.orders.outcome import NotDone, Outcome
from agent.poll import Seen
from agent.report import Report
from agent.schedule import Schedule
from agent.settings import Settings
from agent.spool.outbox import Outbox
from agent.sweep.sweeping import Sweeping
from agent.wire import Fact, Order, OrderKind, Why
from drivers.errors import Reason

PC_SECONDS = 120.0  # that looking at the PC may take
AT_ONCE = 16  # polls that orders have under way, beside those of the schedule
POLLS_BYTES = 40_000  # of one result's `polls`: a server takes 64 KiB as one record


class Kind(NamedTuple):
    do: Callable[[Order], Awaitable[Outcome]]
    seconds: float | None  # it may take; None: what it waits for is bounded
    beside: bool = False  # others run at the same time
    stop: Callable[[str], None] | None = None  # by an order's uid: it ends soon, and says how far it came


class Doing:
    """What this agent can be asked to do, with the parts of it that do it. `look` polls, as the schedule has it do,
    `settled` ends once the agent has told its doctor how things stand, after a start not before it knows, and `tell`
    looks at the host."""

    def __init__(
        self,
        settings: Settings,
        clocks: Clocks,
        outbox: Outbox,
        schedule: Schedule,
        look: Callable[[Target], Awaitable[Seen]],
        report: Report,
        duties: Duties,
        settled: Callable[[], Awaitable[None]],
        tell: Callable[[], Awaitable[list[Fact]]],
        hosts: Hosts,
        sweeping: Sweeping,
    ) -> None:
        self._settings = settings
        self._clocks = clocks
        self._outbox = outbox
        self._schedule = schedule
        self._look = look
        self._report = report
        self._duties = duties
        self._settled = settled
        self._tell = tell
        self._hosts = hosts
        self._sweeping = sweeping
        self._places = asyncio.Semaphore(AT_ONCE)

    def kinds(self) -> dict[str, Kind]:
        return {
            OrderKind.POLL: Kind(self._poll, None, beside=True),
            OrderKind.FACTS: Kind(self._facts, None, beside=True),
            OrderKind.DOCTOR: Kind(self._doctor, 60.0),
            OrderKind.SPOOL: Kind(self._spool, 30.0),
            OrderKind.ASSIGNMENT: Kind(self._assignment, 60.0),
            OrderKind.SWEEP: Kind(self._sweeping.do, None, beside=True, stop=self._sweeping.stop),
        }

    async def _poll(self, order: Order) -> Outcome:
        """Those that are found as they were are attested at once. Orders take turns at the places, poll by poll, so one
        of a single position waits for none of a thousand."""
        await self._know(order.positions)
        positions = list(dict.fromkeys(order.positions or self._schedule.targets))
        if not any(self._schedule.target(position) for position in positions):
            raise NotDone(Why.NOT_MINE)
        polls = await self._each(positions, self._poll_one)
        self._outbox.put(self._report.hold(self._clocks()))
        return Outcome(polls=_bounded(polls), detail={"polled": len(polls), "unread": sum(map(bool, polls.values()))})

    async def _know(self, positions: Sequence[str]) -> None:
        """They may be of a later assignment than this agent has heard of."""
        if self._duties.assignment is None or not all(map(self._schedule.target, positions)):
            with suppress(LinkError):
                await self._duties.fetch()

    async def _each(self, positions: Sequence[str], ask: Callable[[str], Awaitable[str]]) -> dict[str, str]:
        """What `ask` says of each, some at a time."""
        said: dict[str, str] = {}
        left = iter(positions)

        async def ask_on() -> None:
            for position in left:
                async with self._places:
                    said[position] = await ask(position)

        async with asyncio.TaskGroup() as group:
            for _ in range(min(AT_ONCE, len(positions))):
                group.create_task(ask_on())
        return said

    async def _poll_one(self, position: str) -> str:
        """Why it gave no reading, or ""."""
        target = self._schedule.target(position)
        if target is None:
            return Why.NOT_MINE.value
        async with self._schedule.turn(target):
            seen = await self._look(target)
        return seen.failure.reason if seen.failure is not None else ""

    async def _facts(self, order: Order) -> Outcome:
        """Of the PC where the order names no position, or this agent; and of the hosts among its positions."""
        wanted = list(dict.fromkeys(order.positions))
        await self._know([position for position in wanted if position != self._own()])
        own = self._own()
        hosts = [position for position in wanted if position != own] if wanted else self._hosts.telling()
        if wanted and own not in wanted:
            if not any(map(self._schedule.target, hosts)):
                raise NotDone(Why.NOT_MINE)
            return _told(await self._each(hosts, self._hosts.ask), [])
        async with asyncio.TaskGroup() as group:
            asked = group.create_task(self._each(hosts, self._hosts.ask))
            records, why = await self._facts_of_pc()
        if why is not None and not hosts:
            raise why
        of_pc = {own: str(why.why) if why is not None else ""} if own and hosts else {}
        said = asked.result()
        if not wanted:  # whoever could be a host was asked; a UPS is none, and nobody asked for it
            said = {position: why for position, why in said.items() if why != Reason.NOT_IN_DEVICE}
        return _told(of_pc | said, records)

    def _own(self) -> str:
        """This agent's key, "" if it was never told."""
        return self._duties.assignment.agent if self._duties.assignment else ""

    async def _facts_of_pc(self) -> tuple[list[Fact], NotDone | None]:
        try:
            async with asyncio.timeout(PC_SECONDS):
                return await self._tell(), None
        except TimeoutError:
            return [], NotDone(Why.TIME)
        except NotDone as error:
            return [], error

    async def _doctor(self, _: Order) -> Outcome:
        from agent.orders.doctor import findings  # here: most days nobody asks for it

        if self._duties.assignment is None:
            with suppress(LinkError):
                await self._duties.fetch()
        await self._settled()
        return Outcome(findings=await findings(self._settings))

    async def _spool(self, _: Order) -> Outcome:
        standing, streams = await self._outbox.ask(lambda spool: (spool.standing(), len(spool.parts())))
        detail: dict[str, str | int] = {
            "waiting": standing.waiting,
            "oldest": standing.oldest,
            "bytes": standing.bytes,
            "limit": self._settings.spool_bytes,
            "days": self._settings.spool_days,
            "stream": standing.stream,
            "streams": streams,
        }
        return Outcome(detail=detail)

    async def _assignment(self, _: Order) -> Outcome:
        await self._duties.fetch_at_last()
        return Outcome()


def _told(polls: dict[str, str], records: list[Fact]) -> Outcome:
    detail: dict[str, str | int] = {"polled": len(polls), "unread": sum(map(bool, polls.values()))} if polls else {}
    return Outcome(polls=_bounded(polls), records=[*records], detail=detail)


def _bounded(polls: dict[str, str]) -> dict[str, str]:
    """Those that gave no reading first: where there is no room for all, who reads it has the count of the others."""
    kept = {}
    left = POLLS_BYTES
    for position, reason in sorted(polls.items(), key=lambda poll: not poll[1]):
        left -= len(position.encode()) + len(reason) + 6  # msgpack's own bytes
        if left < 0:
            break
        kept[position] = reason
    return kept
