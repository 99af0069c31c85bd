"""Sends what the spool holds, oldest first, and hears what the server has.

After a long cut the way there is long, so while records wait it tells ahead how every position stands now, and again
at once what changes. The records themselves go in their order, as fast as the server asks for.

News gathers for some seconds, unless somebody should know at once. After a failure the wait doubles, with full jitter,
so that a thousand branches do not come back in one second after the centre's line was cut.
"""

import asyncio
import logging
from collections.abc import Callable

import msgspec

from agent.clock import Clocks
from agent.link.backoff import LONGEST_WAIT, Backoff, Jitter, full_jitter
from agent.link.errors import Away, Elsewhere, LinkError, NotTaken
from agent.link.link import Link
from agent.spool.outbox import Outbox
from agent.spool.spool import Acked, Parcel, Spool
from agent.spool.tables import SpoolFull
from agent.tidy import tidy_text
from agent.wire import RECORDS_LIMIT, VERSION, Ack, Ahead, Assignment, Batch, Clock, Exchange, State

GATHER_SECONDS = 3.0  # news waits this long for company
URGENT_SECONDS = 0.2  # and this long when it is urgent: what changed together arrives together
SIZE = 900_000  # bytes of records before compression: below the wire's limit even where nothing compresses
SMALL = 50  # records a batch shrinks to after failures: a slow line may not carry a large one in time
AHEAD_AT_ONCE = 500  # positions told ahead in one batch
AHEAD_MICROS = 20_000_000  # how they stand is told again after this, though nothing changed

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
        ahead: Callable[[], list[Ahead]] = list,
        jitter: Jitter = full_jitter,
    ) -> None:
        self._link = link
        self._outbox = outbox
        self._clocks = clocks
        self._version = version
        self._on_ack = on_ack
        self._ahead = Forerunner(ahead, clocks)
        self._backoff = Backoff(link.opens, jitter)
        self._exchange: Exchange | None = None
        self._count = SMALL  # it doubles with every batch that comes through
        self._not_taken = ""  # what the log said last of batches that no server took
        self._behind: Parcel | None = None  # what was sent last, while more waits
        self._wait = 0.0  # seconds the server asked for before more of what waits
        self._said_hindered: int | None = None  # boot µs: when it was said last that nothing can be written here
        self.met = asyncio.Event()  # the server said of each stream what it holds, since the agent began or it changed
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
                self._backoff.succeeded()
                self._not_taken = ""
                await self._keep_pace()
            except (LinkError, SpoolFull) as error:
                if isinstance(error, Away) and not error.answered:
                    self._count = max(self._count // 2, SMALL)
                self._note(error)
                await self._backoff.rest(error)

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
        if not self.met.is_set() or self._outbox.parting:
            await self._meet()
        count = self._count
        parcel = await self._outbox.ask(lambda spool: spool.next_batch(count, SIZE))
        if parcel.lost:
            self._outbox.states_were_lost()
        if not parcel.records:
            if self._outbox.hindered:
                await self._say_hindered(parcel)
            return False
        self._behind = parcel if parcel.waiting else None
        self._link.behind(parcel.waiting)
        try:
            await self._tell_ahead()
            ack = await self._post(parcel)
        except NotTaken as error:
            await self._make_smaller(parcel, error)
            return True
        self._count = min(self._count * 2, RECORDS_LIMIT)
        acked = await self._outbox.ask(lambda spool: spool.acked(ack.stream, ack.received, ack.epoch, ack.server))
        if ack.refused:
            first, more = ack.refused[0], f" (and {len(ack.refused) - 1} more)" if len(ack.refused) > 1 else ""
            log.warning("The server refused record %d%s: %s", first.seq, more, tidy_text(first.why, 300))
        self._heard(ack, acked)
        if not acked.held and not acked.lacks and not self._outbox.parting:
            raise self._odd("The server acknowledged nothing of what it was sent.")
        return True

    async def _meet(self) -> None:
        """Hear what the server holds before anything is sent: of each stream, because an older database may have come
        back; and of the last, because this file may be a copy that was brought back, or one that has to part."""
        parts, waiting = await self._outbox.ask(lambda spool: (spool.parts(), spool.waiting()))
        self._link.behind(waiting)
        for part in parts:
            ack = await self._post(Parcel(part.uid, [], waiting, follows=part.follows))
            acked = await self._outbox.ask(_met(ack))
            self._heard(ack, acked)
        self.met.set()
        self._outbox.parting = False

    def _heard(self, ack: Ack, acked: Acked) -> None:
        if acked.another or acked.again:
            log.warning("The server's database is another than before; it gets again what it does not hold.")
            self.met.clear()
        if acked.begun:
            log.warning("What waits goes on in another stream: %s.", acked.begun)
        if acked.lacks:
            self._outbox.states_were_lost()
        self._wait = min(ack.wait, LONGEST_WAIT) if self._behind else 0.0
        self._on_ack(ack)

    async def _keep_pace(self) -> None:
        """Wait as long as the server asked for, and tell ahead what is urgent meanwhile."""
        loop = asyncio.get_running_loop()
        until, self._wait = loop.time() + self._wait, 0.0
        while (left := until - loop.time()) > 0:
            try:
                async with asyncio.timeout(left):
                    await self._outbox.urgent.wait()
            except TimeoutError:
                return
            self._outbox.urgent.clear()
            await asyncio.sleep(URGENT_SECONDS)
            await self._tell_ahead()

    async def _say_hindered(self, parcel: Parcel) -> None:
        """Nothing can be written down: this agent is there all the same, and so do its positions stand."""
        self._behind = parcel
        await self._tell_ahead()
        boot = self._clocks().boot
        if self._said_hindered is None or boot - self._said_hindered > AHEAD_MICROS:
            self._on_ack(await self._post(parcel))
            self._said_hindered = boot

    async def _tell_ahead(self) -> None:
        behind = self._behind
        if behind is None:
            return
        for news in self._ahead.news():
            try:
                await self._post(Parcel(behind.stream, [], behind.waiting, follows=behind.follows), news)
            except NotTaken as error:
                log.warning("%s It hears how things stand in their turn only.", error.sentence)
                self._ahead.stop()
                return
            except LinkError:
                self._ahead.forget()
                raise

    async def _post(self, parcel: Parcel, ahead: list[Ahead] | None = None) -> Ack:
        sent, hindered = self._clocks(), self._outbox.hindered
        batch = Batch(
            version=VERSION,
            stream=parcel.stream,
            follows=parcel.follows,
            sent=sent,
            records=parcel.records,
            exchange=self._exchange,
            boots=[clock for clock in parcel.boots if clock.boot_id != sent.boot_id],
            waiting=parcel.waiting + (self._outbox.kept if hindered else 0),
            agent_version=self._version,
            ahead=ahead or [],
            hindered=hindered,
        )
        ack = await self._link.send(batch, lambda: not (batch.records and self._outbox.parting))
        if ack.stream != parcel.stream:
            raise self._odd("The server answered for another stream.")
        self.exchanged(sent, ack)
        return ack

    def exchanged(self, sent: Clock, answer: Ack | Assignment) -> None:
        """The server answered what left here at `sent`, and said its own two times."""
        self._exchange = Exchange(sent.boot_id, sent.boot, self._clocks().boot, answer.server, answer.came)

    def clock_off(self, now: Clock) -> int | None:
        """ms this PC's clock is ahead of the server's, by the newest exchange of this boot."""
        exchange = self._exchange
        if exchange is None or exchange.boot_id != now.boot_id:
            return None
        server = (exchange.server + (exchange.came or exchange.server)) // 2
        return round((now.wall - now.boot + (exchange.sent + exchange.received) // 2 - server) / 1000)

    async def _make_smaller(self, parcel: Parcel, error: NotTaken) -> None:
        """Half as many the next time. A single record that twice stops an else welcome batch is set aside.

        Twice, because the server may have been mended between its refusal and the empty batch it then welcomed.
        """
        if len(parcel.records) > 1:
            self._count = len(parcel.records) // 2
            return
        if not error.judged:
            raise Elsewhere(error.sentence)
        empty = msgspec.structs.replace(parcel, records=[], waiting=parcel.waiting + 1)
        await self._post(empty)  # raises if it is not the record's fault
        seq = parcel.records[0].seq
        if self._suspect != seq:
            self._suspect = seq
            return
        log.error("Record %d is set aside: %s", seq, error.sentence)
        await self._outbox.ask(lambda spool: spool.set_aside(seq, error.sentence))
        self._outbox.states_were_lost()

    def _odd(self, sentence: str) -> Away:
        """An answer that came and is of no use; said when it happens first."""
        if not self._backoff.failed:
            log.warning("%s", sentence)
        return Away(sentence)

    def _note(self, error: LinkError | SpoolFull) -> None:
        if isinstance(error, NotTaken) and error.sentence != self._not_taken:  # of every batch: an older server, say
            self._not_taken = error.sentence
            log.error("%s Records are kept here meanwhile.", error.sentence)


def _met(ack: Ack) -> Callable[[Spool], Acked]:
    return lambda spool: spool.met(ack.stream, ack.received, ack.epoch, ack.server)


class Forerunner:
    """Which positions are to be told ahead: those that changed since, and after a while all."""

    def __init__(self, stands: Callable[[], list[Ahead]], clocks: Clocks) -> None:
        self._stands = stands
        self._clocks = clocks
        self._told: dict[str, State] = {}
        self._told_at = 0
        self._stopped = False

    def news(self) -> list[list[Ahead]]:
        """In pieces that fit a batch; they count as told."""
        if self._stopped:
            return []
        boot = self._clocks().boot
        if boot - self._told_at > AHEAD_MICROS:
            self.forget()
            self._told_at = boot
        news = [one for one in self._stands() if self._told.get(one.state.position) is not one.state]
        self._told.update((one.state.position, one.state) for one in news)
        return [news[at : at + AHEAD_AT_ONCE] for at in range(0, len(news), AHEAD_AT_ONCE)]

    def forget(self) -> None:
        """It may not have come: all is news again."""
        self._told.clear()

    def stop(self) -> None:
        """The server does not take it."""
        self._stopped = True
