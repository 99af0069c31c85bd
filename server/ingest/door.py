"""A batch in, an ack out, and nothing on the way that the batch does not need.

Whose a known token is, memory says; that it is still good, the writer looks
up in the transaction that takes the batch. So a token ended anywhere, by whatever process, is worth nothing at the
next request.
"""

import asyncio

from fastapi import Request, Response
from starlette.concurrency import run_in_threadpool

from agent.wire import BEHIND, Ack, Entry
from server.agents.calling import Calling
from server.agents.dependencies import address_of, crowded, give_way, look_up, may_be_looked_up
from server.agents.door import digest_of
from server.agents.limits import Limits, strangers
from server.errors import ServerError, Unauthorized
from server.http.answers import accepted, answer
from server.ingest.batch import Parcel, open_batch
from server.ingest.transaction import Taken
from server.state import State

INLINE = 32 << 10  # bytes as sent; a larger batch is opened in a thread


async def take(request: Request) -> Response:
    state: State = request.app.state.branchfleet
    came = state.now()
    if request.headers.get(BEHIND):
        give_way(state)
    address = await address_of(request)
    digest = digest_of(request)
    agent = await _caller(state, digest, address)
    parcel = await _parcel(request, state, agent, digest, address, came)
    taken = await _written(state, parcel, digest, address)
    revision = state.revisions.kept(agent.id)
    if revision is None and parcel.waiting and crowded():
        revision = ""  # it hears what it is to poll when it has caught up
    elif revision is None:
        revision = await run_in_threadpool(state.revisions.compute, agent.id, agent.key)
    ack = Ack(
        epoch=state.epoch,
        stream=parcel.stream,
        received=taken.ranges,
        server=state.now(),
        came=came,
        assignment=revision,
        refused=taken.refused,
        wait=taken.wait,
    )
    return answer(ack, await accepted(request))


async def _caller(state: State, digest: str, address: str) -> Calling:
    may_be_looked_up(state, digest, address)
    agent = state.limits.good.whose(digest)
    if agent is None:
        agent = await run_in_threadpool(look_up, state, digest, address)
    state.limits.agent.take(agent.id)
    return agent


async def _parcel(request: Request, state: State, agent: Calling, digest: str, address: str, came: int) -> Parcel:
    """The body, opened; what cannot be is kept aside, of an agent that is let in."""
    body = await request.body()
    state.writer.figures.came(len(body))
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    encoding = request.headers.get("content-encoding", "").strip().lower()
    opened = body, kind, encoding, agent.id, state.now(), came, digest
    try:
        return await run_in_threadpool(open_batch, *opened) if len(body) > INLINE else open_batch(*opened)
    except ServerError as error:
        await run_in_threadpool(look_up, state, digest, address)
        state.writer.figures.answered("refused")
        await run_in_threadpool(state.shelf.put, agent.id, agent.key, str(error), kind, encoding, body)
        raise


async def _written(state: State, parcel: Parcel, digest: str, address: str) -> Taken:
    figures = state.writer.figures
    try:
        _weigh(state.limits, parcel)
        taken = await asyncio.wrap_future(state.writer.submit(parcel))
    except Unauthorized:
        state.limits.good.forget(digest)
        with strangers(state.limits.token, address):
            raise
    except ServerError as error:
        figures.answered("unavailable" if error.status >= 500 else "refused")
        raise
    repeated = len(parcel.records) - taken.fresh
    figures.answered("taken", records=taken.fresh, repeated=repeated, refused=len(taken.refused))
    return taken


def _weigh(limits: Limits, parcel: Parcel) -> None:
    """TooMany if one agent would fill the disk, or the journal, by itself: it keeps its records and comes again."""
    limits.volume.take(parcel.agent_id, sum(len(incoming.body) for incoming in parcel.records))
    if entries := sum(isinstance(incoming.record, Entry) for incoming in parcel.records):
        limits.entries.take(parcel.agent_id, entries)
