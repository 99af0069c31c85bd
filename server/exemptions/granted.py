"""Which hosts are let be now, by the exemptions that head office granted."""

from collections.abc import Collection, Iterator
from datetime import date
from typing import Any, Final

from sqlalchemy import Select, case, select
from sqlmodel import Session, col

from server.checks.bank import Granted
from server.checks.tables import JudgedHost
from server.exemptions.tables import ExemptionRow
from server.inventory.tables import Branch, Position, Subject, SubjectKind

HOSTS: Final = (SubjectKind.AGENT, SubjectKind.POSITION)
AGENT: Final = "agent"  # the class of PCs with an agent, as campaigns name it too
AT_ONCE: Final = 500  # hosts of one question

Exempt = dict[tuple[str, str], Granted]


def granted(session: Session, now: int, subjects: Collection[int] | None = None) -> Exempt:
    """By check and host: of these hosts, or of all. What is of the host itself goes before what is of its branch, and
    of those that overlap the one that lasts longest counts."""
    rows = in_force(session, now)
    if not rows:
        return {}
    wider = above(session)
    by: dict[int, list[ExemptionRow]] = {}
    for row in rows:
        by.setdefault(row.subject_id, []).append(row)
    found: Exempt = {}
    for own, key, branch, cls in _hosts(session, rows, wider, subjects):
        for place in (*reversed(wider.get(branch, (branch,))), own):
            for row in sorted(by.get(place, ()), key=lambda one: one.ends_at):
                if not row.of_class or row.of_class == cls:
                    found[row.check_id, key] = _as_granted(row, key)
    return found


def in_force(session: Session, now: int) -> list[ExemptionRow]:
    asked = select(ExemptionRow).where(col(ExemptionRow.ended_at).is_(None), col(ExemptionRow.ends_at) > now)
    return list(session.execute(asked).scalars())


def hosts_of(session: Session, row: ExemptionRow) -> list[int]:
    """The ids of those it is about: of positions those that are hosts."""
    wider = above(session)
    meant = {
        own
        for own, _, branch, cls in _hosts(session, [row], wider, None)
        if row.subject_id in (own, *wider.get(branch, (branch,))) and (not row.of_class or row.of_class == cls)
    }
    ids, found = sorted(meant), list[int]()
    for start in range(0, len(ids), AT_ONCE):
        part = col(JudgedHost.subject_id).in_(ids[start : start + AT_ONCE])
        found += session.execute(select(col(JudgedHost.subject_id)).where(part)).scalars()
    return found


def above(session: Session) -> dict[int, tuple[int, ...]]:
    """Of each branch: itself and those above it, the nearest first."""
    asked = select(col(Branch.id), col(Branch.parent_id))
    parents: dict[int, int | None] = {own: parent for own, parent in session.execute(asked)}  # noqa: C416

    def chain(own: int) -> Iterator[int]:
        at: int | None = own
        while at is not None:
            yield at
            at = parents.get(at)

    return {own: tuple(chain(own)) for own in parents}


def _hosts(
    session: Session, rows: list[ExemptionRow], wider: dict[int, tuple[int, ...]], subjects: Collection[int] | None
) -> Iterator[tuple[int, str, int, str | None]]:
    """Id, key, branch and class of whoever may be meant."""
    about = {row.subject_id for row in rows}
    if subjects is not None:
        ids = sorted(subjects)
        for start in range(0, len(ids), AT_ONCE):
            yield from session.execute(_asked().where(col(Subject.id).in_(ids[start : start + AT_ONCE])))
        return
    branches = sorted(own for own, chain in wider.items() if about.intersection(chain))
    meant = col(Subject.id).in_(sorted(about)) | col(Subject.branch_id).in_(branches)
    yield from session.execute(_asked().where(meant))


def _asked() -> Select[*tuple[Any, ...]]:
    of_agents = case((col(Subject.kind) == SubjectKind.AGENT, AGENT), else_=col(Position.cls))
    return (
        select(col(Subject.id), col(Subject.key), col(Subject.branch_id), of_agents)
        .outerjoin(Position, col(Position.id) == col(Subject.id))
        .where(col(Subject.kind).in_(HOSTS), col(Subject.removed_at).is_(None))
    )


def _as_granted(row: ExemptionRow, key: str) -> Granted:
    return Granted(
        check=row.check_id,
        host=key,
        approver=row.approver,
        control=row.control,
        until=date.fromisoformat(row.until),
        ends=row.ends_at,
    )
