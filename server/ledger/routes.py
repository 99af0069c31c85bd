"""The ledger: searched, read card by card, and taken away as a file."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from fastapi.responses import FileResponse

from server.accounts.dependencies import ActNow, Clock, Offset, ReadSession, StateOf, Viewer
from server.accounts.scope import known_branch
from server.http.handing import handing
from server.ledger import queries
from server.ledger.deeds import note_export
from server.ledger.export import MEDIA, Format, write
from server.ledger.extract import extract
from server.ledger.queries import Asked, AsOf
from server.ledger.tables import CardStatus
from server.schemas.ledger import CardDetail, CardPage
from server.storage.types import FOREVER

router = APIRouter(prefix="/api/ledger", tags=["ledger"])

Q = Annotated[str, Query(max_length=200, description="words, each found somewhere on the card")]
BranchCode = Annotated[str | None, Query(max_length=64)]
Class = Annotated[str | None, Query(max_length=64)]
Status = Annotated[CardStatus | None, Query()]
Keeper = Annotated[Literal["none"] | None, Query(description='"none": only machines without a keeper')]
Moment = Annotated[int | None, Query(ge=0, lt=FOREVER, description="UTC µs; left out: now")]


@router.get("", summary="Cards, now or as of any date")
def cards(
    viewer: Viewer,
    session: ReadSession,
    now: Clock,
    q: Q = "",
    branch: BranchCode = None,
    cls: Class = None,
    status: Status = None,
    keeper: Keeper = None,
    effective: Moment = None,
    known: Moment = None,
    offset: Offset = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> CardPage:
    """`effective` asks how things were at a moment, `known` what was known of it by another."""
    known_branch(session, viewer, branch, ever=True)
    asked = Asked(q, branch, cls, status, keeper == "none")
    return queries.page(session, viewer, asked, AsOf(effective, known), offset=offset, limit=limit, now=now())


@router.get("/export", summary="The ledger as a file", response_class=FileResponse)
def export(
    viewer: Viewer,
    state: StateOf,
    act: ActNow,
    format: Annotated[Format, Query()],
    q: Q = "",
    branch: BranchCode = None,
    cls: Class = None,
    status: Status = None,
    keeper: Keeper = None,
    seq: Annotated[int | None, Query(ge=0, lt=1 << 62, description="as the ledger was after this deed")] = None,
) -> FileResponse:
    """The same question at the same seq gives the same bytes. X-Journal-Seq says which it was; X-Rows and X-Watched say
    how many machines are in it, and how many of them stood at a position that was polled.

    The export is a deed itself, written once the file is whole and before its first byte is sent.
    """
    with handing() as file:
        with state.database.read() as session:
            known_branch(session, viewer, branch, ever=True)
            found = extract(session, viewer, Asked(q, branch, cls, status, keeper == "none"), seq)
            written = write(file.path, found, format, viewer._)
        with state.database.write() as session:
            note_export(session, act, written, found.asked)
    return file.answer(
        MEDIA[format],
        f"{viewer._('ledger')}-{written.seq}.{format.value}",
        {
            "X-Journal-Seq": str(written.seq),
            "X-Rows": str(written.rows),
            "X-Watched": str(written.watched),
            "X-Content-SHA256": written.sha256,
        },
    )


@router.get("/{asset:path}", summary="One card with its versions and tickets")
def card(viewer: Viewer, session: ReadSession, asset: str) -> CardDetail:
    return queries.detail(session, viewer, asset, viewer.lang)
