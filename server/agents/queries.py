"""The agents in a person's scope, and how they are."""

from sqlalchemy import func, select
from sqlmodel import Session, col

from server.accounts.scope import Scoped, in_scope
from server.health.tables import HealthRow
from server.ingest.tables import AgentSeen
from server.inventory.tables import Observer, Subject, SubjectKind
from server.schemas import AgentOut, Standing


def agents(session: Session, viewer: Scoped, now: int) -> list[AgentOut]:
    """By key. What health has not judged for too long reads as stale."""
    polled = (
        select(col(Observer.agent_id).label("agent_id"), func.count().label("n"))
        .join(Subject, col(Subject.id) == col(Observer.subject_id))
        .where(col(Subject.removed_at).is_(None))
        .group_by(col(Observer.agent_id))
        .subquery()
    )
    home = select(col(Subject.id).label("id"), col(Subject.key).label("code")).subquery()
    rows = session.execute(
        select(Subject, home.c.code, AgentSeen, HealthRow, func.coalesce(polled.c.n, 0))
        .join(home, home.c.id == col(Subject.branch_id))
        .join(AgentSeen, col(AgentSeen.agent_id) == col(Subject.id), isouter=True)
        .join(HealthRow, col(HealthRow.subject_id) == col(Subject.id), isouter=True)
        .join(polled, polled.c.agent_id == col(Subject.id), isouter=True)
        .where(col(Subject.kind) == SubjectKind.AGENT, col(Subject.removed_at).is_(None))
        .where(in_scope(viewer, col(Subject.branch_id)))
        .order_by(col(Subject.key))
    ).all()
    return [
        AgentOut(
            key=subject.key,
            name=subject.name,
            branch=code,
            standing=standing_of(health, now),
            seen_at=seen.at if seen else None,
            version=seen.version if seen else "",
            waiting=seen.waiting if seen else 0,
            positions=positions,
        )
        for subject, code, seen, health, positions in rows
    ]


def standing_of(health: HealthRow | None, now: int) -> Standing:
    if health is None:
        return Standing.NEVER
    judged_too_long_ago = health.fresh_until < now and health.standing not in (Standing.NEVER, Standing.CLOSED)
    return Standing.STALE if judged_too_long_ago else health.standing
