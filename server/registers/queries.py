"""What is asked of the register of security checks. Who belongs to a branch sees the rows of their branches."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final, NamedTuple, Protocol
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from server.accounts.scope import Scoped, in_scope
from server.errors import NotFound
from server.facts.hosts import are_hosts
from server.facts.tables import FactSheet
from server.inventory.tables import Subject, SubjectKind
from server.queries import bank_zone
from server.registers.tables import SecurityRow
from server.schemas.registers import (
    Entry,
    Outcome,
    RegisterCoverage,
    SecurityPage,
    SecurityRowOut,
    Source,
)

AT_ONCE: Final = 500  # rows of one question while a file is written
FOLLOWING: Final = (Entry.MEND, Entry.REVIEW)
FINE: Final = (Outcome.PASS, Outcome.NOT_APPLICABLE)  # nothing is to be mended


class Reader(Scoped, Protocol):
    @property
    def lang(self) -> str: ...


class Which(NamedTuple):
    """Nothing said is all. Days are the bank's, both of them in it."""

    branch: str | None = None
    about: str | None = None  # key of a host
    first: date | None = None
    last: date | None = None
    kind: Entry | None = None
    source: Source | None = None
    outcome: Outcome | None = None
    overdue: bool = False


def page(session: Session, viewer: Reader, which: Which, *, now: int, offset: int, limit: int) -> SecurityPage:
    """Newest first."""
    zone = bank_zone(session)
    asked = _asked(viewer, which, zone, now)
    total = session.execute(asked.with_only_columns(func.count())).scalar_one()
    newest = asked.order_by(col(SecurityRow.at).desc(), col(SecurityRow.id).desc())
    rows = session.execute(newest.offset(offset).limit(limit)).all()
    covers = coverage(session, viewer, which, now)
    return SecurityPage(
        total=total, offset=offset, at=now, covers=covers, rows=_outs(session, rows, viewer.lang, _today(zone, now))
    )


def one(session: Session, viewer: Reader, no: int, now: int) -> SecurityRowOut:
    session.flush()
    zone = bank_zone(session)
    rows = session.execute(_asked(viewer, Which(), zone, now).where(col(SecurityRow.id) == no)).all()
    if not rows:
        raise _none(no)
    return _outs(session, rows, viewer.lang, _today(zone, now))[0]


def find(session: Session, viewer: Scoped, no: int) -> SecurityRow:
    """NotFound also out of scope."""
    asked = select(SecurityRow).where(col(SecurityRow.id) == no, in_scope(viewer, col(SecurityRow.branch_id)))
    found: SecurityRow | None = session.execute(asked).scalar_one_or_none()
    if found is None:
        raise _none(no)
    return found


def every(session: Session, viewer: Reader, which: Which, *, now: int, newest: int) -> Iterator[SecurityRowOut]:
    """Oldest first, as a register is kept; of the rows up to the number `newest`."""
    zone = bank_zone(session)
    asked = _asked(viewer, which, zone, now).where(col(SecurityRow.id) <= newest)
    at, no = col(SecurityRow.at), col(SecurityRow.id)
    after: ColumnElement[bool] | None = None
    while True:
        rows = session.execute((asked if after is None else asked.where(after)).order_by(at, no).limit(AT_ONCE)).all()
        yield from _outs(session, rows, viewer.lang, _today(zone, now), newest)
        if len(rows) < AT_ONCE:
            return
        last: SecurityRow = rows[-1][0]
        after = or_(at > last.at, and_(at == last.at, no > last.id))
        session.expunge_all()


def newest(session: Session) -> int:
    found: int | None = session.execute(select(func.max(col(SecurityRow.id)))).scalar()
    return found or 0


def overdue(session: Session, viewer: Scoped, now: int) -> int:
    """How many findings are past the day by which they were to be mended."""
    asked = _asked(viewer, Which(overdue=True), bank_zone(session), now)
    count: int = session.execute(asked.with_only_columns(func.count())).scalar_one()
    return count


