"""Which pushes and orders a person sees.

What is about a place of theirs, whole; and of what is about the whole bank the orders of their own branches' agents.
"""

from typing import Any

from sqlalchemy import ColumnElement, Select, select, true
from sqlmodel import Session, col

from server.accounts.scope import Scoped, in_scope
from server.inventory.tables import Observer, Subject, SubjectKind
from server.orders.tables import AgentOrder, Push


def visible(viewer: Scoped) -> ColumnElement[bool]:
    """The SQL condition that this person may see a push."""
    if viewer.branch_ids is None:
        return true()
    own = _standing_in(in_scope(viewer, col(Subject.branch_id)))
    return in_scope(viewer, col(Push.branch_id)) | (col(Push.branch_id).is_(None) & _has_orders_of(own))


def partly(viewer: Scoped, push: Push) -> bool:
    """Whether this person sees of the push the orders of their own agents alone."""
    return viewer.branch_ids is not None and push.branch_id is None


def own_orders(viewer: Scoped) -> ColumnElement[bool]:
    return col(AgentOrder.agent_id).in_(_standing_in(in_scope(viewer, col(Subject.branch_id))))


def touches(session: Session, about: str) -> ColumnElement[bool]:
    """The condition that a push is about this key; of a branch also those about the whole bank that reached an agent
    that stands in it, or polls something there."""
    is_branch = col(Subject.kind) == SubjectKind.BRANCH, col(Subject.key) == about, col(Subject.removed_at).is_(None)
    branch = session.execute(select(col(Subject.id)).where(*is_branch)).scalar_one_or_none()
    named = col(Push.subject_id).in_(select(col(Subject.id)).where(col(Subject.key) == about))
    if branch is None:
        return named
    polling = select(col(Observer.agent_id)).join(Subject, col(Subject.id) == col(Observer.subject_id))
    there = _standing_in(col(Subject.branch_id) == branch).union(polling.where(col(Subject.branch_id) == branch))
    return named | (col(Push.subject_id).is_(None) & _has_orders_of(there))


def _standing_in(where: ColumnElement[bool]) -> Select[Any]:
    return select(col(Subject.id)).where(col(Subject.kind) == SubjectKind.AGENT, where)


def _has_orders_of(agents: Any) -> ColumnElement[bool]:
    of_push = col(AgentOrder.push_id) == col(Push.id)
    return select(col(AgentOrder.id)).where(of_push, col(AgentOrder.agent_id).in_(agents)).exists()
