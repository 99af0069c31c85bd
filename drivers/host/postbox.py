"""Takes what hosts post: one small HTTP listener of an agent for each address its posted positions name.

    GET  /facts/nonce    a word that is good once, for NONCE_SECONDS
    POST /facts          a document signed over such a word: 200, 403 (whoever did not sign it), 422 (not readable)

Anybody on the network may connect. So: one request a connection, so many connections at once and of one address, so
many seconds and bytes each, and nothing is read, kept or logged without bound. What is not signed by the key of a
position is refused in one way, whatever is wrong with it.

Whether a document is new is decided by the nonce, which is this agent's: the clock of the host may say anything.
"""

import asyncio
import hashlib
import hmac
import logging
import secrets
import time
import weakref
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from typing import Final, NamedTuple, Self

import h11

from drivers.base import FactSheet
from drivers.blocking import in_a_thread
from drivers.errors import DeviceError, Garbled, Reason, Refused
from drivers.host import document
from drivers.host.newest import Came, Newest

AT_ONCE: Final = 16  # connections
OF_ONE: Final = 2  # of them, of one address
SECONDS: Final = 20.0  # for a whole request, however slowly it comes
NONCE_SECONDS: Final = 120
BURST: Final = 20  # requests of one address at once,
EACH: Final = 6.0  # and one more every so many seconds
PEERS: Final = 1024  # addresses that are remembered
NAMED: Final = 256  # refusals that are logged
HEAD: Final = 8 << 10  # bytes

log = logging.getLogger(__name__)


class Post(NamedTuple):
    sheets: tuple[FactSheet, ...]
    at: int  # UTC µs by this PC's clock, when it came
    heard: float  # by the monotonic clock
    peer: str


class Box:
    """What came for one position. `news`: and nobody took it yet. `wrong`: the newest was signed and not readable."""

    def __init__(self, key: bytes, home: Path | None = None) -> None:
        self.position = ""
        self.key = key
        self._newest = Newest(home)
        self._recalled = False
        self.turn = asyncio.Lock()  # of two posts that come at once the later counts, here and on the disk
        self.post: Post | None = None
        self.wrong: DeviceError | None = None
        self.news = False
        self.came = asyncio.Event()  # something did since it was polled
        self.last = 0  # when the nonce of the newest was made, ns of the monotonic clock

    def take(self, found: document.Document, came: Came) -> None:
        """What its key signed, now. Garbled, which is what is known of it then. Blocks: after it, it is on the disk."""
        try:
            post = _post(found, came, time.monotonic())
        except Garbled as error:
            self.wrong, self.news = error, False
            self._newest.forget(self.position)
            raise
        self._newest.keep(self.position, came)
        self.post, self.wrong, self.news = post, None, True

    def recall(self) -> None:
        """What was known before a restart, as old as it is by this PC's clock; of a time that has not come nothing.
        Its facts are told again only where they are of just now: they are told as of the moment they are."""
        if self._recalled or self.post is not None:
            return
        self._recalled = True
        came = self._newest.read(self.position)
        found = document.opened(came.raw, self.key) if came else None
        if came is None or found is None or found.position != self.position:
            return
        age = time.time() - came.at / 1e6
        if age < 0:
            return
        try:
            self.post = _post(found, came, time.monotonic() - age)
        except Garbled as error:
            self.wrong = error
            return
        self.news = age <= NONCE_SECONDS


class Postbox:
    """All listeners of one agent."""

    def __init__(self) -> None:
        self._listeners: dict[tuple[str, int], Listener] = {}
        self._lock = asyncio.Lock()

    @classmethod
    async def start(cls) -> Self:
        return cls()

    async def put_up(self, host: str, port: int, box: Box) -> None:
        """From now on what is posted there for its position comes into `box`, as long as somebody has it."""
        async with self._lock:
            listener = self._listeners.get((host, port))
            if listener is None or listener.ended:
                listener = self._listeners[host, port] = await Listener.open(host, port)
            if box not in listener:
                await in_a_thread(box.recall, "posted")
            listener.add(box)

    async def close(self) -> None:
        while self._listeners:
            _, listener = self._listeners.popitem()
            await listener.close()


