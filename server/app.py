"""The server as one ASGI application: its routes, how it says no, and what runs beside them while it lives."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import server.accounts.routes
import server.routes
from agent.wire import BODY_LIMIT
from server.accounts.passwords import Passwords
from server.problems import RESPONSES, answer_with_problems
from server.settings import Settings
from server.state import State
from server.storage.database import Database
from server.storage.types import Now

HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


def routers() -> list[APIRouter]:
    """Every feature's routes, in the order the API's description lists them."""
    return [
        server.accounts.routes.router,
        server.routes.router,
    ]


def create_app(database: Database, settings: Settings, now: Now) -> FastAPI:
    """A server over `database`. Nothing is started before its lifespan begins."""
    state = State(database, settings, now, Passwords(settings.password_memory))

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield

    app = FastAPI(
        title="Branchfleet",
        version=version("branchfleet"),
        summary="Watches over the terminals of a bank's branches.",
        openapi_url="/api/openapi.json",
        docs_url=None,  # its page would fetch scripts from outside
        redoc_url=None,
        generate_unique_id_function=_operation_id,
        lifespan=lifespan,
        max_body_size=BODY_LIMIT,
    )
    app.state.branchfleet = state
    app.add_middleware(SafeHeaders)
    answer_with_problems(app)
    for router in routers():
        app.include_router(router, responses=RESPONSES)
    return app


def _operation_id(route: APIRoute) -> str:
    return route.name


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
