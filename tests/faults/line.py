"""The line between an agent and its server, as bad as one likes: a TCP proxy that delays, cuts, swallows and lies.

It also sees every batch and every answer pass, byte by byte, so it knows in which phase an exchange is.
"""

import asyncio
import ssl
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum

import msgspec

from agent.wire import Batch

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

PIECE = 65536
PACKET = 1400  # bytes that a line with a rate carries at once
ROOM = 48  # packets under way in one direction of a connection: a router's buffer is no larger
TLS_HANDSHAKE = 0x16  # the first byte of a TLS client
RECORDS = b"POST /api/agent/records"
PORTAL = b"<html><head><title>Welcome</title></head><body>Please sign in to use this network.</body></html>"
ANSWERS = {
    "portal": b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n%s" % (len(PORTAL), PORTAL),
    "redirect": b"HTTP/1.1 302 Found\r\nLocation: http://login.example/\r\nContent-Length: 0\r\n\r\n",
}


class Weather(StrEnum):
    """What the line does to whoever comes."""

    FINE = "fine"
    REFUSED = "refused"  # nobody listens beyond: connections are closed at once
    SWALLOWS = "swallows"  # takes all and answers nothing, on new connections and old
    DEAF = "deaf"  # what the agent says arrives, the answers never do: half open
    MUTE = "mute"  # answers would arrive, but what the agent says does not
    PORTAL = "portal"  # something answers 200 and a page to everything
    REDIRECT = "redirect"  # something answers 302 to a page to sign in at
    CUTS = "cuts"  # every connection is cut after `cut_after` bytes of either direction


class Phase(StrEnum):
    """Of the exchange of a batch, as seen from the middle of the line."""

    IDLE = "no batch under way"
    ASKING = "batch partly passed"
    ASKED = "batch passed whole, no byte of an answer"
    ANSWERING = "answer partly passed"


@dataclass
class Exchange:
    """One POST of a batch."""

    batch: Batch
    answered: int = 0  # bytes of the answer that came from the server
    whole: bool = False  # the answer passed whole


@dataclass
class Half:
    """One direction of a connection, cut into HTTP messages with a Content-Length."""

    heard: bytearray = field(default_factory=bytearray)

    def message(self) -> tuple[bytes, bytes] | None:
        """The next whole message: head and body."""
        end = self.heard.find(b"\r\n\r\n")
        if end < 0:
            return None
        head = bytes(self.heard[:end])
        length = 0
        for line in head.split(b"\r\n")[1:]:
            name, _, value = line.partition(b":")
            if name.strip().lower() == b"content-length":
                length = int(value)
        if len(self.heard) < end + 4 + length:
            return None
        body = bytes(self.heard[end + 4 : end + 4 + length])
        del self.heard[: end + 4 + length]
        return head, body


