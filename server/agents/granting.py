"""Tokens for who holds an agent's good key; and how two who hold one key at once are found out.

A process draws a random name, its instance, and says it with the name of the one that last got a token in its home.
Every challenge is answered once, and only while none made later was answered. So:

- Another instance takes the place of the one before, whose tokens end: a PC was started again.
- Should the one before answer a challenge made after that, both are alive: two PCs have one home. Nothing that was
  under way when a process ended can look like this, because it has no later challenge.
- An instance that did not come after the one before it may have numbers that another used: it begins a new stream.
  It may name several that it may have come after: those that were killed while they asked. Of the one before, nothing
  is known since a backup that was restored: so what comes after one that was heard only before that, begins one too.
- A key that the agent itself replaced by a fresh one is a copy, whoever speaks with it and does not have that one too.
"""

import logging

from sqlmodel import Session, col, delete, select

from agent.proof import INSTANCE_LIMIT, PERHAPS_LIMIT, fingerprint, rotation_message, token_message
from agent.wire import Rotation, RotationAsk, Token, TokenAsk
from server.agents.challenges import TooLate, Voice, check_signature
from server.agents.enrolling import said
from server.agents.identity import TOKEN_US, Whose, done, identity_of, issue_token, key_of, put, silence
from server.agents.tables import TRUSTS_LIMIT, AgentInstance, AgentKey, KeyStanding
from server.authority.certificates import prints
from server.errors import Forbidden, Invalid, ServerError, Unauthorized
from server.journal.deeds import Act
from server.migrations import RESTORED
from server.queries import setting

_log = logging.getLogger(__name__)

DAY = 86_400_000_000
ROTATE_AFTER = 90 * DAY
REMEMBERED = 90 * DAY  # how long an instance that was superseded is known by name
INSTANCES_KEPT = 10_000  # of an agent: more than are started in that time, unless its key is in other hands
_WHY = {"instance": "two programs speak with its key", "oldKey": "one speaks with a key it replaced"}
QUARANTINED = (
    "Two programs speak as this agent: a PC or its disk was copied, or its key was. Both are held off, and their "
    "records are kept, until head office decides."
)


class KeptOut(Forbidden):
    """The agent is known and not let in; an agent tells the people of its PC why, by the word."""

    def __init__(self, reason: str, template: str) -> None:
        super().__init__(template)
        self.reason = reason


class UnknownKey(Unauthorized):
    reason = "unknown"


def signed_token(voice: Voice, ask: TokenAsk, now: int) -> int:
    """When the challenge was made that this key signed. Nothing is looked up for it."""
    names = [ask.instance, *([ask.after] if ask.after else []), *ask.perhaps[:PERHAPS_LIMIT]]
    if not all(map(_is_name, names)):
        raise Invalid("An instance's name is 1 to {most} letters and digits.", most=INSTANCE_LIMIT)
    issued = voice.issued_at(ask.challenge, ask.public_key, now)
    signed = token_message(voice.name, ask.public_key, ask.challenge, ask.instance, ask.after, ask.perhaps)
    check_signature(ask.public_key, ask.signature, signed)
    return issued


def signed_rotation(voice: Voice, ask: RotationAsk, now: int) -> int:
    """When the challenge was made that both keys signed."""
    issued = voice.issued_at(ask.challenge, ask.public_key, now)
    signed = rotation_message(voice.name, ask.public_key, ask.fresh, ask.challenge)
    check_signature(ask.public_key, ask.by_old, signed)
    check_signature(ask.fresh, ask.by_fresh, signed)
    return issued


def known(session: Session, public_key: bytes) -> AgentKey:
    """Unauthorized if no agent has, or had, this key."""
    found = session.get(AgentKey, public_key.hex())
    if found is None:
        raise UnknownKey("The server does not know this key. Enrol this PC with a code of head office.")
    return found


def grant(session: Session, voice: Voice, ask: TokenAsk, issued: int, address: str, now: int) -> Token | ServerError:
    """A token; a refusal is given back, because what it found out is to be written."""
    speaking = _speaking(session, ask.public_key, issued, now)
    if isinstance(speaking, ServerError):
        return speaking
    whose, key = speaking
    instance = session.get(AgentInstance, (whose.id, ask.instance))
    if instance is None:
        instance = _supersede(session, whose, ask, address, now)
    elif instance.superseded_at is not None:
        instance.asked_at = now  # so that people are shown this one beside the one that took its place
        session.add(instance)
        return _quarantine(session, whose, "instance", address, now)
    instance.asked_at = now
    session.add(instance)
    whose.identity.trusts = " ".join(ask.trusts)[:TRUSTS_LIMIT]
    trusted = voice.trusted()
    return Token(
        token=issue_token(session, whose.id, now),
        seconds=TOKEN_US // 1_000_000,
        rotate=whose.identity.rotate or key.made_at + ROTATE_AFTER <= now,
        forked_at=instance.began_at if instance.forked else 0,
        server=now,
        ca="" if sorted(ask.trusts) == prints(trusted) else trusted,
    )


