"""What people do about who an agent is."""

from sqlmodel import Session

from agent.proof import Code, fingerprint
from server.agents.codes import agent_for, new_code, withdraw_code
from server.agents.identity import (
    Whose,
    begin_anew,
    done,
    end_keys,
    identity_by_key,
    identity_of,
    key_of,
    put,
)
from server.agents.tables import AgentKey, KeyStanding
from server.errors import Conflict, Invalid
from server.journal.deeds import Act
from server.schemas.agents import REASON


def make_code(
    session: Session, act: Act, key: bytes, branch: str, agent: str | None, hours: int
) -> tuple[Code, str, int]:
    """A one-time code, the agent it is for, and when it expires. The code is told now and never again."""
    whose = identity_of(session, agent_for(session, branch, agent).id or 0)
    code, row = new_code(session, act, key, whose.subject, hours)
    done(session, act, whose, "agent.code", after={"code": code.id, "branch": branch, "until": row.expires_at})
    return code, whose.subject.key, row.expires_at


def withdraw(session: Session, act: Act, agent: str) -> None:
    """The open code of an agent and the key that waits are worth nothing any more."""
    whose = identity_by_key(session, agent)
    waiting = key_of(session, whose.id, KeyStanding.WAITING)
    put(session, waiting, KeyStanding.REPLACED)
    code = withdraw_code(session, whose.id, act.now)
    if waiting is None and not code:
        raise Conflict("{key} has no open code and no key that waits.", key=agent)
    done(session, act, whose, "agent.withdraw", after={"code": code, "key": _shown(waiting)})


def confirm(session: Session, act: Act, agent: str) -> None:
    """The key that waits takes the place of the good one: the same agent, its positions and its history go on."""
    whose = identity_by_key(session, agent)
    waiting = key_of(session, whose.id, KeyStanding.WAITING)
    if waiting is None:
        raise Conflict("No key of {key} waits to be confirmed.", key=agent)
    before = key_of(session, whose.id, KeyStanding.GOOD)
    end_keys(session, whose.id, KeyStanding.REPLACED)
    put(session, waiting, KeyStanding.GOOD)
    begin_anew(session, whose)
    after = {"key": _shown(waiting), "was": _shown(before), "host": waiting.host, "address": waiting.address}
    done(session, act, whose, "agent.confirm", after=after)


def revoke(session: Session, act: Act, agent: str, reason: str = "") -> None:
    """From the next request on nobody speaks as this agent, until it is enrolled with a code made after this."""
    whose = identity_by_key(session, agent)
    if len(reason) > REASON:
        raise Invalid("The reason is longer than {most} characters; nothing was changed.", most=REASON)
    keys = [key_of(session, whose.id, standing) for standing in (KeyStanding.GOOD, KeyStanding.WAITING)]
    code = withdraw_code(session, whose.id, act.now)
    if not any(keys) and not code:
        raise Conflict("{key} has no key and no code that could be revoked.", key=agent)
    end_keys(session, whose.id, KeyStanding.REVOKED)
    put(session, keys[1], KeyStanding.REVOKED)
    begin_anew(session, whose)
    whose.identity.revoked_at = act.now
    shown = [_shown(key) for key in keys if key is not None]
    done(session, act, whose, "agent.revoke", after={"keys": shown, "code": code}, reason=reason)


def release(session: Session, act: Act, agent: str) -> None:
    """End a quarantine: there is one PC again, and it goes on with the key it has."""
    whose = identity_by_key(session, agent)
    if whose.identity.quarantined_at is None:
        raise Conflict("{key} is not in quarantine.", key=agent)
    begin_anew(session, whose)
    done(session, act, whose, "agent.release")


def ask_rotation(session: Session, act: Act, agent: str) -> None:
    """The agent makes a fresh key when it next asks for a token, within the hour."""
    whose = identity_by_key(session, agent)
    _good(session, whose)
    whose.identity.rotate = True
    done(session, act, whose, "agent.rotate")


def _good(session: Session, whose: Whose) -> AgentKey:
    good = key_of(session, whose.id, KeyStanding.GOOD)
    if good is None:
        raise Conflict("{key} is not enrolled.", key=whose.subject.key)
    return good


def _shown(key: AgentKey | None) -> str:
    return fingerprint(bytes.fromhex(key.public_key)) if key else ""
