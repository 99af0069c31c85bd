"""What may be done with tickets. Conditions open them and people close them; the journal has every step.

Who may: head office everything; a branch opens, notes, and finishes what it opened by hand; auditors only read.
"""

from collections.abc import Iterable
from typing import Any, Final, Protocol

from sqlmodel import Session, col, select

from server.accounts.scope import Scoped, sees
from server.errors import Conflict, Forbidden, Invalid, NotFound
from server.events.publish import invalidate
from server.health.tables import Condition
from server.inventory.tables import Subject, SubjectKind
from server.journal.deeds import Act, record
from server.plain import clean
from server.schemas.people import Role
from server.schemas.tickets import Fault, TicketStatus
from server.texts import gettext_for
from server.tickets.numbers import next_number, number_text, parse
from server.tickets.tables import Ticket, TicketCondition, TicketNote, TicketSource

ITSELF: Final = "服务器"  # who acts where the server noticed something; no login can be that
_OPEN = col(Ticket.status) != TicketStatus.DONE


class Who(Scoped, Protocol):
    """The person acting: role and branches."""

    @property
    def role(self) -> Role: ...


def find(session: Session, who: Scoped, number: str) -> tuple[Ticket, Subject]:
    """The ticket of that number with its subject; NotFound also if it is out of the person's scope."""
    parsed = parse(number)
    if parsed is not None:
        asked = select(Ticket, Subject).join(Subject, col(Subject.id) == Ticket.subject_id)
        found = session.exec(asked.where(Ticket.year == parsed[0], Ticket.number == parsed[1])).first()
        if found is not None and sees(who, found[1].branch_id):
            return found
    raise NotFound("There is no ticket {number}.", number=number[:40])


def open_by_hand(
    session: Session, act: Act, who: Who, *, subject: str, title: str, fault: Fault, urgent: bool, note: str
) -> Ticket:
    """A report by a person on a position, line or branch."""
    if who.role is Role.AUDITOR:
        raise Forbidden("Your role may not do this.")
    title, note = clean(title), clean(note)
    if not title:
        raise Invalid("Say in a few words what is wrong.")
    kinds = [SubjectKind.BRANCH, SubjectKind.LINE, SubjectKind.POSITION]
    asked = select(Subject).where(Subject.key == subject, col(Subject.kind).in_(kinds))
    about = session.exec(asked.where(col(Subject.removed_at).is_(None))).first()
    if about is None or not sees(who, about.branch_id):
        raise NotFound("There is no branch, line or position {key}.", key=subject[:80])
    ticket = _open(session, act, about.id or 0, title, fault, urgent, TicketSource.HAND)
    if note:
        session.add(TicketNote(ticket_id=ticket.id or 0, at=act.now, author=act.actor, text=note))
    _journal(session, act, "ticket.open", ticket, about, after=facts(ticket, about))
    return ticket


def open_from_branch(
    session: Session,
    act: Act,
    about: Subject,
    *,
    title: str,
    fault: Fault,
    urgent: bool,
    note: str,
    at: int,
    uid: str,
) -> Ticket:
    """A report typed at a branch PC while the server was away, at `at`. The entry `uid` was let in for this subject."""
    ticket = _open(session, act, about.id or 0, title, fault, urgent, TicketSource.HAND, at)
    if note:
        session.add(TicketNote(ticket_id=ticket.id or 0, at=at, author=act.actor, text=note))
    after = facts(ticket, about) | _unsigned(uid)
    _journal(session, act, "ticket.open", ticket, about, after=after, effective_at=at)
    return ticket


def open_by_itself(session: Session, act: Act, about: Subject, *, title: str, fault: Fault, at: int) -> Ticket:
    """A matter the server noticed, of no condition that could end by itself; ITSELF acts."""
    ticket = _open(session, act, about.id or 0, title[:200], fault, False, TicketSource.HAND, at)
    _journal(session, act, "ticket.open", ticket, about, after=facts(ticket, about), effective_at=at)
    return ticket


def finish_by_itself(session: Session, act: Act, ticket: Ticket, outcome: str) -> None:
    """What the server opened by itself is over by another deed of `act`; one that is done stays as it was."""
    if ticket.status is TicketStatus.DONE:
        return
    before = {"status": ticket.status.value}
    ticket.status, ticket.done_at, ticket.done_by, ticket.outcome = TicketStatus.DONE, act.now, act.actor, outcome
    after = {"status": "done", "outcome": outcome, "open_conditions": 0}
    about = session.get_one(Subject, ticket.subject_id)
    _journal(session, act, "ticket.finish", ticket, about, before=before, after=after)


