"""What people write into the register of security checks. No row is changed: a correction is a row of its own."""

from datetime import date, datetime, timedelta
from typing import Any, Final, Protocol

from sqlalchemy import select
from sqlmodel import Session, col

from server.accounts.scope import Scoped
from server.errors import Conflict, Forbidden, Invalid
from server.events.publish import invalidate
from server.journal.deeds import Act, record
from server.journal.personal import seal_personal
from server.ledger.queries import detail
from server.plain import clean
from server.queries import bank_zone
from server.registers.queries import FOLLOWING, find, midnight, subject_of
from server.registers.tables import SecurityRow
from server.schemas.people import Role
from server.schemas.registers import Category, Entry, Outcome, SecurityCorrection, SecurityEntry, SecurityFollow, Source

TOPIC: Final = "register"
FIRST: Final = date(2005, 1, 1)  # what is dated earlier is a slip of the year, and no row is ever taken back
# what a person may say of each kind; the rest only a machine knows
OUTCOMES: Final = {
    Entry.CHECK: (Outcome.PASS, Outcome.FAIL, Outcome.UNKNOWN, Outcome.EXEMPT, Outcome.NOT_APPLICABLE),
    Entry.ANTIVIRUS: (Outcome.UPDATED, Outcome.REVERTED, Outcome.CHANGED),
    Entry.PATCH: (Outcome.UPDATED, Outcome.REVERTED, Outcome.CHANGED),
    Entry.MEND: (Outcome.NONE,),
    Entry.REVIEW: (Outcome.PASS, Outcome.FAIL, Outcome.UNKNOWN),
}


class Who(Scoped, Protocol):
    @property
    def role(self) -> Role: ...
    @property
    def lang(self) -> str: ...


def enter(session: Session, act: Act, who: Who, ask: SecurityEntry) -> SecurityRow:
    """A check, an update or a patch that no machine told of."""
    _may_write(who)
    if ask.kind in FOLLOWING:
        raise Invalid("What is done about a finding, and a second look at it, follow the row of the finding.")
    if (ask.kind is Entry.CHECK) == (ask.category is Category.NONE):
        raise Invalid("A check is daily, special, self or spot; an update and a patch are none of these.")
    if not _line(ask.item):
        raise Invalid("Say what was looked at.")
    subject = subject_of(session, who, ask.about)
    if ask.asset:
        detail(session, who, ask.asset, who.lang)  # NotFound
    row = SecurityRow(
        at=_at(session, act, ask.day),
        written=act.now,
        subject_id=subject.id or 0,
        branch_id=subject.branch_id,
        asset=ask.asset,
        by=_line(ask.by) or act.actor,
        source=Source.HAND,
        kind=ask.kind,
        category=ask.category,
        item=_both(_line(ask.item)),
        outcome=ask.outcome,
        patch=_line(ask.patch),
        library=_line(ask.library),
        library_at=_library_at(session, act, ask.library_day) if ask.library_day else None,
        found=_both(clean(ask.found)),
        measure=clean(ask.measure),
        due=ask.due.isoformat() if ask.due else "",
    )
    return _write(session, act, row, "register.enter")


def follow(session: Session, act: Act, who: Who, no: int, ask: SecurityFollow) -> SecurityRow:
    """What is done about the finding of row `no`, or what a second look at it saw."""
    _may_write(who)
    of = _standing(session, find(session, who, no))
    if of.follows is not None:
        raise Conflict("Row {no} follows row {of} itself: follow that one.", no=no, of=of.follows)
    if ask.review is Outcome.NONE and not (ask.measure or ask.due):
        raise Invalid("Say what is done and until when, or what a second look saw.")
    if ask.review is not Outcome.NONE and (ask.measure or ask.due):
        raise Invalid("What is done, and what a second look saw, are two rows.")
    at = _at(session, act, ask.day)
    if _day(session, at) < _day(session, of.at):
        raise Invalid("Row {no} is of {day}: nothing follows it before that.", no=no, day=_day(session, of.at))
    row = SecurityRow(
        at=at,
        written=act.now,
        subject_id=of.subject_id,
        branch_id=of.branch_id,
        asset=of.asset,
        by=_line(ask.by) or act.actor,
        source=Source.HAND,
        kind=Entry.REVIEW if ask.review is not Outcome.NONE else Entry.MEND,
        item=of.item,
        outcome=ask.review,
        found=_both(clean(ask.found)),
        measure=clean(ask.measure),
        due=ask.due.isoformat() if ask.due else "",
        follows=of.root or of.id,
    )
    return _write(session, act, row, "register.follow")


