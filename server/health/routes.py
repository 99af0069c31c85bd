"""Conditions: what is wrong now, and what was."""

from typing import Annotated

from fastapi import APIRouter, Query

from server.accounts.dependencies import Clock, OfBranch, Offset, ReadSession, Viewer
from server.health import queries
from server.schemas.conditions import ConditionPage

router = APIRouter(prefix="/api", tags=["health"])


@router.get("/conditions", summary="Conditions, open ones gravest first")
def conditions(
    viewer: Viewer,
    session: ReadSession,
    now: Clock,
    branch: OfBranch,
    open: Annotated[bool | None, Query(description="true: only open ones; false: only closed ones")] = None,
    subject: Annotated[str | None, Query(max_length=200)] = None,
    offset: Offset = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> ConditionPage:
    return queries.page(
        session,
        viewer,
        lang=viewer.lang,
        now=now(),
        open_=open,
        branch=branch,
        subject=subject,
        offset=offset,
        limit=limit,
    )
