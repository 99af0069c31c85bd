"""Sweeps as ordered: so slowly that neither an IPS nor a switch takes it for an attack, to be stopped at any time.

Addresses are asked in their order, not shuffled: what watches a network counts how many were asked in a while and not
in which order, and who looks at it sees what it is; and a sweep that was stopped says up to where it looked.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from ipaddress import IPv4Address, IPv4Network
from typing import TYPE_CHECKING, Final, Protocol

from agent.clock import Clocks
from agent.facts.sheet import NotRead
from agent.link.tokens import host_name
from agent.orders.outcome import NotDone, Outcome
from agent.spool.outbox import Outbox
from agent.wire import Fact, Order, Told, Why

if TYPE_CHECKING:
    from agent.sweep.wires import Wire

# A silent address costs three requests of ARP (mcast_solicit of arp(7)): of 4 a second that is 12. A switch that
# watches ARP (DAI) shuts a port at 15 a second.
FASTEST: Final = 4  # addresses a second
WIDEST: Final = 22  # length of a prefix: 1,022 addresses fit Linux' table of neighbours (gc_thresh3 is 1,024)
SETTLED: Final = 10.0  # seconds until it is known whether somebody is there: an old entry is asked again for 8
LOOK_EVERY: Final = 5.0  # seconds: who answered stays in the table for 15 at least
TELL_EVERY: Final = 20.0  # seconds: how far it is
TOPIC: Final = "sweep"
MOST: Final = 1500  # lines that fit one record

log = logging.getLogger(__name__)


class Wired(Protocol):
    """As `Line` has it."""

    def wires(self) -> "list[Wire]": ...
    def send(self, address: str) -> None: ...
    def table(self) -> list[str]: ...
    def turned_away(self) -> int | None: ...


Pause = Callable[[float, asyncio.Event], Awaitable[None]]


async def pause(seconds: float, stop: asyncio.Event) -> None:
    """Until then, or until it is stopped."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()


class Sweeping:
    """One at a time: two would ask twice as fast as was approved."""

    def __init__(self, outbox: Outbox, clocks: Clocks, line: Wired | None = None, pause: Pause = pause) -> None:
        self._outbox = outbox
        self._clocks = clocks
        self._line = line
        self._pause = pause
        self._stops: dict[str, asyncio.Event] = {}

    async def do(self, order: Order) -> Outcome:
        """Raises NotDone where nothing was sent."""
        if self._stops:
            raise NotDone(Why.BUSY)
        stop = self._stops[order.uid] = asyncio.Event()
        try:
            line = self._line or _line()
            sweep = await _sweep(order, line)
            try:
                why, said = await self._ask(sweep, line, stop, min(max(1, order.rate), FASTEST))
            except NotRead as error:
                why, said = Why.TABLE_UNREAD, error.why
        finally:
            del self._stops[order.uid]
        return Outcome(why=why, said=said, detail=sweep.detail(), records=[self._fact(sweep.found())])

    def stop(self, uid: str) -> None:
        """Nothing is sent from here on. Of another order it changes nothing."""
        if uid in self._stops:
            self._stops[uid].set()

    async def _ask(self, sweep: "Sweep", line: Wired, stop: asyncio.Event, rate: int) -> tuple[str, str]:
        """Why it ended early, and a sentence; else two times nothing."""
        begun = told = looked = self._now()
        full = line.turned_away()
        longest = 1.5 * len(sweep.addresses) / rate + 120  # s: a PC that slept meanwhile goes on no more
        left = iter(sweep.addresses)
        while True:
            address = next(left, None)
            if address is None and self._now() >= sweep.last + SETTLED:
                await self._look(sweep, line)
                return "", ""
            if stop.is_set():
                return Why.STOPPED, ""
            if self._now() - begun > longest:
                return Why.TIME, ""
            if address is not None:
                try:
                    line.send(str(address))
                except OSError as error:
                    return Why.NOT_SENT, f"{address}: {error.strerror or error}"
                sweep.asked[str(address)] = sweep.last = self._now()
            await self._pause(1 / rate if address is not None else LOOK_EVERY, stop)
            if self._now() - looked >= LOOK_EVERY:
                looked = self._now()
                await self._look(sweep, line)
                if full is not None and (line.turned_away() or 0) > full:
                    return Why.TABLE_FULL, ""
            if self._now() - told >= TELL_EVERY:
                told = self._now()
                self._outbox.put([self._fact(sweep.figures())], urgent=True)

    async def _look(self, sweep: "Sweep", line: Wired) -> None:
        now = self._now()
        sweep.look(await asyncio.to_thread(line.table), now)

    def _now(self) -> float:
        """Seconds, of the clock that sleep does not stop."""
        return self._clocks().boot / 1_000_000

    def _fact(self, facts: dict[str, Told]) -> Fact:
        return Fact(seq=0, clock=self._clocks(), host=host_name(), topic=TOPIC, facts=facts)