class Line:
    """Listens at `port`, leads to `server` (host, port). Its settings may be changed from any thread at any time."""

    def __init__(self, server: tuple[str, int], host: str = "127.0.0.1") -> None:
        self.server = server
        self.host = host
        self.port = 0
        self.delay = 0.0  # seconds each way
        self.rate = 0.0  # bytes a second each way, of all connections together; 0: as fast as it goes
        self.weather = Weather.FINE
        self.cut_after: Callable[[], int] = lambda: 0
        self.lies_by: ssl.SSLContext | None = None  # with which a portal does its TLS; None: it speaks plain HTTP
        self.phase = Phase.IDLE
        self.exchange: Exchange | None = None  # the last one that began
        self.acked = 0  # answers that passed whole
        self.connections = 0
        self.questions: list[bytes] = []  # first lines of the HTTP requests that passed; nothing over TLS
        self.on_phase: Callable[[Phase], None] = lambda phase: None  # called in the line's thread
        self._up, self._down = _Way(self), _Way(self)
        self._loop = asyncio.new_event_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._run, name="line")
        self._ready = threading.Event()

    @property
    def carried(self) -> int:
        """Bytes that came from the server."""
        return self._down.carried

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    def start(self) -> None:
        self._thread.start()
        self._ready.wait()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join()

    def cut(self) -> None:
        """Cut every connection there is, as a router that restarts does."""
        asyncio.run_coroutine_threadsafe(self._cut(), self._loop).result()

    async def _cut(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        self._end = asyncio.Event()
        server = await asyncio.start_server(self._connected, self.host, 0)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._end.wait()
        server.close()
        await self._cut()
        await server.wait_closed()

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._lead(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: writer.transport.abort())  # one that was cut before it began closes nothing

    async def _lead(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        beyond: asyncio.StreamWriter | None = None
        try:
            if self.weather is Weather.REFUSED:
                return
            if self.weather in (Weather.PORTAL, Weather.REDIRECT):
                await self._lie(reader, writer)
                return
            there, beyond = await asyncio.open_connection(*self.server)
            await self._both_ways(reader, writer, there, beyond)
        except OSError:
            pass  # whichever end is gone, so is the connection
        finally:
            ends = [one for one in (writer, beyond) if one is not None]
            for one in ends:
                one.transport.abort()
            for one in ends:
                with suppress(OSError):
                    await one.wait_closed()

    async def _lie(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.lies_by is not None:
            await writer.start_tls(self.lies_by)
        half = Half()
        while piece := await reader.read(PIECE):
            half.heard += piece
            answer = ANSWERS[self.weather.value if self.weather.value in ANSWERS else "portal"]
            if self.lies_by is None and piece[0] == TLS_HANDSHAKE:
                writer.write(answer)
                return
            while half.message() is not None:
                writer.write(answer)
                await writer.drain()

    async def _both_ways(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        there: asyncio.StreamReader,
        beyond: asyncio.StreamWriter,
    ) -> None:
        talk = _Talk(self)
        left = self.cut_after() if self.weather is Weather.CUTS else -1
        up = asyncio.create_task(self._pump(reader, beyond, talk.hear_question, left, self._up, Weather.MUTE))
        down = asyncio.create_task(self._pump(there, writer, talk.hear_answer, left, self._down, Weather.DEAF))
        try:
            await asyncio.wait({up, down}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (up, down):
                task.cancel()
            await asyncio.gather(up, down, return_exceptions=True)
            talk.end()

    async def _pump(
        self,
        source: asyncio.StreamReader,
        sink: asyncio.StreamWriter,
        hear: Callable[[bytes], None],
        left: int,
        way: "_Way",
        deaf: Weather,
    ) -> None:
        """Bytes from one end to the other, until either is gone or `left` bytes have passed (-1: no such end)."""
        under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(ROOM)

        async def leave() -> None:
            nonlocal left
            with suppress(OSError):
                while left and (piece := await source.read(PACKET if self.rate else PIECE)):
                    if left > 0:
                        piece, left = piece[:left], max(0, left - len(piece))
                    await under_way.put((way.arrives(len(piece)), piece))
            await under_way.put((0.0, b""))

        async def arrive() -> None:
            with suppress(OSError):
                while (packet := await under_way.get())[1]:
                    await asyncio.sleep(packet[0] - asyncio.get_running_loop().time())
                    if self.weather not in (Weather.SWALLOWS, deaf):
                        way.carried += len(packet[1])
                        hear(packet[1])
                        sink.write(packet[1])
                        await sink.drain()

        leaving, arriving = asyncio.create_task(leave()), asyncio.create_task(arrive())
        try:
            await arriving  # ends behind the last piece, or because there is nobody to take it
        finally:
            leaving.cancel()
            arriving.cancel()
            await asyncio.gather(leaving, arriving, return_exceptions=True)

    def turn(self, phase: Phase) -> None:
        if phase is not self.phase:
            self.phase = phase
            self.on_phase(phase)


class _Way:
    """One direction of a line: what leaves waits until all that left before it is through."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._free = 0.0  # when the next byte may leave
        self.carried = 0  # bytes

    def arrives(self, size: int) -> float:
        """When what leaves now is at the other end, by the loop's clock."""
        now = asyncio.get_running_loop().time()
        self._free = max(self._free, now) + (size / self._line.rate if self._line.rate else 0.0)
        return self._free + self._line.delay


class _Talk:
    """One connection: which batch is under way on it."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._asked = Half()
        self._answered = Half()
        self._open: list[Exchange | None] = []  # questions without an answer yet; None: not a batch

    def hear_question(self, piece: bytes) -> None:
        self._asked.heard += piece
        if self._asked.heard.startswith(RECORDS):
            self._line.turn(Phase.ASKING)
        while (message := self._asked.message()) is not None:
            exchange = None
            self._line.questions.append(message[0].partition(b"\r\n")[0])
            if message[0].startswith(RECORDS):
                exchange = self._line.exchange = Exchange(
                    msgspec.msgpack.decode(zstd.decompress(message[1]), type=Batch)
                )
            self._open.append(exchange)
            if exchange is not None:
                self._line.turn(Phase.ASKED)

    def hear_answer(self, piece: bytes) -> None:
        exchange = self._open[0] if self._open else None
        if exchange is not None:
            exchange.answered += len(piece)
            self._line.turn(Phase.ANSWERING)
        self._answered.heard += piece
        while self._answered.message() is not None and self._open:
            exchange = self._open.pop(0)
            if exchange is not None:
                exchange.whole = True
                self._line.acked += 1
                self._line.turn(Phase.IDLE)

    def end(self) -> None:
        if any(self._open) or self._asked.heard.startswith(RECORDS):
            self._line.turn(Phase.IDLE)


@contextmanager
def line(server: tuple[str, int], host: str = "127.0.0.1") -> Iterator[Line]:
    made = Line(server, host)
    made.start()
    try:
        yield made
    finally:
        made.stop()
