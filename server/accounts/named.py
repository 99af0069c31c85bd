"""Whose figures a person reads, in words: all branches of the bank, or their own by name."""

from sqlalchemy import select
from sqlmodel import Session, col

from server.accounts.scope import Scoped
from server.inventory.tables import Subject, SubjectKind
from server.texts import Gettext

NAMED = 3  # branches by name; more are counted


def branches_named(session: Session, viewer: Scoped, branch: str | None, _: Gettext) -> str:
    """Of the branch with that code, else of all this person may see."""
    if branch is None and viewer.branch_ids is None:
        return _("all branches")
    asked = select(col(Subject.name)).where(col(Subject.kind) == SubjectKind.BRANCH).order_by(col(Subject.key))
    own = viewer.branch_ids or ()
    asked = asked.where(col(Subject.key) == branch) if branch else asked.where(col(Subject.id).in_(own))
    names = list(session.execute(asked).scalars())
    if len(names) > NAMED:
        return _("{first} and {others} more").format(first="、".join(names[:NAMED]), others=len(names) - NAMED)
    return "、".join(names)
