"""The server as one ASGI application: its routes, how it says no, and what runs beside them while it lives."""

import asyncio
from collections.abc import AsyncIterator, Callable, Set
from contextlib import asynccontextmanager
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from anyio.to_thread import current_default_thread_limiter
from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from starlette.middleware.gzip import DEFAULT_EXCLUDED_CONTENT_TYPES, GZipMiddleware

import server.accounts.routes
import server.agents.open_routes
import server.agents.routes
import server.campaigns.routes
import server.checks.routes
import server.coverage.routes
import server.entries.routes
import server.events.routes
import server.exemptions.routes
import server.facts.routes
import server.health.routes
import server.ingest.routes
import server.journal.routes
import server.ledger.routes
import server.licences.routes
import server.media.routes
import server.network.routes
import server.orders.routes
import server.places.routes
import server.queries
import server.registers.routes
import server.routes
import server.running.routes
import server.sweeps.routes
import server.tickets.routes
from agent.wire import MEDIA_MSGPACK
from server.accounts.passwords import Passwords
from server.agents.assignment import Revisions
from server.agents.challenges import voice
from server.agents.door import doors
from server.agents.limits import Limits
from server.agents.turns import Turns
from server.aside.shelf import Shelf
from server.campaigns.follower import CampaignFollower
from server.campaigns.templates import FOLDER as TEMPLATES
from server.checks.follower import VerdictFollower
from server.checks.kept import Checks
from server.entries.follower import EntryFollower
from server.events.ticker import News, Ticker
from server.facts.follower import FactFollower
from server.health.follower import Follower
from server.http.answers import wire_schemas
from server.http.bodies import BoundedBody
from server.http.front import Application, SafeHeaders
from server.http.problems import RESPONSES, answer_with_problems
from server.ingest.writer import Writer
from server.media.follower import MediaFollower
from server.migrations import EPOCH, NAME
from server.orders.follower import OrderFollower
from server.orders.hub import AGENT, Hub
from server.retention.sweeper import Sweeper
from server.running.ready import Readiness
from server.schemas.base import Problem
from server.settings import Settings
from server.state import State
from server.storage.database import THREADS, Database
from server.storage.types import Now

BUSY = 64  # batches that wait for the writer: agents that are told to answer can wait a moment

# What comes as it is: what is packed already, streams, what agents read, files whose length is said before. The page of
# a list is packed to a tenth, and over a branch's line that is the difference between half a second and five.
UNPACKED = (
    *DEFAULT_EXCLUDED_CONTENT_TYPES,
    MEDIA_MSGPACK,
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "text/csv",
)


def routers() -> list[APIRouter]:
    """Every feature's routes, what agents ask most first: they are looked through in this order at each request."""
    return [
        server.ingest.routes.router,
        server.orders.routes.router,
        server.accounts.routes.router,
        server.places.routes.router,
        server.health.routes.router,
        server.tickets.routes.router,
        server.entries.routes.router,
        server.ledger.routes.router,
        server.journal.routes.router,
        server.agents.routes.router,
        server.facts.routes.router,
        server.agents.open_routes.router,
        server.coverage.routes.router,
        server.checks.routes.router,
        server.exemptions.routes.router,
        server.media.routes.router,
        server.licences.routes.router,
        server.network.routes.router,
        server.sweeps.routes.router,
        server.campaigns.routes.router,
        server.registers.routes.router,
        server.events.routes.router,
        server.routes.router,
        server.running.routes.router,
    ]


@cache
def _api() -> APIRouter:
    """All of them, described once for all applications of a process: that takes a third of a second."""
    every = APIRouter(generate_unique_id_function=_operation_id)
    for router in routers():
        every.include_router(router, responses=RESPONSES)
    return every


