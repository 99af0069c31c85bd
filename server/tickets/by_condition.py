"""Tickets of conditions, as health opens them: many at once, each with its row in the journal."""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlmodel import Session, col, select

from server.health.log import chunks
from server.health.tables import Condition
from server.inventory.tables import Subject
from server.journal.deeds import Act, Deed, record_all
from server.schemas.tickets import Fault, TicketStatus
from server.texts import gettext_for
from server.tickets.deeds import facts
from server.tickets.numbers import next_number, number_text
from server.tickets.tables import Ticket, TicketCondition, TicketNote, TicketSource


@dataclass(frozen=True)
class Wanted:
    """A ticket for a condition that is written down. `blamed`: the subject that is to blame for it."""

    condition: Condition
    title: str
    fault: Fault
    urgent: bool
    blamed: int | None


def open_by_conditions(session: Session, act: Act, wanted: list[Wanted]) -> list[tuple[str, int]]:
    """Of each the ticket that is open on its subject or on what is to blame for it, else a new one.

    Gives their numbers and branches; the caller publishes.
    """
    if not wanted:
        return []
    own = {one.condition.subject_id for one in wanted}
    subjects = {
        subject.id: subject
        for part in chunks(own)
        for subject in session.exec(select(Subject).where(col(Subject.id).in_(part)))
    }
    standing = _open_on(session, own | {one.blamed for one in wanted if one.blamed})
    numbers = _numbers(session, act.now)
    found: list[tuple[Wanted, Ticket, bool]] = []
    for one in wanted:
        subject = one.condition.subject_id
        ticket = standing.get(subject) or (standing.get(one.blamed) if one.blamed else None)
        fresh = ticket is None
        if ticket is None:
            ticket = standing[subject] = _new(act, one, *next(numbers))
            session.add(ticket)
        found.append((one, ticket, fresh))
    session.flush()  # gives new ones their ids
    record_all(session, act, [_joined(session, act, *each, subjects[each[0].condition.subject_id]) for each in found])
    return [
        (number_text(ticket.year, ticket.number), subjects[one.condition.subject_id].branch_id)
        for one, ticket, _ in found
    ]


def _open_on(session: Session, subjects: set[int]) -> dict[int, Ticket]:
    found: dict[int, Ticket] = {}
    for part in chunks(subjects):
        asked = select(Ticket).where(
            col(Ticket.subject_id).in_(part),
            Ticket.source == TicketSource.CONDITION,
            col(Ticket.status) != TicketStatus.DONE,
        )
        found.update((ticket.subject_id, ticket) for ticket in session.exec(asked))
    return found


def _numbers(session: Session, now: int) -> Iterator[tuple[int, int]]:
    """Years and numbers of new tickets. Other writers queue from the first one to the commit."""
    year, number = next_number(session, now)
    while True:
        yield year, number
        number += 1


def _new(act: Act, one: Wanted, year: int, number: int) -> Ticket:
    return Ticket(
        year=year,
        number=number,
        subject_id=one.condition.subject_id,
        title=one.title[:200],
        fault=one.fault,
        urgent=one.urgent,
        source=TicketSource.CONDITION,
        status=TicketStatus.NEW,
        opened_at=act.now,
        opened_by=act.actor,
    )


def _joined(session: Session, act: Act, one: Wanted, ticket: Ticket, fresh: bool, about: Subject) -> Deed:
    """The condition put with its ticket, and what the journal is to say of that."""
    session.add(TicketCondition(ticket_id=ticket.id or 0, condition_id=one.condition.id or 0))
    ours = f"ticket:{number_text(ticket.year, ticket.number)}"
    if fresh:
        return Deed("ticket.open", ours, after=facts(ticket, about))
    text = gettext_for("zh")("Another problem: {title}").format(title=one.title)
    session.add(TicketNote(ticket_id=ticket.id or 0, at=act.now, author=act.actor, text=text[:2000]))
    return Deed("ticket.join", ours, after={"subject": about.key, "title": one.title})
