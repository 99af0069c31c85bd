"""The journal for head office and auditors."""

from typing import Annotated

from fastapi import APIRouter, Query

from server.accounts.dependencies import Clock, ReadSession, Viewer, require
from server.journal.queries import page
from server.journal.verify import check
from server.schemas.journal import JournalCheck, JournalPage
from server.schemas.people import Role

router = APIRouter(prefix="/api", tags=["journal"], dependencies=[require(Role.HEAD, Role.AUDITOR)])


@router.get("/journal", summary="Deeds, newest first")
def list_journal(
    viewer: Viewer,
    session: ReadSession,
    now: Clock,
    about: Annotated[str | None, Query(max_length=200, description='"ticket:2026-0017", "card:BF-0001"')] = None,
    after: Annotated[int | None, Query(ge=0, description="rows after this seq, oldest first")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> JournalPage:
    """`total` counts all that match `about`."""
    return page(session, viewer.lang, about=about, after=after, limit=limit, now=now())


@router.get("/journal/check", summary="Whether the journal is as it was written")
def check_journal(session: ReadSession) -> JournalCheck:
    """Recomputes every hash. Any change before a head that somebody else holds is found."""
    return check(session)
