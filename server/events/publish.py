"""Saying what changed, in the transaction that changes it."""

from sqlmodel import Session

from server.events.tables import Invalidation
from server.journal.deeds import take_turn


def invalidate(session: Session, topic: str, key: str, branch_id: int | None, now: int) -> None:
    """Have every screen that shows `topic` `key` fetch it again; `branch_id` None is for everyone.

    Call it as late as a deed: on PostgreSQL the cursor has to become visible in order, so from here to the commit
    nobody else can publish.
    """
    take_turn(session)
    session.add(Invalidation(at=now, topic=topic, key=key, branch_id=branch_id))
