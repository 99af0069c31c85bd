"""The console's line to the server: one request, one answer, and the server's clock by what answers said."""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import version
from types import TracebackType
from typing import Any, Self, TypeVar

import anyio
import httpx2
from pydantic import TypeAdapter, ValidationError

from server.schemas.base import Page, Schema
from server.schemas.home import Home
from server.schemas.status import Status
from tui.failures import Defect, Refused, judge, translated
from tui.texts import _
from tui.words.times import ticks

T = TypeVar("T")
Value = str | int | bool | None | Sequence[str]

CONNECT = 5.0  # seconds; a branch line may be slow, a screen must not be
ANSWER = 20.0  # seconds
KEPT = 55.0  # seconds a connection is kept for the next question; the server keeps it somewhat longer


class Line:
    """One person's. `token` is set by signing in."""

    def __init__(
        self, server: str, *, token: str | None = None, lang: str = "zh", trust: ssl.SSLContext | None = None
    ) -> None:
        self.server = server.rstrip("/")
        self.token = token
        self.offset = time.time_ns() // 1000 - ticks()  # µs the server's clock is ahead of our ticks
        # A proxy of the environment leads out of the bank; the server is inside it.
        self._http = httpx2.AsyncClient(
            base_url=self.server,
            headers={"Accept-Language": lang, "User-Agent": f"branchfleet/{version('branchfleet')}"},
            timeout=httpx2.Timeout(ANSWER, connect=CONNECT),
            limits=httpx2.Limits(keepalive_expiry=KEPT),
            trust_env=False,
            verify=trust if trust is not None else True,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._http.aclose()

    def now(self) -> int:
        """The server's clock, UTC µs, as well as we know it: ages are told by it.

        Whoever sets this PC's clock while the server is away makes nothing look new.
        """
        return ticks() + self.offset

    def _request(
        self, method: str, path: str, asked: Mapping[str, Value], body: Schema | None = None
    ) -> httpx2.Request:
        if path.endswith("/") or "//" in path:
            raise Refused(_("What is asked for has no name."), 404)
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        content = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            content = body.model_dump_json()
        params: list[tuple[str, str | int | float | bool | None]] = [
            pair for name, value in asked.items() for pair in _pairs(name, value)
        ]
        return self._http.build_request(method, path, params=params, headers=headers, content=content)

    async def _get(self, kind: type[T], path: str, /, **asked: Value) -> T:
        answer = parsed(kind, (await self._send("GET", path, asked)).content)
        if isinstance(answer, Page | Home | Status):
            self.offset = answer.at - ticks()
        return answer

    async def _post(self, kind: type[T], path: str, body: Schema | None = None) -> T:
        return parsed(kind, (await self._send("POST", path, body=body)).content)

    async def _send(
        self,
        method: str,
        path: str,
        asked: Mapping[str, Value] | None = None,
        body: Schema | None = None,
        signing_in: bool = False,
    ) -> httpx2.Response:
        request = self._request(method, path, asked or {}, body)
        with translated():
            response = await withdrawable(self._http.send(request))
        if response.is_error or response.is_redirect:
            judge(response, signing_in=signing_in)
        return response

    @asynccontextmanager
    async def _streamed(self, request: httpx2.Request) -> AsyncIterator[httpx2.Response]:
        with translated():
            response = await withdrawable(self._http.send(request, stream=True))
        try:
            yield response
        finally:
            await response.aclose()


async def withdrawable(sending: Coroutine[Any, Any, T]) -> T:
    """What `sending` gives, or its end when nobody waits for it any more.

    httpx keeps its closing of connections safe from a scope that is cancelled and not from a task that is: cut between
    two of them, it forgot the second one open. Screens cancel tasks.
    """
    scope = anyio.CancelScope()

    async def inside() -> T:
        with scope:
            return await sending
        raise asyncio.CancelledError

    task = asyncio.ensure_future(inside())
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        scope.cancel()
        await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # nobody is to hear of it
        raise


def may_keep_silent(seconds: float) -> dict[str, float]:
    """Time-outs of a request whose answer may keep silent so long."""
    return {"connect": CONNECT, "read": seconds, "write": ANSWER, "pool": ANSWER}


def _pairs(name: str, value: Value) -> Iterator[tuple[str, str]]:
    if isinstance(value, bool):
        yield name, "true" if value else "false"
    elif isinstance(value, int):
        yield name, str(value)
    elif isinstance(value, str):
        if value:
            yield name, value
    elif value is not None:
        yield from ((name, one) for one in value)


def parsed(kind: type[T], content: bytes) -> T:
    try:
        return TypeAdapter(kind).validate_json(content)
    except ValidationError as error:
        raise Defect(f"{kind}: {error.error_count()} fields are not as agreed: {error.errors()[0]['loc']}") from error
