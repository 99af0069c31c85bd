"""The rows of one agent's identity, found and changed together. Every change takes the agent's row first."""

from dataclasses import dataclass

from sqlmodel import Session, col, delete, select

from server.accounts.tokens import AGENT, hash_token, new_token
from server.agents.kept_out import note_kept_out
from server.agents.tables import AgentIdentity, AgentInstance, AgentKey, AgentToken, KeyStanding
from server.errors import NotFound
from server.events.publish import invalidate
from server.health.kept_out import blame_anew
from server.inventory.tables import Agent, Subject, SubjectKind
from server.journal.deeds import Act, record

TOKEN_US = 3_600_000_000


@dataclass(frozen=True)
class Whose:
    """An agent: its subject and what holds of it. Nobody else changes its identity until the transaction ends."""

    subject: Subject
    identity: AgentIdentity

    @property
    def id(self) -> int:
        return self.subject.id or 0


def identity_of(session: Session, agent_id: int) -> Whose:
    session.exec(select(Agent).where(Agent.id == agent_id).with_for_update()).one()
    subject = session.get_one(Subject, agent_id)
    identity = session.get(AgentIdentity, agent_id, populate_existing=True) or AgentIdentity(agent_id=agent_id)
    session.add(identity)
    return Whose(subject, identity)


def identity_by_key(session: Session, key: str) -> Whose:
    asked = select(Subject.id).where(
        Subject.kind == SubjectKind.AGENT, Subject.key == key, col(Subject.removed_at).is_(None)
    )
    found = session.exec(asked).first()
    if found is None:
        raise NotFound("There is no agent {key}: the inventory names the agents.", key=key)
    return identity_of(session, found)


def key_of(session: Session, agent_id: int, standing: KeyStanding) -> AgentKey | None:
    """Its good key, or the one that waits."""
    asked = select(AgentKey).where(AgentKey.agent_id == agent_id, AgentKey.standing == standing)
    return session.exec(asked.execution_options(populate_existing=True)).first()


def put(session: Session, key: AgentKey | None, standing: KeyStanding) -> None:
    """A key, if there is one, stands otherwise from now on."""
    if key is not None:
        key.standing = standing
        session.add(key)
        session.flush()


def end_keys(session: Session, agent_id: int, standing: KeyStanding) -> None:
    """The good key, and the older ones it followed, are of the past: none of them says anything of a copy any more."""
    past = (KeyStanding.GOOD, KeyStanding.ROTATED)
    asked = select(AgentKey).where(AgentKey.agent_id == agent_id, col(AgentKey.standing).in_(past))
    for key in session.exec(asked).all():
        put(session, key, standing)


def issue_token(session: Session, agent_id: int, now: int) -> str:
    """A live token; it is kept nowhere in the clear."""
    session.exec(delete(AgentToken).where(col(AgentToken.agent_id) == agent_id, col(AgentToken.expires_at) <= now))
    token = new_token(AGENT)
    session.add(AgentToken(token_hash=hash_token(token), agent_id=agent_id, expires_at=now + TOKEN_US))
    session.flush()
    return token


def silence(session: Session, agent_id: int) -> None:
    """Every token of the agent is worth nothing from the next request on."""
    session.exec(delete(AgentToken).where(col(AgentToken.agent_id) == agent_id))


def begin_anew(session: Session, whose: Whose) -> None:
    """Whoever has the good key and asks first is the agent: no earlier process counts, and no quarantine."""
    silence(session, whose.id)
    session.exec(delete(AgentInstance).where(col(AgentInstance.agent_id) == whose.id))
    whose.identity.quarantined_at = whose.identity.revoked_at = None
    whose.identity.rotate = False
    session.add(whose.identity)


def done(session: Session, act: Act, whose: Whose, deed: str, *, after: object = None, reason: str = "") -> None:
    """Tell a silence that this explains, the screens and the journal; last in the transaction."""
    session.flush()
    was, why = note_kept_out(session, whose.id, act.now)
    if was is not why:
        blame_anew(session, act, whose.subject, was)
    invalidate(session, "agent", whose.subject.key, whose.subject.branch_id, act.now)
    record(session, act, deed=deed, about=f"agent:{whose.subject.key}", after=after, reason=reason)
