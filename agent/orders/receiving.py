"""Hears of orders by a question the server holds until there are any. It has a connection of its own: a question that
waits stands in no record's way."""

import asyncio

from agent.clock import Clocks
from agent.link.backoff import SLOW_WAIT, Backoff, Jitter, full_jitter
from agent.link.errors import Elsewhere, LinkError
from agent.link.link import Link
from agent.orders import keeping
from agent.orders.running import Running
from agent.spool.outbox import Outbox
from agent.spool.tables import SpoolFull
from agent.wire import Orders

HELD_SECONDS = 50  # an answer may be held back at most,
HELD_LEAST = 40  # and at least, for a thousand agents not to ask at once
PAUSE_SECONDS = 2.0  # at most, after an answer that came early and brought nothing


class Receiving:
    """One asker. `link` is its own; `records` is the one by which records go, which tells people of trouble. It does
    not ask before the server was `met`: only then it is known whether this spool is as new as what the server heard.
    """

    def __init__(
        self,
        link: Link,
        records: Link,
        outbox: Outbox,
        clocks: Clocks,
        running: Running,
        jitter: Jitter = full_jitter,
        met: asyncio.Event | None = None,
    ) -> None:
        self._link = link
        self._records = records
        self._outbox = outbox
        self._clocks = clocks
        self._running = running
        self._jitter = jitter
        self._met = met
        self._backoff = Backoff(link.opens, jitter)

    async def run(self) -> None:
        """Ask until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            if self._met is not None:
                await self._met.wait()
            wait = HELD_LEAST + round(self._jitter(HELD_SECONDS - HELD_LEAST))
            asked = loop.time()
            try:
                brought = await self._ask(wait)
            except (LinkError, SpoolFull) as error:
                await self._rest(error)
                continue
            self._backoff.succeeded()
            if not brought and loop.time() - asked < wait - PAUSE_SECONDS:
                # It ends, say, or tells again what it will soon hear the result of.
                await asyncio.sleep(PAUSE_SECONDS / 2 + self._jitter(PAUSE_SECONDS / 2))

    async def _ask(self, wait: int) -> bool:
        """True if the answer brought something new."""
        have, stream = await self._outbox.ask(lambda spool: (spool.change(keeping.have), spool.stream))
        return await self._take(await self._link.orders(have, wait, stream))

    async def _take(self, answer: Orders) -> bool:
        came = self._clocks()
        taken = []
        if answer.orders:
            taken = await self._outbox.ask(lambda spool: spool.change(lambda db: keeping.take(db, answer.orders, came)))
            self._running.add(taken)
        for uid in answer.cancelled:
            await self._running.cancel(uid)
        return bool(taken)

    async def _rest(self, error: LinkError | SpoolFull) -> None:
        if isinstance(error, Elsewhere) and self._records.trouble is None:  # a server of before there were orders
            await asyncio.sleep(SLOW_WAIT / 2 + self._jitter(SLOW_WAIT / 2))
        else:
            await self._backoff.rest(error)
