"""What changed, as it changes: server-sent events."""

import asyncio
from collections.abc import AsyncIterator
from functools import lru_cache
from typing import Annotated

from fastapi import APIRouter, Header, Query
from fastapi.responses import StreamingResponse
from fastapi.sse import format_sse_event

from server.accounts.dependencies import StateOf, Viewer
from server.accounts.scope import Scoped
from server.events.ticker import Subscription, Ticker
from server.schemas.status import Invalidated

router = APIRouter(prefix="/api", tags=["events"])

LONGEST = 600.0  # seconds a stream lasts before the screen has to prove itself again
SILENT = 15.0  # seconds without a word; then one is said that means nothing, and shows that the line stands


class Events(StreamingResponse):
    """FastAPI's own would take each event through two queues and a clock, which 200 screens feel."""

    media_type = "text/event-stream"


@router.get("/events", summary="What to fetch again, as it happens", response_class=Events)
async def get_events(
    viewer: Viewer,
    state: StateOf,
    after: Annotated[int | None, Query(ge=0, description="resume after this cursor")] = None,
    last_event_id: Annotated[str | None, Header(description="the same, as browsers say it")] = None,
) -> Events:
    """Each event's `id` is its cursor and its data an `Invalidated`: fetch again what shows `topic` `key`.

    A stream that resumes hears what it missed within the last hour; after longer the topic is `all`: fetch everything
    again. The first event has a cursor and no data. Streams end after ten minutes, or when a screen reads too slowly.
    """
    if after is None and last_event_id is not None and last_event_id.isascii() and last_event_id.isdigit():
        after = int(last_event_id[:18])
    return Events(_stream(state.ticker, viewer, after), headers={"X-Accel-Buffering": "no"})


async def _stream(ticker: Ticker, viewer: Scoped, after: int | None) -> AsyncIterator[bytes]:
    """All that is there to be said goes out at once: with hundreds of screens it is each sending that costs."""
    async with ticker.subscribe(viewer, after) as (cursor, missed, subscription):
        first = min([cursor, *(event.cursor - 1 for event in missed)])
        yield format_sse_event(id=str(first), comment="connected") + b"".join(map(_said, missed))
        ends = asyncio.get_running_loop().time() + LONGEST
        while (left := ends - asyncio.get_running_loop().time()) > 0:
            try:
                async with asyncio.timeout(min(left, SILENT)):
                    told = await _told(subscription)
            except TimeoutError:
                yield format_sse_event(comment="here")
                continue
            yield b"".join(_said(event) for event in told if event is not None)
            if None in told:
                return


async def _told(subscription: Subscription) -> list[Invalidated | None]:
    told = [await subscription.queue.get()]
    while not subscription.queue.empty():
        told.append(subscription.queue.get_nowait())
    return told


@lru_cache(maxsize=4096)
def _said(event: Invalidated) -> bytes:
    """Every screen is told the same bytes."""
    return format_sse_event(id=str(event.cursor), data_str=event.model_dump_json())