def correct(session: Session, act: Act, who: Who, no: int, ask: SecurityCorrection) -> SecurityRow:
    """A row that says what row `no` should have said. Both stay, each with the other's number."""
    _may_write(who)
    old = _standing(session, find(session, who, no))
    said = {name: value for name, value in ask.model_dump(exclude_none=True).items() if name != "reason"}
    if not said:
        raise Invalid("Say what the row should say instead.")
    kept = old.model_dump(exclude={"id", "source", "by", "written", "corrects", "root", "reason"})
    for name, value in said.items():
        if name in ("item", "found"):
            kept[name] = _both(clean(value))
        else:
            kept[name] = value.isoformat() if isinstance(value, date) else clean(value) if _is_text(value) else value
    row = SecurityRow(
        **kept,
        by=act.actor,
        source=Source.HAND,
        written=act.now,
        corrects=old.id,
        root=old.root or old.id,
        reason=clean(ask.reason),
    )
    if (row.kind is Entry.CHECK) == (row.category is Category.NONE):
        raise Invalid("A check is daily, special, self or spot; an update and a patch are none of these.")
    return _write(session, act, row, "register.correct", said="outcome" in said)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and not isinstance(value, Outcome | Category)


def _may_write(who: Who) -> None:
    if who.role is Role.AUDITOR:
        raise Forbidden("Your role may not do this.")


def _standing(session: Session, row: SecurityRow) -> SecurityRow:
    """Conflict where it was corrected: what is said of it belongs to what took its place."""
    by = session.execute(select(col(SecurityRow.id)).where(col(SecurityRow.corrects) == row.id)).scalar()
    if by is not None:
        raise Conflict("Row {no} was corrected by row {by}: that one stands.", no=row.id, by=by)
    return row


def _at(session: Session, act: Act, day: date | None) -> int:
    """The beginning of that day, or now if it is today."""
    today = _day(session, act.now)
    if day is None or day == today:
        return act.now
    if day > today:
        raise Invalid("{day} is not here yet: what was not done is not entered.", day=day)
    if day < FIRST:
        raise Invalid("{day} is before {first}: look at the year.", day=day, first=FIRST)
    return midnight(day, bank_zone(session))


def _library_at(session: Session, act: Act, day: date) -> int:
    """A maker's day may have begun before ours."""
    if not FIRST <= day <= _day(session, act.now) + timedelta(days=1):
        raise Invalid("A virus library of {day} cannot be: look at the year.", day=day)
    return midnight(day, bank_zone(session))


def _day(session: Session, at: int) -> date:
    return datetime.fromtimestamp(at / 1_000_000, bank_zone(session)).date()


def _line(text: str) -> str:
    return clean(text).replace("\n", " ")


def _both(text: str) -> dict[str, str]:
    return {"zh": text, "en": text} if text else {}


def _write(session: Session, act: Act, row: SecurityRow, deed: str, *, said: bool = True) -> SecurityRow:
    """`said`: the outcome is a person's word, and not one that stays as a machine said it."""
    if said and row.outcome not in OUTCOMES[row.kind]:
        raise Invalid("A row of this kind has no such outcome.")
    session.add(row)
    session.flush()
    after: dict[str, Any] = row.model_dump(mode="json", exclude_none=True)
    del after["written"]
    after["by"] = row.by if row.by == act.actor else seal_personal(session, row.by)
    invalidate(session, TOPIC, str(row.id), row.branch_id, act.now)
    record(session, act, deed=deed, about=about(row), after=after, reason=row.reason, effective_at=row.at)
    return row


def about(row: SecurityRow) -> str:
    return f"register:security/{row.id}"
