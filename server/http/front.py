"""What stands before the routes: the doors that agents knock at, and what every answer says to browsers.

A thousand agents answer an order within a second. What the layers of the frameworks cost each of their requests is
several times what is asked for, so the doors are in front of them.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import FastAPI, Request, Response
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.http.bodies import BoundedBody
from server.http.problems import answer_to

HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
_RAW = [(name.encode(), value.encode()) for name, value in HEADERS.items()]

Endpoint = Callable[[Request], Awaitable[Response]]


class Application(FastAPI):
    """Whoever comes to a door, by method and path, goes through it; everybody else through the layers to the routes."""

    def __init__(self, doors: dict[tuple[str, str], Endpoint], **said: Any) -> None:
        super().__init__(**said)
        self._doors = {at: BoundedBody(_door(endpoint)) for at, endpoint in doors.items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        door = self._doors.get((scope["method"], scope["path"])) if scope["type"] == "http" else None
        if door is None:
            await super().__call__(scope, receive, send)
        else:
            scope["app"] = self
            await door(scope, receive, send)


def _door(endpoint: Endpoint) -> ASGIApp:
    async def through(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, send)
        try:
            response = await endpoint(request)
        except Exception as error:  # the border: as behind the layers, every refusal is a Problem
            response = await answer_to(request, error)
        response.raw_headers.extend(_RAW)
        await response(scope, receive, send)

    return through


class SafeHeaders:
    """Says to every browser that what comes is data: not to be stored, framed, guessed at or run."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, with_headers if scope["type"] == "http" else send)
