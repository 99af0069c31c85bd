"""Writing what a step found: rows of health, roll-ups, conditions with their tickets, and what screens must fetch."""

from collections.abc import Iterator, Sequence

from msgspec.structs import astuple
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from server.events.publish import invalidate_all
from server.health.bulks import HEALTH, ROLL_UP
from server.health.fleet import Fleet
from server.health.kept_out import kept_out_of, titled
from server.health.rollups import LATEST
from server.health.rules import Rules
from server.health.state import Closed, Opened, Place, Reworded
from server.health.tables import Condition
from server.ingest.link import Row, link_in
from server.inventory.tables import Subject, SubjectKind
from server.journal.deeds import Act
from server.tickets.deeds import open_by_condition, tell_of_recovery

WORD = 64  # characters of a condition's word


def write(session: Session, fleet: Fleet, act: Act, rules: Rules) -> None:
    """Everything but the cursor. Tickets, the journal and invalidations come last: from there on writers queue."""
    link = link_in(session)
    link.put(HEALTH, list(fleet.rows()))
    link.put(ROLL_UP, list(_hours(fleet, act.now - LATEST)))
    tickets = _changes(session, fleet, act, rules)
    invalidate_all(session, _shown(fleet, tickets), act.now)


def _hours(fleet: Fleet, oldest: int) -> Iterator[Row]:
    """Of hours that are over. What an agent dates before `oldest` is judged, and takes no rows of ages ago."""
    for (subject, hour), metrics in sorted(fleet.sums.over.items()):
        for metric in sorted(metrics) if hour >= oldest else ():
            yield subject, metric, hour, *astuple(metrics[metric])


def _shown(fleet: Fleet, tickets: list[tuple[str, int]]) -> Iterator[tuple[str, str, int | None]]:
    for subject in sorted(fleet.shown):
        place = fleet.places[subject]
        yield "agent" if place.kind is SubjectKind.AGENT else "position", place.key, place.branch
    for subject in sorted({change.subject for change in fleet.changes}):
        place = fleet.places[subject]
        yield "condition", place.key, place.branch
    for number, branch in tickets:
        yield "ticket", number, branch


def _changes(session: Session, fleet: Fleet, act: Act, rules: Rules) -> list[tuple[str, int]]:
    """Conditions first, then tickets: of those that are still open, and of those that are over."""
    opened: list[tuple[Opened, Condition]] = []
    closed: list[Condition] = []
    for change in fleet.changes:
        if isinstance(change, Opened):
            opened.append((change, _open(session, change)))
        else:
            closed += _alter(session, change)
    session.flush()
    numbers: list[tuple[str, int]] = []
    for change, condition in opened:
        if change.rule.ticket and condition.closed_at is None:
            numbers.append(_ticket(session, fleet, act, rules, change, condition))
    if closed:
        numbers += tell_of_recovery(session, act, [condition.id or 0 for condition in closed])
    return numbers


def _open(session: Session, change: Opened) -> Condition:
    """A new row, or the one that is open already: then the state was begun anew and the condition goes on."""
    standing = session.exec(_standing_open(change.subject, change.rule.key, change.part)).first()
    if standing is not None:
        return standing
    condition = Condition(
        subject_id=change.subject,
        rule=change.rule.key,
        part=change.part,
        word=change.word[:WORD],
        severity=change.rule.severity,
        opened_at=change.at,
        noticed_at=change.noticed,
        cause=change.cause,
        record_id=change.record,
    )
    session.add(condition)
    session.flush()
    return condition


def _standing_open(subject: int, rule: str, part: str) -> SelectOfScalar[Condition]:
    return select(Condition).where(
        Condition.subject_id == subject,
        Condition.rule == rule,
        Condition.part == part,
        col(Condition.closed_at).is_(None),
    )


def _alter(session: Session, change: Closed | Reworded) -> Sequence[Condition]:
    """The open condition, closed or reworded; none if the row is not there, and then there is nothing to mend."""
    found = session.exec(_standing_open(change.subject, change.rule, change.part)).all()
    for condition in found:
        if isinstance(change, Reworded):
            condition.word = change.word[:WORD]
        else:
            condition.closed_at = max(change.at, condition.opened_at)
            condition.cause = change.cause or condition.cause
    session.flush()
    return found if isinstance(change, Closed) else []


def _ticket(
    session: Session, fleet: Fleet, act: Act, rules: Rules, change: Opened, condition: Condition
) -> tuple[str, int]:
    place: Place = fleet.places[change.subject]
    why = kept_out_of(session, [condition]).get(condition.id or 0)
    title, fault = titled(place.name, condition, why, rules)
    return open_by_condition(
        session,
        act,
        condition=condition,
        subject_key=place.key,
        title=title,
        fault=fault,
        urgent=change.rule.urgent,
        blamed=change.blamed,
    )


def open_conditions_of_removed(session: Session) -> list[int]:
    """Subjects the inventory let go while something was open on them."""
    asked = (
        select(Condition.subject_id)
        .join(Subject, col(Subject.id) == Condition.subject_id)
        .where(col(Condition.closed_at).is_(None), col(Subject.removed_at).is_not(None))
        .distinct()
    )
    return sorted(session.exec(asked))
