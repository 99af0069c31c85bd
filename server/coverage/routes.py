"""How much of what was due is attested, and why the rest is missing."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query

from server.accounts.dependencies import Clock, ReadSession, Viewer
from server.coverage import queries
from server.schemas.coverage import CoverageReport

router = APIRouter(prefix="/api", tags=["coverage"])

Key = Annotated[str | None, Query(max_length=64)]


@router.get("/coverage", summary="Minutes due, attested and missing, by agent, branch and day")
def coverage(
    viewer: Viewer,
    session: ReadSession,
    now: Clock,
    agent: Key = None,
    branch: Key = None,
    first: Annotated[date | None, Query(alias="from", description="a day; six before the last if left out")] = None,
    last: Annotated[date | None, Query(alias="to", description="a day, included; today if left out")] = None,
) -> CoverageReport:
    """Days are the bank's. Counted anew from the rows at every question: what came late is in it."""
    return queries.report(session, viewer, agent=agent, branch=branch, first=first, last=last, now=now())
