"""A Linux or Windows host without an agent, read over SSH by scripts that only look: `host/ssh`.

Where a driver never tries again, this one makes a second connection when the first was refused or dropped: a host that
is asked by many at once drops some (MaxStartups). Nothing is ever run twice on a host.
"""

import asyncio
import re
import socket
from importlib import import_module
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, Self

import msgspec

from drivers.base import DriverOptions, FactSheet, Reading, Shared
from drivers.blocking import in_a_thread
from drivers.errors import DeviceError, Reason, Refused, Unreachable
from drivers.host import script
from drivers.host.said import reading_of
from drivers.host.told import sheets_of
from drivers.options import SECRET, Check
from drivers.reach import split, why

PORT = 22
CONNECT_SECONDS = 5.0
TURN_SECONDS = 30.0  # for one of the places
FACTS_SECONDS = 60.0  # of a session that tells facts, and of silence in it
FACTS_WAIT = 30.0
AT_ONCE = 16  # sessions of one agent: each is three threads and some CPU for its keys
END_SECONDS = 1.5  # that a session may take to end once its line is shut down
_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")
_AGAIN = (Reason.CONNECT_TIMEOUT, Reason.CONNECTION_REFUSED)


class Asked(NamedTuple):
    """What a system is asked by."""

    family: str  # as the fact os.family has it
    read: script.Script
    facts: script.Script


SCRIPTS = {
    "linux": Asked("linux", script.Script(script.READ), script.Script(script.FACTS)),
    "windows": Asked(
        "win32",
        script.Script(script.WINDOWS, script.POWERSHELL, "read"),
        script.Script(script.WINDOWS, script.POWERSHELL, "facts"),
    ),
}


class Places:
    """So many sessions at once, of all positions of an agent."""

    def __init__(self) -> None:
        self.free = asyncio.Semaphore(AT_ONCE)

    @classmethod
    async def start(cls) -> Self:
        """With paramiko loaded, which takes a slow PC a second: not while everything else waits."""
        await in_a_thread(lambda: import_module("drivers.host.session"), "ssh")
        return cls()

    async def close(self) -> None:
        """A session that is on belongs to its poll."""


def _check_fingerprint(written: str) -> None:
    if written and not _FINGERPRINT.fullmatch(written):
        raise ValueError('it is written as ssh-keygen -lf shows it, "SHA256:" and 43 characters')


class SshOptions(DriverOptions):
    """`host_key`: the fingerprint a person compared; without one nobody logs in, and the failure names it."""

    user: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    private_key: Annotated[str, msgspec.Meta(min_length=1, max_length=16384), SECRET]
    host_key: Annotated[str, Check(_check_fingerprint)] = ""
    os: Literal["linux", "windows"] = "linux"
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] = PORT
    wait: Annotated[float, msgspec.Meta(ge=0.1, le=20)] = 10.0  # seconds of silence, in each step
    run: Annotated[float, msgspec.Meta(ge=0.1, le=40)] = 40.0  # seconds of a whole session


class Ssh:
    Options: ClassVar[type[SshOptions]] = SshOptions
    timeout: ClassVar[float] = 115.0  # twice two connections, the wait for a place, a session of facts

    def __init__(self, address: str, options: SshOptions, shared: Shared) -> None:
        self._host, port = split(address)
        self._port = port or options.port
        self._options = options
        self._shared = shared
        self._running: asyncio.Future[Any] | None = None

    @staticmethod
    def check_address(address: str) -> str | None:
        try:
            split(address)
        except ValueError:
            return "is not HOST or HOST:PORT"
        return None

    async def open(self) -> None:
        """Nothing is kept open: a login lasts as long as its one question."""

    async def poll(self) -> Reading:
        options = self._options
        asked = SCRIPTS[options.os]
        return reading_of(await self._ask(asked.read, options.wait, options.run), asked.read.name)

    async def facts(self) -> list[FactSheet]:
        """By another script, that may be silent for longer: packages are counted and updates tried."""
        options = self._options
        run = max(options.run, FACTS_SECONDS)
        asked = SCRIPTS[options.os]
        said = await self._ask(asked.facts, max(options.wait, FACTS_WAIT), run)
        return sheets_of(said, asked.family, asked.facts.name, script.SHA256[asked.facts.name])

    async def close(self) -> None:
        """A session that was left ends by itself now that its line is shut down."""
        if self._running is not None:
            await asyncio.wait([self._running], timeout=END_SECONDS)
            self._running = None

    async def _ask(self, asked: script.Script, wait: float, run: float) -> bytes:
        script.shipped(asked.name)  # before anybody is called
        connected = await self._connect_twice()  # while others are asked: a host that is off takes no place
        try:
            free = (await self._shared.get(Places)).free
            await _acquire(free)
            try:
                return await self._ask_twice(connected, asked, wait, run)
            finally:
                free.release()
        finally:
            connected.close()  # nothing, once a session has it

    async def _ask_twice(self, connected: socket.socket, asked: script.Script, wait: float, run: float) -> bytes:
        from drivers.host.session import Dropped

        end = asyncio.get_running_loop().time() + run
        try:
            return await self._in_session(connected, asked, wait, end)
        except Dropped:
            again = await self._connect_twice()
        try:
            return await self._in_session(again, asked, wait, end)
        finally:
            again.close()

    async def _in_session(self, connected: socket.socket, asked: script.Script, wait: float, end: float) -> bytes:
        from drivers.host.session import Session

        options = self._options
        connected.setblocking(True)
        session = Session(connected, options.user, options.host_key, wait)
        running = self._running = in_a_thread(lambda: session.run(options.private_key, asked), "ssh")
        try:
            done, _ = await asyncio.wait([running], timeout=max(0.0, end - asyncio.get_running_loop().time()))
        finally:
            session.stop()
        if not done:
            raise Refused(Reason.RUN_TIMEOUT, f"it did not end in its time, and still owed {session.step}")
        said: bytes = running.result()
        return said

    async def _connect_twice(self) -> socket.socket:
        try:
            return await self._connect()
        except Unreachable as error:
            if error.reason not in _AGAIN:
                raise
        return await self._connect()

    async def _connect(self) -> socket.socket:
        loop = asyncio.get_running_loop()
        link: socket.socket | None = None
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                family, _, _, _, place = (await loop.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM))[0]
                link = socket.socket(family, socket.SOCK_STREAM)
                link.setblocking(False)
                await loop.sock_connect(link, place)
                return link
        except BaseException as error:
            if link is not None:
                link.close()
            if isinstance(error, TimeoutError):
                raise _too_late(self._host) from None
            if isinstance(error, OSError):
                raise why(self._host, error) from error
            raise


async def _acquire(free: asyncio.Semaphore) -> None:
    try:
        async with asyncio.timeout(TURN_SECONDS):
            await free.acquire()
    except TimeoutError:
        raise Refused(Reason.CROWDED, f"{AT_ONCE} other hosts were being asked for {TURN_SECONDS:g} s") from None


def _too_late(host: str) -> DeviceError:
    return Unreachable(Reason.CONNECT_TIMEOUT, f"{host} did not take a connection in {CONNECT_SECONDS:g} s")
