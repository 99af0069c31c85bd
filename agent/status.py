"""What a running agent tells of itself in a small file, because it lets nobody else into its spool.

`doctor` reads it. It holds no secret, and says when it was written: whoever reads it must look at that first.
"""

import asyncio
import logging
import os
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path

import msgspec

from agent.clock import Clocks
from agent.files import write_private
from agent.link.errors import LinkError, Rejected
from agent.link.link import Link
from agent.local import now
from agent.local.box import Aside
from agent.poll import Seen
from agent.spool.outbox import Outbox
from agent.spool.spool import Spool
from agent.spool.standing import Standing
from agent.spool.tables import SpoolFull
from agent.wire import Clock, Title, catalogue

FILE = "status.json"
EVERY_SECONDS = 10.0
SETTLE_SECONDS = 30.0  # after a start every position was looked at by then, or hangs
STALE_SECONDS = 180.0  # a running agent's file is never older: then it hangs, or was killed

log = logging.getLogger(__name__)


class Looked(msgspec.Struct, frozen=True):
    """The newest poll of a position."""

    at: int  # as of `Status`; boot µs while the agent keeps it
    device: str
    reason: str = ""
    detail: str = ""
    standing: str = ""  # by the catalogue's levels: good, attention, fault, inUse, unknown
    gravest: Title = Title("", "")  # the gravest thing it said, for people


class Trouble(msgspec.Struct, frozen=True):
    """Why there is no answer: the kind is the name of a LinkError."""

    kind: str
    zh: str
    en: str
    at: int = 0  # as of `Status`: when that was found last


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """A running agent at one instant. Times are UTC µs by the wall clock it had then, reckoned back by the boot clock:
    so whoever sets the wall clock makes nothing look newer than it is.
    """

    pid: int
    version: str
    started: int
    at: Clock
    spool: Standing | None = None  # None: the disk was full, or the spool was being replaced
    trouble: Trouble | None = None  # why the server gives no answer
    kept_out: str = ""  # it does, and does not let this agent in: its word for why, or "refused"
    answered: int = 0  # when the server last did
    looked: dict[str, Looked] = {}
    aside: Aside = Aside()  # what people's consoles left for the agent and is no entry


class Account:
    """Keeps what the status file tells, and writes it."""

    def __init__(self, home: Path, clocks: Clocks, outbox: Outbox, link: Link, version: str) -> None:
        self._path = home / FILE
        self._clocks = clocks
        self._outbox = outbox
        self._link = link
        self._version = version
        self._started = clocks().boot
        self._looked: dict[str, Looked] = {}
        self._saw = asyncio.Event()
        self._answered: int | None = None
        self._troubled = self._started
        link.troubled = self._meets_trouble
        self.aside: Callable[[], Aside] = Aside

    def saw(self, position: str, seen: Seen, clock: Clock) -> None:
        failure = seen.failure
        said = (failure.reason, failure.detail) if failure is not None else ("", "")
        standing, gravest = now.standing_of(seen, catalogue()), now.said_gravest(seen.reading, catalogue())
        self._looked[position] = Looked(clock.boot, str(seen.reading.device), *said, standing, gravest)
        self._saw.set()

    def answered(self) -> None:
        """The server took a batch."""
        self._answered = self._clocks().boot

    def _meets_trouble(self) -> None:
        self._troubled = self._clocks().boot

    async def run(self) -> None:
        """Write every EVERY_SECONDS until cancelled."""
        while True:
            await self.write()
            await asyncio.sleep(EVERY_SECONDS)

    async def settled(self, positions: Callable[[], Collection[str]]) -> None:
        """Write once everything was looked at since the start: what is not known yet is not wrong."""
        with suppress(TimeoutError):
            async with asyncio.timeout(SETTLE_SECONDS):
                while not self._looked.keys() >= set(positions()):
                    self._saw.clear()
                    await self._saw.wait()
        await self.write()

    async def write(self) -> None:
        try:
            spool = await self._outbox.ask(Spool.standing)
        except SpoolFull:
            spool = None
        trouble, at = self._link.trouble, self._clocks()
        status = Status(
            pid=os.getpid(), version=self._version, started=now.wall_at(self._started, at), at=at,
            spool=spool,
            trouble=self._told(trouble, at) if trouble is not None else None,
            kept_out=kept_out(trouble), answered=0 if self._answered is None else now.wall_at(self._answered, at),
            looked={key: msgspec.structs.replace(one, at=now.wall_at(one.at, at)) for key, one in self._looked.items()},
            aside=self.aside(),
        )  # fmt: skip
        try:
            await asyncio.to_thread(write_private, self._path, msgspec.json.encode(status))
        except OSError as error:
            log.debug("%s cannot be written: %s", self._path, error.strerror)  # the full disk is told by the spool

    def _told(self, trouble: LinkError, at: Clock) -> Trouble:
        return Trouble(type(trouble).__name__, trouble.zh, trouble.sentence, now.wall_at(self._troubled, at))


def kept_out(trouble: LinkError | None) -> str:
    """Why a server that answers does not let this agent in; "" where that is not the trouble."""
    return trouble.reason or "refused" if isinstance(trouble, Rejected) else ""


def read_status(home: Path) -> Status | None:
    """The newest, or None if there is none that can be read."""
    try:
        return msgspec.json.decode((home / FILE).read_bytes(), type=Status)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None
