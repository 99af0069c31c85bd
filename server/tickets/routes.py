"""Tickets: reported, accepted, worked on, finished; and what people write on them."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query

from server.accounts.dependencies import ActNow, Clock, OfBranch, Offset, ReadSession, Viewer, WriteSession
from server.schemas.tickets import TicketCreate, TicketDetail, TicketNoteCreate, TicketPage, TicketStep
from server.tickets import deeds, queries
from server.tickets.numbers import number_text

router = APIRouter(prefix="/api/tickets", tags=["tickets"])

Status = Literal["new", "accepted", "inProgress", "done", "open"]


@router.get("", summary="Tickets: open ones first, urgent before others")
def tickets(
    viewer: Viewer,
    session: ReadSession,
    now: Clock,
    branch: OfBranch,
    status: Annotated[list[Status], Query(description='"open" is every one that is not done')] = [],  # noqa: B006
    subject: Annotated[str | None, Query(max_length=200)] = None,
    q: Annotated[str, Query(max_length=200)] = "",
    offset: Offset = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> TicketPage:
    return queries.page(
        session,
        viewer,
        lang=viewer.lang,
        now=now(),
        statuses=status,
        branch=branch,
        subject=subject,
        q=q,
        offset=offset,
        limit=limit,
    )


@router.post("", status_code=201, summary="Report a fault by hand")
def open_ticket(viewer: Viewer, session: WriteSession, act: ActNow, ask: TicketCreate) -> TicketDetail:
    ticket = deeds.open_by_hand(
        session,
        act,
        viewer,
        subject=ask.subject,
        title=ask.title,
        fault=ask.fault,
        urgent=ask.urgent,
        note=ask.note,
    )
    return queries.detail(session, viewer, number_text(ticket.year, ticket.number), viewer.lang)


@router.get("/{number}", summary="One ticket with its notes and conditions")
def ticket(viewer: Viewer, session: ReadSession, number: str) -> TicketDetail:
    return queries.detail(session, viewer, number, viewer.lang)


@router.post("/{number}/step", summary="Accept, start or finish a ticket")
def take_step(viewer: Viewer, session: WriteSession, act: ActNow, number: str, ask: TicketStep) -> TicketDetail:
    if ask.step == "accept":
        deeds.accept(session, act, viewer, number)
    elif ask.step == "start":
        deeds.start(session, act, viewer, number)
    else:
        deeds.finish(session, act, viewer, number, ask.outcome)
    return queries.detail(session, viewer, number, viewer.lang)


@router.post("/{number}/notes", status_code=201, summary="Write a note on a ticket")
def write_note(viewer: Viewer, session: WriteSession, act: ActNow, number: str, ask: TicketNoteCreate) -> TicketDetail:
    deeds.note(session, act, viewer, number, ask.text)
    return queries.detail(session, viewer, number, viewer.lang)
