"""Saying what changed, in the transaction that changes it."""

from collections.abc import Iterable

from sqlmodel import Session

from server.events.tables import Invalidation
from server.ingest.link import Bulk, link_in
from server.journal.deeds import take_turn

INVALIDATION = Bulk("invalidation", {"at": "int8", "topic": "varchar", "key": "varchar", "branch_id": "int8"})


def invalidate(session: Session, topic: str, key: str, branch_id: int | None, now: int) -> None:
    """Have every screen that shows `topic` `key` fetch it again; `branch_id` None is for everyone.

    Call it as late as a deed: on PostgreSQL the cursor has to become visible in order, so from here to the commit
    nobody else can publish.
    """
    take_turn(session)
    session.add(Invalidation(at=now, topic=topic, key=key, branch_id=branch_id))


def invalidate_all(session: Session, about: Iterable[tuple[str, str, int | None]], now: int) -> None:
    """The same of many, each a topic, a key and a branch: they take their turn once."""
    rows = [(now, topic, key, branch) for topic, key, branch in about]
    if rows:
        take_turn(session)
        session.flush()  # what they speak of is there before them
        link_in(session).put(INVALIDATION, rows)
