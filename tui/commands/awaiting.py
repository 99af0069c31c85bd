"""Waiting for a push or a campaign to end: woken by the server's events, and looking now and then where they do not
come. And the one line that says meanwhile how far it is."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Protocol, TypeVar

import typer

from server.schemas.campaigns import CampaignCreate, CampaignOut
from server.schemas.orders import PushCreate, PushOut
from tui.client import Client
from tui.failures import Away, ClientError

LOOK_EVERY = 3.0  # seconds, without an event
PATIENCE = 40  # looks in a row that the server may not answer


class Ending(Protocol):
    """What is waited for."""

    @property
    def uid(self) -> str: ...
    @property
    def ended_at(self) -> int | None: ...


T = TypeVar("T", bound=Ending)


async def push_and_wait(client: Client, ask: PushCreate, show: Callable[[PushOut], None]) -> PushOut:
    """Make a push and give it when its last order has ended; `show` is told of every step."""
    return await _wait(client, "push", lambda: client.push(ask), client.pushed, show)


async def begin_and_wait(client: Client, ask: CampaignCreate, show: Callable[[CampaignOut], None]) -> CampaignOut:
    """The same of a campaign, when every host answered or was given up."""
    return await _wait(client, "campaign", lambda: client.begin_campaign(ask), client.campaign, show)


async def _wait(
    client: Client,
    topic: str,
    make: Callable[[], Awaitable[T]],
    look: Callable[[str], Awaitable[T]],
    show: Callable[[T], None],
) -> T:
    changed = asyncio.Event()
    listening = asyncio.create_task(_listen(client, topic, changed))
    try:
        made = await make()
        show(made)
        missed = 0
        while made.ended_at is None:
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY):
                    await changed.wait()
            changed.clear()
            try:
                made, missed = await look(made.uid), 0
            except Away:
                missed += 1
                if missed > PATIENCE:
                    raise
            show(made)
        return made
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)


async def _listen(client: Client, topic: str, changed: asyncio.Event) -> None:
    """Any of its kind: whose it is costs one look. Without events the looks go on by themselves."""
    with suppress(ClientError):
        async for heard in client.events():
            if heard.change is None or heard.change.topic in (topic, "all"):
                changed.set()  # at the first too: what happened before the line stood was not heard


class Line:
    """One line of stderr that is written over, where a person looks on."""

    def __init__(self) -> None:
        self._live = sys.stderr.isatty()
        self._said = ""

    def show(self, said: str) -> None:
        if self._live and said != self._said:
            self._said = said
            typer.echo(f"\r\x1b[K{said}", nl=False, err=True)

    def end(self) -> None:
        if self._said:
            typer.echo("\r\x1b[K", nl=False, err=True)
            self._said = ""
