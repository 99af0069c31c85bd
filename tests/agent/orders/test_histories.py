"""Whatever happens to an agent's orders, in whatever order: each begins at most once and has exactly one result.

The agent of each life is killed after so many transactions, between any two of them; the spool's files are what the
next life finds.
"""

import asyncio
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from agent.orders import keeping
from agent.orders.doing import Kind
from agent.orders.outcome import NotDone, Outcome
from agent.orders.receiving import Receiving
from agent.orders.running import Running
from agent.spool.outbox import Outbox
from agent.spool.spool import Spool
from agent.wire import Clock, Fact, Order, Orders, Result, Why
from tests.tries import tries

T = TypeVar("T")

SECOND = 1_000_000
WEEK = 7 * 86_400 * SECOND
BEFORE_BEGINNING = (Why.LATE, Why.CANCELLED, Why.UNKNOWN)


class Mortal(Outbox):
    """Dies after so many questions to the spool: the one it dies in may have been answered to nobody."""

    left = -1  # -1: it lives on

    async def ask(self, question: Callable[[Spool], T]) -> T:
        if self.left == 0:
            await asyncio.Event().wait()
        answer = await super().ask(question)
        self.left -= 1
        if self.left == 0:
            await asyncio.Event().wait()
        return answer


class Nobody:
    async def opens(self) -> bool:
        return True


class Life:
    """One process of an agent."""

    def __init__(self, path: Path, clocks: Callable[[], Clock], begun: Counter[str]) -> None:
        self.loop = asyncio.new_event_loop()
        self.begun = begun
        self.under_way: dict[str, asyncio.Future[bool]] = {}
        self.outbox = Mortal(Spool(path, clocks), clocks, 1 << 30, forget=lambda: None)
        kinds = {"beside": Kind(self._do, None, beside=True), "in turn": Kind(self._do, None)}
        self.running = Running(self.outbox, clocks, kinds)
        nobody: Any = Nobody()
        self.receiving = Receiving(nobody, nobody, self.outbox, clocks, self.running)
        self.tasks: list[asyncio.Task[Any]] = []

    async def _do(self, order: Order) -> Outcome:
        self.begun[order.uid] += 1
        ends = self.under_way[order.uid] = self.loop.create_future()
        try:
            if not await ends:
                raise NotDone(Why.ERROR, "it did not work")
        finally:
            del self.under_way[order.uid]
        return Outcome()

    def begin(self, dies_after: int) -> None:
        self.outbox.left = dies_after
        self._start(self.outbox.run())
        self._start(self.running.run())

    def hear(self, answer: Orders) -> None:
        self._start(self.receiving._take(answer))

    def _start(self, work: Any) -> None:
        async def start() -> None:
            self.tasks.append(asyncio.ensure_future(work))

        self.loop.run_until_complete(start())
        self.settle()

    def settle(self) -> None:
        """Let it do whatever it can do."""

        async def work() -> None:
            for _ in range(12):
                await Outbox.ask(self.outbox, lambda spool: None)
                for _ in range(4):
                    await asyncio.sleep(0)

        self.loop.run_until_complete(work())
        for task in self.tasks:
            if task.done() and not task.cancelled():
                task.result()

    def ask(self, question: Callable[[Spool], T]) -> T:
        return self.loop.run_until_complete(Outbox.ask(self.outbox, question))

    def end(self, *, with_a_goodbye: bool) -> None:
        async def end() -> None:
            for task in self.tasks:
                task.cancel()
            await asyncio.gather(*self.tasks, return_exceptions=True)
            if with_a_goodbye:
                self.outbox.left = -1
                await self.running.stop()
            await self.outbox.close()

        self.loop.run_until_complete(end())
        self.loop.close()


