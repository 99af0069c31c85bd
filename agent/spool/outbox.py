"""Between the event loop and the spool: a thread that writes, and memory for the time the disk is full.

Records are handed over at once and written in groups, in order. What could not be written for lack of space waits in
memory, within bounds, and what had to be let go of there is named by a GAP when space is back.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from agent.clock import Clocks
from agent.spool.spool import DAYS, Spool, begin_anew
from agent.spool.tables import SpoolDamaged, SpoolFull
from agent.wire import AnyRecord, Hold

MEMORY = 5000  # records kept while the disk is full: about 20 MB at the worst
GROUP = 500  # records written in one transaction
RETRY_SECONDS = 5.0

T = TypeVar("T")

log = logging.getLogger(__name__)


class Outbox:
    """Takes records from the loop and puts them into the spool. Closed with `close`, after which nothing is taken."""

    def __init__(
        self,
        spool: Spool,
        clocks: Clocks,
        limit: int,
        *,
        forget: Callable[[], None],
        days: int = DAYS,
        memory: int = MEMORY,
        retry: float | None = None,
    ) -> None:
        self._spool = spool
        self._clocks = clocks
        self._limit = limit
        self._days = days
        self._forget = forget  # states were lost: what the server was told is no longer what we think
        self._memory = memory
        self._retry = RETRY_SECONDS if retry is None else retry
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="spool")  # SQLite's fsync must not stop the loop
        self._queue: deque[AnyRecord] = deque()
        self._lost = 0
        self._lost_states = False
        self.hindered = ""  # why nothing can be written just now: a Hindered
        self._hurry = False  # something queued is urgent
        self._damage = ""  # why the spool must be replaced, until it is; the thread's own
        self._begun_anew = False
        self.parting = False  # another stream has to begin before records are sent
        self._came = asyncio.Event()
        self._written = asyncio.Event()  # nothing is queued or being written
        self._written.set()
        self.news = asyncio.Event()  # something is in the spool to send; the uplink clears it
        self.urgent = asyncio.Event()  # and it cannot wait for company

    def put(self, records: Sequence[AnyRecord], *, urgent: bool = False) -> None:
        """Take records. They are durable some milliseconds later, or when there is room again."""
        if not records:
            return
        self._queue.extend(records)
        self._written.clear()
        self._came.set()
        self._hurry = self._hurry or urgent
        while len(self._queue) > self._memory:
            self._let_go()

    @property
    def kept(self) -> int:
        """Records that wait in memory, and those that were let go of there and are still to be told of."""
        return len(self._queue) + self._lost

    def _let_go(self) -> None:
        """Holds first: a hold left without its state would speak for an older one."""
        for index, record in enumerate(self._queue):
            if isinstance(record, Hold):
                del self._queue[index]
                break
        else:
            self._queue.popleft()
            self._lost_states = True
        self._lost += 1

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            await self._came.wait()
            self._came.clear()
            while self._queue or self._lost:
                if not await self._write():
                    await asyncio.sleep(self._retry)
            self._written.set()

    async def _write(self) -> bool:
        group = [self._queue.popleft() for _ in range(min(GROUP, len(self._queue)))]
        lost, self._lost = self._lost, 0
        try:
            dropped = await self.ask(lambda spool: spool.append(group, lost=lost, why="the disk was full"))
        except SpoolFull as error:
            self._queue.extendleft(reversed(group))
            self._lost += lost
            if not self.hindered:
                log.error("%s News is kept in memory until there is room.", error)
            self.hindered = error.why
            self.news.set()  # that it cannot be written is news too
            return False
        if self.hindered:
            log.warning("The spool can be written again; %d records were lost.", lost)
            self.hindered = ""
        if dropped or (lost and self._lost_states):
            self._lost_states = False
            self.states_were_lost()
        if self._hurry:
            self.urgent.set()
            self._hurry = bool(self._queue)  # the one that hurries may be among the rest
        self.news.set()
        return True

    def states_were_lost(self) -> None:
        """Have every position told anew, and send no hold that was counted on what is lost."""
        self._queue = deque(record for record in self._queue if not isinstance(record, Hold))
        self._forget()

    async def ask(self, question: Callable[[Spool], T]) -> T:
        """Ask the spool something, in its thread. A damaged spool is replaced and asked again. Raises SpoolFull."""
        answer = await asyncio.get_running_loop().run_in_executor(self._thread, self._in_thread, question)
        if self._begun_anew:
            self._begun_anew = False
            self.states_were_lost()
            self.news.set()
        return answer

    def _in_thread(self, question: Callable[[Spool], T]) -> T:
        if not self._damage:
            try:
                return question(self._spool)
            except SpoolDamaged as damage:
                log.error("%s It is moved aside and a new one begun.", damage)
                self._damage = str(damage)
                self._spool.close()
        self._spool = begin_anew(self._spool.path, self._clocks, self._limit, self._damage, self._days)
        self._damage = ""
        self._begun_anew = True
        return question(self._spool)

    async def part(self) -> None:
        """Send no record under the numbers of now: a copy of this home may have used them. Raises SpoolFull."""
        self.parting = True
        await self.ask(Spool.part)

    async def written(self, seconds: float) -> bool:
        """Wait until everything taken is durable; False if that took longer."""
        try:
            async with asyncio.timeout(seconds):
                await self._written.wait()
        except TimeoutError:
            return False
        return True

    async def close(self) -> None:
        """Close the spool. What is in memory only is lost, which is the case only on a full disk."""
        if self._queue:
            log.error("%d records are lost: there was no room to write them.", len(self._queue))
        await asyncio.get_running_loop().run_in_executor(self._thread, self._spool.close)
        self._thread.shutdown()
