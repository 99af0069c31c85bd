"""The agent behind a token. Whose a token is never changes; whether it is still good, only the database knows."""

from dataclasses import dataclass

from sqlmodel import col, select

from server.agents.tables import AgentToken
from server.inventory.tables import Subject
from server.storage.database import Database


@dataclass(frozen=True, slots=True)
class Calling:
    id: int
    key: str


def whose(database: Database, digest: str, now: int) -> Calling | None:
    """None if the token is no agent's, or no longer."""
    asked = (
        select(AgentToken.agent_id, Subject.key)
        .join(Subject, col(Subject.id) == col(AgentToken.agent_id))
        .where(AgentToken.token_hash == digest, AgentToken.expires_at > now, col(Subject.removed_at).is_(None))
    )
    with database.read() as session:
        found = session.exec(asked).first()
    return Calling(*found) if found else None
