"""Roles and branches: the one place that says what a person may see."""

from typing import Any, Protocol

from sqlalchemy import ColumnElement, select, true
from sqlmodel import Session, col

from server.accounts.tables import Person, Scope
from server.inventory.tables import Branch
from server.schemas import Role


class Scoped(Protocol):
    @property
    def branch_ids(self) -> frozenset[int] | None: ...


def branches_of(session: Session, person: Person) -> frozenset[int] | None:
    """The branches in a person's scope with everything below them; None for all of them."""
    if person.role is not Role.BRANCH:
        return None
    below = (
        select(col(Scope.branch_id).label("id")).where(col(Scope.person_id) == person.id).cte("below", recursive=True)
    )
    below = below.union(select(col(Branch.id)).join(below, col(Branch.parent_id) == below.c.id))
    return frozenset(session.execute(select(below.c.id)).scalars())


def in_scope(viewer: Scoped, column: Any) -> ColumnElement[bool]:
    """The SQL condition that `column`, a branch's id, is one this person may see."""
    if viewer.branch_ids is None:
        return true()
    condition: ColumnElement[bool] = column.in_(sorted(viewer.branch_ids))
    return condition


def sees(viewer: Scoped, branch_id: int | None) -> bool:
    """The same for one branch; None is what concerns no branch, and everybody sees it."""
    return viewer.branch_ids is None or branch_id is None or branch_id in viewer.branch_ids
