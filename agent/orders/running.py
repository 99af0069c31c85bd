"""Runs orders: one after another, but polls beside whatever else takes its time."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TypeVar

from agent.clock import Clocks
from agent.link.errors import LinkError
from agent.orders import keeping
from agent.orders.doing import Kind
from agent.orders.keeping import Kept
from agent.orders.outcome import NotDone, Outcome
from agent.secrets import of_this_run
from agent.spool.outbox import Outbox
from agent.spool.spool import Spool
from agent.spool.tables import SpoolError, SpoolFull
from agent.tidy import tidy_text
from agent.wire import AnyRecord, Clock, Order, Result, Why

RETRY_SECONDS = 5.0  # while the disk is full

T = TypeVar("T")

log = logging.getLogger(__name__)


class Running:
    """Begins what is added, in its turn and in time, and ends each by one Result."""

    def __init__(self, outbox: Outbox, clocks: Clocks, kinds: Mapping[str, Kind]) -> None:
        self._outbox = outbox
        self._clocks = clocks
        self._kinds = kinds
        self._came: asyncio.Queue[Kept] = asyncio.Queue()
        self._in_turn: asyncio.Queue[Kept] = asyncio.Queue()

    def add(self, orders: Sequence[Kept]) -> None:
        for kept in orders:
            self._came.put_nowait(kept)

    async def run(self) -> None:
        """Run what was kept and what is added, until cancelled."""
        await self._recover()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._one_after_another())
            while True:
                kept = await self._came.get()
                kind = self._kinds.get(kept.order.what)
                if kind is not None and kind.beside:
                    group.create_task(self._run(kept))
                else:
                    self._in_turn.put_nowait(kept)

    async def cancel(self, uid: str) -> None:
        """It is not to be begun any more, and ends if its kind can be stopped. Raises SpoolFull."""
        for kind in self._kinds.values():
            if kind.stop is not None:
                kind.stop(uid)
        result = Result(seq=0, clock=self._clocks(), order=uid, done=False, why=Why.CANCELLED)
        await self._write(result)

    async def stop(self) -> None:
        """Nothing runs any more, and the agent ends: what was under way has failed, and is told before the goodbye."""
        with suppress(SpoolFull):  # then the next start tells of it
            for uid, began in await self._outbox.ask(lambda spool: spool.change(keeping.under_way)):
                await self._write(self._interrupted(uid, began))

    async def _recover(self) -> None:
        """What was under way at the end of the last process has failed; what had not begun is begun now."""
        for uid, began in await self._insist(lambda spool: spool.change(keeping.under_way)):
            await self._end(self._interrupted(uid, began))
        self.add(await self._insist(lambda spool: spool.change(keeping.waiting)))

    # -- one order ----------------------------------------------------------------------------------

    async def _one_after_another(self) -> None:
        while True:
            await self._run(await self._in_turn.get())

    async def _run(self, kept: Kept) -> None:
        order = kept.order
        if order.what not in self._kinds:
            await self._end(self._result(order, None, Outcome(why=Why.UNKNOWN)))
            return
        began = await self._begin(kept)
        if began is None:
            return
        outcome = await self._do(order)
        await self._end(self._result(order, began, outcome), outcome.records)

    async def _begin(self, kept: Kept) -> Clock | None:
        """When it was begun. None if it is not to be: too late, which is told, or ended otherwise meanwhile."""
        while True:
            clock = self._clocks()
            if not kept.in_time(clock):
                await self._end(self._result(kept.order, None, Outcome(why=Why.LATE)))
                return None

            def mark(spool: Spool, clock: Clock = clock) -> bool:
                return spool.change(lambda db: keeping.begin(db, kept.order.uid, clock))

            try:
                marked = await self._outbox.ask(mark)
            except SpoolFull:
                await asyncio.sleep(RETRY_SECONDS)
            else:
                return clock if marked else None

    async def _do(self, order: Order) -> Outcome:
        kind = self._kinds[order.what]
        try:
            async with asyncio.timeout(kind.seconds):
                return await kind.do(order)
        except NotDone as error:
            return Outcome(why=error.why, said=error.said)
        except TimeoutError:
            return Outcome(why=Why.TIME)
        except (LinkError, SpoolError) as error:
            return Outcome(why=Why.ERROR, said=str(error))
        except Exception as error:  # the border of an order: a defect in one must not end the agent
            log.exception("An order (%s) failed by a defect", tidy_text(order.what, 40))
            return Outcome(why=Why.ERROR, said=f"the agent failed with {type(error).__name__}")

    def _result(self, order: Order, began: Clock | None, outcome: Outcome) -> Result:
        return Result(
            seq=0,
            clock=self._clocks(),
            order=order.uid,
            done=not outcome.why,
            why=outcome.why,
            said=tidy_text(of_this_run().hide(outcome.said), 300),
            began=began,
            polls=outcome.polls,
            findings=outcome.findings,
            detail=outcome.detail,
        )

    async def _end(self, result: Result, before: Sequence[AnyRecord] = ()) -> None:
        """Write it, when what was seen is written; as late as there is room for it."""
        while True:
            try:
                if await self._outbox.written(RETRY_SECONDS):
                    await self._write(result, before)
                    return
            except SpoolFull:
                await asyncio.sleep(RETRY_SECONDS)

    async def _write(self, result: Result, before: Sequence[AnyRecord] = ()) -> None:
        """Raises SpoolFull. Nothing is written of an order that has ended, or that was begun and is not said to be."""
        uid = result.order

        def end(spool: Spool) -> tuple[bool, bool]:
            if not spool.change(lambda db: keeping.may_end(db, uid, begun=result.began is not None)):
                return False, False
            return True, spool.append([*before, result], ends=uid)

        written, dropped = await self._outbox.ask(end)
        if dropped:
            self._outbox.states_were_lost()
        if written:
            log.info("Order %s: %s.", tidy_text(uid, 40), result.why or "done")
            self._outbox.news.set()
            self._outbox.urgent.set()

    async def _insist(self, question: Callable[[Spool], T]) -> T:
        """Until the disk lets itself be read."""
        while True:
            try:
                return await self._outbox.ask(question)
            except SpoolFull:
                await asyncio.sleep(RETRY_SECONDS)

    def _interrupted(self, uid: str, began: Clock) -> Result:
        return Result(seq=0, clock=self._clocks(), order=uid, done=False, why=Why.INTERRUPTED, began=began)
