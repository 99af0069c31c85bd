"""The exemptions there are: those granted by a deed, and those of the bank's file."""

from collections.abc import Iterator, Mapping
from typing import Final, Literal

from sqlalchemy import select
from sqlmodel import Session, col

from server.accounts.scope import Scoped, sees
from server.checks.bank import Exemption
from server.checks.kept import Kept
from server.checks.sheets import DAY
from server.exemptions.granted import above, hosts_of
from server.exemptions.tables import ExemptionRow
from server.inventory.tables import Subject
from server.schemas.exemptions import ExemptionOut, ExemptionPage

SOON: Final = 30 * DAY
PAST: Final = 500  # that are over and shown, the newest first
FILE: Final = "bank.toml"
_ORDER: Final = ("ends_soon", "in_force", "withdrawn", "over")


def page(
    session: Session, viewer: Scoped, kept: Kept, *, over: bool, now: int, lang: str, offset: int, limit: int
) -> ExemptionPage:
    """`over`: also those that are. A branch sees those that are about hosts of its own."""
    found = [*_granted(session, viewer, kept, over=over, now=now, lang=lang), *_filed(session, viewer, kept, now, lang)]
    rows = [row for row in found if over or row.standing in ("ends_soon", "in_force")]
    rows.sort(key=lambda row: (_ORDER.index(row.standing), row.ends_at if row.standing in _ORDER[:2] else -row.ends_at))
    soon = sum(row.standing == "ends_soon" for row in rows)
    return ExemptionPage(total=len(rows), offset=offset, at=now, soon=soon, rows=rows[offset : offset + limit])


def out(session: Session, row: ExemptionRow, kept: Kept, now: int, lang: str) -> ExemptionOut:
    subject = session.get_one(Subject, row.subject_id)
    return ExemptionOut(
        uid=row.uid,
        check=row.check_id,
        title=_titles(kept, lang).get(row.check_id, row.check_id),
        about=subject.key,
        about_name=subject.name,
        cls=row.of_class,
        hosts=len(hosts_of(session, row)),
        approver=row.approver,
        control=row.control,
        until=row.until,
        ends_at=row.ends_at,
        standing=_standing(row.ends_at, now, withdrawn=row.withdrawn_by is not None),
        by=row.by,
        at=row.at,
        withdrawn_by=row.withdrawn_by,
    )


def _granted(
    session: Session, viewer: Scoped, kept: Kept, *, over: bool, now: int, lang: str
) -> Iterator[ExemptionOut]:
    force = col(ExemptionRow.ended_at).is_(None), col(ExemptionRow.ends_at) > now
    rows = list(session.execute(select(ExemptionRow).where(*force)).scalars())
    if over:
        past = col(ExemptionRow.ended_at).is_not(None) | (col(ExemptionRow.ends_at) <= now)
        asked = select(ExemptionRow).where(past).order_by(col(ExemptionRow.id).desc()).limit(PAST)
        rows += session.execute(asked).scalars()
    wider = above(session)
    for row in rows:
        if _concerns(session, viewer, row, wider):
            yield out(session, row, kept, now, lang)


def _concerns(session: Session, viewer: Scoped, row: ExemptionRow, wider: Mapping[int, tuple[int, ...]]) -> bool:
    subject = session.get_one(Subject, row.subject_id)
    if sees(viewer, subject.branch_id):
        return True
    return any(row.subject_id in wider.get(own, ()) for own in viewer.branch_ids or ())


def _filed(session: Session, viewer: Scoped, kept: Kept, now: int, lang: str) -> Iterator[ExemptionOut]:
    titles = _titles(kept, lang)
    said = list(kept.bank.exempt.values())
    asked = select(Subject).where(col(Subject.key).in_({one.host for one in said}), col(Subject.removed_at).is_(None))
    known = {one.key: one for one in session.execute(asked).scalars()} if said else {}
    for one in said:
        host = known.get(one.host)
        if host is None and viewer.branch_ids is not None:
            continue
        if host is None or sees(viewer, host.branch_id):
            yield _of_file(one, host, titles, now)


def _of_file(one: Exemption, host: Subject | None, titles: Mapping[str, str], now: int) -> ExemptionOut:
    return ExemptionOut(
        uid=None,
        check=one.check,
        title=titles.get(one.check, one.check),
        about=one.host,
        about_name=host.name if host else one.host,
        cls="",
        hosts=1 if host else 0,
        approver=one.approver,
        control=one.control,
        until=one.until.isoformat(),
        ends_at=one.over_at,
        standing=_standing(one.over_at, now, withdrawn=False),
        by=FILE,
        at=None,
    )


def _standing(ends_at: int, now: int, *, withdrawn: bool) -> Literal["in_force", "ends_soon", "over", "withdrawn"]:
    if withdrawn:
        return "withdrawn"
    if ends_at <= now:
        return "over"
    return "ends_soon" if ends_at - now <= SOON else "in_force"


def _titles(kept: Kept, lang: str) -> dict[str, str]:
    return {check.id: check.title.of(lang) for check in kept.checks}
