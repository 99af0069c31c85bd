"""The load: agents take turns at telling, so many at once, and somebody watches how far health is behind.

Without a rate they tell as fast as the server keeps up: while health is more than half a second behind, the next waits.
"""

import asyncio
import ssl
import time
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field

import msgspec

from agent.wire import Ack
from server.clock import utc_now
from server.loadtest.agents import Agent
from server.loadtest.failed import Failed
from server.loadtest.line import Line
from server.running.lag import Lag, lag_of
from server.storage.database import Database

AT_ONCE = 16  # batches under way
LOOK = 0.2  # seconds between looks at health
BEHIND = 0.5  # seconds health may be behind before the next waits, where no rate is asked for
RESTED = (429, 503)  # what an agent waits for and sends again


@dataclass
class Tally:
    """What came of a stretch of load."""

    observations: int = 0  # acknowledged, each once
    repeated: int = 0  # sent a second time
    requests: int = 0
    put_off: int = 0  # answered 429 or 503, and sent again
    waits: list[float] = field(default_factory=list)  # seconds for an answer
    lag: float = 0.0  # seconds health was behind, at most
    seconds: float = 0.0


class Load:
    """`agents` and their lines. `positions` is how many each has."""

    def __init__(self, agents: list[Agent], tokens: list[str], port: int, trusts: ssl.SSLContext) -> None:
        self._agents = agents
        self._lines = [Line("127.0.0.1", port, trusts, token) for token in tokens]
        self._behind = 0.0  # seconds, as of the last look

    async def begin(self, database: Database, observations: int) -> Tally:
        """Every agent comes for the first time, and tells of each of its positions once."""
        tally = Tally()
        turns = iter(range(len(self._agents)))

        async def come() -> None:
            for number in turns:
                await self._ask(number, self._agents[number].opening(), tally)
                await self._tell(number, observations, tally)

        await self._all(come, database, tally)
        return tally

    async def go(self, database: Database, observations: int, seconds: float, rate: float | None) -> Tally:
        """`rate` in observations a second."""
        tally = Tally()
        began = time.monotonic()
        rests = deque(range(len(self._agents)))
        next_at = began

        async def carry() -> None:
            nonlocal next_at
            while (now := time.monotonic()) < began + seconds:
                if rate is not None:
                    mine, next_at = next_at, next_at + observations / rate
                    await asyncio.sleep(mine - now)
                elif self._behind > BEHIND:
                    await asyncio.sleep(LOOK)
                    continue
                number = rests.popleft()
                await self._tell(number, observations, tally)
                rests.append(number)

        await self._all(carry, database, tally)
        tally.seconds = time.monotonic() - began
        return tally

    def close(self) -> None:
        for line in self._lines:
            line.close()

    async def _all(self, carry: Callable[[], Coroutine[None, None, None]], database: Database, tally: Tally) -> None:
        watching = asyncio.create_task(self._watch(database, tally))
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(AT_ONCE, len(self._agents))):
                    group.create_task(carry())
        except* Failed as failed:
            raise failed.exceptions[0] from None
        finally:
            watching.cancel()

    async def _watch(self, database: Database, tally: Tally) -> None:
        while True:
            self._behind = (await asyncio.to_thread(lag, database)).seconds
            tally.lag = max(tally.lag, self._behind)
            await asyncio.sleep(LOOK)

    async def _tell(self, number: int, observations: int, tally: Tally) -> None:
        body, new = self._agents[number].batch(observations)
        await self._ask(number, body, tally)
        tally.observations += new
        tally.repeated += 0 if new else observations

    async def _ask(self, number: int, body: bytes, tally: Tally) -> None:
        agent, line = self._agents[number], self._lines[number]
        while True:
            sent, began = agent.boot(), time.monotonic()
            try:
                answer = await line.post(body)
            except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
                raise Failed("The server does not answer: {why}.", why=str(error) or type(error).__name__) from None
            tally.requests += 1
            tally.waits.append(time.monotonic() - began)
            if answer.status not in RESTED:
                break
            tally.put_off += 1
            await asyncio.sleep(answer.retry_after)
        if answer.status != 200:
            said = answer.body.decode("utf-8", "replace")[:200]
            raise Failed("The server answered {status}: {said}", status=answer.status, said=said)
        ack = msgspec.msgpack.decode(answer.body, type=Ack)
        if ack.refused:
            raise Failed("The server refused a record: {why}.", why=ack.refused[0].why)
        agent.heard(ack, sent)


def lag(database: Database) -> Lag:
    with database.read() as session:
        return lag_of(session, utc_now())
