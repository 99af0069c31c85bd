"""Which agent is asking: by its token, looked up at every request, so that a revoked agent is out at once."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlmodel import col, select

from server.accounts.dependencies import StateOf
from server.accounts.tokens import hash_token
from server.errors import Unauthorized
from server.inventory.tables import Agent, Subject

_bearer = HTTPBearer(
    auto_error=False, scheme_name="Agent", description='An agent\'s token, "bfa_...", from branchfleet-server.'
)


@dataclass(frozen=True)
class Calling:
    id: int
    key: str


def _agent(bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)], state: StateOf) -> Calling:
    asked = (
        select(Agent.id, Subject.key)
        .join(Subject, col(Subject.id) == col(Agent.id))
        .where(
            Agent.token_hash == hash_token(bearer.credentials if bearer else ""),
            col(Agent.revoked_at).is_(None),
            col(Subject.removed_at).is_(None),
        )
    )
    with state.database.read() as session:
        found = session.exec(asked).first()
    if found is None:
        raise Unauthorized(
            "This agent's token is wrong or was revoked: give it one by `branchfleet-server agent token`."
        )
    return Calling(*found)


AgentCaller = Annotated[Calling, Depends(_agent)]
