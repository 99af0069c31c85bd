"""Letting records go that are older than the bank keeps them: in small pieces, so that nobody waits for it.

What goes is the raw detail: states, holds, results, facts, and the stretches they attested; pushes and their orders;
and much later the hourly sums, what agents said of themselves, and changes of facts. What stays for ever is what people
and auditors go by: entries, conditions, tickets, the journal; and of each subject its newest state and newest facts.
"""

from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import ColumnElement, and_, case, delete, exists, literal, not_, or_, select, tuple_, update
from sqlmodel import Session, col

from server.facts.tables import FactChange
from server.health.cursors import slowest
from server.health.tables import Condition, HealthRow, RollUp
from server.ingest.tables import Attested, Latest, RecordRow
from server.inventory.tables import Subject
from server.media.tables import MediaSighting
from server.network.tables import WireSeen
from server.orders.tables import AgentOrder, Push
from server.sweeps.tables import SweepRow

END = 1 << 62  # after all numbers
DETAIL = ("state", "hold", "result", "fact", "refused")
AT_ONCE = 500  # records of one transaction
SUBJECTS = 50  # whose stretches go in one; a day of each has some tens
SERIES = 200  # numbers of subjects whose hours go in one; a month of each has 744
PUSHES = 10  # an order for each agent is of each


def sweep_stretches(session: Session, before: int, after: int) -> int | None:
    """Delete stretches that ended before then (µs) of some subjects with ids above `after`; where to go on.

    Those stay that a newest state stands on. None: there are no more subjects.
    """
    asked = select(col(Subject.id)).where(col(Subject.id) > after).order_by(col(Subject.id)).limit(SUBJECTS)
    subjects = list(session.execute(asked).scalars())
    newest = exists().where(
        col(Latest.subject_id) == col(Attested.subject_id), col(Latest.record_id) == col(Attested.record_id)
    )
    session.execute(delete(Attested).where(col(Attested.subject_id).in_(subjects), col(Attested.end) < before, ~newest))
    return subjects[-1] if len(subjects) == SUBJECTS else None


@dataclass(frozen=True)
class Judged:
    """The last record that is judged, of what is live and of what waited at agents."""

    live: int
    history: int

    @classmethod
    def by(cls, session: Session) -> "Judged":
        read = slowest(session)
        return cls(read.live, read.past) if read else cls(0, 0)


class Before(NamedTuple):
    """What arrived before then goes (µs): detail, and much earlier what agents said of themselves."""

    detail: int
    events: int


def goes(judged: Judged, before: Before) -> ColumnElement[bool]:
    """Whether a record is old enough, is judged, and is not referred to."""
    newest = case((col(RecordRow.at) > col(RecordRow.arrived), col(RecordRow.at)), else_=col(RecordRow.arrived))
    return and_(
        or_(
            and_(col(RecordRow.kind).in_(DETAIL), newest < before.detail),
            and_(col(RecordRow.kind) == "event", newest < before.events),
        ),
        col(RecordRow.id) <= judged.live,
        or_(not_(col(RecordRow.history)), col(RecordRow.id) <= judged.history),
        *(~exists().where(col(table.record_id) == col(RecordRow.id)) for table in (Latest, HealthRow)),
        *(~exists().where(col(table.record_id) == col(RecordRow.id)) for table in (Condition, Attested)),
    )


def sweep_records(session: Session, before: Before, after: int, end: int | None = None) -> int | None:
    """Delete some records with numbers above `after`, and below `end`; where to go on.

    None: there are no more.
    """
    judged, id_ = Judged.by(session), col(RecordRow.id)
    within = id_ > after, id_ <= judged.live, id_ < (END if end is None else end)
    rows = session.execute(select(id_, col(RecordRow.arrived)).where(*within).order_by(id_).limit(AT_ONCE)).all()
    old = [own for own, arrived in rows if arrived < before.detail]
    over = col(Condition.record_id).in_(old), col(Condition.closed_at).is_not(None)
    session.execute(update(Condition).where(*over).values(record_id=None))
    session.execute(delete(RecordRow).where(id_.in_(old), goes(judged, before)))
    return old[-1] if len(old) == AT_ONCE else None


def sweep_hours(session: Session, before: int, after: tuple[int, str]) -> tuple[int, str] | None:
    """Delete the sums of hours before then (µs) of some numbers that come after `after`; where to go on.

    A number of a subject is found after the one before it by the table's key, and its oldest hours by the same.
    """
    subject, metric = col(RollUp.subject_id), col(RollUp.metric)
    for _ in range(SERIES):
        asked = select(subject, metric).where(tuple_(subject, metric) > tuple_(*map(literal, after)))
        found = session.execute(asked.order_by(subject, metric).limit(1)).first()
        if found is None:
            return None
        after = found[0], found[1]
        whose = subject == after[0], metric == after[1]
        session.execute(delete(RollUp).where(*whose, col(RollUp.hour) < before))
    return after


def sweep_changes(session: Session, before: int, _: int) -> int | None:
    """Delete some changes of facts before then (µs); None: there are no more. The newest sheets stay."""
    asked = select(col(FactChange.id)).where(col(FactChange.at) < before).order_by(col(FactChange.at)).limit(AT_ONCE)
    found = list(session.execute(asked).scalars())
    session.execute(delete(FactChange).where(col(FactChange.id).in_(found)))
    return 0 if len(found) == AT_ONCE else None


def sweep_sightings(session: Session, before: int, _: int) -> int | None:
    """Delete some sightings of media before then (µs), but for those that opened a ticket; None: there are no more."""
    old = col(MediaSighting.at) < before, col(MediaSighting.ticket_id).is_(None)
    asked = select(col(MediaSighting.id)).where(*old).order_by(col(MediaSighting.at)).limit(AT_ONCE)
    found = list(session.execute(asked).scalars())
    session.execute(delete(MediaSighting).where(col(MediaSighting.id).in_(found)))
    return 0 if len(found) == AT_ONCE else None


def sweep_wire(session: Session, before: int, _: int) -> int | None:
    """Delete some lines of who was on the wire, that nobody told since then (µs); None: there are no more."""
    asked = select(col(WireSeen.teller_id), col(WireSeen.mac), col(WireSeen.ip)).where(col(WireSeen.last_at) < before)
    found = [tuple(row) for row in session.execute(asked.order_by(col(WireSeen.last_at)).limit(AT_ONCE))]
    own = tuple_(col(WireSeen.teller_id), col(WireSeen.mac), col(WireSeen.ip))
    session.execute(delete(WireSeen).where(own.in_(found)))
    return 0 if len(found) == AT_ONCE else None


def sweep_orders(session: Session, before: int, after: int) -> int | None:
    """Delete some pushes with numbers above `after` that ended before then (µs), and their orders; where to go on.
    Their sweeps go with them, and at the end those nobody approved.

    The journal has who pushed what, and why.
    """
    id_ = col(Push.id)
    asked = select(id_).where(id_ > after, col(Push.ended_at) < before).order_by(id_).limit(PUSHES)
    pushes = list(session.execute(asked).scalars())
    session.execute(delete(AgentOrder).where(col(AgentOrder.push_id).in_(pushes)))
    uids = select(col(Push.uid)).where(id_.in_(pushes))
    session.execute(delete(SweepRow).where(col(SweepRow.push).in_(uids)))
    session.execute(delete(Push).where(id_.in_(pushes)))
    if len(pushes) < PUSHES:
        session.execute(delete(SweepRow).where(col(SweepRow.push) == "", col(SweepRow.expires) < before))
    return pushes[-1] if len(pushes) == PUSHES else None
