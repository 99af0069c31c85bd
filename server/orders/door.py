"""The door at which every agent waits: each request costs its share of a look of the hub, and no thread.

Whose the token is, and whether it is good, the hub looks up for all that came together.
"""

import asyncio

from fastapi import Request, Response
from starlette.concurrency import run_in_threadpool

from agent.wire import Orders
from server.agents.dependencies import address_of, look_up, may_be_looked_up
from server.agents.door import digest_of
from server.errors import Invalid
from server.http.answers import accepted, answer
from server.orders.hub import LookAgain, Told
from server.state import State

LONGEST = 50.0  # seconds a request is held
STREAM = 64  # characters
HAVE_LIMIT = 1_000  # orders an agent may say it has


async def hold(request: Request) -> Response:
    state: State = request.app.state.branchfleet
    came = state.now()
    have, wait, stream = _asked(request)
    address = await address_of(request)
    digest = digest_of(request)
    may_be_looked_up(state, digest, address)
    gone = asyncio.ensure_future(_gone(request))
    try:
        told = await state.hub.hold(digest, have, wait, gone, stream)
    except LookAgain:
        await run_in_threadpool(look_up, state, digest, address)
        told = Told()  # it is let in after all, and comes again
    finally:
        gone.cancel()
    orders = Orders(orders=told.orders, cancelled=told.cancelled, came=came, server=state.now())
    return answer(orders, await accepted(request))


def _asked(request: Request) -> tuple[frozenset[str], float, str]:
    said = request.query_params
    have = frozenset(said.get("have", "").split(",")) - {""}
    if len(have) > HAVE_LIMIT:
        raise Invalid("An agent has {most} orders at most.", most=HAVE_LIMIT)
    try:
        wait = float(said.get("wait", LONGEST))
    except ValueError:
        wait = -1
    if not 0 <= wait <= LONGEST:
        raise Invalid("A request is held for 0 to {most} seconds.", most=int(LONGEST))
    return have, wait, said.get("stream", "")[:STREAM]


async def _gone(request: Request) -> None:
    """Until the client hangs up."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
