"""The bank of a load test: branches of one agent each, by the inventory's own deed; and tokens for the agents."""

from sqlmodel import col, select

from agent.inventory.schema import Inventory
from server.agents.identity import issue_token
from server.inventory.deeds import apply
from server.inventory.tables import Subject, SubjectKind
from server.journal.deeds import Act
from server.storage.database import Database


def position(number: int, slot: int) -> str:
    """The key of a position; both count from 0."""
    return f"{1000 + number}/d-{slot}"


def inventory(agents: int, positions: int) -> Inventory:
    """A fault opens and closes at once in it: a load test has no minutes for it to last."""
    branches = [str(1000 + number) for number in range(agents)]
    tables = {
        "bank": {"name": "Load test"},
        "class": [{"key": "ups", "name": "UPS", "interval": "1m"}],
        "rule": [{"key": "device.fault", "after": "0s", "clear_after": "0s"}],
        "branch": [{"key": key, "name": key, "kind": "branch"} for key in branches],
        "agent": [{"key": f"agent-{key}", "name": key, "branch": key} for key in branches],
        "position": [
            {
                "branch": key,
                "key": f"d-{slot}",
                "name": f"UPS {slot}",
                "class": "ups",
                "driver": "reach",
                "address": key,
            }
            for key in branches
            for slot in range(positions)
        ],
    }
    return Inventory.model_validate(tables)


def found(database: Database, act: Act, agents: int, positions: int) -> list[str]:
    """Write the bank down; gives the agents' tokens in the order of their branches."""
    with database.write() as session:
        apply(session, act, inventory(agents, positions))
    with database.write() as session:
        asked = select(Subject.id).where(Subject.kind == SubjectKind.AGENT).order_by(col(Subject.key))
        return [issue_token(session, agent or 0, act.now) for agent in session.exec(asked).all()]
