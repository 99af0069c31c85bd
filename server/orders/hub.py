"""Holds the requests of agents that ask for orders, and answers each as soon as there is something for its agent.

One task looks for all of them, with the same few questions to the database however many they are: when requests come,
when a push is made in this process or another, when hours begin. A request that is held costs no thread and no
connection to the database. The server's clock alone says when an order may be handed out.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from sqlalchemy.exc import SQLAlchemyError

from agent.wire import Order
from server.errors import AWAY, ServerError, Unavailable
from server.events.ticker import News
from server.orders.ending import TOPIC
from server.orders.looking import Asked, Found, Known, Look
from server.storage.database import Database
from server.storage.types import Now

GATHER = 0.05  # seconds between the beginnings of two looks: who comes within is looked up together
AT_ONCE = 64  # agents told in one go: a thousand that are told at once would send a thousand results at once
PACE = 0.02  # seconds between them, and longer while the writer has more than it can take
AGAIN = 2.0  # seconds until what was told is told again: its result may have come and not be read yet
CANCELLED_AGAIN = 10.0  # and that it was cancelled: who had begun it has it until it is done
LONGEST = 5.0  # seconds between looks: whoever sets the clock moves no hours by more
AFTER_FAILURE = 1.0
AGENT = "agent"  # the topic of what is decided about who an agent is

_log = logging.getLogger(__name__)


class LookAgain(Exception):
    """This token is not, or no longer, good."""


@dataclass
class Told:
    orders: list[Order] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)


@dataclass(eq=False)
class Held:
    """One request: by what token, what its agent has already, and who that is once it was looked up."""

    digest: str
    have: frozenset[str]
    answer: asyncio.Future[Told]
    agent: Known | None = None
    stream: str = ""  # in which its agent's records are; what was handed to another it may have forgotten

    def tell(self, told: Told) -> bool:
        """False if nobody waits for it any more."""
        if self.answer.done():
            return False
        self.answer.set_result(told)
        return True

    def end(self, error: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(error)


class Hub:
    """Belongs to one event loop, but for `changed`.

    `admit` raises what an agent is told that asks too often; while the server is `busy` with what agents send, only the
    first are told to send more.
    """

    def __init__(
        self,
        database: Database,
        now: Now,
        admit: Callable[[int], None] = lambda _: None,
        busy: Callable[[], bool] = lambda: False,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._look = Look(database, now)
        self._admit = admit
        self._busy = busy
        self._seconds = seconds
        self._arrived: dict[Held, None] = {}  # to be looked up, in their order
        self._later: dict[Held, float] = {}  # to be looked up again, and when: what they were told lately is still open
        self._held: dict[int, Held] = {}  # by agent: a request takes the place of the one before
        self._pushes: set[str] = set()  # that changed: uids
        self._to_tell: deque[tuple[Held, Told]] = deque()
        self._telling: asyncio.Task[None] | None = None
        self._told: dict[tuple[str, bool], float] = {}  # orders, cancelled or not, and when to tell it again
        self._news = asyncio.Event()
        self._closed = False
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def held(self) -> int:
        """Requests that are held."""
        return len(self._held)

    async def run(self) -> None:
        self._loop = asyncio.get_running_loop()
        delay, failing = 0.0, False
        while not self._closed:
            await self._until_news(delay)
            next_look = self._loop.time() + GATHER
            try:
                delay, failing = await self._once(), False
            except SQLAlchemyError as error:  # a full disk, a database that is away, or no connection to it is free
                if not failing:
                    _log.error("No order is handed out: %s", getattr(error, "orig", error))
                delay, failing = AFTER_FAILURE, True
            await asyncio.sleep(next_look - self._loop.time())
        if self._telling is not None:
            await self._telling

    def close(self) -> None:
        """Answer whoever is held, and hold nobody any more."""
        self._closed = True
        self._news.set()
        for held in [*self._held.values(), *self._arrived]:
            held.tell(Told())

    def changed(self, push: str) -> None:
        """A push was made or cancelled here: look now. From any thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._hear_of, push)

    def hear(self, rows: list[News]) -> None:
        """What the ticker read: pushes of other processes, and decisions about agents."""
        for row in rows:
            if row.topic == TOPIC:
                self._hear_of(row.key)
        agents = {row.key for row in rows if row.topic == AGENT}
        for held in list(self._held.values()) if agents else ():
            if held.agent is not None and held.agent.key in agents:
                self._arrived[held] = None
                self._news.set()

    def _hear_of(self, push: str) -> None:
        self._pushes.add(push)
        self._news.set()

    async def hold(
        self, digest: str, have: frozenset[str], seconds: float, gone: asyncio.Future[None], stream: str = ""
    ) -> Told:
        """What there is for the agent of this token, as soon as there is.

        Nothing after `seconds`, or when the client has `gone`. LookAgain if the token is none.
        """
        loop = asyncio.get_running_loop()
        held = Held(digest, have, loop.create_future(), stream=stream)
        if self._closed:
            return Told()
        self._arrived[held] = None
        self._news.set()
        gone.add_done_callback(lambda _: held.tell(Told()))
        ends = loop.call_later(seconds, held.tell, Told())
        try:
            return await held.answer
        finally:
            ends.cancel()
            self._arrived.pop(held, None)
            self._later.pop(held, None)
            if held.agent is not None and self._held.get(held.agent.id) is held:
                del self._held[held.agent.id]

    # -- looking ------------------------------------------------------------------------------------

    async def _until_news(self, delay: float) -> None:
        try:
            async with asyncio.timeout(delay):
                await self._news.wait()
        except TimeoutError:
            pass
        self._news.clear()

    async def _once(self) -> float:
        """Look once for all; seconds until the next look is due by itself."""
        arrived, self._arrived = self._arrived | self._due(), {}
        pushes, self._pushes = self._pushes, set()
        asked = Asked(
            {held.digest: held.have for held in arrived},
            {agent: (held.digest, held.have) for agent, held in self._held.items() if held not in arrived},
            pushes,
            {held.digest: held.stream for held in (*arrived, *self._held.values())},
        )
        try:
            found = await asyncio.to_thread(self._look.once, asked)
        except BaseException:
            self._pushes |= pushes
            for held in arrived:
                held.end(Unavailable(AWAY))
            raise
        for held in arrived:
            self._let_in(held, found.known.get(held.digest))
        self._answer(found)
        again = min(self._later.values(), default=float("inf")) - self._seconds()
        return min(LONGEST, found.opens_in, max(again, GATHER))

    def _due(self) -> dict[Held, None]:
        now = self._seconds()
        due = [held for held, at in self._later.items() if at <= now or held.answer.done()]
        for held in due:
            del self._later[held]
        return {held: None for held in due if not held.answer.done()}

    def _let_in(self, held: Held, agent: Known | None) -> None:
        if held.answer.done() or self._closed:
            return
        if agent is None:
            held.end(LookAgain())
            return
        if held.agent is None:
            try:
                self._admit(agent.id)
            except ServerError as error:
                held.end(error)
                return
        held.agent = agent
        before = self._held.get(agent.id)
        if before is not None and before is not held:
            before.tell(Told())  # its agent gave it up, and nobody told the server
        self._held[agent.id] = held

    def _answer(self, found: Found) -> None:
        """Tell each what was found for it, unless it was told a moment ago."""
        now = self._seconds()
        self._told = {what: again for what, again in self._told.items() if again > now}
        for agent_id in found.strangers:
            if held := self._held.get(agent_id):
                held.end(LookAgain())
        news: list[tuple[Held, Told]] = []
        for agent_id in (found.orders.keys() | found.cancelled.keys()) - found.strangers:
            held = self._held.get(agent_id)
            if held is None:
                continue
            orders = [order for order in found.orders[agent_id] if order.uid not in held.have]
            cancelled = [uid for uid in found.cancelled[agent_id] if uid in held.have]
            told = Told(
                [order for order in orders if (order.uid, False) not in self._told],
                [uid for uid in cancelled if (uid, True) not in self._told],
            )
            if told.orders or told.cancelled:
                news.append((held, told))
            elif orders:
                self._later[held] = min(self._told[order.uid, False] for order in orders)
        self._tell(news[:AT_ONCE])
        self._to_tell.extend(news[AT_ONCE:])
        if self._to_tell and (self._telling is None or self._telling.done()):
            self._telling = asyncio.create_task(self._tell_the_rest())

    async def _tell_the_rest(self) -> None:
        while self._to_tell and not self._closed:
            await asyncio.sleep(PACE)
            if not self._busy():
                self._tell([self._to_tell.popleft() for _ in range(min(AT_ONCE, len(self._to_tell)))])

    def _tell(self, news: list[tuple[Held, Told]]) -> None:
        now = self._seconds()
        for held, told in news:
            if held.tell(told):
                self._told.update(((order.uid, False), now + AGAIN) for order in told.orders)
                self._told.update(((uid, True), now + CANCELLED_AGAIN) for uid in told.cancelled)
