"""Holds the requests of agents that ask for orders, and answers each as soon as there is something for its agent.

One task looks for all of them, with the same few questions to the database however many they are: on a request that
may have something waiting, on a push of this process or another, when hours begin. A request that is held costs no
thread and no connection to the database. The server's clock alone says when an order may be handed out.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from sqlalchemy.exc import SQLAlchemyError

from agent.wire import Order
from server.events.tables import Invalidation
from server.orders.ending import TOPIC
from server.orders.looking import Asked, Found, Look
from server.storage.database import Database
from server.storage.types import Now

AGAIN = 2.0  # seconds until what was told is told again: its result may have come and not be read yet
CANCELLED_AGAIN = 10.0  # and that it was cancelled: who had begun it has it until it is done
LONGEST = 5.0  # seconds between looks: whoever sets the clock moves no hours by more
AFTER_FAILURE = 1.0
AGENT = "agent"  # the topic of what is decided about who an agent is

_log = logging.getLogger(__name__)


class LookAgain(Exception):
    """Whether this agent may ask at all is to be looked up anew."""


@dataclass
class Told:
    orders: list[Order] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)


@dataclass(eq=False)
class Held:
    """One request: whose, by what token, and what its agent has already."""

    agent_id: int
    agent: str
    digest: str
    have: frozenset[str]
    answer: asyncio.Future[Told]

    def tell(self, told: Told) -> bool:
        """False if nobody waits for it any more."""
        if self.answer.done():
            return False
        self.answer.set_result(told)
        return True

    def look_again(self) -> None:
        if not self.answer.done():
            self.answer.set_exception(LookAgain())


class Hub:
    """Belongs to one event loop, but for `changed`."""

    def __init__(self, database: Database, now: Now, seconds: Callable[[], float] = time.monotonic) -> None:
        self._look = Look(database, now)
        self._seconds = seconds
        self._held: dict[int, Held] = {}  # by agent: a request takes the place of the one before
        self._arrived: set[Held] = set()  # not looked up yet
        self._pushes: set[str] = set()  # that changed: uids
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
            try:
                async with asyncio.timeout(delay):
                    await self._news.wait()
            except TimeoutError:
                pass
            self._news.clear()
            try:
                delay, failing = await self._once(), False
            except SQLAlchemyError as error:  # a full disk, a database that is away, or no connection to it is free
                if not failing:
                    _log.error("No order is handed out: %s", getattr(error, "orig", error))
                delay, failing = AFTER_FAILURE, True

    def close(self) -> None:
        """Answer whoever is held, and hold nobody any more."""
        self._closed = True
        self._news.set()
        for held in list(self._held.values()):
            held.tell(Told())

    def changed(self, push: str) -> None:
        """A push was made or cancelled here: look now. From any thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._wake, push)

    def hear(self, rows: list[Invalidation]) -> None:
        """What the ticker read: pushes of other processes, and decisions about agents."""
        pushes = [row.key for row in rows if row.topic == TOPIC]
        self._pushes.update(pushes)
        if pushes:
            self._news.set()
        agents = {row.key for row in rows if row.topic == AGENT}
        for held in list(self._held.values()) if agents else ():
            if held.agent in agents:
                held.look_again()

    async def hold(
        self, agent_id: int, agent: str, digest: str, have: frozenset[str], seconds: float, gone: asyncio.Future[None]
    ) -> Told:
        """What there is for this agent, as soon as there is; nothing after `seconds`, or when the client has `gone`.

        LookAgain if the token has to be looked up anew.
        """
        if self._closed:
            return Told()
        held = Held(agent_id, agent, digest, have, asyncio.get_running_loop().create_future())
        if before := self._held.get(agent_id):
            before.tell(Told())  # its agent gave it up, and nobody told the server
        self._held[agent_id] = held
        if have or self._look.anything:
            self._arrived.add(held)
            self._news.set()
        gone.add_done_callback(lambda _: held.tell(Told()))
        try:
            async with asyncio.timeout(seconds):
                return await held.answer
        except TimeoutError:
            return Told()
        finally:
            self._arrived.discard(held)
            if self._held.get(agent_id) is held:
                del self._held[agent_id]

    def _wake(self, push: str) -> None:
        self._pushes.add(push)
        self._news.set()

    async def _once(self) -> float:
        """Look once for all; seconds until the next look is due by itself."""
        arrived, pushes = self._arrived, self._pushes
        self._arrived, self._pushes = set(), set()
        asked = Asked(
            {held.agent_id for held in arrived},
            {held.agent_id: held.digest for held in self._held.values()},
            frozenset(pushes),
            {uid: held.agent_id for held in self._held.values() for uid in held.have},
        )
        try:
            found = await asyncio.to_thread(self._look.once, asked)
        except BaseException:
            self._arrived |= {held for held in arrived if not held.answer.done()}
            self._pushes |= pushes
            raise
        return min(LONGEST, found.opens_in, self._answer(found))

    def _answer(self, found: Found) -> float:
        """Tell each what was found for it; seconds until something is to be told again."""
        now = self._seconds()
        self._told = {what: again for what, again in self._told.items() if again > now}
        for agent_id in found.strangers:
            if held := self._held.get(agent_id):
                held.look_again()
        delay = LONGEST
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
                if held.tell(told):
                    self._told.update(((order.uid, False), now + AGAIN) for order in told.orders)
                    self._told.update(((uid, True), now + CANCELLED_AGAIN) for uid in told.cancelled)
            elif orders:
                self._arrived.add(held)
                delay = min([delay, *(self._told[order.uid, False] - now for order in orders)])
        return max(delay, 0.01)
