"""Records in, and the record log out for programs that compare."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from agent.wire import Ack, Batch
from server.accounts.dependencies import Clock, ReadSession, Viewer
from server.agents.door import door
from server.ingest.door import take
from server.ingest.queries import observations
from server.schemas.observations import ObservationPage

router = APIRouter(prefix="/api", tags=["records"])


@door(router, "POST", "/agent/records", summary="Records of an agent", takes=Batch, gives=Ack)
async def post_records(request: Request) -> Response:
    """The ack is sent after the durable commit and names every range of the stream the server holds.

    The body may be packed with zstd (`Content-Encoding: zstd`). A record the server will never take is named under
    `refused` and counts as received. On 503 nothing is acknowledged: the agent keeps its records and comes again.
    """
    return await take(request)


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
