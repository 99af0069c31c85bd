"""Granting an exemption and withdrawing it. Both are head office's, and their hosts are judged at once."""

from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlmodel import Session, col

from server.accounts.scope import Scoped
from server.checks.due import judge_again
from server.errors import Conflict, Invalid, NotFound
from server.exemptions.granted import AGENT, HOSTS, hosts_of
from server.exemptions.tables import ExemptionRow
from server.exemptions.told import about
from server.inventory.tables import DeviceClass, Subject, SubjectKind
from server.journal.deeds import Act, record
from server.plain import clean
from server.queries import bank_zone
from server.schemas.exemptions import ExemptionCreate

LONGEST: Final = 365  # days an exemption lasts at most


def grant(session: Session, act: Act, viewer: Scoped, checks: frozenset[str], ask: ExemptionCreate) -> ExemptionRow:
    """NotFound, Invalid or Conflict say what cannot be; a second one of the same takes no first one's place."""
    if ask.check not in checks:
        raise NotFound("There is no check {id}: branchfleet checks lists them.", id=ask.check[:80])
    subject = _subject(session, ask)
    zone = bank_zone(session)
    _in_time(act.now, zone, ask.until)
    approver, control = _line(ask.approver), _line(ask.control)
    if not approver or not control:
        raise Invalid("An exemption says who approves it and what is done instead.")
    row = ExemptionRow(
        check_id=ask.check,
        subject_id=subject.id or 0,
        of_class=ask.cls,
        approver=approver,
        control=control,
        until=ask.until.isoformat(),
        ends_at=_end_of(ask.until, zone),
        by=act.actor,
        at=act.now,
    )
    _not_twice(session, row, act.now)
    session.add(row)
    session.flush()
    hosts = hosts_of(session, row)
    judge_again(session, hosts)
    after = {"approver": approver, "control": control, "until": row.until, "hosts": len(hosts)}
    record(session, act, deed="exemption.grant", about=about(session, row), after=after)
    return row


def withdraw(session: Session, act: Act, uid: str, reason: str) -> ExemptionRow:
    asked = select(ExemptionRow).where(col(ExemptionRow.uid) == uid).with_for_update()
    row: ExemptionRow | None = session.execute(asked).scalar_one_or_none()
    if row is None:
        raise NotFound("There is no exemption {uid}.", uid=uid[:40])
    if row.ended_at is not None or row.ends_at <= act.now:
        raise Conflict("Nothing was withdrawn: this exemption is over.")
    row.ended_at, row.withdrawn_by = act.now, act.actor
    session.add(row)
    session.flush()
    judge_again(session, hosts_of(session, row))
    record(
        session, act, deed="exemption.withdraw", about=about(session, row), before={"until": row.until}, reason=reason
    )
    return row


def _subject(session: Session, ask: ExemptionCreate) -> Subject:
    kinds = (SubjectKind.BRANCH, *HOSTS)
    asked = select(Subject).where(col(Subject.key) == ask.about, col(Subject.removed_at).is_(None))
    found: dict[SubjectKind, Subject] = {
        one.kind: one for one in session.execute(asked.where(col(Subject.kind).in_(kinds))).scalars()
    }
    subject = next((found[kind] for kind in kinds if kind in found), None)
    if subject is None:
        raise NotFound("There is no branch and no host {key}.", key=ask.about[:80])
    if ask.cls and subject.kind is not SubjectKind.BRANCH:
        raise Invalid("A class goes with a branch: a host is one machine already.")
    if ask.cls not in ("", AGENT) and session.get(DeviceClass, ask.cls) is None:
        raise NotFound("There is no device class {cls}.", cls=ask.cls)
    return subject


def _in_time(now: int, zone: ZoneInfo, until: date) -> None:
    today = datetime.fromtimestamp(now / 1_000_000, zone).date()
    if not today <= until <= today + timedelta(days=LONGEST):
        raise Invalid(
            "An exemption ends between today and a year from now: {first} to {last}.",
            first=today.isoformat(),
            last=(today + timedelta(days=LONGEST)).isoformat(),
        )


def _end_of(day: date, zone: ZoneInfo) -> int:
    return int(datetime.combine(day + timedelta(days=1), datetime.min.time(), zone).timestamp()) * 1_000_000


def _not_twice(session: Session, row: ExemptionRow, now: int) -> None:
    same = (
        col(ExemptionRow.check_id) == row.check_id,
        col(ExemptionRow.subject_id) == row.subject_id,
        col(ExemptionRow.of_class) == row.of_class,
        col(ExemptionRow.ended_at).is_(None),
        col(ExemptionRow.ends_at) > now,
    )
    there = session.execute(select(ExemptionRow).where(*same).limit(1)).scalar_one_or_none()
    if there is not None:
        raise Conflict("It is exempt already, until {until}: withdraw that first.", until=there.until)


def _line(text: str) -> str:
    return clean(text).replace("\n", " ").strip()