def coverage(session: Session, viewer: Scoped, which: Which, now: int) -> RegisterCoverage:
    """By the hosts there are now: one that stood in the branch then and does not now is in no count."""
    home = aliased(Subject)
    hosts = (
        select(col(Subject.id))
        .join(home, col(home.id) == col(Subject.branch_id))
        .where(are_hosts(), in_scope(viewer, col(Subject.branch_id)))
    )
    if which.branch is not None:
        hosts = hosts.where(col(home.key) == which.branch)
    if which.about is not None:
        hosts = hosts.where(col(Subject.key) == which.about)
    written = select(col(SecurityRow.id)).where(
        col(SecurityRow.subject_id) == col(Subject.id), *_within(which, bank_zone(session))
    )
    told = select(col(FactSheet.subject_id)).where(col(FactSheet.subject_id) == col(Subject.id))

    def count(*more: ColumnElement[bool]) -> int:
        asked = select(func.count()).select_from(hosts.where(*more).subquery())
        counted: int = session.execute(asked).scalar_one()
        return counted

    return RegisterCoverage(hosts=count(), written=count(written.exists()), never=count(~told.exists()))


def _none(no: int) -> NotFound:
    return NotFound("There is no row {no} in the register.", no=no)


def _today(zone: ZoneInfo, now: int) -> str:
    return datetime.fromtimestamp(now / 1_000_000, zone).date().isoformat()


def midnight(day: date, zone: ZoneInfo) -> int:
    begins = datetime.combine(day, time(), zone).astimezone(UTC)
    return int(begins.timestamp()) * 1_000_000


def _within(which: Which, zone: ZoneInfo) -> Iterator[ColumnElement[bool]]:
    if which.first is not None:
        yield col(SecurityRow.at) >= midnight(which.first, zone)
    if which.last is not None:
        yield col(SecurityRow.at) < midnight(which.last + timedelta(days=1), zone)


def _asked(viewer: Scoped, which: Which, zone: ZoneInfo, now: int) -> Any:
    """(row, what it is about, its branch)."""
    subject, home = aliased(Subject), aliased(Subject)
    asked: Any = (
        select(SecurityRow, subject, home)
        .join(subject, col(subject.id) == col(SecurityRow.subject_id))
        .join(home, col(home.id) == col(SecurityRow.branch_id))
        .where(in_scope(viewer, col(SecurityRow.branch_id)), *_within(which, zone))
    )
    if which.branch is not None:
        asked = asked.where(col(home.key) == which.branch)
    if which.about is not None:
        asked = asked.where(col(subject.key) == which.about)
    for column, wanted in (("kind", which.kind), ("source", which.source), ("outcome", which.outcome)):
        if wanted is not None:
            asked = asked.where(col(getattr(SecurityRow, column)) == wanted)
    if which.overdue:
        asked = asked.where(_is_overdue(_today(zone, now)))
    return asked


def _is_overdue(today: str) -> ColumnElement[bool]:
    """Of a row: that the newest day it was to be mended by is over, and nobody saw it mended since.

    A correction takes its own and the followers' place: rows that were corrected count for nothing.
    """
    later = aliased(SecurityRow)
    corrected = select(col(later.id)).where(col(later.corrects) == col(SecurityRow.id)).exists()
    first = func.coalesce(col(SecurityRow.root), col(SecurityRow.id))
    mend, newer, review = aliased(SecurityRow), aliased(SecurityRow), aliased(SecurityRow)

    def stands(row: Any) -> ColumnElement[bool]:
        own = aliased(SecurityRow)
        return ~select(col(own.id)).where(col(own.corrects) == col(row.id)).exists()

    def follows(row: Any) -> ColumnElement[bool]:
        return and_(col(row.follows) == first, stands(row))

    due = (
        select(col(mend.due))
        .where(follows(mend), col(mend.kind) == Entry.MEND, col(mend.due) != "")
        .order_by(col(mend.id).desc())
        .limit(1)
        .correlate(SecurityRow)
        .scalar_subquery()
    )
    passed = (
        select(col(review.id))
        .where(follows(review), col(review.kind) == Entry.REVIEW, col(review.outcome) == Outcome.PASS)
        .where(
            ~select(col(newer.id))
            .where(follows(newer), col(newer.id) > col(review.id), col(newer.kind) == Entry.REVIEW)
            .correlate(SecurityRow, review)
            .exists()
        )
        .correlate(SecurityRow)
        .exists()
    )
    until = func.coalesce(due, col(SecurityRow.due))
    finding = col(SecurityRow.kind).not_in(FOLLOWING), col(SecurityRow.outcome).not_in(FINE)
    return and_(*finding, until != "", until < today, ~corrected, ~passed)