class OrderHistories(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="orders-"))
        self.now = 1_800_000_000 * SECOND
        self.boot = 1
        self.begun: Counter[str] = Counter()
        self.told: dict[str, Order] = {}
        self.cancelled: set[str] = set()
        self.results: list[Result] = []  # that the server holds
        self.purged: set[str] = set()  # whose results it acknowledged more than a week ago
        self.live(-1)

    def clocks(self) -> Clock:
        return Clock(wall=self.now, boot=self.now, boot_id=f"boot-{self.boot}")

    def live(self, dies_after: int) -> None:
        self.life = Life(self.folder / "spool.db", self.clocks, self.begun)
        self.life.begin(dies_after)

    # -- what the server does

    @rule(what=st.sampled_from(["in turn", "beside", "unheard-of"]), seconds=st.sampled_from([3600, 60, 0]))
    def a_person_pushes_something(self, what: str, seconds: float) -> None:
        uid = f"o{len(self.told) + 1}"
        self.told[uid] = Order(uid=uid, what=what, seconds=seconds)
        self.it_tells_what_there_is(3)

    @rule(count=st.integers(1, 4))
    def it_tells_what_there_is(self, count: int) -> None:
        have = self.life.ask(lambda spool: spool.change(keeping.have))
        ended = {result.order for result in self.results}
        orders = [one for one in self.told.values() if one.uid not in have and one.uid not in ended | self.cancelled]
        self.life.hear(Orders(orders=orders[:count], cancelled=sorted((self.cancelled & set(have)) - ended)))

    @precondition(lambda self: self.told.keys() - self.purged)
    @rule(data=st.data())
    def an_answer_comes_late_or_twice(self, data: st.DataObject) -> None:
        uid = data.draw(st.sampled_from(sorted(self.told.keys() - self.purged)))
        self.life.hear(Orders(orders=[self.told[uid]] * 2))

    @precondition(lambda self: self.told)
    @rule(data=st.data())
    def a_person_cancels_one(self, data: st.DataObject) -> None:
        self.cancelled.add(data.draw(st.sampled_from(list(self.told))))
        self.it_tells_what_there_is(0)

    @rule()
    def a_person_cancels_what_waits(self) -> None:
        self.cancelled |= {kept.order.uid for kept in self.life.ask(lambda spool: spool.change(keeping.waiting))}
        self.it_tells_what_there_is(0)

    @rule(comes_back=st.booleans())
    def it_gets_what_waits(self, *, comes_back: bool) -> None:
        parcel = self.life.ask(lambda spool: spool.next_batch(100, 1 << 20))
        held = {result.seq for result in self.results}
        self.results += [one for one in parcel.records if isinstance(one, Result) and one.seq not in held]
        if comes_back and parcel.records:
            last = parcel.records[-1].seq
            self.life.ask(lambda spool: spool.acked(parcel.stream, [(1, last)], "e1", self.now))

    # -- what happens to the agent

    @precondition(lambda self: self.life.under_way)
    @rule(data=st.data(), well=st.booleans())
    def one_under_way_ends(self, data: st.DataObject, *, well: bool) -> None:
        uid = data.draw(st.sampled_from(sorted(self.life.under_way)))
        self.life.under_way[uid].set_result(well)
        self.life.settle()

    @rule(dies_after=st.just(-1) | st.integers(1, 12), another_boot=st.booleans(), says_goodbye=st.booleans())
    def it_ends_and_begins_anew(self, dies_after: int, *, another_boot: bool, says_goodbye: bool) -> None:
        self.life.end(with_a_goodbye=says_goodbye and self.life.outbox.left != 0)
        self.boot += another_boot
        self.live(dies_after)

    @rule(seconds=st.sampled_from([1, 10, 100, 4000]))
    def time_passes(self, seconds: int) -> None:
        self.now += seconds * SECOND

    @rule()
    def a_week_passes(self) -> None:
        self.now += WEEK + SECOND
        self.life.ask(lambda spool: spool.append([Fact(seq=0, clock=self.clocks(), host="pc", facts={})]))
        self.it_gets_what_waits(comes_back=True)
        self.purged |= {result.order for result in self.results}

    # -- what always holds

    @invariant()
    def none_begins_twice_and_none_has_two_results(self) -> None:
        assert all(count == 1 for count in self.begun.values())
        assert all(count == 1 for count in Counter(result.order for result in self.results).values())

    def teardown(self) -> None:
        if not hasattr(self, "life"):
            return
        try:
            self.each_has_its_result()
        finally:
            self.life.end(with_a_goodbye=False)
            shutil.rmtree(self.folder)

    def each_has_its_result(self) -> None:
        self.it_ends_and_begins_anew(-1, another_boot=False, says_goodbye=False)
        missing = self.told.keys() - {result.order for result in self.results}
        self.life.hear(Orders(orders=[self.told[uid] for uid in sorted(missing)]))
        while self.life.under_way:
            for ends in list(self.life.under_way.values()):
                ends.set_result(True)
            self.life.settle()
        self.it_gets_what_waits(comes_back=True)
        self.none_begins_twice_and_none_has_two_results()
        assert {result.order for result in self.results} == self.told.keys()
        for result in self.results:
            assert result.done == (not result.why)
            assert self.begun[result.order] == (
                1 if result.done or result.why == Why.ERROR else self.begun[result.order]
            )
            assert (result.began is None) == (result.why in BEFORE_BEGINNING)
            if result.why in BEFORE_BEGINNING:
                assert self.begun[result.order] == 0


TestOrderHistories = OrderHistories.TestCase
TestOrderHistories.settings = settings(max_examples=tries(40), stateful_step_count=40, deadline=None)
