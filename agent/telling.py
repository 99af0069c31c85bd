"""Tells what this host knows of itself: a minute after the start, then once a day, and whenever an order asks.

Also where nothing changed: so it is known how old it is. Each agent has a second of the day of its own, by its name.
Another process looks, and is gone with all it imported, with whatever it was told, and with the programs it asked.
"""

import asyncio
import hashlib
import logging
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec

import agent
from agent.clock import Clocks
from agent.link.tokens import host_name
from agent.orders.outcome import NotDone
from agent.spool.outbox import Outbox
from agent.wire import Clock, Fact, Told, Why

FIRST = 60.0  # seconds after the start: until then it has better things to do
DAY = 86_400
APART = 3600  # seconds at least from one time to the next
END_SECONDS = 3.0  # for the process to end the programs it asks
_NO_WINDOW = getattr(subprocess, "CREATE_NO_WINDOW", 0)

log = logging.getLogger(__name__)


class Looked(msgspec.Struct, frozen=True):
    """A sheet, as the process that looks writes it."""

    topic: str
    facts: dict[str, Told]
    unread: dict[str, str]


class Telling:
    """`off` says how many ms the PC's clock is ahead of the server's, if that is known."""

    def __init__(self, home: Path, outbox: Outbox, clocks: Clocks, off: Callable[[Clock], int | None]) -> None:
        self._home = home
        self._outbox = outbox
        self._clocks = clocks
        self._off = off
        name = f"{host_name()} {home}"
        self._second = int.from_bytes(hashlib.sha256(name.encode(errors="replace")).digest()[:4]) % DAY
        self._looking = asyncio.Lock()

    async def run(self) -> None:
        """Until cancelled."""
        await asyncio.sleep(FIRST)
        while True:
            try:
                self._outbox.put(await self.look())
            except NotDone as error:
                log.error("What this PC is was not told today: %s", error.said)
            await asyncio.sleep(wait(self._clocks(), self._second))

    async def look(self) -> list[Fact]:
        """A record for each topic. Takes seconds. Raises NotDone."""
        async with self._looking:
            clock = self._clocks()
            found = await self._ask(self._off(clock))
        return [
            Fact(seq=0, clock=clock, host=host_name(), topic=one.topic, facts=one.facts, unread=one.unread)
            for one in found
        ]

    async def _ask(self, off: int | None) -> list[Looked]:
        words = [] if off is None else [str(off)]
        try:
            child = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "agent.facts", str(self._home), *words),
                cwd=Path(agent.__file__).parent.parent,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                creationflags=_NO_WINDOW,
            )
        except OSError as error:
            raise NotDone(Why.ERROR, f"who looks at the PC cannot be started: {error.strerror}") from error
        try:
            said, _ = await child.communicate()
        finally:
            await _end(child)
        try:
            return msgspec.msgpack.decode(said, type=list[Looked])
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise NotDone(Why.ERROR, f"who looks at the PC ended with exit code {child.returncode}") from error


async def _end(child: asyncio.subprocess.Process) -> None:
    """It took too long, or the agent ends."""
    for end in (child.terminate, child.kill):
        if child.returncode is None:
            with suppress(ProcessLookupError):
                end()
            with suppress(TimeoutError):
                async with asyncio.timeout(END_SECONDS):
                    await child.wait()


def wait(now: Clock, second: int) -> float:
    """Seconds until that second of a day (UTC) comes next, but at least an hour."""
    return (second - now.wall // 1_000_000 - APART) % DAY + APART