def _line() -> Wired:
    from agent.sweep.line import Line  # here: most agents never sweep

    return Line()


async def _sweep(order: Order, line: Wired) -> "Sweep":
    try:
        prefix = IPv4Network(order.prefix)
    except ValueError as error:
        raise NotDone(Why.ERROR, "it names no network of IPv4") from error
    if prefix.prefixlen < WIDEST:
        raise NotDone(Why.ERROR, f"a network wider than /{WIDEST} is not swept")
    try:
        own = await asyncio.to_thread(line.wires)
        await asyncio.to_thread(line.table)  # what cannot be read then shows nobody
    except NotRead as error:
        raise NotDone(Why.TABLE_UNREAD, error.why) from error
    wire = next((one for one in own if prefix.subnet_of(one.network)), None)
    if wire is None:
        raise NotDone(Why.OFF_WIRE, ", ".join(sorted({str(one.network) for one in own})) or "none")
    return Sweep(order, prefix, wire, own)


class Sweep:
    """Whom it asks, whom it asked, and who answered."""

    def __init__(self, order: Order, prefix: IPv4Network, wire: "Wire", own: "list[Wire]") -> None:
        self._uid, self._prefix, self._card = order.uid, prefix, wire.card
        self.addresses = addresses(prefix, own)
        self.asked: dict[str, float] = {}  # address -> when, in seconds
        self.last = float("-inf")
        self._answered: dict[tuple[str, str], str] = {}  # address and MAC -> the line of the table

    def look(self, table: list[str], now: float) -> None:
        """Of the table only who was asked, on that card, and so long ago that an old entry would be gone."""
        for line in table:
            words = line.split(" ", 2)
            if words[2:] == [self._card] and now - self.asked.get(words[0], now) >= SETTLED:
                self._answered[words[0], words[1]] = line

    def figures(self) -> dict[str, Told]:
        facts: dict[str, Told] = {f"{TOPIC}.{name}": value for name, value in self.detail().items()}
        return facts | {f"{TOPIC}.order": self._uid}

    def found(self) -> dict[str, Told]:
        lines = [self._answered[one] for one in sorted(self._answered, key=lambda one: (IPv4Address(one[0]), one[1]))]
        return self.figures() | {TOPIC: lines[:MOST], f"{TOPIC}.left_out": max(0, len(lines) - MOST)}

    def detail(self) -> dict[str, str | int]:
        answered = len({address for address, _ in self._answered})
        up_to = next(reversed(self.asked), "")
        return {
            "prefix": str(self._prefix),
            "of": len(self.addresses),
            "asked": len(self.asked),
            "answered": answered,
            "upTo": up_to,
        }


def addresses(prefix: IPv4Network, own: "list[Wire]") -> list[IPv4Address]:
    """In their order, without those of nobody: a network's own and its broadcast, and this PC's."""
    nobody = {wire.own for wire in own}
    for wire in own:
        if wire.network.prefixlen < 31:
            nobody |= {wire.network.network_address, wire.network.broadcast_address}
    return [address for address in prefix if address not in nobody]
