"""HTTP/1.1 to one server: h11 says what the bytes mean, asyncio carries them, and no proxy is asked.

A whole HTTP client would be 6 MiB of a branch PC's memory, for the two questions an agent has.
"""

import asyncio
import socket
import ssl
from collections.abc import Mapping
from typing import NamedTuple, Protocol
from urllib.parse import urlsplit

import h11

CONNECT_SECONDS = 10.0  # to the server and through TLS: of the SYNs TCP sends, the fourth goes out after 7
TLS_SECONDS = 6.0  # of these for TLS: a line that is half open takes connections, and nothing comes over them
SILENCE_SECONDS = 10.0  # nothing of an answer comes for so long: nobody is there any more
SLOW_SECONDS = 40.0  # but a server that lets connect and has much to do is given twice as long each time, up to this
SLOWEST = 500  # bytes a second that a question goes out at: 64 kbit/s, 300 ms, and three packets in ten are lost
UNHEARD_SECONDS = 60.0  # what goes out is acknowledged by nobody for so long, where the system can tell
PROBE_SECONDS = 15  # where nothing goes either way for so long, TCP asks: firewalls forget what rests
REST_SECONDS = 75.0  # a connection is kept for so long, past the next hold: the server ends one that rests after 90
EYEBALLS_SECONDS = 0.25  # until another address of the server's name is tried beside the first (RFC 8305)
READ = 1 << 16


class HttpError(Exception):
    """The other end does not keep to HTTP, or hung up too early."""


class HungUp(HttpError):
    """Without a byte of an answer."""


class TooLong(Exception):
    """The answer is longer than was allowed."""


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]  # by lower-case names
    body: bytes


class Asks(Protocol):
    """Puts a question to a server and gives its whole answer. Raises HttpError, TooLong, OSError, TimeoutError."""

    async def __call__(
        self, method: str, path: str, headers: Mapping[str, str], content: bytes, limit: int
    ) -> Answer: ...

    async def opens(self) -> bool:
        """Whether the server takes a connection, which the next question then goes over."""


class Connections:
    """To one server. Each question has a connection to itself, one that rests or a new one. Is an `Asks`.

    `held` is how many seconds the server may keep an answer back.
    """

    def __init__(self, server: str, context: ssl.SSLContext, held: float = 0.0) -> None:
        parts = urlsplit(server)
        secure = parts.scheme == "https"
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if secure else 80)
        self._context = context if secure else None
        self._beside = "" if parts.port is None else f":{parts.port}"  # of the name, as it is said
        self._prefix = parts.path.rstrip("/")
        self._resting: list[_Connection] = []
        self._held = held
        self._silence = SILENCE_SECONDS

    async def __call__(self, method: str, path: str, headers: Mapping[str, str], content: bytes, limit: int) -> Answer:
        request = self._request(method, path, headers, content)
        if (rested := self._rested()) is not None:
            try:
                return await self._ask(rested, request, content, limit)
            except (HttpError, ConnectionError):
                if rested.heard:
                    raise
                # The server had hung up meanwhile. Every question of an agent may be asked twice.
        return await self._ask(await self._open(), request, content, limit)

    def _request(self, method: str, path: str, headers: Mapping[str, str], content: bytes) -> h11.Request:
        host = _ascii(self._host)
        named = f"[{host}]" if ":" in host else host
        said = {"Host": named + self._beside, **headers}
        if content or method != "GET":
            said["Content-Length"] = str(len(content))
        try:
            return h11.Request(method=method, target=self._prefix + path, headers=list(said.items()))
        except (h11.LocalProtocolError, UnicodeError):  # which repeats the header, and that may be a secret
            raise HttpError("the question has a header or a path that HTTP cannot say") from None

    async def _ask(self, connection: "_Connection", request: h11.Request, content: bytes, limit: int) -> Answer:
        try:
            answer = await connection.ask(request, content, limit, self._silence, self._held)
            self._silence = SILENCE_SECONDS
            return answer
        except TimeoutError:
            self._silence = min(2 * self._silence, SLOW_SECONDS)
            raise
        except h11.RemoteProtocolError as error:
            raise HttpError(str(error)) from error
        finally:
            # What was broken off is dropped: its answer may still come, and would be taken for the next one's.
            if connection.done():
                self._resting.append(connection)
            else:
                connection.drop()

    async def opens(self) -> bool:
        connection = await self._open()
        connection.rest()
        self._resting.append(connection)
        return True

    async def close(self) -> None:
        while self._resting:
            self._resting.pop().drop()
        await asyncio.sleep(0)  # asyncio closes what was dropped in its next round

    def _rested(self) -> "_Connection | None":
        while self._resting:
            connection = self._resting.pop()
            if connection.usable():
                return connection
            connection.drop()
        return None

    async def _open(self) -> "_Connection":
        secure, host = self._context is not None, _ascii(self._host)
        opening = asyncio.ensure_future(
            asyncio.open_connection(
                host,
                self._port,
                ssl=self._context,
                server_hostname=host if secure else None,
                ssl_handshake_timeout=TLS_SECONDS if secure else None,
                happy_eyeballs_delay=EYEBALLS_SECONDS,
            )
        )
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                reader, writer = await asyncio.shield(opening)
        except ConnectionAbortedError as error:
            if error.errno is not None:
                raise
            raise TimeoutError from error  # so asyncio says that the handshake took too long
        except BaseException:
            _give_up(opening)
            raise
        _give_up_unheard(writer)
        return _Connection(reader, writer)


