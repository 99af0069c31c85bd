"""The line of one agent: HTTP/1.1 over TLS, kept as long as an agent keeps one that rests."""

import asyncio
import ssl
import time
from typing import NamedTuple

REST_SECONDS = 75.0  # as in the agent: a server ends a connection that rests longer
ANSWER_SECONDS = 60.0


class Answer(NamedTuple):
    status: int
    retry_after: float
    body: bytes


class Line:
    """Raises OSError, TimeoutError or asyncio.IncompleteReadError when there is no answer."""

    def __init__(self, host: str, port: int, context: ssl.SSLContext, token: str) -> None:
        self._at = host, port
        self._context = context
        self._head = (
            f"POST /api/agent/records HTTP/1.1\r\nHost: {host}:{port}\r\nAuthorization: Bearer {token}\r\n"
            "Accept: application/msgpack\r\nAccept-Language: en\r\n"
            "Content-Type: application/msgpack\r\nContent-Encoding: zstd\r\nContent-Length: "
        ).encode()
        self._open: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._rests = 0.0

    async def post(self, body: bytes) -> Answer:
        if self._open is not None and time.monotonic() - self._rests > REST_SECONDS:
            self.close()
        async with asyncio.timeout(ANSWER_SECONDS):
            if self._open is None:
                self._open = await asyncio.open_connection(*self._at, ssl=self._context)
            reader, writer = self._open
            writer.write(b"%s%d\r\n\r\n%s" % (self._head, len(body), body))
            answer = await _read(reader)
        self._rests = time.monotonic()
        return answer

    def close(self) -> None:
        if self._open is not None:
            self._open[1].close()
            self._open = None


async def _read(reader: asyncio.StreamReader) -> Answer:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    start, *lines = head.lower().split("\r\n")
    fields = dict(line.split(": ", 1) for line in lines if line)
    body = await reader.readexactly(int(fields["content-length"]))
    return Answer(int(start.split(" ")[1]), float(fields.get("retry-after", 1)), body)
