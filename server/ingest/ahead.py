"""Agents that are behind, as a follower leaves them: what it saw of what they told ahead, and when that is over."""

from collections.abc import Callable, Sequence

from sqlalchemy import bindparam, delete, func, select, update
from sqlmodel import Session, col

from server.ingest.tables import AgentSeen, AheadRow, RecordRow, Stream


def mark_seen(session: Session, rows: Sequence[AheadRow]) -> None:
    """These were seen; what was told again meanwhile was not."""
    if not rows:
        return
    table = AheadRow.metadata.tables[AheadRow.__tablename__]
    same = [table.c[name] == bindparam(f"its_{name}") for name in ("subject_id", "agent_id", "held_to")]
    values = [
        {"its_subject_id": row.subject_id, "its_agent_id": row.agent_id, "its_held_to": row.held_to} for row in rows
    ]
    session.connection().execute(update(table).where(*same).values(fresh=False), values)


def caught_up(session: Session, read: Callable[[set[int]], dict[int, int]]) -> None:
    """Agents whose records have all come, and been read by all that judge them, are behind no more.

    `read` gives of agents up to which number that is so.
    """
    asked = select(col(AgentSeen.agent_id)).where(col(AgentSeen.behind), col(AgentSeen.waiting) == 0)
    asked = asked.order_by(col(AgentSeen.agent_id)).with_for_update()
    done = set(session.execute(asked).scalars())
    if not done:
        return
    upto = read(done)
    left = (
        select(col(Stream.agent_id), func.max(col(RecordRow.id)))
        .join(RecordRow, col(RecordRow.stream_id) == col(Stream.id))
        .where(col(RecordRow.history), col(RecordRow.id) > min(upto.values()), col(Stream.agent_id).in_(done))
        .group_by(col(Stream.agent_id))
    )
    done -= {agent for agent, last in session.execute(left) if last > upto[agent]}
    session.execute(update(AgentSeen).where(col(AgentSeen.agent_id).in_(done)).values(behind=False))
    session.execute(delete(AheadRow).where(col(AheadRow.agent_id).in_(done)))