def create_app(
    database: Database,
    settings: Settings,
    now: Now,
    key: bytes | None = None,
    trusted: Callable[[], str] = str,
    addresses: Callable[[], list[str]] = list,
    checks: Path | None = None,
) -> FastAPI:
    """A server over `database`, whose schema is up to date. Nothing is started before its lifespan begins.

    `key` opens the secrets of the home; without it, what asks for a secret is not polled. `trusted` says
    which CAs agents and consoles are to trust, as PEM; `addresses` by which URLs they reach it. `checks` is the folder
    of the bank's own.
    """
    with database.read() as session:
        epoch = server.queries.setting(session, EPOCH, "")
        name = server.queries.setting(session, NAME, "")
    follower = Follower(database, now)
    entries = EntryFollower(database, now)
    facts = FactFollower(database, now)
    media = MediaFollower(database, now)
    orders = OrderFollower(database, now)
    bank_checks = Checks(checks)
    verdicts = VerdictFollower(database, now, bank_checks)
    campaigns = CampaignFollower(database, bank_checks, now, monthly=settings.monthly_checks)
    sweeper = Sweeper(database, now, settings.record_days, settings.rollup_days)

    def committed(kinds: Set[str]) -> None:
        follower.wake()
        if "entry" in kinds:
            entries.wake()
        if "fact" in kinds:
            facts.wake()
        if "event" in kinds:
            media.wake()
        if "result" in kinds:
            orders.wake()

    def heard(rows: list[News]) -> None:
        hub.hear(rows)
        if any(row.topic == AGENT for row in rows):
            orders.decide()

    limits = Limits()
    writer = Writer(database, committed=committed)
    hub = Hub(database, now, admit=limits.agent.take, busy=lambda: writer.waiting > BUSY)

    state = State(
        database=database,
        settings=settings,
        now=now,
        key=key,
        epoch=epoch,
        voice=voice(name, key, trusted),
        addresses=addresses,
        limits=limits,
        turns=Turns(),
        passwords=Passwords(settings.password_memory),
        writer=writer,
        revisions=Revisions(database, key, now),
        ticker=Ticker(database, now, heard=heard),
        follower=follower,
        verdicts=verdicts,
        followers={one.name: one for one in (follower, entries, facts, media, orders, verdicts, campaigns)},
        sweeper=sweeper,
        hub=hub,
        shelf=Shelf(database, now),
        checks=bank_checks,
        templates=checks.parent / TEMPLATES if checks is not None else None,
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        current_default_thread_limiter().total_tokens = THREADS
        await state.ticker.begin()
        ticking = asyncio.create_task(state.ticker.run(), name="ticker")
        handing = asyncio.create_task(hub.run(), name="orders")
        state.writer.start()
        for one in (*state.followers.values(), sweeper):
            one.start()
        try:
            yield
        finally:
            state.ticker.close()
            hub.close()
            await ticking  # not cancelled: the thread that looks for it would outlive it
            await handing
            await asyncio.to_thread(state.writer.stop)
            await asyncio.gather(*(asyncio.to_thread(one.stop) for one in (*state.followers.values(), sweeper)))

    app = Application(
        doors(routers()),
        title="Branchfleet",
        version=version("branchfleet"),
        summary="Watches over the terminals of a bank's branches.",
        openapi_url="/api/openapi.json",
        docs_url=None,  # its page would fetch scripts from outside
        redoc_url=None,
        lifespan=lifespan,
        telemetry={"tracing": False, "metrics": False, "logs": False},  # nothing of the environment turns it on
    )
    app.state.branchfleet = state
    app.state.readiness = Readiness(state)
    app.add_middleware(BoundedBody)
    app.add_middleware(GZipMiddleware, compresslevel=6, exclude_content_types=UNPACKED)
    app.add_middleware(SafeHeaders)
    answer_with_problems(app)
    app.router.routes.extend(_api().routes)
    described = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            described()["components"]["schemas"].update(wire_schemas(), Problem=Problem.model_json_schema())
        return described()

    app.openapi = openapi  # type: ignore[method-assign]
    return app


def _operation_id(route: APIRoute) -> str:
    return route.name
