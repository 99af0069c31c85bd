"""The body of a request: no larger than a batch may be, and there in time."""

import asyncio

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agent.wire import BODY_LIMIT

BODY_SECONDS = 60.0  # for the whole body, and as long as what came of it takes
SLOWEST = 300  # bytes a second; an agent gives up below 500
DRAINED = 32 << 20  # bytes of a body too large that are read and thrown away
DRAIN_SECONDS = 10.0
CLOSE = {"Connection": "close"}


class BoundedBody:
    """Lets nobody send more than a batch may have, announced or not, nor take for ever over it.

    Of a body that is too large some is still read: a connection closed with unread bytes is reset, and whoever sends
    would see that instead of the answer.
    """

    def __init__(self, app: ASGIApp, seconds: float = BODY_SECONDS) -> None:
        self._app = app
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        said = headers.get("content-length", "")
        if not said and "transfer-encoding" not in headers:  # then it has none: RFC 9112, 6.3
            await self._app(scope, receive, send)
            return
        announced = int(said) if said.isascii() and said.isdigit() and len(said) < 20 else 0
        came = 0
        whole = False
        ends = asyncio.get_running_loop().time() + self._seconds

        async def bounded() -> Message:
            nonlocal came, whole
            if whole:  # what comes now is that the client has gone
                return await receive()
            if announced > BODY_LIMIT:
                await _drain(receive)
                raise HTTPException(413, headers=CLOSE)
            try:
                async with asyncio.timeout_at(ends + came / SLOWEST):
                    message = await receive()
            except TimeoutError:
                raise HTTPException(408, headers=CLOSE) from None
            came += len(message.get("body", b""))
            whole = not message.get("more_body", False)
            if came > BODY_LIMIT:
                if not whole:
                    await _drain(receive)
                raise HTTPException(413, headers=CLOSE)
            return message

        await self._app(scope, bounded, send)


async def _drain(receive: Receive) -> None:
    left = DRAINED
    try:
        async with asyncio.timeout(DRAIN_SECONDS):
            while left > 0:
                message = await receive()
                left -= len(message.get("body", b""))
                if not message.get("more_body", False):
                    return
    except TimeoutError:
        return
