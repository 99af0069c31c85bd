"""What is asked of tickets."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, func, literal_column, or_, select
from sqlmodel import Session, col

from server.accounts.scope import Scoped, in_scope
from server.coverage.present import of_branch, present
from server.entries.queries import reports
from server.health.queries import Home, of_ticket
from server.health.rules import load
from server.health.tables import Condition
from server.health.titles import condition_title
from server.inventory.tables import Subject
from server.schemas.tickets import TicketDetail, TicketNoteOut, TicketOut, TicketPage, TicketStatus
from server.tickets.deeds import find
from server.tickets.numbers import number_text, parse
from server.tickets.tables import Ticket, TicketCondition, TicketNote, TicketSource

OPEN = col(Ticket.status) != literal_column(f"'{TicketStatus.DONE.value}'")  # said, not bound: as the index says it


def asked(*conditions: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
    """Tickets with their subject and its branch."""
    return (
        select(Ticket, Subject, Home)
        .join(Subject, col(Subject.id) == col(Ticket.subject_id))
        .join(Home, col(Home.id) == col(Subject.branch_id))
        .where(*conditions)
    )


def page(
    session: Session,
    viewer: Scoped,
    *,
    lang: str,
    now: int,
    statuses: Sequence[str] = (),
    branch: str | None = None,
    subject: str | None = None,
    q: str = "",
    offset: int = 0,
    limit: int = 100,
) -> TicketPage:
    """Open ones first, urgent before others, newest first. The status "open" is every one but done."""
    wanted = [in_scope(viewer, col(Subject.branch_id))]
    if statuses and TicketStatus.DONE not in statuses:
        wanted.append(OPEN)
    if statuses:
        wanted.append(or_(*(OPEN if status == "open" else col(Ticket.status) == status for status in statuses)))
    if branch is not None:
        wanted.append(col(Home.key) == branch)
    if subject is not None:
        wanted.append(col(Subject.key) == subject)
    if q.strip():
        wanted.append(_matches(q.strip()))
    order = (case((OPEN, 0), else_=1), case((OPEN & col(Ticket.urgent), 0), else_=1), col(Ticket.id).desc())
    total = session.execute(asked(*wanted).with_only_columns(func.count())).scalar_one()
    shown = asked(*wanted).with_only_columns(col(Ticket.id)).order_by(*order).offset(offset).limit(limit)
    ids = list(session.execute(shown).scalars())  # by themselves: years of tickets are sorted for it
    rows = session.execute(asked(col(Ticket.id).in_(ids)).order_by(*order)).all()
    coverage = present(session, viewer, now, *of_branch(branch))
    return TicketPage(total=total, offset=offset, coverage=coverage, at=now, rows=outs(session, rows, lang))


def _matches(q: str) -> ColumnElement[bool]:
    number = parse(q)
    texts = (Ticket.title, Ticket.handler, Subject.name, Subject.key, Home.name)
    found = or_(*(col(text).icontains(q, autoescape=True) for text in texts))
    if number is None:
        return found
    return or_(found, and_(col(Ticket.year) == number[0], col(Ticket.number) == number[1]))


def detail(session: Session, viewer: Scoped, number: str, lang: str) -> TicketDetail:
    """One ticket with its notes, oldest first, and its conditions, open ones first."""
    ticket, _ = find(session, viewer, number)
    row = session.execute(asked(col(Ticket.id) == ticket.id)).all()
    noted = select(TicketNote).where(col(TicketNote.ticket_id) == ticket.id).order_by(col(TicketNote.id))
    notes = [TicketNoteOut(at=note.at, author=note.author, text=note.text) for note in session.execute(noted).scalars()]
    conditions = of_ticket(session, ticket.id or 0, lang)
    return TicketDetail(ticket=outs(session, row, lang)[0], notes=notes, conditions=conditions)


def of_subjects(session: Session, subjects: Sequence[int], lang: str, limit: int = 20) -> list[TicketOut]:
    """Tickets of these subjects, newest first."""
    rows = session.execute(
        asked(col(Ticket.subject_id).in_(subjects)).order_by(col(Ticket.id).desc()).limit(limit)
    ).all()
    return outs(session, rows, lang)


def newest_open(session: Session, subjects: Sequence[int]) -> dict[int, str]:
    """The number of the newest open ticket of each subject that has one."""
    found = (
        select(col(Ticket.subject_id), col(Ticket.year), col(Ticket.number))
        .where(OPEN, col(Ticket.subject_id).in_(subjects))
        .order_by(col(Ticket.id))
    )
    return {subject: number_text(year, number) for subject, year, number in session.execute(found)}


def outs(session: Session, rows: Sequence[Any], lang: str) -> list[TicketOut]:
    """Rows of `asked` as the API says them."""
    ids = [row[0].id for row in rows]
    still_open = (
        select(col(TicketCondition.ticket_id), func.count())
        .join(Condition, col(Condition.id) == col(TicketCondition.condition_id))
        .where(col(TicketCondition.ticket_id).in_(ids), col(Condition.closed_at).is_(None))
        .group_by(col(TicketCondition.ticket_id))
    )
    opened = {ticket: n for ticket, n in session.execute(still_open)}  # noqa: C416  (rows are not pairs to mypy)
    titles = _titles(session, ids, lang) if lang != "zh" else {}
    offline = set(session.execute(reports(ids)).scalars())
    return [
        out(ticket, subject, home, opened.get(ticket.id, 0), titles.get(ticket.id), offline=ticket.id in offline)
        for ticket, subject, home in rows
    ]


def _titles(session: Session, tickets: list[int], lang: str) -> dict[int, str]:
    """What a condition's ticket is called in another language: kept is the bank's own."""
    first = (
        select(col(TicketCondition.ticket_id), Condition, col(Subject.name))
        .join(Condition, col(Condition.id) == col(TicketCondition.condition_id))
        .join(Subject, col(Subject.id) == col(Condition.subject_id))
        .join(Ticket, col(Ticket.id) == col(TicketCondition.ticket_id))
        .where(col(TicketCondition.ticket_id).in_(tickets), col(Ticket.source) == TicketSource.CONDITION)
        .order_by(col(Condition.id).desc())
    )
    rules = load(session)
    return {
        ticket: f"{name} {condition_title(c.rule, c.part, c.word, lang, rules)}"
        for ticket, c, name in session.execute(first)
    }


def out(
    ticket: Ticket, subject: Subject, home: Subject, opened: int, title: str | None = None, *, offline: bool = False
) -> TicketOut:
    return TicketOut(
        number=number_text(ticket.year, ticket.number),
        subject=subject.key,
        subject_kind=subject.kind.value,
        subject_name=subject.name,
        branch=home.key,
        branch_name=home.name,
        title=title or ticket.title,
        fault=ticket.fault,
        urgent=ticket.urgent,
        source=ticket.source.value,
        offline=offline,
        status=ticket.status,
        opened_at=ticket.opened_at,
        opened_by=ticket.opened_by,
        accepted_at=ticket.accepted_at,
        started_at=ticket.started_at,
        done_at=ticket.done_at,
        done_by=ticket.done_by,
        handler=ticket.handler,
        outcome=ticket.outcome,
        open_conditions=opened,
    )
