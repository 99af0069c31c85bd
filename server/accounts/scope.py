"""Roles and branches: the one place that says what a person may see."""

from typing import Any, Protocol

from sqlalchemy import ColumnElement, String, cast, select, true
from sqlmodel import Session, col

from server.accounts.tables import Person, Scope
from server.errors import NotFound
from server.inventory.tables import Branch, PastName, Subject, SubjectKind
from server.schemas.people import Role


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


def known_branch(session: Session, viewer: Scoped, code: str | None, *, ever: bool = False) -> None:
    """NotFound where there is no such branch, or not for this person: an empty list of it would lie.

    `ever`: a code counts that a branch once had.
    """
    if code is None:
        return
    branches = select(col(Subject.id)).where(
        col(Subject.kind) == SubjectKind.BRANCH, in_scope(viewer, col(Subject.branch_id))
    )
    found = session.execute(branches.where(col(Subject.key) == code)).first()
    if found is None and ever:
        past = select(col(PastName.ref)).where(col(PastName.kind) == "subject", col(PastName.key) == code)
        found = session.execute(branches.where(cast(col(Subject.id), String(20)).in_(past))).first()
    if found is None:
        raise NotFound("There is no branch {code}.", code=code[:64])
