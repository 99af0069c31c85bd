"""Records in, and the record log out for programs that compare."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from agent.wire import Ack, Batch, Entry
from server.accounts.dependencies import Came, Clock, ReadSession, StateOf, Viewer
from server.agents.dependencies import AgentCaller, Turn, crowded
from server.agents.limits import Limits
from server.answers import Accepted, agent_answer, agent_body, answer
from server.errors import ServerError
from server.ingest.batch import Parcel, open_batch
from server.ingest.queries import observations
from server.schemas.observations import ObservationPage

router = APIRouter(prefix="/api", tags=["records"])

INLINE = 32 << 10  # bytes as sent; a larger batch is opened in a thread


@router.post(
    "/agent/records",
    summary="Records of an agent",
    dependencies=[Turn],
    response_class=Response,
    responses=agent_answer(Ack),
    openapi_extra=agent_body(Batch),
)
async def post_records(
    came: Came, request: Request, agent: AgentCaller, state: StateOf, now: Clock, media: Accepted
) -> Response:
    """The ack is sent after the durable commit and names every range of the stream the server holds.

    The body may be packed with zstd (`Content-Encoding: zstd`). A record the server will never take is named under
    `refused` and counts as received. On 503 nothing is acknowledged: the agent keeps its records and comes again.
    """
    body = await request.body()
    figures = state.writer.figures
    figures.came(len(body))
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    encoding = request.headers.get("content-encoding", "").strip().lower()
    try:
        if len(body) > INLINE:
            parcel = await run_in_threadpool(open_batch, body, kind, encoding, agent.id, now(), came)
        else:
            parcel = open_batch(body, kind, encoding, agent.id, now(), came)
    except ServerError as error:
        figures.answered("refused")
        await run_in_threadpool(state.shelf.put, agent.id, agent.key, str(error), kind, encoding, body)
        raise
    try:
        _weigh(state.limits, parcel)
        taken = await asyncio.wrap_future(state.writer.submit(parcel))
    except ServerError as error:
        figures.answered("unavailable" if error.status >= 500 else "refused")
        raise
    repeated = len(parcel.records) - taken.fresh
    figures.answered("taken", records=taken.fresh, repeated=repeated, refused=len(taken.refused))
    revision = state.revisions.kept(agent.id)
    if revision is None and parcel.waiting and crowded():
        revision = ""  # it hears what it is to poll when it has caught up
    elif revision is None:
        revision = await run_in_threadpool(state.revisions.compute, agent.id, agent.key)
    ack = Ack(
        epoch=state.epoch,
        stream=parcel.stream,
        received=taken.ranges,
        server=now(),
        came=came,
        assignment=revision,
        refused=taken.refused,
        wait=taken.wait,
    )
    return answer(ack, media)


def _weigh(limits: Limits, parcel: Parcel) -> None:
    """TooMany if one agent would fill the disk, or the journal, by itself: it keeps its records and comes again."""
    limits.volume.take(parcel.agent_id, sum(len(incoming.body) for incoming in parcel.records))
    if entries := sum(isinstance(incoming.record, Entry) for incoming in parcel.records):
        limits.entries.take(parcel.agent_id, entries)


@router.get("/observations", summary="The states that were recorded, oldest first")
def list_observations(
    viewer: Viewer,
    session: ReadSession,
    now: Clock,
    subject: Annotated[str | None, Query(max_length=200, description="the key of a position or line")] = None,
    after: Annotated[int, Query(ge=0, description="the id to go on after")] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> ObservationPage:
    """Page on with `after` = the last row's id. `total` counts those after it."""
    return observations(session, viewer, subject, after, limit, now())
