"""How far a sweep is, as its agent tells on the way: kept with the sweep, for one that never ended has no result."""

from collections.abc import Mapping
from typing import Final

from sqlalchemy import select
from sqlmodel import Session, col

from server.orders.tables import AgentOrder, Push
from server.sweeps.tables import SweepRow

TOPIC: Final = "sweep"  # of an agent's facts
FIGURES: Final = ("of", "asked", "answered")  # addresses


def note(session: Session, agent: int, topic: str, at: int, facts: Mapping[str, object]) -> None:
    """Of the sweep that agent was ordered, and of no other."""
    if topic != TOPIC:
        return
    asked = select(SweepRow).join(Push, col(Push.uid) == col(SweepRow.push))
    asked = asked.join(AgentOrder, col(AgentOrder.push_id) == col(Push.id)).where(
        col(AgentOrder.uid) == str(facts.get(f"{TOPIC}.order")), col(AgentOrder.agent_id) == agent
    )
    row = session.execute(asked).scalar_one_or_none()
    if row is not None:
        row.of, row.asked, row.answered = (count_of(facts.get(f"{TOPIC}.{name}")) for name in FIGURES)
        row.told_at = at
        session.add(row)


def count_of(said: object) -> int:
    return said if isinstance(said, int) and 0 <= said < 1 << 31 else 0