class Nonces:
    """Each says when it was made and proves that it was made here, so none need be kept."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)

    def make(self) -> str:
        made = f"{time.monotonic_ns():016x}"
        return made + self._proof(made)

    def made(self, nonce: str) -> int | None:
        """When, in ns of the monotonic clock; None if it is not of this run, or too old."""
        made = nonce[:16]
        if not hmac.compare_digest(self._proof(made), nonce[16:]):
            return None
        age = time.monotonic_ns() - int(made, 16)
        return int(made, 16) if 0 <= age <= NONCE_SECONDS * 1_000_000_000 else None

    def _proof(self, made: str) -> str:
        return hmac.new(self._key, made.encode("ascii"), hashlib.sha256).hexdigest()[:48]


class Rates:
    """How many requests an address may still make. Bounded: who was silent longest is forgotten first."""

    def __init__(self) -> None:
        self._left: dict[str, tuple[float, float]] = {}

    def take(self, peer: str, of: int = 1) -> bool:
        """One, if there are so many: whoever asks for a nonce has to have one left to post with."""
        now = time.monotonic()
        left, since = self._left.pop(peer, (float(BURST), now))
        left = min(float(BURST), left + (now - since) / EACH)
        while len(self._left) >= PEERS:
            del self._left[next(iter(self._left))]
        self._left[peer] = (left - 1 if left >= of else left), now
        return left >= of


class Listener:
    """One address. It ends by itself when no position is left that has a box here."""

    def __init__(self) -> None:
        self.ended = False
        self._boxes: weakref.WeakValueDictionary[str, Box] = weakref.WeakValueDictionary()
        self._nonces = Nonces()
        self._rates = Rates()
        self._nobody = secrets.token_bytes(32)  # the key of positions there are not: they cost the same
        self._logged: set[tuple[str, str]] = set()
        self._of: dict[str, int] = {}  # connections by address
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    @classmethod
    async def open(cls, host: str, port: int) -> Self:
        """Refused where nothing can be opened there."""
        self = cls()
        try:
            self._server = await asyncio.start_server(self._met, host, port, backlog=AT_ONCE)
        except OSError as error:
            why = error.strerror or str(error)
            raise Refused(Reason.CANNOT_OPEN, f"this agent cannot listen at {host}:{port}: {why}") from error
        return self

    def __contains__(self, box: Box) -> bool:
        return self._boxes.get(box.position) is box

    def add(self, box: Box) -> None:
        if self._boxes.get(box.position) is not box:
            self._boxes[box.position] = box
            weakref.finalize(box, self._gone, asyncio.get_running_loop()).atexit = False

    def _gone(self, loop: asyncio.AbstractEventLoop) -> None:
        """A box is, in whatever thread that was noticed."""
        with suppress(RuntimeError):  # the loop has ended, and the listener with it
            loop.call_soon_threadsafe(self._end_if_empty)

    def _end_if_empty(self) -> None:
        if not list(self._boxes.values()) and self._server is not None:
            self.ended = True
            self._server.close()

    async def close(self) -> None:
        self.ended = True
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _met(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A connection. Nothing is awaited before it is counted."""
        name = writer.get_extra_info("peername")
        peer = str(name[0]) if name else ""
        if self.ended or len(self._tasks) >= AT_ONCE or self._of.get(peer, 0) >= OF_ONE:
            writer.transport.abort()
            return
        self._of[peer] = self._of.get(peer, 0) + 1
        task = asyncio.get_running_loop().create_task(self._serve(peer, reader, writer))
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._left(peer, done))

    def _left(self, peer: str, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._of[peer] -= 1
        if not self._of[peer]:
            del self._of[peer]

    async def _serve(self, peer: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(SECONDS):
                link = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD)
                try:
                    status, said = await self._answer(peer, link, reader, writer)
                except h11.RemoteProtocolError:
                    status, said = HTTPStatus.BAD_REQUEST, "this is not HTTP"
                await _reply(link, writer, status, said)
                writer.close()
                await writer.wait_closed()
        except (OSError, TimeoutError):
            return  # it is gone, or too slow
        finally:
            writer.transport.abort()

    async def _answer(
        self, peer: str, link: h11.Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> tuple[HTTPStatus, str]:
        request = await _event(link, reader)
        if not isinstance(request, h11.Request):
            raise h11.RemoteProtocolError("it hung up")
        asked = request.method, request.target
        if not self._rates.take(peer, of=2 if asked[0] == b"GET" else 1):
            return HTTPStatus.TOO_MANY_REQUESTS, "too many requests; try again in some minutes"
        if asked == (b"GET", b"/facts/nonce"):
            return HTTPStatus.OK, self._nonces.make()
        if asked != (b"POST", b"/facts"):
            return HTTPStatus.NOT_FOUND, "there is nothing here"
        body = await _body(request, link, reader, writer)
        if body is None:
            return HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"more than {document.LONGEST} bytes"
        return await self._take(peer, body)

    async def _take(self, peer: str, body: bytes) -> tuple[HTTPStatus, str]:
        claimed = document.claimed(body) or ""
        box = self._boxes.get(claimed)
        found = document.opened(body, box.key if box else self._nobody)
        made = self._nonces.made(found.nonce) if found else None
        if box is None or found is None:
            return self._refuse(peer, claimed, "no position here has such a key")
        if made is None or made <= box.last:
            return self._refuse(peer, claimed, "it was posted before, or too late")
        box.last = made
        came = Came(body, time.time_ns() // 1000, peer)
        try:
            async with box.turn:
                await in_a_thread(lambda: box.take(found, came), "posted")
        except Garbled as error:
            box.came.set()
            return HTTPStatus.UNPROCESSABLE_ENTITY, error.detail
        box.came.set()
        return HTTPStatus.OK, "taken"

    def _refuse(self, peer: str, claimed: str, why: str) -> tuple[HTTPStatus, str]:
        if (peer, claimed) not in self._logged and len(self._logged) < NAMED:
            self._logged.add((peer, claimed))
            log.warning("%s posted facts as %s, and was refused: %s. It is not said again.", peer, claimed or "?", why)
        return HTTPStatus.FORBIDDEN, "refused"


def _post(found: document.Document, came: Came, heard: float) -> Post:
    """Garbled."""
    ahead = (found.at - came.at) // 1000
    told = [_with(sheet, ahead) if sheet.topic == "host" else sheet for sheet in document.sheets(found)]
    return Post(tuple(told), came.at, heard, came.peer)


def _with(sheet: FactSheet, ahead_ms: int) -> FactSheet:
    return FactSheet(sheet.topic, {**sheet.facts, "clock.offset_ms": ahead_ms}, sheet.unread)


# -- one request ----------------------------------------------------------------------------------------------------


async def _event(link: h11.Connection, reader: asyncio.StreamReader) -> object:
    while True:
        event = link.next_event()
        if event is not h11.NEED_DATA:
            return event
        link.receive_data(await reader.read(1 << 16))


async def _body(
    request: h11.Request, link: h11.Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> bytes | None:
    """All of it; None as soon as it is too long."""
    said = dict(request.headers).get(b"content-length", b"0")
    if int(said) > document.LONGEST:
        return None
    if link.they_are_waiting_for_100_continue:
        writer.write(link.send(h11.InformationalResponse(status_code=100, headers=[])) or b"")
    body = bytearray()
    while isinstance(event := await _event(link, reader), h11.Data):
        body += event.data
        if len(body) > document.LONGEST:
            return None
    if not isinstance(event, h11.EndOfMessage):
        raise h11.RemoteProtocolError("it hung up")
    return bytes(body)


async def _reply(link: h11.Connection, writer: asyncio.StreamWriter, status: HTTPStatus, said: str) -> None:
    body = f"{said}\n".encode()
    head = h11.Response(
        status_code=status,
        headers=[("Content-Type", "text/plain"), ("Content-Length", str(len(body))), ("Connection", "close")],
    )
    if link.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
        return
    sent = [link.send(event) or b"" for event in (head, h11.Data(data=body), h11.EndOfMessage())]
    writer.write(b"".join(sent))  # in one: a write each costs 40 ms
    await writer.drain()