def rotate(session: Session, ask: RotationAsk, issued: int, address: str, now: int) -> Rotation | ServerError:
    """The fresh key is the good one, and the old one is worth nothing any more. So too if it was before."""
    speaking = _speaking(session, ask.public_key, issued, now, ask.fresh)
    if isinstance(speaking, ServerError):
        return speaking
    whose, key = speaking
    if key.standing is KeyStanding.ROTATED:
        return Rotation()
    if session.get(AgentKey, ask.fresh.hex()) is not None:
        return Forbidden("The fresh key is one the server knows already.")
    put(session, key, KeyStanding.ROTATED)
    facts = {"host": key.host, "system": key.system}
    fresh = AgentKey(
        public_key=ask.fresh.hex(),
        agent_id=whose.id,
        standing=KeyStanding.GOOD,
        made_at=now,
        address=address,
        **facts,
    )
    session.add(fresh)
    whose.identity.rotate = False
    after = {"key": fingerprint(ask.fresh), "was": fingerprint(ask.public_key), "address": address}
    done(session, Act(f"agent:{whose.subject.key}"[:80], "agent", now), whose, "agent.rotated", after=after)
    return Rotation()


def _speaking(
    session: Session, public_key: bytes, issued: int, now: int, fresh: bytes = b""
) -> tuple[Whose, AgentKey] | ServerError:
    """The agent whose good key this is, if it may speak; the challenge counts as answered. `fresh` signed too."""
    key = known(session, public_key)
    whose = identity_of(session, key.agent_id)
    session.refresh(key)
    if whose.subject.removed_at is not None:
        return KeptOut("removed", "The inventory has this agent no longer.")
    answered = whose.identity.challenged_at
    if issued <= answered <= now:  # what is after now was written before the servers' clock was set back
        return TooLate("The challenge is not, or no longer, good. Ask for another.")
    match key.standing:
        case KeyStanding.WAITING:
            return KeptOut("waiting", "This PC waits for head office to confirm that it takes the agent's place.")
        case KeyStanding.REVOKED:
            return KeptOut("revoked", "This agent was revoked. Head office can make a code to enrol it anew.")
        case KeyStanding.REPLACED:
            return KeptOut(
                "replaced", "Another PC was confirmed in this one's place. To have it back, enrol it with a new code."
            )
    if whose.identity.quarantined_at is not None:
        return KeptOut("quarantine", QUARANTINED)
    if key.standing is KeyStanding.ROTATED and not _is_good(session, whose, fresh):
        return _quarantine(session, whose, "oldKey", "", now)
    whose.identity.challenged_at = issued
    session.add(whose.identity)
    return whose, key


def _is_good(session: Session, whose: Whose, public_key: bytes) -> bool:
    good = key_of(session, whose.id, KeyStanding.GOOD)
    return good is not None and good.public_key == public_key.hex()


def _supersede(session: Session, whose: Whose, ask: TokenAsk, address: str, now: int) -> AgentInstance:
    """A process takes the place of the one before."""
    asked = select(AgentInstance).where(AgentInstance.agent_id == whose.id, col(AgentInstance.superseded_at).is_(None))
    before = session.exec(asked).first()
    if before is not None:
        before.superseded_at = now
        session.add(before)
    silence(session, whose.id)
    ended = col(AgentInstance.superseded_at)
    newest = select(ended).where(AgentInstance.agent_id == whose.id, ended.is_not(None)).order_by(ended.desc())
    forgotten = max(session.exec(newest.offset(INSTANCES_KEPT).limit(1)).first() or 0, now - REMEMBERED)
    session.exec(delete(AgentInstance).where(col(AgentInstance.agent_id) == whose.id, ended <= forgotten))
    return AgentInstance(
        agent_id=whose.id,
        instance=ask.instance,
        began_at=now,
        asked_at=now,
        forked=(before.instance if before else "") not in (ask.after, *ask.perhaps) or _is_old(session, before),
        host=said(ask.host),
        system=said(ask.system),
        address=address,
    )


def _is_old(session: Session, before: AgentInstance | None) -> bool:
    """Whether this database was restored from a backup since it heard a process: what that one said then is unknown."""
    return before is not None and before.asked_at <= int(setting(session, RESTORED, "0"))


def _quarantine(session: Session, whose: Whose, why: str, address: str, now: int) -> Forbidden:
    whose.identity.quarantined_at = now
    session.add(whose.identity)
    silence(session, whose.id)
    asked = select(AgentInstance).where(AgentInstance.agent_id == whose.id)
    newest = session.exec(asked.order_by(col(AgentInstance.asked_at).desc()).limit(2)).all()
    heard = [{"host": one.host, "system": one.system, "address": one.address, "at": one.asked_at} for one in newest]
    after = {"why": why, "address": address, "heard": heard}
    shown = "; ".join(f"{one.host} at {one.address}" for one in newest)
    done(session, Act("system", "agent", now), whose, "agent.quarantine", after=after)
    _log.warning("Agent %s is in quarantine: %s. %s", whose.subject.key, _WHY[why], shown)
    return KeptOut("quarantine", QUARANTINED)


def _is_name(text: str) -> bool:
    return 0 < len(text) <= INSTANCE_LIMIT and text.isascii() and text.isalnum()