Opening = asyncio.Future[tuple[asyncio.StreamReader, asyncio.StreamWriter]]


def _give_up(opening: Opening) -> None:
    """What nobody waits for any more. Not at once: asyncio loses a socket that was connected as it is told so."""
    opening.add_done_callback(_drop)
    asyncio.get_running_loop().call_later(0.1, opening.cancel)


def _drop(opened: Opening) -> None:
    if not opened.cancelled() and opened.exception() is None:
        opened.result()[1].transport.abort()


def _give_up_unheard(writer: asyncio.StreamWriter) -> None:
    """Windows gives up a connection by itself when five packets are not acknowledged; Linux tries for 15 minutes.

    While an answer is held nothing goes out, unless TCP is told to probe.
    """
    connected = writer.get_extra_info("socket")
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (
        ("TCP_USER_TIMEOUT", int(UNHEARD_SECONDS * 1000)),
        ("TCP_KEEPIDLE", PROBE_SECONDS),
        ("TCP_KEEPINTVL", PROBE_SECONDS),
    ):
        option = getattr(socket, name, None)
        if option is not None:
            connected.setsockopt(socket.IPPROTO_TCP, option, value)


def _ascii(host: str) -> str:
    """The name as the domain name system has it; gaierror of one that it cannot have: nobody knows that."""
    try:
        name = host.encode("idna").decode("ascii")
    except UnicodeError:
        name = ""
    if not name.isprintable() or not name:
        raise socket.gaierror(socket.EAI_NONAME, "it is no name")
    return name


class _Connection:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._http = h11.Connection(h11.CLIENT)
        self._rests_since = 0.0
        self.heard = False  # something of an answer to the last question

    async def ask(self, request: h11.Request, content: bytes, limit: int, silence: float, held: float = 0.0) -> Answer:
        """Raises TimeoutError when nothing of the answer comes for `silence` seconds, beside those the question takes
        and those the answer may be `held`."""
        said = [self._http.send(request), self._http.send(h11.Data(content)), self._http.send(h11.EndOfMessage())]
        self.heard = False
        patience = silence + held + len(content) / SLOWEST
        # Not waited for until it is sent: a server that refuses answers before it has heard all, and hangs up.
        self._writer.write(b"".join(filter(None, said)))
        status, headers, body = 0, {}, bytearray()
        while not isinstance(event := await self._event(patience), h11.EndOfMessage):
            patience = silence
            if isinstance(event, h11.Response):
                status = event.status_code
                headers = {name.decode("ascii"): value.decode("latin-1") for name, value in event.headers}
            elif isinstance(event, h11.Data):
                body += event.data
                if len(body) > limit:
                    raise TooLong
        return Answer(status, headers, bytes(body))

    async def _event(self, patience: float) -> object:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            async with asyncio.timeout(patience):
                heard = await self._reader.read(READ)
            self.heard = self.heard or bool(heard)
            if not self.heard:
                raise HungUp("it hung up without an answer")
            self._http.receive_data(heard)
        return event

    def done(self) -> bool:
        """Whether another question may follow. Begins to count how long it rests."""
        behind, _ = self._http.trailing_data
        if behind or self._http.states != {h11.CLIENT: h11.DONE, h11.SERVER: h11.DONE}:
            return False
        self._http.start_next_cycle()
        self.rest()
        return not self._writer.is_closing()

    def rest(self) -> None:
        self._rests_since = asyncio.get_running_loop().time()

    def usable(self) -> bool:
        rested = asyncio.get_running_loop().time() - self._rests_since
        return rested < REST_SECONDS and not self._reader.at_eof() and not self._writer.is_closing()

    def drop(self) -> None:
        self._writer.transport.abort()
