"""What branches entered while the server was away, for people."""

from typing import Annotated

from fastapi import APIRouter, Query

from server.accounts.dependencies import Clock, OfBranch, ReadSession, Viewer
from server.entries import queries
from server.schemas import EntryPage

router = APIRouter(prefix="/api/entries", tags=["entries"])


@router.get("", summary="What branches entered while the server was away, newest first")
def list_entries(
    viewer: Viewer,
    session: ReadSession,
    now: Clock,
    branch: OfBranch,
    subject: Annotated[str | None, Query(max_length=200)] = None,
    offset: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> EntryPage:
    return queries.page(session, viewer, now=now(), branch=branch, subject=subject, offset=offset, limit=limit)
