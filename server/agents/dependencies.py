"""Which agent is asking: by its token, looked up at every request, so that a revoked agent is out at once.

Where an address said too many that are none, only those are looked up there that were good before.
"""

from dataclasses import dataclass
from typing import Annotated

from anyio.to_thread import current_default_thread_limiter
from fastapi import Depends, Header, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlmodel import col, select

from agent.wire import BEHIND
from server.accounts.dependencies import StateOf
from server.accounts.tokens import hash_token
from server.agents.limits import neighbours, strangers
from server.agents.tables import AgentToken
from server.errors import Unauthorized
from server.inventory.tables import Subject
from server.state import State

BEARER = HTTPBearer(
    auto_error=False, scheme_name="Agent", description='An agent\'s token, "bfa_...", from POST /api/agent/token.'
)


def crowded() -> bool:
    """Whether what is asked now waits for a thread."""
    return current_default_thread_limiter().statistics().tasks_waiting > 0


async def _turn(state: StateOf, behind: Annotated[str, Header(alias=BEHIND, include_in_schema=False)] = "") -> None:
    """`turns.py`. It asks for nothing that a thread would have to do."""
    if behind and crowded():
        state.writer.figures.answered("unavailable")
        state.turns.wait()


Turn = Depends(_turn)


@dataclass(frozen=True)
class Calling:
    id: int
    key: str


async def address_of(request: Request) -> str:
    return (request.client.host if request.client else "")[:64]


Address = Annotated[str, Depends(address_of)]


async def _digest(
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(BEARER)], state: StateOf, address: Address
) -> str:
    digest = hash_token(bearer.credentials if bearer else "")
    may_be_looked_up(state, digest, address)
    return digest


def may_be_looked_up(state: State, digest: str, address: str) -> None:
    """TooMany where too many were looked up that are none."""
    if digest not in state.limits.good:
        state.limits.token.look(neighbours(address))


def look_up(state: State, digest: str, address: str) -> Calling:
    """Unauthorized if it is no agent's token, or no longer."""
    asked = (
        select(AgentToken.agent_id, Subject.key)
        .join(Subject, col(Subject.id) == col(AgentToken.agent_id))
        .where(
            AgentToken.token_hash == digest,
            AgentToken.expires_at > state.now(),
            col(Subject.removed_at).is_(None),
        )
    )
    with state.database.read() as session:
        found = session.exec(asked).first()
    if found is None:
        state.limits.good.forget(digest)
        with strangers(state.limits.token, address):
            raise Unauthorized("This token is not an agent's, or no longer good: POST /api/agent/token gives another.")
    state.limits.good.add(digest)
    return Calling(*found)


def _agent(digest: Annotated[str, Depends(_digest)], state: StateOf, address: Address) -> Calling:
    found = look_up(state, digest, address)
    state.limits.agent.take(found.id)
    return found


AgentCaller = Annotated[Calling, Depends(_agent)]
