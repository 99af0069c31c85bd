"""One agent with three positions, straight into a database."""

from server.accounts.tokens import AGENT, hash_token, new_token
from server.agents.tables import AgentToken
from server.inventory.tables import Agent, Branch, DeviceClass, Observer, Position, Subject, SubjectKind
from server.storage.database import Database
from server.storage.types import FOREVER

SLUGS = ("a", "b", "c")
TOKEN = new_token(AGENT)


def put_bank(database: Database) -> None:
    with database.write() as session:
        session.add(Subject(id=1, kind=SubjectKind.BRANCH, key="1001", name="城关支行", branch_id=1))
        session.add(Subject(id=2, kind=SubjectKind.AGENT, key="centre", name="总行采集", branch_id=1))
        session.flush()
        session.add(Branch(id=1, kind="branch"))
        session.add(Agent(id=2))
        session.flush()
        session.add(AgentToken(token_hash=hash_token(TOKEN), agent_id=2, expires_at=FOREVER))
        session.add(DeviceClass(key="atm", name="自动柜员机", counted=True, interval_us=60_000_000))
        for own, slug in enumerate(SLUGS, 3):
            session.add(Subject(id=own, kind=SubjectKind.POSITION, key=f"1001/{slug}", name=slug, branch_id=1))
            session.flush()
            session.add(Position(id=own, cls="atm", driver="snmp", interval_us=60_000_000))
            session.flush()
            session.add(Observer(subject_id=own, agent_id=2))
