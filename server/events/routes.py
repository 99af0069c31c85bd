"""What changed, as it changes: server-sent events."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Header, Query
from fastapi.sse import EventSourceResponse, ServerSentEvent

from server.accounts.dependencies import StateOf, Viewer
from server.schemas.status import Invalidated

router = APIRouter(prefix="/api", tags=["events"])

LONGEST = 600.0  # seconds a stream lasts before the screen has to prove itself again


@router.get("/events", summary="What to fetch again, as it happens", response_class=EventSourceResponse)
async def get_events(
    viewer: Viewer,
    state: StateOf,
    after: Annotated[int | None, Query(ge=0, description="resume after this cursor")] = None,
    last_event_id: Annotated[str | None, Header(description="the same, as browsers say it")] = None,
) -> AsyncIterator[ServerSentEvent]:
    """Each event's `id` is its cursor and its data an `Invalidated`: fetch again what shows `topic` `key`.

    A stream that resumes hears what it missed within the last hour; after longer the topic is `all`: fetch everything
    again. The first event has a cursor and no data. Streams end after ten minutes, or when a screen reads too slowly.
    """
    if after is None and last_event_id is not None and last_event_id.isascii() and last_event_id.isdigit():
        after = int(last_event_id[:18])
    async with state.ticker.subscribe(viewer, after) as (cursor, missed, subscription):
        yield ServerSentEvent(id=str(min([cursor, *(event.cursor - 1 for event in missed)])), comment="connected")
        for event in missed:
            yield _event(event)
        ends = asyncio.get_running_loop().time() + LONGEST
        while (left := ends - asyncio.get_running_loop().time()) > 0:
            try:
                told = await asyncio.wait_for(subscription.queue.get(), left)
            except TimeoutError:
                return
            if told is None:
                return
            yield _event(told)


def _event(event: Invalidated) -> ServerSentEvent:
    return ServerSentEvent(id=str(event.cursor), data=event)
