"""When the server let an agent not in, noted with every change of an identity: a silence and a past day rest on it."""

from sqlmodel import Session, col, select

from server.agents.tables import AgentIdentity, AgentKey, KeptOut, KeyStanding
from server.schemas.agents import IdentityStanding

HELD_OFF = (IdentityStanding.QUARANTINED, IdentityStanding.REVOKED)  # nobody is let in; of WAITING the PC before is


Kept = IdentityStanding | None


def note_kept_out(session: Session, agent_id: int, now: int) -> tuple[Kept, Kept]:
    """End what holds no longer and begin what holds now; what that was, and is."""
    asked = select(KeptOut).where(KeptOut.agent_id == agent_id, col(KeptOut.end).is_(None))
    before, why = session.exec(asked).first(), _why(session, agent_id)
    was = before.why if before else None
    if was is why:
        return was, why
    if before is not None and before.start < now:
        before.end = now
        session.add(before)
    elif before is not None:  # it never came to anything, or the server's clock was set back
        session.delete(before)
    session.flush()
    if why is not None:
        session.add(KeptOut(agent_id=agent_id, why=why, start=now))
        session.flush()
    return was, why


def _why(session: Session, agent_id: int) -> IdentityStanding | None:
    """The gravest. A code that is out changes nothing: until it is used nobody may speak."""
    identity = session.get(AgentIdentity, agent_id)
    if identity is not None and identity.quarantined_at is not None:
        return IdentityStanding.QUARANTINED
    held = (KeyStanding.GOOD, KeyStanding.WAITING)
    asked = select(AgentKey.standing).where(AgentKey.agent_id == agent_id, col(AgentKey.standing).in_(held))
    keys = set(session.exec(asked))
    if KeyStanding.WAITING in keys:
        return IdentityStanding.WAITING
    revoked = identity is not None and identity.revoked_at is not None and not keys
    return IdentityStanding.REVOKED if revoked else None
