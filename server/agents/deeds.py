"""Letting an agent in."""

from sqlmodel import Session, col, select

from server.accounts.tokens import AGENT, hash_token, new_token
from server.errors import NotFound
from server.inventory.tables import Agent, Subject, SubjectKind
from server.journal.deeds import Act, record


def issue_token(session: Session, act: Act, key: str) -> str:
    """A new token for the agent `key`; the old one is worth nothing any more. It is kept nowhere in the clear."""
    found = session.exec(
        select(Agent)
        .join(Subject, col(Subject.id) == col(Agent.id))
        .where(Subject.kind == SubjectKind.AGENT, Subject.key == key, col(Subject.removed_at).is_(None))
    ).first()
    if found is None:
        raise NotFound("There is no agent {key}: the inventory names the agents.", key=key)
    token = new_token(AGENT)
    found.token_hash = hash_token(token)
    found.revoked_at = None
    session.add(found)
    record(session, act, deed="agent.token", about=f"agent:{key}")
    return token
