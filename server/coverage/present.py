"""Coverage of this moment: of how many positions there is valid data. What every list of the present says of itself."""

from sqlalchemy import ColumnElement, case, func, select
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from server.accounts.scope import Scoped, in_scope
from server.health.standing import stands
from server.health.tables import HealthRow
from server.inventory.tables import Position, Subject
from server.schemas.base import Coverage
from server.schemas.standing import FRESH, Standing


def present(session: Session, viewer: Scoped, now: int, *conditions: ColumnElement[bool]) -> Coverage:
    """Of the positions in scope that meet the conditions, on `subject` and `position`."""
    asked = (
        select(
            _count(col(Position.driver).is_not(None)),
            _count(stands(now, *FRESH)),
            *(_count(stands(now, word)) for word in (Standing.NEVER, Standing.UNKNOWN, Standing.CLOSED)),
        )
        .select_from(Position)
        .join(Subject, col(Subject.id) == col(Position.id))
        .outerjoin(HealthRow, col(HealthRow.subject_id) == col(Position.id))
        .where(in_scope(viewer, col(Subject.branch_id)), col(Subject.removed_at).is_(None), *conditions)
    )
    due, fresh, never, unknown, closed = session.execute(asked).one()
    return Coverage(due=due, fresh=fresh, never=never, unknown=unknown, closed=closed)


def of_branch(code: str | None) -> list[ColumnElement[bool]]:
    """The condition that positions are of a branch, if one is asked for."""
    if code is None:
        return []
    home = aliased(Subject)
    return [col(Subject.branch_id).in_(select(col(home.id)).where(col(home.key) == code))]


def _count(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)
