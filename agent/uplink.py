"""Sends what the spool holds, oldest first, and hears what the server has.

News gathers for some seconds, unless somebody should know at once. After a failure the wait doubles, with full jitter,
so that a thousand branches do not come back in one second after the centre's line was cut.
"""

import asyncio
import logging
import random
from collections.abc import Callable

from agent.clock import Clocks
from agent.link import Away, Elsewhere, Link, LinkError, NotTaken, Rejected
from agent.outbox import Outbox
from agent.spool import Acked, Parcel, SpoolFull
from agent.tidy import tidy_text
from agent.wire import RECORDS_LIMIT, VERSION, Ack, Batch, Clock, Exchange

GATHER_SECONDS = 3.0  # news waits this long for company
URGENT_SECONDS = 0.2  # and this long when it is urgent: what changed together arrives together
SIZE = 900_000  # bytes of records before compression: below the wire's limit even where nothing compresses
SMALL = 50  # records a batch shrinks to after failures: a slow line may not carry a large one in time
FIRST_WAIT = 1.0
LONGEST_WAIT = 60.0
SLOW_WAIT = 300.0  # where only a person can help

log = logging.getLogger(__name__)


class Uplink:
    """One sender. `on_ack` is called with each ack once the spool knows it."""

    def __init__(
        self,
        link: Link,
        outbox: Outbox,
        clocks: Clocks,
        *,
        version: str,
        on_ack: Callable[[Ack], None],
        jitter: Callable[[float], float] = lambda most: random.uniform(0, most),  # noqa: S311
    ) -> None:
        self._link = link
        self._outbox = outbox
        self._clocks = clocks
        self._version = version
        self._on_ack = on_ack
        self._jitter = jitter
        self._exchange: Exchange | None = None
        self._count = RECORDS_LIMIT
        self._failures = 0
        self._met = False  # the server was heard since this agent began
        self._suspect: int | None = None  # number of the record that stopped the last batch by itself, it seems

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            await self._news()
            await self._send_all()

    async def _news(self) -> None:
        """Wait for something to send, and a little longer for company."""
        await self._outbox.news.wait()
        try:
            async with asyncio.timeout(GATHER_SECONDS):
                await self._outbox.urgent.wait()
        except TimeoutError:
            return
        self._outbox.urgent.clear()
        await asyncio.sleep(URGENT_SECONDS)

    async def _send_all(self) -> None:
        while True:
            self._outbox.news.clear()
            try:
                if not await self.send_one():
                    return
                self._failures = 0
            except (LinkError, SpoolFull) as error:
                if isinstance(error, Away):
                    self._count = max(self._count // 2, SMALL)
                await asyncio.sleep(self.wait_after(error))

    async def flush(self) -> bool:
        """Send what there is, once, for the end. False if something is left."""
        try:
            while await self.send_one():
                pass
        except (LinkError, SpoolFull):
            return False
        return True

    async def send_one(self) -> bool:
        """Send one batch; False if there was nothing to send. Raises LinkError or SpoolFull."""
        if not self._met:
            await self._meet()
        count = self._count
        parcel = await self._outbox.ask(lambda spool: spool.next_batch(count, SIZE))
        if not parcel.records:
            return False
        try:
            ack = await self._post(parcel)
        except NotTaken as error:
            await self._make_smaller(parcel, error)
            return True
        self._count = min(self._count * 2, RECORDS_LIMIT)
        acked = await self._outbox.ask(lambda spool: spool.acked(ack.stream, ack.received, ack.epoch, ack.server))
        for refusal in ack.refused:
            log.warning("The server refused record %d: %s", refusal.seq, tidy_text(refusal.why, 300))
        self._heard(ack, acked)
        if not acked.held and not acked.other_past:
            raise self._odd("The server acknowledged nothing of what it was sent.")
        return True

    async def _meet(self) -> None:
        """Hear what the server holds before anything is sent: this file may be a copy that was brought back."""
        stream = await self._outbox.ask(lambda spool: spool.stream)
        ack = await self._post(Parcel(stream, [], 0))
        acked = await self._outbox.ask(lambda spool: spool.met(ack.stream, ack.received, ack.epoch, ack.server))
        self._met = True
        self._heard(ack, acked)

    def _heard(self, ack: Ack, acked: Acked) -> None:
        if acked.other_past:
            log.warning("The server's database is another than before; it gets again what it does not hold.")
            self._outbox.states_were_lost()
        self._on_ack(ack)

    async def _post(self, parcel: Parcel) -> Ack:
        sent = self._clocks()
        batch = Batch(
            version=VERSION,
            stream=parcel.stream,
            sent=sent,
            records=parcel.records,
            exchange=self._exchange,
            waiting=parcel.waiting,
            agent_version=self._version,
        )
        ack = await self._link.send(batch)
        if ack.stream != parcel.stream:
            raise self._odd("The server answered for another stream.")
        self.exchanged(sent, ack.server)
        return ack

    def exchanged(self, sent: Clock, server: int) -> None:
        """The server said its time in answer to what left here at `sent`."""
        self._exchange = Exchange(sent.boot_id, sent.boot, self._clocks().boot, server)

    async def _make_smaller(self, parcel: Parcel, error: NotTaken) -> None:
        """Half as many the next time. A single record that twice stops an else welcome batch is set aside.

        Twice, because the server may have been mended between its refusal and the empty batch it then welcomed.
        """
        if len(parcel.records) > 1:
            self._count = len(parcel.records) // 2
            return
        if not error.judged:
            raise Elsewhere(error.sentence)
        await self._post(Parcel(parcel.stream, [], parcel.waiting + 1))  # raises if it is not the record's fault
        seq = parcel.records[0].seq
        if self._suspect != seq:
            self._suspect = seq
            return
        log.error("Record %d is set aside: %s", seq, error.sentence)
        await self._outbox.ask(lambda spool: spool.set_aside(seq, error.sentence))
        self._outbox.states_were_lost()

    def _odd(self, sentence: str) -> Away:
        """An answer that came and is of no use; said when it happens first."""
        if not self._failures:
            log.warning("%s", sentence)
        return Away(sentence)

    def wait_after(self, error: LinkError | SpoolFull) -> float:
        """Seconds to wait before the next try."""
        if isinstance(error, NotTaken):  # of every batch: an older server, say
            log.error("%s Records are kept here meanwhile.", error.sentence)
        if isinstance(error, Rejected | NotTaken):
            return SLOW_WAIT / 2 + self._jitter(SLOW_WAIT / 2)
        self._failures += 1
        most = min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(self._failures - 1, 10))
        asked = error.wait if isinstance(error, Away) else 0.0
        return asked + self._jitter(most)
