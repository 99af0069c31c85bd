"""What hosts say of themselves, for people."""

from typing import Annotated

from fastapi import APIRouter, Query

from server.accounts.dependencies import ActNow, Clock, Offset, ReadSession, StateOf, Viewer, WriteSession, require
from server.facts import importing, queries
from server.schemas.facts import ChangePage, FactsImport, FactsImported, FactsOut
from server.schemas.people import Role

router = APIRouter(prefix="/api", tags=["facts"])


Topics = Annotated[list[str] | None, Query(max_length=16)]
Limit = Annotated[int, Query(ge=1, le=500)]


@router.get("/agents/{key}/facts", summary="What its PC said of itself last, by topics")
def get_facts(key: str, viewer: Viewer, session: ReadSession, now: Clock, topic: Topics = None) -> FactsOut:
    """It says so once a day, and when it is asked to by a push of `facts`. With `topic`, which may come several times,
    of these alone: a list of software is long."""
    return queries.facts(session, viewer, key, now(), topic or ())


@router.get("/agents/{key}/facts/changes", summary="What changed in what its PC said of itself, newest first")
def list_fact_changes(
    key: str, viewer: Viewer, session: ReadSession, now: Clock, offset: Offset = 0, limit: Limit = 100
) -> ChangePage:
    """Of a list, `before` is what went and `after` what came."""
    return queries.changes(session, viewer, key, now=now(), offset=offset, limit=limit)


@router.get("/positions/{branch}/{slug}/facts", summary="What a host without an agent said of itself last, by topics")
def get_position_facts(
    branch: str, slug: str, viewer: Viewer, session: ReadSession, now: Clock, topic: Topics = None
) -> FactsOut:
    """As of an agent's PC. 404 also for a position that is no host."""
    return queries.facts(session, viewer, f"{branch}/{slug}", now(), topic or ())


@router.get("/positions/{branch}/{slug}/facts/changes", summary="What changed in that, newest first")
def list_position_fact_changes(
    branch: str, slug: str, viewer: Viewer, session: ReadSession, now: Clock, offset: Offset = 0, limit: Limit = 100
) -> ChangePage:
    """As of an agent's PC."""
    return queries.changes(session, viewer, f"{branch}/{slug}", now=now(), offset=offset, limit=limit)


@router.post("/facts/import", summary="Take a file that a host signed", dependencies=[require(Role.HEAD, Role.BRANCH)])
def import_facts(
    viewer: Viewer, state: StateOf, session: WriteSession, act: ActNow, asked: FactsImport
) -> FactsImported:
    """Of a stick, say. A branch brings those of its own hosts. What will not do is the sentence of a 422."""
    return importing.import_facts(session, act, viewer, state.key, asked)
