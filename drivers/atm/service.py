"""One service of an ATM, or its publisher: a websocket, opened when it is first asked and kept between polls.

A question and its answer belong together by their requestId, so a kept link is safe: an answer that comes too late is
nobody's. Unsolicited messages are read on the same link as the answers, in the order they came. Those that came before
a status was acknowledged are in that status; any later one stands as `news` until it is listened for.
"""

import asyncio
import errno
import re
import socket
import ssl
import weakref
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Self

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI, PayloadTooBig, ProtocolError
from websockets.protocol import State

from drivers.atm.message import NOT_TAKEN, STATUS, SUCCESS, VERSIONS, Message, command, parse
from drivers.errors import DeviceError, Garbled, NotSupported, Reason, Refused, Unreachable

MESSAGE_BYTES = 1 << 18  # a status is some 1 kB, a storage of eight cassettes some 20 kB
MESSAGES = 200  # heard for one answer; who says more says nothing
CLOSE_SECONDS = 0.5
# A link that is idle for minutes is asked for by the kernel, so that a machine without power is noticed between polls.
_KEEP_ALIVE = {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 15, "TCP_KEEPCNT": 3}
_REFUSED = re.compile(rf"\[(Errno {errno.ECONNREFUSED}|WinError 1225)\]")


@dataclass(frozen=True)
class Answer:
    payload: Mapping[str, Any]
    raw: bytes


class Service:
    def __init__(self, name: str, url: str) -> None:
        self.name = name
        self.url = url
        self.news = False
        self.parts: tuple[str, ...] = ()  # that it ever told; unknown when it does not
        self.needed = True  # whether the machine is of no use without it; nobody knows before it answers
        self._connection: ClientConnection | None = None
        self._versions: dict[str, str] = {}  # of each command, the one it takes
        self._requests = 0
        self._abandoned: weakref.finalize[..., Any] | None = None

    @property
    def is_open(self) -> bool:
        return self._connection is not None and self._connection.state is State.OPEN

    @property
    def is_kept(self) -> bool:
        """Whether there is a link to listen on: one that was lost still holds what came before."""
        return self._connection is not None

    @property
    def is_secure(self) -> bool:
        return self.url.startswith("wss:")

    async def open(self, tls: ssl.SSLContext | None, seconds: float) -> None:
        """Connect, unless it is connected. A link that was found closed is made anew: nothing was asked on it."""
        if self.is_open:
            return
        await self.close()
        try:
            connection = await _Connect(
                self.url,
                ssl=tls,
                proxy=None,  # an ATM is on the bank's own network, whatever the environment of the agent says
                compression=None,
                open_timeout=seconds,
                ping_interval=None,
                close_timeout=CLOSE_SECONDS,
                max_size=MESSAGE_BYTES,
            )
        except (OSError, TimeoutError, InvalidHandshake, InvalidURI, ConnectionClosed) as error:
            raise cannot_connect(self.url, error) from error
        _keep_alive(connection)
        self._connection = connection
        self.news = False
        # Who drops a service hangs up, even when nobody closes it: the event loop would hold the connection for ever.
        self._abandoned = weakref.finalize(self, _abandon, connection, asyncio.get_running_loop())
        self._abandoned.atexit = False

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if self._abandoned is not None:
            self._abandoned.detach()
        if connection is not None:
            try:
                await connection.close()
            finally:
                connection.transport.abort()

    async def ask(self, name: str, seconds: float) -> Answer:
        """The completion of a command, or the DeviceError that fits if there is none in so many seconds."""
        try:
            async with asyncio.timeout(seconds):
                return await self._in_its_version(name, seconds)
        except TimeoutError:
            raise Unreachable(Reason.NO_ANSWER, f"{name} was not answered in {seconds:g} s") from None

    async def _in_its_version(self, name: str, seconds: float) -> Answer:
        """In the version that it took last, or else in any. Once it took one, a no is no lack of the command."""
        known = self._versions.pop(name, None)
        refused: list[NotSupported] = []
        for version in dict.fromkeys((known or VERSIONS[0], *VERSIONS)):
            try:
                answer = await self._complete(name, version, seconds)
            except NotSupported as error:
                refused.append(error)
            else:
                self._versions[name] = version
                return answer
        if known:
            self._versions[name] = known
            raise Refused(Reason.NEGATIVE_ANSWER, refused[0].detail, raw=refused[0].raw)
        raise refused[0]

    async def listen(self) -> None:
        """Return when there is news; a DeviceError when the link is lost."""
        while not self.news:
            await self._hear()

    async def _complete(self, name: str, version: str, seconds: float) -> Answer:
        self._requests += 1
        request = self._requests
        await self._say(command(name, request, version, seconds))
        for _ in range(MESSAGES):
            message, frame = await self._hear()
            if (message.request, message.name) != (request, name):
                continue  # unsolicited, or what came too late for an earlier question
            if message.kind == "acknowledge":
                if message.refusal:
                    raise _refusal(name, message.refusal, message.description, frame)
                if name == STATUS:
                    self.news = False
            elif message.kind == "completion":
                if message.code not in ("", SUCCESS):
                    raise _refusal(name, message.code, message.description, frame)
                return Answer(message.payload, frame)
        raise Garbled(Reason.TOO_LONG, f"more than {MESSAGES} messages came and none that completes {name}")

    async def _say(self, text: str) -> None:
        try:
            await self._link().send(text)
        except ConnectionClosed as error:
            raise _hung_up(error) from error

    async def _hear(self) -> tuple[Message, bytes]:
        try:
            frame = await self._link().recv(decode=False)
        except ConnectionClosed as error:
            raise _hung_up(error) from error
        message = parse(frame)
        self.news = self.news or message.is_news
        return message, frame

    def _link(self) -> ClientConnection:
        if self._connection is None:
            raise Unreachable(Reason.HUNG_UP, "the link is closed")
        return self._connection


