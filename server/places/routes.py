"""What a person looks at: home, branches, positions, one position, and a number of it over time."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from server.accounts.dependencies import Clock, OfBranch, Offset, ReadSession, StateOf, Viewer
from server.health.state import DAY
from server.places import branches, position, positions
from server.places import history as past
from server.places import home as homes
from server.places.search import Asked, Sort
from server.schemas.branches import BranchOut, BranchPage
from server.schemas.home import Home
from server.schemas.positions import History, PositionDetail, PositionPage
from server.schemas.standing import Standing

router = APIRouter(prefix="/api", tags=["places"])

Limit = Annotated[int, Query(ge=1, le=500)]
Words = Annotated[str, Query(max_length=200)]
Key = Annotated[str, Field(max_length=200)]
Code = Annotated[str | None, Query(max_length=64)]


@router.get("/home", summary="The five-second line of the person's role")
def home(viewer: Viewer, session: ReadSession, state: StateOf, now: Clock) -> Home:
    if viewer.branch_ids is not None:
        return homes.home(session, viewer, now())

    def count() -> Home:
        with state.database.read() as fresh:
            return homes.home(fresh, viewer, now())

    return state.homes.ask((viewer.role, viewer.lang), count)


@router.get("/branches", summary="Branches, the worst first")
def get_branches(
    viewer: Viewer,
    session: ReadSession,
    now: Clock,
    q: Words = "",
    sort: branches.Sort = "worst",
    offset: Offset = 0,
    limit: Limit = 100,
) -> BranchPage:
    return branches.page(session, viewer, lang=viewer.lang, now=now(), q=q, sort=sort, offset=offset, limit=limit)


@router.get("/branches/{code}", summary="One branch")
def branch(viewer: Viewer, session: ReadSession, now: Clock, code: str) -> BranchOut:
    return branches.one(session, viewer, code, viewer.lang, now())


@router.get("/positions", summary="Positions: searched, filtered, sorted")
def get_positions(
    viewer: Viewer,
    session: ReadSession,
    now: Clock,
    branch: OfBranch,
    key: Annotated[list[Key], Query(max_length=100, description="only these")] = [],  # noqa: B006
    q: Annotated[str, Query(max_length=200, description="in name, key, class, asset number, model, serial")] = "",
    standing: Annotated[list[Standing], Query()] = [],  # noqa: B006
    device: Annotated[str | None, Query(max_length=16, description="a device word: offline")] = None,
    cls: Code = None,
    sort: Sort = "worst",
    offset: Offset = 0,
    limit: Limit = 100,
) -> PositionPage:
    """The coverage is of all places asked for, whatever standing is shown of them."""
    asked = Asked(keys=key, branch=branch, q=q, standings=standing, device=device, cls=cls, sort=sort)
    return positions.page(session, viewer, asked, lang=viewer.lang, now=now(), offset=offset, limit=limit)


@router.get("/positions/{branch}/{slug}", summary="One position, whole")
def get_position(viewer: Viewer, session: ReadSession, now: Clock, branch: str, slug: str) -> PositionDetail:
    return position.detail(session, viewer, branch, slug, viewer.lang, now())


@router.get("/positions/{branch}/{slug}/history", summary="A number of a position over time")
def get_history(
    viewer: Viewer,
    session: ReadSession,
    now: Clock,
    branch: str,
    slug: str,
    metric: Annotated[str, Query(min_length=1, max_length=64)],
    start: Annotated[int | None, Query(ge=0, description="UTC µs; a day before the end if left out")] = None,
    end: Annotated[int | None, Query(ge=0, le=1 << 60, description="UTC µs; now if left out")] = None,
    points: Annotated[int, Query(ge=1, le=5000)] = 240,
) -> History:
    subject, place = position.find(session, viewer, branch, slug)
    until = now() if end is None else end
    since = max(0, until - DAY) if start is None else start
    return past.history(session, subject, place, metric, start=since, end=until, points=points, lang=viewer.lang)