def note_by_itself(session: Session, act: Act, ticket: Ticket, about: Subject, *, text: str) -> None:
    session.add(TicketNote(ticket_id=ticket.id or 0, at=act.now, author=act.actor, text=text[:2000]))
    _journal(session, act, "ticket.note", ticket, about, after={"text": text})


def note_from_branch(
    session: Session, act: Act, ticket: Ticket, about: Subject, *, text: str, at: int, uid: str
) -> None:
    """A note typed at a branch PC while the server was away."""
    marked = gettext_for("zh")("Entered while the server was away: {text}").format(text=text)
    session.add(TicketNote(ticket_id=ticket.id or 0, at=at, author=act.actor, text=marked[:2000]))
    _journal(session, act, "ticket.note", ticket, about, after={"text": text} | _unsigned(uid), effective_at=at)


def _unsigned(uid: str) -> dict[str, Any]:
    return {"entered": uid, "signed_in": False}


def tell_of_recovery(session: Session, act: Act, conditions: Iterable[int]) -> list[tuple[str, int]]:
    """Note on each open ticket that the last of its conditions is over. It stays open: a person closes it."""
    linked = select(TicketCondition.ticket_id).where(col(TicketCondition.condition_id).in_(list(conditions)))
    still = (
        select(TicketCondition.ticket_id)
        .join(Condition, col(Condition.id) == TicketCondition.condition_id)
        .where(col(Condition.closed_at).is_(None))
    )
    asked = (
        select(Ticket, Subject.branch_id)
        .join(Subject, col(Subject.id) == Ticket.subject_id)
        .where(_OPEN, col(Ticket.id).in_(linked), col(Ticket.id).not_in(still))
        .order_by(col(Ticket.id))
    )
    text = gettext_for("zh")("The device is back to normal.")
    told = []
    for ticket, branch in session.exec(asked).all():
        session.add(TicketNote(ticket_id=ticket.id or 0, at=act.now, author=act.actor, text=text))
        told.append((number_text(ticket.year, ticket.number), branch))
    session.flush()
    return told


def explain(
    session: Session, act: Act, condition: Condition, about: Subject, *, was: str, title: str, fault: Fault, text: str
) -> None:
    """Why a condition is there was found out after its ticket was opened, or is another than was thought: `text`.

    A ticket this condition opened, whose title begins with `was`, is of that title and class from now on.
    """
    linked = select(TicketCondition.ticket_id).where(TicketCondition.condition_id == condition.id)
    tickets = session.exec(select(Ticket).where(_OPEN, col(Ticket.id).in_(linked)).order_by(col(Ticket.id))).all()
    for ticket in tickets:
        if ticket.subject_id == about.id and ticket.title.startswith(was[:200]):
            ticket.title, ticket.fault = title[:200], fault
            session.add(ticket)
        session.add(TicketNote(ticket_id=ticket.id or 0, at=act.now, author=act.actor, text=text))
    session.flush()  # all of them, before a deed takes its turn
    for ticket in tickets:
        own = session.get_one(Subject, ticket.subject_id)
        after = {"text": text, "title": ticket.title, "fault": ticket.fault.value}
        _journal(session, act, "ticket.note", ticket, own, after=after)


def accept(session: Session, act: Act, who: Who, number: str) -> Ticket:
    ticket, about = _may_work_on(session, who, number)
    _from(ticket, TicketStatus.NEW)
    ticket.status, ticket.accepted_at, ticket.handler = TicketStatus.ACCEPTED, act.now, act.actor
    _journal(session, act, "ticket.accept", ticket, about, before={"status": "new"}, after={"status": "accepted"})
    return ticket


def start(session: Session, act: Act, who: Who, number: str) -> Ticket:
    ticket, about = _may_work_on(session, who, number)
    _from(ticket, TicketStatus.ACCEPTED)
    ticket.status, ticket.started_at = TicketStatus.IN_PROGRESS, act.now
    ticket.handler = ticket.handler or act.actor
    before, after = {"status": "accepted"}, {"status": "inProgress"}
    _journal(session, act, "ticket.start", ticket, about, before=before, after=after)
    return ticket