def _outs(
    session: Session, rows: Sequence[Any], lang: str, today: str, newest: int | None = None
) -> list[SecurityRowOut]:
    """`newest`: rows above it are not looked at, as if they were not written yet."""
    numbers, roots = [row[0].id for row in rows], [row[0].root or row[0].id for row in rows]
    later = select(SecurityRow).where(or_(col(SecurityRow.corrects).in_(numbers), col(SecurityRow.follows).in_(roots)))
    if newest is not None:
        later = later.where(col(SecurityRow.id) <= newest)
    corrected: dict[int, int] = {}
    following: dict[int, list[SecurityRow]] = defaultdict(list)
    for row in session.execute(later.order_by(col(SecurityRow.id))).scalars():
        if row.corrects is not None:
            corrected[row.corrects] = row.id or 0
        if row.follows is not None:
            following[row.follows].append(row)
    return [
        _out(row, subject, home, corrected, following[row.root or row.id], lang, today) for row, subject, home in rows
    ]


def _out(
    row: SecurityRow,
    subject: Subject,
    home: Subject,
    corrected: dict[int, int],
    following: Sequence[SecurityRow],
    lang: str,
    today: str,
) -> SecurityRowOut:
    gone = {one.corrects for one in following}
    stands = [one for one in following if one.id not in gone]
    mends = [one for one in stands if one.kind is Entry.MEND]
    reviews = [one for one in stands if one.kind is Entry.REVIEW]
    measure = next((one.measure for one in reversed(mends) if one.measure), row.measure)
    due = next((one.due for one in reversed(mends) if one.due), row.due)
    review = reviews[-1].outcome if reviews else row.outcome if row.kind is Entry.REVIEW else Outcome.NONE
    by = corrected.get(row.id or 0)
    late = (
        row.kind not in FOLLOWING
        and row.outcome not in FINE
        and by is None
        and due != ""
        and due < today
        and review is not Outcome.PASS
    )
    return SecurityRowOut(
        no=row.id or 0,
        at=row.at,
        since=row.since,
        written=row.written,
        by=row.by,
        source=row.source,
        kind=row.kind,
        category=row.category,
        about=subject.key,
        name=subject.name,
        branch=home.key,
        branch_name=home.name,
        asset=row.asset,
        item=row.item.get(lang, ""),
        outcome=row.outcome,
        patch=row.patch,
        library=row.library,
        library_at=row.library_at,
        found=row.found.get(lang, ""),
        measure=measure,
        due=due,
        review=review,
        corrects=row.corrects,
        corrected_by=by,
        follows=row.follows,
        reason=row.reason,
        campaign=row.campaign,
        overdue=late,
    )


def subject_of(session: Session, viewer: Scoped, key: str) -> Subject:
    """A branch, an agent or a position there is. NotFound also out of scope."""
    kinds = (SubjectKind.BRANCH, SubjectKind.AGENT, SubjectKind.POSITION)
    asked = select(Subject).where(
        col(Subject.key) == key,
        col(Subject.kind).in_(kinds),
        col(Subject.removed_at).is_(None),
        in_scope(viewer, col(Subject.branch_id)),
    )
    found: Subject | None = session.execute(asked.order_by(col(Subject.kind).desc())).scalars().first()
    if found is None:
        raise NotFound("There is no branch, agent or device {key}.", key=key[:80])
    return found