class Kept:
    """The services of one agent that may hold a connection, hung up when the agent ends."""

    def __init__(self) -> None:
        self.services: weakref.WeakSet[Service] = weakref.WeakSet()

    @classmethod
    async def start(cls) -> Self:
        return cls()

    async def close(self) -> None:
        await asyncio.gather(*(service.close() for service in self.services))


class _Connect(connect):
    def process_redirect(self, exc: Exception) -> Exception:
        """An ATM is asked where the inventory says, and nowhere else."""
        return exc


def cannot_connect(url: str, error: Exception) -> DeviceError:
    """Why there is no connection to `url`."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return Refused(Reason.UNTRUSTED, f"the certificate of {url} is not trusted: {_of_tls(error)}")
    if isinstance(error, ssl.SSLError):
        return Garbled(Reason.BAD_FRAME, f"{url} does not speak TLS: {_of_tls(error)}")
    if isinstance(error, socket.gaierror):
        return Unreachable(Reason.NAME_UNKNOWN, f"the name in {url} is not known")
    if _is_refused(error):
        return Unreachable(Reason.CONNECTION_REFUSED, f"{url} refuses the connection")
    if isinstance(error, TimeoutError):
        return Unreachable(Reason.NO_ANSWER, f"{url} does not answer")
    if isinstance(error, InvalidHandshake | InvalidURI):
        if isinstance(error.__cause__, EOFError | ConnectionError):
            return Unreachable(Reason.HUNG_UP, f"{url} hung up")
        return Garbled(Reason.BAD_FRAME, f"{url} is no websocket: {error}")
    if isinstance(error, ConnectionError | ConnectionClosed):
        return Unreachable(Reason.HUNG_UP, f"{url} hung up")
    return Unreachable(Reason.NO_ROUTE, f"there is no way to {url}: {error}")


def _is_refused(error: Exception) -> bool:
    """asyncio joins the errors of a host's several addresses into the text of one OSError without a number."""
    joined = isinstance(error, OSError) and error.errno is None
    return isinstance(error, ConnectionRefusedError) or (joined and _REFUSED.search(str(error)) is not None)


def _of_tls(error: ssl.SSLError) -> str:
    return getattr(error, "verify_message", "") or error.strerror or str(error)


def _refusal(name: str, code: str, description: str, frame: bytes) -> DeviceError:
    sentence = f"{name} ended with {code}" + (f": {description}" if description else "")
    if code in NOT_TAKEN:
        return NotSupported(Reason.NOT_IN_DEVICE, sentence, raw=frame)
    return Refused(Reason.NEGATIVE_ANSWER, sentence, raw=frame)


def _hung_up(error: ConnectionClosed) -> DeviceError:
    if isinstance(error.__cause__, PayloadTooBig):
        return Garbled(Reason.TOO_LONG, f"a message is longer than {MESSAGE_BYTES} bytes")
    if isinstance(error.__cause__, ProtocolError):
        return Garbled(Reason.BAD_FRAME, f"a frame is no websocket's: {error.__cause__}")
    return Unreachable(Reason.HUNG_UP, "the service hung up")


def _keep_alive(connection: ClientConnection) -> None:
    link: socket.socket | None = connection.transport.get_extra_info("socket")
    if link is None:
        return
    with suppress(OSError):
        link.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in _KEEP_ALIVE.items():
            if hasattr(socket, option):  # not every system lets them be chosen
                link.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)


def _abandon(connection: ClientConnection, loop: asyncio.AbstractEventLoop) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(connection.transport.abort)
