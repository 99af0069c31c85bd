"""Waiting for a push to end: woken by the server's events, and looking now and then where they do not come."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from server.schemas.orders import PushCreate, PushOut
from tui.client import Client
from tui.failures import Away, ClientError

LOOK_EVERY = 3.0  # seconds, without an event
PATIENCE = 40  # looks in a row that the server may not answer


async def push_and_wait(client: Client, ask: PushCreate, show: Callable[[PushOut], None]) -> PushOut:
    """Make a push and give it when its last order has ended; `show` is told of every step."""
    changed = asyncio.Event()
    listening = asyncio.create_task(_listen(client, changed))
    try:
        push = await client.push(ask)
        show(push)
        missed = 0
        while push.ended_at is None:
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY):
                    await changed.wait()
            changed.clear()
            try:
                push, missed = await client.pushed(push.uid), 0
            except Away:
                missed += 1
                if missed > PATIENCE:
                    raise
            show(push)
        return push
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)


async def _listen(client: Client, changed: asyncio.Event) -> None:
    """Any push: whose it is costs one look. Without events the looks go on by themselves."""
    with suppress(ClientError):
        async for heard in client.events():
            if heard.change is None or heard.change.topic in ("push", "all"):
                changed.set()  # at the first too: what happened before the line stood was not heard