def finish(session: Session, act: Act, who: Who, number: str, outcome: str) -> Ticket:
    """Done, with what was done. Its conditions may still be open: then that stands on the ticket too."""
    ticket, about = find(session, who, number)
    by_hand = ticket.source is TicketSource.HAND and not by_itself(ticket)
    if who.role is Role.AUDITOR or (who.role is Role.BRANCH and not by_hand):
        raise Forbidden("Your role may not do this.")
    outcome = clean(outcome)
    if not outcome:
        raise Invalid("Say what was done before the ticket is finished.")
    status = [TicketStatus.ACCEPTED, TicketStatus.IN_PROGRESS]
    _from(ticket, *status, *([TicketStatus.NEW] if by_hand else []))
    before = {"status": ticket.status.value}
    ticket.status, ticket.done_at, ticket.done_by, ticket.outcome = TicketStatus.DONE, act.now, act.actor, outcome
    ticket.handler = ticket.handler or act.actor
    left = open_conditions(session, ticket.id or 0)
    if left:
        text = gettext_for("zh")("Finished while {count} of its problems were still there.").format(count=left)
        session.add(TicketNote(ticket_id=ticket.id or 0, at=act.now, author=act.actor, text=text))
    after = {"status": "done", "outcome": outcome, "open_conditions": left}
    _journal(session, act, "ticket.finish", ticket, about, before=before, after=after)
    return ticket


def by_itself(ticket: Ticket) -> bool:
    """Whether the server opened it: a branch cannot finish it as it can its own reports."""
    return ticket.opened_by == ITSELF


def note(session: Session, act: Act, who: Who, number: str, text: str) -> Ticket:
    """A note by a person; a ticket that is done takes them too."""
    ticket, about = find(session, who, number)
    if who.role is Role.AUDITOR:
        raise Forbidden("Your role may not do this.")
    text = clean(text)
    if not text:
        raise Invalid("The note is empty.")
    session.add(TicketNote(ticket_id=ticket.id or 0, at=act.now, author=act.actor, text=text))
    _journal(session, act, "ticket.note", ticket, about, after={"text": text})
    return ticket


def open_conditions(session: Session, ticket: int) -> int:
    asked = (
        select(Condition.id)
        .join(TicketCondition, col(TicketCondition.condition_id) == Condition.id)
        .where(TicketCondition.ticket_id == ticket, col(Condition.closed_at).is_(None))
    )
    return len(session.exec(asked).all())


def _may_work_on(session: Session, who: Who, number: str) -> tuple[Ticket, Subject]:
    found = find(session, who, number)
    if who.role is not Role.HEAD:
        raise Forbidden("Your role may not do this.")
    return found


def _from(ticket: Ticket, *statuses: TicketStatus) -> None:
    if ticket.status not in statuses:
        raise Conflict(
            "Ticket {number} is not in a state that allows this step.", number=number_text(ticket.year, ticket.number)
        )


def _open(
    session: Session,
    act: Act,
    subject: int,
    title: str,
    fault: Fault,
    urgent: bool,
    source: TicketSource,
    at: int | None = None,
) -> Ticket:
    year, number = next_number(session, act.now)
    ticket = Ticket(
        year=year,
        number=number,
        subject_id=subject,
        title=title,
        fault=fault,
        urgent=urgent,
        source=source,
        status=TicketStatus.NEW,
        opened_at=act.now if at is None else at,
        opened_by=act.actor,
    )
    session.add(ticket)
    session.flush()
    return ticket


def _about(ticket: Ticket) -> str:
    return f"ticket:{number_text(ticket.year, ticket.number)}"


def facts(ticket: Ticket, about: Subject) -> dict[str, Any]:
    """What the journal says of a ticket that is opened."""
    return {
        "subject": about.key,
        "title": ticket.title,
        "fault": ticket.fault.value,
        "urgent": ticket.urgent,
        "source": ticket.source.value,
    }


def _journal(
    session: Session,
    act: Act,
    deed: str,
    ticket: Ticket,
    about: Subject,
    before: Any = None,
    after: Any = None,
    effective_at: int | None = None,
) -> None:
    session.add(ticket)
    session.flush()
    record(session, act, deed=deed, about=_about(ticket), before=before, after=after, effective_at=effective_at)
    invalidate(session, "ticket", number_text(ticket.year, ticket.number), about.branch_id, act.now)
