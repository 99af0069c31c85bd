"""What is asked of entries."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, func, select
from sqlmodel import Session, col

from server.accounts.scope import Scoped, in_scope
from server.entries.tables import EntryRow
from server.health.answers import held_off
from server.health.queries import Home
from server.health.titles import cause_title
from server.inventory.tables import Subject
from server.schemas.entries import EntryKind, EntryOut, EntryPage
from server.texts import gettext_for
from server.tickets.numbers import number_text
from server.tickets.tables import Ticket


def reports(tickets: Sequence[int]) -> Select[int | None]:
    """Which of these tickets were entered at a branch PC while the server was away."""
    asked = select(col(EntryRow.ticket_id))
    return asked.where(col(EntryRow.ticket_id).in_(tickets), col(EntryRow.what) == EntryKind.TICKET)


def page(
    session: Session, viewer: Scoped, *, now: int, branch: str | None, subject: str | None, offset: int, limit: int
) -> EntryPage:
    """Newest first."""
    wanted = [in_scope(viewer, col(Subject.branch_id))]
    if branch is not None:
        wanted.append(col(Home.key) == branch)
    if subject is not None:
        wanted.append(col(Subject.key) == subject)
    agent = select(col(Subject.id).label("id"), col(Subject.key).label("key")).subquery()
    asked: Select[Any] = (
        select(EntryRow, Subject, Home, agent.c.key, Ticket)
        .join(Subject, col(Subject.id) == col(EntryRow.subject_id))
        .join(Home, col(Home.id) == col(Subject.branch_id))
        .join(agent, agent.c.id == col(EntryRow.agent_id))
        .join(Ticket, col(Ticket.id) == col(EntryRow.ticket_id), isouter=True)
        .where(*wanted)
    )
    total = session.execute(asked.with_only_columns(func.count())).scalar_one()
    rows = session.execute(asked.order_by(col(EntryRow.record_id).desc()).offset(offset).limit(limit))
    return EntryPage(total=total, offset=offset, at=now, rows=[_out(*row) for row in rows])


def _out(entry: EntryRow, subject: Subject, home: Subject, agent: str, ticket: Ticket | None) -> EntryOut:
    return EntryOut(
        uid=entry.uid,
        subject=subject.key,
        subject_kind=subject.kind.value,
        subject_name=subject.name,
        branch=home.key,
        branch_name=home.name,
        agent=agent,
        what=entry.what,
        at=entry.at,
        arrived=entry.arrived,
        who=entry.who,
        text=entry.text or (ticket.title if ticket and entry.what is EntryKind.TICKET else ""),
        answer=entry.answer,
        ticket=number_text(ticket.year, ticket.number) if ticket else None,
    )


def not_shown(session: Session, branch: int, lang: str) -> str:
    """Where an answer of the telephone is not the cause that is shown, in one sentence; else ""."""
    held = held_off(session, branch)
    if held is None:
        return ""
    said = gettext_for(lang)(
        "The server lets {agent} not in ({why}): that stays the cause of its silence, and what was said is shown of "
        "the branch's lines and devices alone."
    )
    return said.format(agent=held[0], why=cause_title(held[1].value, lang))
