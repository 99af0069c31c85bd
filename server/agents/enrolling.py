"""How a PC becomes an agent: the server proves to it that it knows the code, and it to the server."""

import hmac

from sqlmodel import Session

from agent.inventory.unseen import UNSEEN
from agent.proof import (
    NONCE_BYTES,
    TEXT_LIMIT,
    enrollment_message,
    enrollment_proof,
    fingerprint,
    introduction_proof,
)
from agent.wire import Enrollment, EnrollmentAsk, Introduction, IntroductionAsk
from server.agents import codes
from server.agents.challenges import Voice, check_signature
from server.agents.identity import Whose, begin_anew, done, identity_of, key_of, put
from server.agents.tables import AgentCode, AgentKey, KeyStanding
from server.errors import Forbidden, Invalid
from server.journal.deeds import Act


def introduce(session: Session, voice: Voice, key: bytes | None, ask: IntroductionAsk, now: int) -> Introduction:
    """The server's name and CA, and the proof that they come from one who knows the code."""
    if len(ask.nonce) != NONCE_BYTES:
        raise Invalid("A nonce has {bytes} bytes.", bytes=NONCE_BYTES)
    row = codes.find_code(session, ask.code, now)
    if isinstance(row, Forbidden):
        raise row
    ca = voice.trusted()
    proof = introduction_proof(codes.opened(row, key), ask.nonce, voice.name, ca)
    return Introduction(server=voice.name, ca=ca, proof=proof)


def knows_the_code(session: Session, key: bytes | None, ask: EnrollmentAsk, now: int) -> bool:
    """Whether `enroll` would believe it. Nobody waits for this."""
    check_signature(ask.public_key, ask.signature, enrollment_message(ask.code, ask.public_key))
    row = codes.find_code(session, ask.code, now)
    return not isinstance(row, Forbidden) and _proves(row, key, ask)


def enroll(session: Session, key: bytes | None, ask: EnrollmentAsk, address: str, now: int) -> Enrollment | Forbidden:
    """The agent's key becomes good, or waits where the agent has one. A refusal is given back: its try is counted."""
    check_signature(ask.public_key, ask.signature, enrollment_message(ask.code, ask.public_key))
    row = codes.find_code(session, ask.code, now)
    if isinstance(row, AgentCode):  # its agent first, as everywhere; what held before it may hold no longer
        whose = identity_of(session, row.agent_id)
        row = codes.find_code(session, ask.code, now)
    if isinstance(row, Forbidden):
        return row
    if not _proves(row, key, ask):
        return _wrong_try(session, row, address, now)
    known = session.get(AgentKey, ask.public_key.hex())
    if row.used_by is not None:
        return _again(row, known, session)
    if known is not None:
        return Forbidden("This key was enrolled before. Say `branchfleet-agent enroll` again, with a new code.")
    if whose.subject.removed_at is not None or whose.subject.branch_id != row.branch_id:
        return Forbidden("The agent this code was made for is no longer at that branch. Have another code made.")
    return _take(session, row, whose, ask, address, now)


def _proves(row: AgentCode, key: bytes | None, ask: EnrollmentAsk) -> bool:
    proof = enrollment_proof(codes.opened(row, key), ask.public_key, ask.host, ask.system)
    return hmac.compare_digest(proof, ask.proof)


def _take(session: Session, row: AgentCode, whose: Whose, ask: EnrollmentAsk, address: str, now: int) -> Enrollment:
    waiting = key_of(session, whose.id, KeyStanding.GOOD) is not None
    put(session, key_of(session, whose.id, KeyStanding.WAITING), KeyStanding.REPLACED)
    made = AgentKey(
        public_key=ask.public_key.hex(),
        agent_id=whose.id,
        standing=KeyStanding.WAITING if waiting else KeyStanding.GOOD,
        made_at=now,
        host=said(ask.host),
        system=said(ask.system),
        address=address,
    )
    session.add(made)
    row.used_by = made.public_key
    session.add(row)
    if not waiting:
        begin_anew(session, whose)
    after = {
        "key": fingerprint(ask.public_key),
        "host": made.host,
        "system": made.system,
        "address": address,
        "code": row.id,
        "waiting": waiting,
    }
    done(session, Act(f"agent:{whose.subject.key}"[:80], "agent", now), whose, "agent.enroll", after=after)
    return Enrollment(agent=whose.subject.key, waiting=waiting)


def _again(row: AgentCode, known: AgentKey | None, session: Session) -> Enrollment | Forbidden:
    """The code was used: by this very key, whose answer was lost, or by another."""
    if known is None or known.public_key != row.used_by:
        return Forbidden("The code was used already: a code enrols one PC. Have head office make another.")
    if known.standing not in (KeyStanding.GOOD, KeyStanding.WAITING):
        return Forbidden(
            "The key this code enrolled was revoked or replaced since. Have head office make another code."
        )
    whose = identity_of(session, row.agent_id)
    return Enrollment(agent=whose.subject.key, waiting=known.standing is KeyStanding.WAITING)


def _wrong_try(session: Session, row: AgentCode, address: str, now: int) -> Forbidden:
    if row.used_by is not None:
        return Forbidden("The code was used already: a code enrols one PC. Have head office make another.")
    row.tries += 1
    session.add(row)
    left = codes.TRIES - row.tries
    if left <= 0:
        after = {"code": row.id, "address": address}
        done(session, Act("system", "agent", now), identity_of(session, row.agent_id), "agent.code-voided", after=after)
    return Forbidden("The code is wrong. Read it again; wrong tries left: {left}.", left=max(left, 0))


def said(text: str) -> str:
    """What a host says of itself is data: printable, and not too long."""
    return "".join(letter if letter.isprintable() else "?" for letter in UNSEEN.sub("?", text))[:TEXT_LIMIT]
