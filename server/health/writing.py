"""Writing what a step found: rows of health, roll-ups, conditions with their tickets, and what screens must fetch."""

from collections.abc import Iterator

from msgspec.structs import astuple
from sqlmodel import Session, col, select

from server.events.publish import invalidate_all
from server.health.bulks import HEALTH, ROLL_UP, VOICE
from server.health.conditions import Conditions
from server.health.fleet import Fleet
from server.health.kept_out import kept_out_of, titled
from server.health.rollups import LATEST
from server.health.rules import Rules
from server.health.shards import Part
from server.health.state import Opened, Reworded
from server.health.tables import Condition
from server.ingest.link import Row, link_in
from server.inventory.tables import Subject, SubjectKind
from server.journal.deeds import Act
from server.tickets.by_condition import Wanted, open_by_conditions
from server.tickets.deeds import tell_of_recovery


def write(session: Session, fleet: Fleet, act: Act, rules: Rules) -> None:
    """Everything but the cursor. Tickets, the journal and invalidations come last: from there on writers queue."""
    link = link_in(session)
    link.put(HEALTH, list(fleet.rows()))
    if voices := list(fleet.voices()):
        link.put(VOICE, voices)
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
    if not fleet.changes:
        return []
    conditions = Conditions(session, {change.subject for change in fleet.changes})
    opened: list[tuple[Opened, Condition]] = []
    closed: list[Condition] = []
    for change in fleet.changes:
        if isinstance(change, Opened):
            opened.append((change, conditions.open(change)))
        elif isinstance(change, Reworded):
            conditions.reword(change)
        elif (over := conditions.close(change)) is not None:
            closed.append(over)
    session.flush()
    wanted = [
        _wanted(session, fleet, rules, change, condition)
        for change, condition in opened
        if change.rule.ticket and condition.closed_at is None
    ]
    numbers = open_by_conditions(session, act, wanted)
    if closed:
        numbers += tell_of_recovery(session, act, [condition.id or 0 for condition in closed])
    return numbers


def _wanted(session: Session, fleet: Fleet, rules: Rules, change: Opened, condition: Condition) -> Wanted:
    why = kept_out_of(session, [condition]).get(condition.id or 0)
    title, fault = titled(fleet.places[change.subject].name, condition, why, rules)
    return Wanted(condition, title, fault, change.rule.urgent, change.blamed)


def open_conditions_of_removed(session: Session, part: Part) -> list[int]:
    """Subjects the inventory let go while something was open on them."""
    asked = (
        select(Condition.subject_id)
        .join(Subject, col(Subject.id) == Condition.subject_id)
        .where(col(Condition.closed_at).is_(None), col(Subject.removed_at).is_not(None), *part.mine())
        .distinct()
    )
    return sorted(session.exec(asked))
