"""A bank in a database, as the wire sees it: branches of one agent each, with so many positions."""

from server.accounts.tables import Person, SignIn
from server.accounts.tokens import AGENT, PERSON, hash_token, new_token
from server.agents.tables import AgentToken
from server.inventory.tables import Agent, Branch, Observer, Position, Subject, SubjectKind
from server.schemas.people import Role
from server.storage.database import Database
from server.storage.types import FOREVER

APART = 1000  # between the ids of one branch's rows and the next one's
MINUTE = 60_000_000


def position(number: int, slot: int) -> str:
    """The key of a position, `number` from 0, `slot` from 1."""
    return f"{1001 + number}/d-{slot}"


def agent_id(number: int) -> int:
    return APART * (number + 1)


def position_id(number: int, slot: int) -> int:
    return agent_id(number) + slot


def seed(database: Database, branches: int, positions: int) -> list[str]:
    """Write them; gives the agents' tokens, which never run out."""
    tokens = []
    with database.write() as session:
        for number in range(branches):
            agent, branch, key = agent_id(number), agent_id(number) - 1, f"{1001 + number}"
            ids = {position_id(number, slot): position(number, slot) for slot in range(1, positions + 1)}
            session.add(Subject(id=branch, kind=SubjectKind.BRANCH, key=key, name=key, branch_id=branch))
            session.flush()
            session.add(Branch(id=branch, kind="branch" if number else "head-office"))
            session.add(Subject(id=agent, kind=SubjectKind.AGENT, key=f"agent-{key}", name="", branch_id=branch))
            session.add_all(
                Subject(id=own, kind=SubjectKind.POSITION, key=name, name=name, branch_id=branch)
                for own, name in ids.items()
            )
            session.flush()
            session.add(Agent(id=agent))
            session.add_all(Position(id=own, cls="pc", driver="snmp", interval_us=MINUTE) for own in ids)
            session.flush()
            tokens.append(new_token(AGENT))
            session.add(AgentToken(token_hash=hash_token(tokens[-1]), agent_id=agent, expires_at=FOREVER))
            session.add_all(Observer(subject_id=own, agent_id=agent) for own in ids)
    return tokens


def signed_in(database: Database, login: str) -> str:
    """The token of somebody of head office who has signed in already."""
    token = new_token(PERSON)
    with database.write() as session:
        person = Person(login=login, name=login, role=Role.HEAD, password_hash="")
        session.add(person)
        session.flush()
        session.add(SignIn(token_hash=hash_token(token), person_id=person.id or 0, created_at=1, expires_at=FOREVER))
    return token
