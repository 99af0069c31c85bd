"""Which agent is asking: by its token, looked up at every request, so that a revoked agent is out at once."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlmodel import col, select

from server.accounts.dependencies import Clock, StateOf
from server.accounts.tokens import hash_token
from server.agents.tables import AgentToken
from server.errors import Unauthorized
from server.inventory.tables import Subject

_bearer = HTTPBearer(
    auto_error=False, scheme_name="Agent", description='An agent\'s token, "bfa_...", from POST /api/agent/token.'
)


@dataclass(frozen=True)
class Calling:
    id: int
    key: str


def _agent(
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)], state: StateOf, now: Clock
) -> Calling:
    asked = (
        select(AgentToken.agent_id, Subject.key)
        .join(Subject, col(Subject.id) == col(AgentToken.agent_id))
        .where(
            AgentToken.token_hash == hash_token(bearer.credentials if bearer else ""),
            AgentToken.expires_at > now(),
            col(Subject.removed_at).is_(None),
        )
    )
    with state.database.read() as session:
        found = session.exec(asked).first()
    if found is None:
        raise Unauthorized("This token is not an agent's, or no longer good: POST /api/agent/token gives another.")
    state.limits.agent.take(found[0])
    return Calling(*found)


AgentCaller = Annotated[Calling, Depends(_agent)]
