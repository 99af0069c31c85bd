"""Branches as lists show them: how their positions stand, added up, and the worst of it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy import ColumnElement, Select, func, select
from sqlmodel import Session, col

from server.accounts.scope import Scoped, in_scope
from server.errors import NotFound
from server.health import queries as health
from server.health.standing import WORST, standing_now
from server.health.tables import Condition, HealthRow, Severity
from server.inventory.tables import Branch, Position, Subject, SubjectKind
from server.schemas.base import Coverage
from server.schemas.branches import BranchOut, BranchPage
from server.schemas.standing import FRESH, Counts, Standing
from server.tickets.queries import OPEN as TICKET_OPEN
from server.tickets.tables import Ticket

Sort = Literal["worst", "name", "code"]

# The worst that matters of a branch: a machine nobody can see outweighs those that are well.
MATTERS = (
    Standing.FAULT,
    Standing.ATTENTION,
    Standing.STALE,
    Standing.UNKNOWN,
    Standing.NEVER,
    Standing.GOOD,
    Standing.IN_USE,
    Standing.CLOSED,
)


@dataclass
class Sum:
    """What is added up of one branch, or of all."""

    by: dict[Standing, int] = field(default_factory=dict)
    offline: int = 0
    faults: int = 0
    attentions: int = 0
    tickets: int = 0
    urgent: int = 0
    fresh_until: int | None = None  # the first moment at which something of what is fresh grows old

    @property
    def counts(self) -> Counts:
        return Counts(by={each: self.by.get(each, 0) for each in Standing}, total=sum(self.by.values()))

    @property
    def coverage(self) -> Coverage:
        due = sum(n for standing, n in self.by.items() if standing is not Standing.UNPOLLED)
        fresh = sum(self.by.get(standing, 0) for standing in FRESH)
        never, unknown, closed = (self.by.get(word, 0) for word in (Standing.NEVER, Standing.UNKNOWN, Standing.CLOSED))
        return Coverage(due=due, fresh=fresh, never=never, unknown=unknown, closed=closed)

    @property
    def complete(self) -> bool:
        """Whether it is known of all that is polled how it stands."""
        return not any(self.by.get(each) for each in (Standing.STALE, Standing.NEVER, Standing.UNKNOWN))

    @property
    def standing(self) -> Standing:
        if self.faults or self.by.get(Standing.FAULT):
            return Standing.FAULT
        if self.attentions or self.by.get(Standing.ATTENTION):
            return Standing.ATTENTION
        return next((each for each in MATTERS if self.by.get(each)), Standing.UNPOLLED)

    def add(self, other: "Sum") -> None:
        for standing, n in other.by.items():
            self.by[standing] = self.by.get(standing, 0) + n
        self.offline += other.offline
        self.faults += other.faults
        self.attentions += other.attentions
        self.tickets += other.tickets
        self.urgent += other.urgent
        self.holds_until(other.fresh_until)

    def holds_until(self, moment: int | None) -> None:
        if moment is not None:
            self.fresh_until = moment if self.fresh_until is None else min(self.fresh_until, moment)


def sums(session: Session, viewer: Scoped, now: int, branch_id: int | None = None) -> dict[int, Sum]:
    """By branch id: positions, open conditions of everything in the branch, and open tickets."""
    mine = in_scope(viewer, col(Subject.branch_id))
    if branch_id is not None:
        mine = mine & (col(Subject.branch_id) == branch_id)
    found: dict[int, Sum] = {}
    standing, offline = standing_now(now), col(HealthRow.device) == "offline"
    positions = (
        select(col(Subject.branch_id), standing, offline, func.count(), func.min(col(HealthRow.fresh_until)))
        .join(Position, col(Position.id) == col(Subject.id))
        .outerjoin(HealthRow, col(HealthRow.subject_id) == col(Position.id))
        .where(mine, col(Subject.removed_at).is_(None))
        .group_by(col(Subject.branch_id), standing, offline)
    )
    for branch, said, is_offline, n, until in session.execute(positions):
        each, word = found.setdefault(branch, Sum()), Standing(said)
        each.holds_until(until if word in FRESH else None)
        each.by[word] = each.by.get(word, 0) + n
        each.offline += n if is_offline and word is Standing.FAULT else 0
    for branch, severity, n in session.execute(_conditions(mine)):
        each = found.setdefault(branch, Sum())
        if severity is Severity.FAULT:
            each.faults = n
        else:
            each.attentions = n
    for branch, urgent, n in session.execute(_tickets(mine)):
        each = found.setdefault(branch, Sum())
        each.tickets += n
        each.urgent += n if urgent else 0
    return found


def _conditions(mine: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
    return (
        select(col(Subject.branch_id), col(Condition.severity), func.count())
        .join(Subject, col(Subject.id) == col(Condition.subject_id))
        .where(mine, col(Condition.closed_at).is_(None))
        .group_by(col(Subject.branch_id), col(Condition.severity))
    )


def _tickets(mine: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
    return (
        select(col(Subject.branch_id), col(Ticket.urgent), func.count())
        .join(Subject, col(Subject.id) == col(Ticket.subject_id))
        .where(mine, TICKET_OPEN)
        .group_by(col(Subject.branch_id), col(Ticket.urgent))
    )


def page(
    session: Session,
    viewer: Scoped,
    *,
    lang: str,
    now: int,
    q: str = "",
    sort: Sort = "worst",
    offset: int = 0,
    limit: int = 100,
    added: dict[int, Sum] | None = None,
) -> BranchPage:
    """Branches in scope, the worst first; the coverage is of all that match. `added`: `sums`, if they are known."""
    added = sums(session, viewer, now) if added is None else added
    asked = (
        select(col(Subject.id), col(Subject.key), col(Subject.name))
        .join(Branch, col(Branch.id) == col(Subject.id))
        .where(in_scope(viewer, col(Subject.id)), col(Subject.removed_at).is_(None))
        .order_by(col(Subject.key))
    )
    if q := q.strip():
        asked = asked.where(
            col(Subject.name).icontains(q, autoescape=True) | col(Subject.key).icontains(q, autoescape=True)
        )
    found = [(own or 0, name) for own, _, name in session.execute(asked)]
    if sort == "worst":
        found.sort(key=lambda each: _badness(added.get(each[0], Sum())))
    elif sort == "name":
        found.sort(key=lambda each: each[1])
    everything = Sum()
    for own, _ in found:
        everything.add(added.get(own, Sum()))
    rows = outs(session, [own for own, _ in found[offset : offset + limit]], added, lang)
    return BranchPage(total=len(found), offset=offset, coverage=everything.coverage, at=now, rows=rows)


def _badness(each: Sum) -> tuple[int, int, int, int]:
    place = WORST.index(each.standing)
    return place, -max(each.faults, each.by.get(Standing.FAULT, 0)), -each.attentions, -each.tickets


def one(session: Session, viewer: Scoped, code: str, lang: str, now: int) -> BranchOut:
    asked = select(col(Subject.id)).where(
        col(Subject.kind) == SubjectKind.BRANCH,
        col(Subject.key) == code,
        in_scope(viewer, col(Subject.id)),
        col(Subject.removed_at).is_(None),
    )
    own = session.execute(asked).scalar()
    if own is None:
        raise NotFound("There is no branch {code}.", code=code[:64])
    return outs(session, [own], sums(session, viewer, now, own), lang)[0]


def outs(session: Session, ids: list[int], added: dict[int, Sum], lang: str) -> list[BranchOut]:
    """These branches, in this order."""
    asked = select(Subject, Branch).join(Branch, col(Branch.id) == col(Subject.id)).where(col(Subject.id).in_(ids))
    rows = {subject.id: (subject, branch) for subject, branch in session.execute(asked)}
    parents = _keys(session, [branch.parent_id for _, branch in rows.values() if branch.parent_id is not None])
    worst = _worst(session, ids, lang)
    unheard = [own for own in ids if own not in worst and added.get(own, Sum()).by.get(Standing.NEVER)]
    worst |= health.told_of_unheard(session, unheard, lang)
    made = []
    for own in ids:
        subject, branch = rows[own]
        each = added.get(own, Sum())
        made.append(
            BranchOut(
                code=subject.key,
                name=subject.name,
                kind=branch.kind,
                parent=parents.get(branch.parent_id or 0),
                address=branch.address,
                phone=branch.phone,
                people=branch.people,
                standing=each.standing,
                fresh_until=each.fresh_until,
                counts=each.counts,
                coverage=each.coverage,
                conditions=each.faults + each.attentions,
                tickets=each.tickets,
                worst=worst.get(own, ""),
            )
        )
    return made


def _keys(session: Session, ids: Iterable[int]) -> dict[int, str]:
    asked = select(col(Subject.id), col(Subject.key)).where(col(Subject.id).in_(list(ids)))
    return {own or 0: key for own, key in session.execute(asked)}


def _worst(session: Session, ids: list[int], lang: str) -> dict[int, str]:
    """One line a branch: the gravest of its open conditions, the oldest of those, with its cause."""
    asked = (
        health.asked(col(Condition.closed_at).is_(None), col(Subject.branch_id).in_(ids))
        .order_by(health.GRAVEST[0], col(Condition.opened_at))
        .limit(2000)
    )
    first: dict[int, tuple[object, ...]] = {}
    for row in session.execute(asked):
        first.setdefault(row[2].id, tuple(row))
    outs_ = health.outs(session, list(first.values()), lang)
    return {
        own: f"{said.subject_name} {said.title}" + (f" ({said.cause})" if said.cause else "")
        for own, said in zip(first, outs_, strict=True)
    }
