"""One-time codes: made for one agent of one branch, good once, for a while, and for a few wrong tries."""

import secrets
from enum import StrEnum

from sqlmodel import Session, col, select

from agent.proof import ALPHABET, PUBLIC, SECRET, Code
from server.agents.tables import AgentCode, AgentKey, KeyStanding
from server.errors import Conflict, Forbidden, Invalid, NotFound, Unavailable
from server.inventory.tables import Subject, SubjectKind
from server.journal.deeds import Act
from server.secrets.sealing import SealBroken, seal, unseal

TRIES = 10  # wrong ones, then the code is void
HOURS = 72
MOST_HOURS = 30 * 24
HOUR = 3_600_000_000  # µs


class CodeStanding(StrEnum):
    OPEN = "open"
    USED = "used"
    EXPIRED = "expired"
    VOIDED = "voided"
    WITHDRAWN = "withdrawn"


def standing_of(code: AgentCode, now: int) -> CodeStanding:
    if code.used_by is not None:
        return CodeStanding.USED
    if code.withdrawn_at is not None:
        return CodeStanding.WITHDRAWN
    if code.tries >= TRIES:
        return CodeStanding.VOIDED
    return CodeStanding.EXPIRED if code.expires_at <= now else CodeStanding.OPEN


def open_code(session: Session, agent_id: int, now: int) -> AgentCode | None:
    """The code this agent can be enrolled with now; there is one at most."""
    codes = session.exec(select(AgentCode).where(AgentCode.agent_id == agent_id)).all()
    return next((code for code in codes if standing_of(code, now) is CodeStanding.OPEN), None)


def new_code(session: Session, act: Act, key: bytes, agent: Subject, hours: int) -> tuple[Code, AgentCode]:
    """A code for `agent`, and its row; an earlier one that is still open is withdrawn."""
    if not 1 <= hours <= MOST_HOURS:
        raise Invalid("A code is good for 1 to {most} hours.", most=MOST_HOURS)
    agent_id = agent.id or 0
    withdraw_code(session, agent_id, act.now)
    code = Code(_fresh_id(session), _letters(SECRET))
    row = AgentCode(
        id=code.id,
        agent_id=agent_id,
        branch_id=agent.branch_id,
        sealed=seal(key, _sealed_as(code.id), code.secret),
        made_at=act.now,
        made_by=act.actor,
        expires_at=act.now + hours * HOUR,
    )
    session.add(row)
    session.flush()
    return code, row


def withdraw_code(session: Session, agent_id: int, now: int) -> bool:
    code = open_code(session, agent_id, now)
    if code is None:
        return False
    code.withdrawn_at = now
    session.add(code)
    return True


def opened(row: AgentCode, key: bytes | None) -> Code:
    """The whole code; Unavailable if it was sealed with another key than this server has."""
    try:
        return Code(row.id, unseal(key or b"", _sealed_as(row.id), row.sealed))
    except (SealBroken, ValueError):
        raise Unavailable("The server cannot read its own codes: its key is another. Make a new code.") from None


def find_code(session: Session, code_id: str, now: int) -> AgentCode | Forbidden:
    """A code that may be answered, or why not. A used one may: the same key asks again if it heard nothing."""
    row = session.get(AgentCode, code_id, populate_existing=True)
    if row is None:
        return Forbidden("There is no such code. Read it again, or have head office make another.")
    match standing_of(row, now):
        case CodeStanding.WITHDRAWN:
            return Forbidden("The code was withdrawn or replaced by a later one.")
        case CodeStanding.VOIDED:
            return Forbidden("The code is void: it was tried {tries} times with wrong characters.", tries=row.tries)
        case CodeStanding.EXPIRED:
            return Forbidden("The code has expired. Have head office make another.")
    return row


def agent_for(session: Session, branch: str, named: str | None) -> Subject:
    """The agent of `branch` a code is for: the one named, or the only one, while it has no key.

    Of several one is named: which of them has a key does not say which PC the person has in mind.
    """
    agents = _agents_of(session, branch)
    keys = ", ".join(agents)
    if named is not None:
        if named not in agents:
            raise NotFound("Branch {branch} has no agent {key}; it has: {keys}.", branch=branch, key=named, keys=keys)
        return agents[named]
    if len(agents) > 1:
        raise Conflict("{branch} has several agents. Name one by --agent: {keys}.", branch=branch, keys=keys)
    (only,) = agents.values()
    enrolled = select(AgentKey).where(AgentKey.agent_id == only.id, AgentKey.standing == KeyStanding.GOOD)
    if session.exec(enrolled).first() is not None:
        raise Conflict(
            "The agent of {branch} is enrolled. To enrol it again, name it by --agent: {keys}.",
            branch=branch,
            keys=keys,
        )
    return only


def _agents_of(session: Session, branch: str) -> dict[str, Subject]:
    here = col(Subject.removed_at).is_(None)
    found = session.exec(select(Subject).where(Subject.kind == SubjectKind.BRANCH, Subject.key == branch, here)).first()
    if found is None:
        raise NotFound("There is no branch {code}.", code=branch)
    asked = select(Subject).where(Subject.kind == SubjectKind.AGENT, Subject.branch_id == found.id, here)
    agents = {agent.key: agent for agent in session.exec(asked.order_by(Subject.key)).all()}
    if not agents:
        raise NotFound("Branch {branch} has no agent: the inventory names the agents.", branch=branch)
    return agents


def _fresh_id(session: Session) -> str:
    while session.get(AgentCode, found := _letters(PUBLIC)) is not None:
        pass
    return found


def _letters(count: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(count))


def _sealed_as(code_id: str) -> str:
    return f"agent-code:{code_id}"
