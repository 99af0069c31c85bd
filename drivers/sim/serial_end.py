"""The device's end of a serial line: a pseudo terminal, or a TCP port such as a terminal server offers.

A dialect is the protocol alone: it takes questions out of what was heard and says the answer. The simulator around it
carries bytes, does what the switched-on fault says, and tells what was shown.
"""

import asyncio
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from drivers.sim.base import Fault, Showed, choice, read_port

SLOW_SECONDS = 30.0  # longer than any driver waits
# Not in any of our protocols; with markup, a formula and control bytes, because such bytes arrive one day.
GARBAGE = b"\x00\xff\xfe[/x]=cmd|'/c calc'!A0\x1b[2J\x07\x9b\xd6\xd0\xb9\xfa" * 8


@dataclass(frozen=True)
class Answer:
    """What goes out for one question. `tells`: with it a poll is answered, and this is what it was told."""

    data: bytes
    tells: dict[str, str] | None = None


class Dialect(Protocol):
    def take(self, heard: bytearray, state: dict[str, str]) -> Answer | None:
        """Take one question off the front of `heard`; None if there is none yet."""


class End(Protocol):
    async def start(self, hear: Callable[[bytes], None]) -> str: ...

    def write(self, data: bytes) -> None: ...

    def hang_up(self) -> None: ...

    async def close(self) -> None: ...


class SerialSimulator:
    """A simulated device on a serial line. `heard` counts every byte that ever came."""

    def __init__(
        self, name: str, dialect: Dialect, state: dict[str, str], folder: Path, *, tcp: bool, port: int = 0
    ) -> None:
        self.name = name
        self.fault = Fault.NONE
        self.state = state
        self.showed: Showed | None = None
        self.garbage = GARBAGE
        self.heard = 0
        self._dialect = dialect
        self._end: End = TcpEnd(port) if tcp else pty_end(folder / name.replace("/", "-"))
        self._buffer = bytearray()
        self._late: asyncio.TimerHandle | None = None

    async def start(self) -> str:
        return await self._end.start(self._hear)

    async def close(self) -> None:
        self._forget_late()
        await self._end.close()

    def _hear(self, data: bytes) -> None:
        self.heard += len(data)
        self._buffer += data
        while (answer := self._dialect.take(self._buffer, self.state)) is not None:
            self._answer(answer)

    def _answer(self, answer: Answer) -> None:
        self._forget_late()  # a device that is asked again drops what it was about to say
        if not answer.data or self.fault is Fault.SILENT:
            return
        if self.fault is Fault.SLOW:
            self._late = asyncio.get_running_loop().call_later(SLOW_SECONDS, self._end.write, answer.data)
        elif self.fault is Fault.HALF:
            self._end.write(answer.data[: (len(answer.data) + 1) // 2])
        elif self.fault is Fault.GARBAGE:
            self._end.write(self.garbage)
        elif self.fault is Fault.HANG_UP:
            self._buffer.clear()
            self._end.hang_up()
        else:
            self._end.write(answer.data)
            if answer.tells is not None and self.showed is not None:
                self.showed(self.name, dict(answer.tells))

    def _forget_late(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None


def serial_simulator(
    name: str, dialect: Dialect, options: dict[str, object], state: dict[str, str], folder: Path
) -> SerialSimulator:
    """On a pseudo terminal where there are any, on a TCP port with `link = "tcp"` or a `port`, and everywhere else."""
    port = read_port(options)
    tcp = bool(port) or choice(options, "link", ("pty", "tcp"), "pty") == "tcp" or sys.platform != "linux"
    return SerialSimulator(name, dialect, state, folder, tcp=tcp, port=port)


class TcpEnd(asyncio.Protocol):
    """One listening port, any that is free if it is 0; whoever connects last is spoken to."""

    def __init__(self, port: int = 0) -> None:
        self._port = port
        self._server: asyncio.Server | None = None
        self._transports: set[asyncio.Transport] = set()
        self._latest: asyncio.Transport | None = None
        self._hear: Callable[[bytes], None] = lambda data: None
        self._nobody = asyncio.Event()
        self._nobody.set()

    async def start(self, hear: Callable[[bytes], None]) -> str:
        self._hear = hear
        self._server = await asyncio.get_running_loop().create_server(
            lambda: _Connection(self), "127.0.0.1", self._port
        )
        return f"socket://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def came(self, transport: asyncio.Transport) -> None:
        self._transports.add(transport)
        self._nobody.clear()
        self._latest = transport

    def heard(self, transport: asyncio.Transport, data: bytes) -> None:
        self._latest = transport
        self._hear(data)

    def went(self, transport: asyncio.Transport) -> None:
        self._transports.discard(transport)
        if not self._transports:
            self._nobody.set()

    def write(self, data: bytes) -> None:
        if self._latest in self._transports and self._latest is not None:
            self._latest.write(data)

    def hang_up(self) -> None:
        for transport in self._transports:
            transport.abort()

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        self.hang_up()
        await self._nobody.wait()


class _Connection(asyncio.Protocol):
    def __init__(self, end: TcpEnd) -> None:
        self._end = end
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.Transport):
            self._transport = transport
            self._end.came(transport)

    def data_received(self, data: bytes) -> None:
        if self._transport is not None:
            self._end.heard(self._transport, data)

    def connection_lost(self, reason: Exception | None) -> None:
        if self._transport is not None:
            self._end.went(self._transport)


if sys.platform == "win32":

    def pty_end(path: Path) -> End:
        raise OSError("Windows has no pseudo terminals")

else:
    import tty

    class _PtyEnd:
        """The master of a pseudo terminal; `path` is a link to the slave.

        The slave stays open here too: a master whose slave nobody holds reports a hang-up for ever.
        """

        def __init__(self, path: Path) -> None:
            self._path = path
            self._master = -1
            self._slave = -1
            self._unsent = b""
            self._hear: Callable[[bytes], None] = lambda data: None

        async def start(self, hear: Callable[[bytes], None]) -> str:
            self._hear = hear
            self._open()
            return str(self._path)

        def _open(self) -> None:
            self._master, self._slave = os.openpty()
            tty.setraw(self._slave)
            os.set_blocking(self._master, False)
            asyncio.get_running_loop().add_reader(self._master, self._readable)
            self._path.unlink(missing_ok=True)
            self._path.symlink_to(os.ttyname(self._slave))

        def _readable(self) -> None:
            with suppress(OSError):
                data = os.read(self._master, 4096)
                self._unsent = b""  # a question makes an end of whatever was being said
                self._hear(data)

        def write(self, data: bytes) -> None:
            self._unsent += data
            self._send()

        def _send(self) -> None:
            loop = asyncio.get_running_loop()
            with suppress(BlockingIOError):
                self._unsent = self._unsent[os.write(self._master, self._unsent) :]
            if self._unsent:
                loop.add_writer(self._master, self._send)
            else:
                loop.remove_writer(self._master)

        def hang_up(self) -> None:
            """The one who has the slave open finds it dead; the next one to open `path` finds a new one."""
            self._let_go()
            self._open()

        def _let_go(self) -> None:
            if self._master < 0:
                return
            loop = asyncio.get_running_loop()
            loop.remove_reader(self._master)
            loop.remove_writer(self._master)
            os.close(self._master)
            os.close(self._slave)
            self._master = self._slave = -1
            self._unsent = b""

        async def close(self) -> None:
            self._let_go()
            self._path.unlink(missing_ok=True)

    def pty_end(path: Path) -> End:
        return _PtyEnd(path)
