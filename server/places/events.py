"""What happened last: conditions that began or ended, tickets people moved, agents that came or went."""

from collections.abc import Iterator
from typing import Literal

from sqlalchemy import select
from sqlmodel import Session, col

from server.accounts.scope import Scoped, in_scope
from server.health import queries as health
from server.health.state import DAY
from server.health.tables import Condition, HealthRow
from server.inventory.tables import Subject, SubjectKind
from server.schemas.conditions import ConditionOut
from server.schemas.home import EventOut
from server.schemas.standing import Standing
from server.texts import gettext_for
from server.tickets import queries as tickets
from server.tickets.tables import Ticket, TicketSource

Level = Literal["good", "attention", "fault", "unknown", "plain"]


def newest(session: Session, viewer: Scoped, lang: str, now: int, limit: int = 50) -> list[EventOut]:
    found = [
        *_conditions(session, viewer, lang, limit),
        *_tickets(session, viewer, lang, limit),
        *_agents(session, viewer, lang, now, limit),
    ]
    found.sort(key=lambda event: event.at, reverse=True)
    return found[:limit]


def _conditions(session: Session, viewer: Scoped, lang: str, limit: int) -> Iterator[EventOut]:
    _ = gettext_for(lang)
    mine = in_scope(viewer, col(Subject.branch_id))
    began = health.asked(mine).order_by(col(Condition.opened_at).desc()).limit(limit)
    for said in health.outs(session, session.execute(began).all(), lang):
        text = f"{said.subject_name} {said.title}" + (f" ({said.cause})" if said.cause else "")
        if said.ticket:
            text += " " + _("ticket {number}").format(number=said.ticket)
        yield _event(said, said.opened_at, text, said.severity)
    is_over = col(Condition.closed_at).is_not(None)
    ended = health.asked(mine, is_over).order_by(col(Condition.closed_at).desc()).limit(limit)
    for said in health.outs(session, session.execute(ended).all(), lang):
        text = _("{what}: over").format(what=f"{said.subject_name} {said.title}")
        yield _event(said, said.closed_at or 0, text, "good")


def _event(said: ConditionOut, at: int, text: str, level: Level) -> EventOut:
    opens = f"devices/{said.subject}" if said.subject_kind == "position" else f"branches/{said.branch}"
    return EventOut(at=at, branch=said.branch, branch_name=said.branch_name, text=text, level=level, opens=opens)


def _tickets(session: Session, viewer: Scoped, lang: str, limit: int) -> Iterator[EventOut]:
    """Reports by hand, and what became of all tickets; a condition's own ticket stands in the condition's event."""
    _ = gettext_for(lang)
    mine = in_scope(viewer, col(Subject.branch_id))
    reported = tickets.asked(mine, col(Ticket.source) == TicketSource.HAND)
    rows = [*session.execute(reported.order_by(col(Ticket.id).desc()).limit(limit))]
    accepted = tickets.asked(mine, col(Ticket.accepted_at).is_not(None))
    rows += session.execute(accepted.order_by(col(Ticket.accepted_at).desc()).limit(limit))
    done = tickets.asked(mine, col(Ticket.done_at).is_not(None))
    rows += session.execute(done.order_by(col(Ticket.done_at).desc()).limit(limit))
    steps: tuple[tuple[str, str, Level], ...] = (
        ("opened_at", _("Ticket {number} reported: {title}"), "attention"),
        ("accepted_at", _("Ticket {number} accepted: {title}"), "plain"),
        ("done_at", _("Ticket {number} done: {title}"), "good"),
    )
    for said in {out.number: out for out in tickets.outs(session, rows, lang)}.values():
        for at, sentence, level in steps:
            when = getattr(said, at)
            if when is None or (at == "opened_at" and said.source != "hand"):
                continue
            text = sentence.format(number=said.number, title=said.title)
            yield EventOut(
                at=when,
                branch=said.branch,
                branch_name=said.branch_name,
                text=text,
                level=level,
                opens=f"tickets/{said.number}",
            )


def _agents(session: Session, viewer: Scoped, lang: str, now: int, limit: int) -> Iterator[EventOut]:
    """Agents that were ended or came back in the last day; those that fell silent have a condition."""
    _ = gettext_for(lang)
    asked = (
        select(
            *(col(Subject.name), col(health.Home.key), col(health.Home.name)),
            *(col(HealthRow.standing), col(HealthRow.since)),
        )
        .join(health.Home, col(health.Home.id) == col(Subject.branch_id))
        .join(HealthRow, col(HealthRow.subject_id) == col(Subject.id))
        .where(
            in_scope(viewer, col(Subject.branch_id)),
            col(Subject.kind) == SubjectKind.AGENT,
            col(HealthRow.since) > now - DAY,
            col(HealthRow.standing).in_([Standing.CLOSED, Standing.GOOD]),
        )
        .order_by(col(HealthRow.since).desc())
        .limit(limit)
    )
    for name, home, home_name, standing, since in session.execute(asked):
        ended = standing is Standing.CLOSED
        sentence = _("Agent {name} was ended") if ended else _("Agent {name} is working")
        yield EventOut(
            at=since,
            branch=home,
            branch_name=home_name,
            text=sentence.format(name=name),
            level="unknown" if ended else "good",
            opens="agents",
        )
