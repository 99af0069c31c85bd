"""What is asked of conditions."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, func, select
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from server.accounts.scope import Scoped, in_scope
from server.coverage.present import of_branch, present
from server.entries.tables import AnswerRow
from server.health import answers
from server.health.answers import ANSWERS, told_of
from server.health.kept_out import kept_out_of
from server.health.rules import Rules, load
from server.health.tables import Condition, Severity
from server.health.titles import cause_title, condition_title, fix_card
from server.inventory.tables import Position, Subject, SubjectKind
from server.queries import bank_zone
from server.schemas.conditions import ConditionOut, ConditionPage
from server.texts import gettext_for
from server.tickets.numbers import number_text
from server.tickets.tables import Ticket, TicketCondition

Home = aliased(Subject, name="home")  # the branch of a subject

GRAVEST = (
    case((col(Condition.severity) == Severity.FAULT, 0), else_=1),
    col(Condition.opened_at).desc(),
    col(Condition.id).desc(),
)


def asked(*conditions: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
    """Conditions with their subject, its branch and its class."""
    return (
        select(Condition, Subject, Home, col(Position.cls))
        .join(Subject, col(Subject.id) == col(Condition.subject_id))
        .join(Home, col(Home.id) == col(Subject.branch_id))
        .outerjoin(Position, col(Position.id) == col(Subject.id))
        .where(*conditions)
    )


def page(
    session: Session,
    viewer: Scoped,
    *,
    lang: str,
    now: int,
    open_: bool | None = None,
    branch: str | None = None,
    subject: str | None = None,
    offset: int = 0,
    limit: int = 100,
) -> ConditionPage:
    """Open ones gravest first; closed or all of them newest first. The coverage is of all that may have conditions."""
    wanted = [in_scope(viewer, col(Subject.branch_id))]
    if open_ is not None:
        wanted.append(col(Condition.closed_at).is_(None) if open_ else col(Condition.closed_at).is_not(None))
    if branch is not None:
        wanted.append(col(Home.key) == branch)
    if subject is not None:
        wanted.append(col(Subject.key) == subject)
    order = GRAVEST if open_ else (col(Condition.opened_at).desc(), col(Condition.id).desc())
    total = session.execute(asked(*wanted).with_only_columns(func.count())).scalar_one()
    rows = session.execute(asked(*wanted).order_by(*order).offset(offset).limit(limit)).all()
    return ConditionPage(
        total=total,
        offset=offset,
        coverage=present(session, viewer, now, *of_branch(branch)),
        at=now,
        rows=outs(session, rows, lang),
    )


def gravest(session: Session, viewer: Scoped, lang: str, limit: int) -> list[ConditionOut]:
    """The open ones that matter most."""
    wanted = asked(in_scope(viewer, col(Subject.branch_id)), col(Condition.closed_at).is_(None))
    return outs(session, session.execute(wanted.order_by(*GRAVEST).limit(limit)).all(), lang)


def of_subjects(
    session: Session, subjects: Iterable[int], lang: str, *, since: int | None = None
) -> list[ConditionOut]:
    """Open conditions, gravest first; with `since` also those that closed after it, newest first."""
    wanted = [col(Condition.subject_id).in_(list(subjects))]
    is_open = col(Condition.closed_at).is_(None)
    rows = list(session.execute(asked(*wanted, is_open).order_by(*GRAVEST)).all())
    if since is not None:
        over = asked(*wanted, col(Condition.closed_at) >= since).order_by(col(Condition.opened_at).desc())
        rows += session.execute(over).all()
    return outs(session, rows, lang)


def of_agents(session: Session, viewer: Scoped, lang: str, key: str | None = None) -> dict[int, list[ConditionOut]]:
    """What is wrong with each agent, or with the one of that key: by id, gravest first."""
    wanted = [col(Subject.kind) == SubjectKind.AGENT, in_scope(viewer, col(Subject.branch_id))]
    wanted += [col(Condition.closed_at).is_(None), *([col(Subject.key) == key] if key is not None else [])]
    rows = session.execute(asked(*wanted).order_by(*GRAVEST)).all()
    found: dict[int, list[ConditionOut]] = {}
    for row, said in zip(rows, outs(session, rows, lang), strict=True):
        found.setdefault(row[0].subject_id, []).append(said)
    return found


def between(session: Session, subject: int, start: int, end: int, lang: str) -> list[ConditionOut]:
    """Conditions of one subject that were open some time in start..end, oldest first."""
    is_open = col(Condition.closed_at).is_(None)
    wanted = and_(
        col(Condition.subject_id) == subject,
        col(Condition.opened_at) <= end,
        is_open | (col(Condition.closed_at) >= start),
    )
    return outs(session, session.execute(asked(wanted).order_by(col(Condition.opened_at))).all(), lang)


def of_ticket(session: Session, ticket: int, lang: str) -> list[ConditionOut]:
    linked = select(col(TicketCondition.condition_id)).where(col(TicketCondition.ticket_id) == ticket)
    rows = session.execute(asked(col(Condition.id).in_(linked)).order_by(*GRAVEST)).all()
    return outs(session, rows, lang)


def outs(session: Session, rows: Sequence[Any], lang: str) -> list[ConditionOut]:
    """Rows of `asked` in the words of `lang`."""
    rules = load(session)
    tickets = _tickets(session, [row[0].id for row in rows])
    told = told_of(session, [(condition, home.id) for condition, _, home, _ in rows])
    causes = {own: (_told(said, lang), "") for own, said in told.items()}
    for own, why in kept_out_of(session, [row[0] for row in rows]).items():  # what the server knows is no hearsay
        causes[own] = cause_title(why.value, lang), why.value
    return [
        out(
            condition,
            subject,
            home,
            cls,
            tickets.get(condition.id),
            causes.get(condition.id, (cause_title(condition.cause, lang), condition.cause)),
            lang,
            rules,
        )
        for condition, subject, home, cls in rows
    ]


def told_of_unheard(session: Session, branches: Iterable[int], lang: str) -> dict[int, str]:
    """Of branches that something never reported from, that and what was said on the telephone, with its day."""
    found = answers.told_of_unheard(session, branches)
    zone, _ = bank_zone(session), gettext_for(lang)
    return {
        branch: _("never reported; {day}: {said}").format(
            day=f"{datetime.fromtimestamp(said.at / 1_000_000, zone):%Y-%m-%d %H:%M}", said=_told(said, lang)
        )
        for branch, said in found.items()
    }


def _told(said: AnswerRow, lang: str) -> str:
    """What a person said, with the name."""
    _ = gettext_for(lang)
    return _("{answer}, said {who} by telephone").format(answer=_(ANSWERS[said.answer]), who=said.who)


def out(
    condition: Condition,
    subject: Subject,
    home: Subject,
    cls: str | None,
    ticket: str | None,
    cause: tuple[str, str],
    lang: str,
    rules: Rules,
) -> ConditionOut:
    """`cause`: how it is said, and its word."""
    rule, part, word = condition.rule, condition.part, condition.word
    return ConditionOut(
        uid=condition.uid,
        subject=subject.key,
        subject_kind=subject.kind.value,
        subject_name=subject.name,
        branch=home.key,
        branch_name=home.name,
        rule=rule,
        title=condition_title(rule, part, word, lang, rules),
        part=part,
        word=word,
        severity=condition.severity.value,
        opened_at=condition.opened_at,
        closed_at=condition.closed_at,
        cause=cause[0],
        fix_card=fix_card(rule, part, word, cls or "", lang, cause[1]),
        ticket=ticket,
    )


def _tickets(session: Session, conditions: list[int]) -> dict[int, str]:
    """The newest ticket of each condition."""
    found = (
        select(col(TicketCondition.condition_id), col(Ticket.year), col(Ticket.number))
        .join(Ticket, col(Ticket.id) == col(TicketCondition.ticket_id))
        .where(col(TicketCondition.condition_id).in_(conditions))
        .order_by(col(Ticket.id))
    )
    return {condition: number_text(year, number) for condition, year, number in session.execute(found)}
