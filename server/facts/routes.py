"""What hosts say of themselves, for people."""

from typing import Annotated

from fastapi import APIRouter, Query

from server.accounts.dependencies import Clock, ReadSession, Viewer
from server.facts import queries
from server.schemas.facts import ChangePage, FactsOut

router = APIRouter(prefix="/api/agents/{key}/facts", tags=["agents"])


@router.get("", summary="What its PC said of itself last, by topics")
def get_facts(
    key: str,
    viewer: Viewer,
    session: ReadSession,
    now: Clock,
    topic: Annotated[list[str] | None, Query(max_length=16)] = None,
) -> FactsOut:
    """It says so once a day, and when it is asked to by a push of `facts`. With `topic`, which may come several times,
    of these alone: a list of software is long."""
    return queries.facts(session, viewer, key, now(), topic or ())


@router.get("/changes", summary="What changed in what its PC said of itself, newest first")
def list_fact_changes(
    key: str,
    viewer: Viewer,
    session: ReadSession,
    now: Clock,
    offset: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> ChangePage:
    """Of a list, `before` is what went and `after` what came."""
    return queries.changes(session, viewer, key, now=now(), offset=offset, limit=limit)
