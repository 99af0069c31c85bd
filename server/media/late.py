"""A loan that is over opens a ticket of the medium's branch, once, put in or not; it ends when the medium is back.

Where it is put in within the branch, that is the same matter: one ticket, whichever was noticed first.
"""

from typing import Final

from sqlalchemy import ColumnElement
from sqlmodel import Session, col, select

from server.inventory.tables import Subject
from server.journal.deeds import Act
from server.ledger.cells import moment
from server.media.tables import MediaLate, MediaSighting, MediaStick
from server.queries import bank_zone
from server.schemas.media import StickWord
from server.schemas.tickets import Fault, TicketStatus
from server.texts import gettext_for
from server.tickets.deeds import ITSELF, finish_by_itself, open_by_itself
from server.tickets.tables import Ticket

VIA: Final = "media"
AT_ONCE: Final = 50  # tickets of one transaction


def any_late(session: Session, now: int) -> bool:
    """Whether a loan is over and has no ticket."""
    return session.exec(select(MediaStick.id).where(*_late(now)).limit(1)).first() is not None


def open_tickets(session: Session, now: int) -> int:
    """Of loans that are over; how many."""
    asked = select(MediaStick, Subject).join(Subject, col(Subject.id) == col(MediaStick.branch_id))
    rows = session.exec(asked.where(*_late(now)).order_by(col(MediaStick.id)).limit(AT_ONCE)).all()
    act, _, zone = Act(ITSELF, VIA, now), gettext_for("zh"), bank_zone(session)
    for one, branch in rows:
        due = one.due or 0
        day = moment(due, zone).date().isoformat()
        title = _("The medium {label} was lent until {day} and is not back").format(label=one.label, day=day)
        ticket = _put_in(session, one) or open_by_itself(session, act, branch, title=title, fault=Fault.OTHER, at=due)
        session.add(MediaLate(stick_id=one.id or 0, due=due, ticket_id=ticket.id or 0))
        session.flush()
    return len(rows)


def _put_in(session: Session, one: MediaStick) -> Ticket | None:
    """The ticket there is already, as it was put in within its branch."""
    asked = (
        select(Ticket)
        .join(MediaSighting, col(MediaSighting.ticket_id) == col(Ticket.id))
        .join(Subject, col(Subject.id) == col(Ticket.subject_id))
        .where(
            MediaSighting.stick == one.stick,
            MediaSighting.word == StickWord.OVERDUE,
            col(MediaSighting.at) > (one.due or 0),
        )
        .where(col(Ticket.status) != TicketStatus.DONE, Subject.branch_id == one.branch_id)
    )
    return session.exec(asked.order_by(col(Ticket.id)).limit(1)).first()


def standing(session: Session, one: MediaStick) -> Ticket | None:
    """The ticket of its loan that is over, if that is still open."""
    asked = select(Ticket).join(MediaLate, col(MediaLate.ticket_id) == col(Ticket.id))
    asked = asked.where(MediaLate.stick_id == one.id, MediaLate.due == one.due)
    return session.exec(asked.where(col(Ticket.status) != TicketStatus.DONE)).first()


def end_tickets(session: Session, act: Act, one: MediaStick, outcome: str) -> None:
    """It is back, or given up: those of its loans that are still open are done."""
    asked = select(Ticket).join(MediaLate, col(MediaLate.ticket_id) == col(Ticket.id))
    for ticket in session.exec(asked.where(MediaLate.stick_id == one.id).order_by(col(Ticket.id))).all():
        finish_by_itself(session, act, ticket, gettext_for("zh")(outcome))


def _late(now: int) -> tuple[ColumnElement[bool], ...]:
    known = select(MediaLate.stick_id).where(
        col(MediaLate.stick_id) == col(MediaStick.id), col(MediaLate.due) == col(MediaStick.due)
    )
    return col(MediaStick.due) < now, ~known.exists()
