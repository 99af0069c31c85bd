"""What may be done with the bank's own media, by head office: registered, lent, brought back, handed on, given up."""

from datetime import date, datetime, time, timedelta
from typing import Any, Final

from sqlmodel import Session, col, func, select

from server.errors import Conflict, Invalid, NotFound
from server.events.publish import invalidate
from server.inventory.tables import Subject, SubjectKind
from server.journal.deeds import Act, record
from server.journal.personal import seal_personal
from server.media.late import end_tickets
from server.media.seen import stick_of
from server.media.tables import MediaStick
from server.plain import clean
from server.queries import bank_zone
from server.schemas.media import StickCreate, StickDeed, StickStatus, StickStep

AFTER: Final = {
    StickDeed.LEND: StickStatus.LENT,
    StickDeed.BACK: StickStatus.KEPT,
    StickDeed.HAND: None,  # stays what it is
    StickDeed.LOST: StickStatus.LOST,
    StickDeed.RETIRE: StickStatus.RETIRED,
}

# what a ticket of a loan that was over says then; one that is lost is still to be found
OVER: Final = {StickDeed.BACK: "The medium is back.", StickDeed.RETIRE: "The medium is retired."}


def register(session: Session, act: Act, asked: StickCreate) -> MediaStick:
    serial, label = _line(asked.serial), _line(asked.label)
    if not serial or not label:
        raise Invalid("A medium needs its serial number, as agents see it, and the label that stands on it.")
    branch = session.exec(
        select(Subject).where(
            Subject.kind == SubjectKind.BRANCH, Subject.key == asked.branch, col(Subject.removed_at).is_(None)
        )
    ).first()
    if branch is None:
        raise NotFound("There is no branch {code}.", code=asked.branch)
    # either names a medium: what one is called, no other may have as its serial number
    names = {stick_of(serial), stick_of(label)}
    same = col(MediaStick.stick).in_(names) | func.upper(MediaStick.label).in_(names)
    other = session.exec(select(MediaStick).where(same)).first()
    if other is not None:
        raise Conflict("{serial} is registered already, as {label}.", serial=other.serial, label=other.label)
    made = MediaStick(
        stick=stick_of(serial),
        serial=serial,
        label=label,
        branch_id=branch.id or 0,
        status=StickStatus.KEPT,
        keeper=_line(asked.keeper),
        since=act.now,
        note=clean(asked.note),
    )
    session.add(made)
    _journal(session, act, "media.register", made, None)
    return made


def step(session: Session, act: Act, asked: StickStep) -> MediaStick:
    one = known(session, asked.serial)
    before = _facts(session, one)
    if one.status is StickStatus.RETIRED:
        raise Conflict("{label} is retired; nothing more is done with it.", label=one.label)
    if asked.deed in (StickDeed.HAND, StickDeed.LEND) and one.status is StickStatus.LOST:
        raise Conflict("{label} is lost; say first that it is back.", label=one.label)
    if asked.deed is StickDeed.LEND and one.status is StickStatus.LENT:
        raise Conflict("{label} is lent to {keeper}; say first that it is back.", label=one.label, keeper=one.keeper)
    keeper = _line(asked.keeper)
    if asked.deed in (StickDeed.LEND, StickDeed.HAND) and not keeper:
        raise Invalid("Say who has it from now on.")
    if (asked.due is not None) != (asked.deed is StickDeed.LEND):
        raise Invalid("A loan has a last day, and nothing else has.")
    if asked.deed is StickDeed.BACK and one.status is StickStatus.KEPT:
        raise Conflict("{label} is neither lent nor lost.", label=one.label)
    one.due = _end_of(session, asked.due) if asked.due else one.due if asked.deed is StickDeed.HAND else None
    if asked.deed is StickDeed.LEND and one.due is not None and one.due < act.now:
        raise Invalid("That day is over: {day}.", day=asked.due)
    if asked.deed is StickDeed.LEND:
        one.home = one.keeper
    elif asked.deed is StickDeed.BACK and one.home is not None:
        keeper, one.keeper, one.home = keeper or one.home, "", None
    one.status = AFTER[asked.deed] or one.status
    one.keeper, one.since = keeper or one.keeper, act.now
    one.note = clean(asked.note) or one.note
    session.add(one)
    _journal(session, act, f"media.{asked.deed.value}", one, before)
    if outcome := OVER.get(asked.deed):
        end_tickets(session, act, one, outcome)
    return one


def known(session: Session, serial: str) -> MediaStick:
    """By its serial or its label."""
    said = _line(serial)
    asked = select(MediaStick).where((col(MediaStick.stick) == stick_of(said)) | (col(MediaStick.label) == said))
    found = session.exec(asked.order_by(col(MediaStick.id))).first() if said else None
    if found is None:
        raise NotFound("No medium {serial} is registered.", serial=said)
    return found


def note_export(session: Session, act: Act, what: str, rows: int, sha256: str) -> None:
    record(session, act, deed="media.export", about=f"media:{what}", after={"rows": rows, "sha256": sha256})


def _line(said: str) -> str:
    return clean(said).replace("\n", " ")


def _end_of(session: Session, day: date) -> int:
    """The last µs of that day by the bank's clocks."""
    try:
        after = datetime.combine(day + timedelta(days=1), time(), bank_zone(session))
    except OverflowError as error:
        raise Invalid("There is no such day: {day}.", day=day) from error
    return int(after.timestamp()) * 1_000_000 - 1


def _facts(session: Session, one: MediaStick) -> dict[str, Any]:
    branch = session.get_one(Subject, one.branch_id)
    return {
        "serial": one.serial,
        "label": one.label,
        "branch": branch.key,
        "status": one.status.value,
        "keeper": seal_personal(session, one.keeper) if one.keeper else "",
        "due": one.due,
        "note": one.note,
    }


def _journal(session: Session, act: Act, deed: str, one: MediaStick, before: Any) -> None:
    session.flush()
    record(session, act, deed=deed, about=f"media:{one.label}", before=before, after=_facts(session, one))
    invalidate(session, "media", one.label, one.branch_id, act.now)
