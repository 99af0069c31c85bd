"""Hosts by checks: of every branch how many stand how, and of a branch which host stands how by which check."""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, and_, exists, func, select
from sqlmodel import Session, col

from server.accounts.scope import Scoped, in_scope
from server.checks.check import Check
from server.checks.judging import Word
from server.checks.keeping import reason
from server.checks.standing import Words, branch_words, hosts_by_branch, word_now
from server.checks.tables import JudgedHost, VerdictRow
from server.facts.tables import FactSheet
from server.inventory.tables import Subject, SubjectKind
from server.schemas.checks import VerdictWord
from server.schemas.matrix import BranchCounts, CellOut, CheckCounts, CountsOut, HostPage, HostRow, MatrixPage


class Asked(NamedTuple):
    """Which hosts: of a branch, and those that stand so by this check, or by any where none is named."""

    branch: str | None = None
    check: str | None = None
    words: tuple[VerdictWord, ...] = ()
    q: str = ""


def branches(
    session: Session, viewer: Scoped, checks: Sequence[Check], *, now: int, lang: str, offset: int, limit: int
) -> MatrixPage:
    """Of every branch in scope that has hosts."""
    counted = branch_words(session, viewer, now, [check.id for check in checks])
    hosts = hosts_by_branch(session, viewer)
    heard = _heard_by_branch(session, viewer)
    worst = sorted(hosts, key=lambda own: (*(-n for n in _ill(own, checks, counted)), own))
    names = _names(session, worst[offset : offset + limit])
    rows = [
        BranchCounts(
            code=names[own].key,
            name=names[own].name,
            hosts=hosts[own],
            heard=heard.get(own, 0),
            counts=[counts_out(counted[own, check.id]) for check in checks],
        )
        for own in worst[offset : offset + limit]
    ]
    sums = {check.id: Words() for check in checks}
    for (_, name), words in counted.items():
        sums[name] = sums[name].plus(words)
    return MatrixPage(
        total=len(hosts),
        offset=offset,
        at=now,
        hosts=sum(hosts.values()),
        heard=sum(heard.values()),
        checks=[_check(check, sums[check.id], lang) for check in checks],
        rows=rows,
    )


def hosts(
    session: Session,
    viewer: Scoped,
    checks: Sequence[Check],
    asked: Asked,
    *,
    now: int,
    lang: str,
    offset: int,
    limit: int,
) -> HostPage:
    wanted = _wanted(viewer, asked, [check.id for check in checks], now)
    total: int = session.execute(select(func.count()).select_from(wanted.subquery())).scalar_one()
    order = _ill_first(now) if asked.branch else (col(Subject.branch_id), col(Subject.key))
    ids = list(session.execute(wanted.order_by(*order).offset(offset).limit(limit)).scalars())
    return HostPage(
        total=total,
        offset=offset,
        at=now,
        checks=[_check(check, words, lang) for check, words in _sums(session, wanted, checks, total, now)],
        rows=rows_of(session, ids, checks, now, lang),
    )


def rows_of(session: Session, ids: Sequence[int], checks: Sequence[Check], now: int, lang: str) -> list[HostRow]:
    """In the order of `ids`."""
    subjects = _names(session, ids)
    places = _names(session, {one.branch_id for one in subjects.values()})
    asked = select(VerdictRow).where(col(VerdictRow.subject_id).in_(ids))
    kept = {(one.subject_id, one.check_id): one for one in session.execute(asked).scalars()}
    told = select(col(FactSheet.subject_id), func.max(col(FactSheet.at))).where(col(FactSheet.subject_id).in_(ids))
    at: dict[int, int] = {own: when for own, when in session.execute(told.group_by(col(FactSheet.subject_id)))}  # noqa: C416
    return [
        HostRow(
            host=subjects[own].key,
            name=subjects[own].name,
            branch=places[subjects[own].branch_id].key,
            branch_name=places[subjects[own].branch_id].name,
            at=at.get(own),
            cells=[_cell(kept.get((own, check.id)), now, lang) for check in checks],
        )
        for own in ids
    ]


def host_ids(session: Session, viewer: Scoped, asked: Asked, checks: Collection[str], now: int) -> list[int]:
    """Of an export: by branch and key."""
    wanted = _wanted(viewer, asked, checks, now).order_by(col(Subject.branch_id), col(Subject.key))
    return list(session.execute(wanted).scalars())


def counts_out(words: Words) -> CountsOut:
    return CountsOut(**words.columns())


def _cell(row: VerdictRow | None, now: int, lang: str) -> CellOut:
    if row is None:
        return CellOut(word="unknown", why="", at=None, since=None)
    if row.holds_until <= now and row.word is not Word.UNKNOWN:
        return CellOut(word="unknown", why="", at=row.at, since=row.holds_until)
    return CellOut(word=row.word.value, why=reason(row.why, lang), at=row.at, since=row.since)


def _check(check: Check, words: Words, lang: str) -> CheckCounts:
    return CheckCounts(check=check.id, title=check.title.of(lang), severity=check.severity, counts=counts_out(words))


def _ill(own: int, checks: Sequence[Check], counted: dict[tuple[int, str], Words]) -> tuple[int, int]:
    words = [counted[own, check.id] for check in checks]
    return sum(one.fails for one in words), sum(one.unknown for one in words)


def _wanted(viewer: Scoped, asked: Asked, checks: Collection[str], now: int) -> Select[Any]:
    wanted = (
        select(col(Subject.id))
        .join(JudgedHost, col(JudgedHost.subject_id) == col(Subject.id))
        .where(col(Subject.removed_at).is_(None), in_scope(viewer, col(Subject.branch_id)))
    )
    if asked.branch:
        branch = select(col(Subject.id)).where(
            col(Subject.kind) == SubjectKind.BRANCH, col(Subject.key) == asked.branch
        )
        wanted = wanted.where(col(Subject.branch_id).in_(branch))
    for part in asked.q.split():
        found = col(Subject.key).icontains(part, autoescape=True) | col(Subject.name).icontains(part, autoescape=True)
        wanted = wanted.where(found)
    if asked.words:
        wanted = wanted.where(_stands(asked, checks, now))
    return wanted


def _stands(asked: Asked, checks: Collection[str], now: int) -> ColumnElement[bool]:
    """By its check, or by any: that stands in one of the words. Who has no verdict yet is unknown."""
    of = [asked.check] if asked.check else sorted(checks)
    own = and_(col(VerdictRow.subject_id) == col(Subject.id), col(VerdictRow.check_id).in_(of))
    stands = exists(select(1).where(own, word_now(now).in_(asked.words)).correlate(Subject))
    if Word.UNKNOWN.value not in asked.words:
        return stands
    known = select(func.count()).where(own).correlate(Subject).scalar_subquery()
    return stands | (known < len(of))


def _ill_first(now: int) -> tuple[Any, ...]:
    def count(word: Word) -> ColumnElement[Any]:
        own = col(VerdictRow.subject_id) == col(Subject.id), word_now(now) == word.value
        return select(func.count()).where(*own).correlate(Subject).scalar_subquery().desc()

    return count(Word.FAIL), count(Word.UNKNOWN), col(Subject.key)


def _sums(
    session: Session, wanted: Select[Any], checks: Sequence[Check], total: int, now: int
) -> list[tuple[Check, Words]]:
    word = word_now(now)
    asked = select(col(VerdictRow.check_id), word, func.count()).where(col(VerdictRow.subject_id).in_(wanted))
    counted: dict[tuple[str, str], int] = {}
    for check, said, count in session.execute(asked.group_by(col(VerdictRow.check_id), word)):
        counted[check, said] = count
    found = []
    for one in checks:
        of = {said: counted.get((one.id, said.value), 0) for said in Word if said is not Word.UNKNOWN}
        rest = max(0, total - sum(of.values()))
        words = Words(of[Word.PASS], of[Word.FAIL], rest, of[Word.NOT_APPLICABLE], of[Word.EXEMPT])
        found.append((one, words))
    return found


def _heard_by_branch(session: Session, viewer: Scoped) -> dict[int, int]:
    told = exists(select(1).where(col(FactSheet.subject_id) == col(Subject.id)).correlate(Subject))
    asked = (
        select(col(Subject.branch_id), func.count())
        .join(JudgedHost, col(JudgedHost.subject_id) == col(Subject.id))
        .where(col(Subject.removed_at).is_(None), in_scope(viewer, col(Subject.branch_id)), told)
        .group_by(col(Subject.branch_id))
    )
    return {branch: count for branch, count in session.execute(asked)}  # noqa: C416


def _names(session: Session, ids: Collection[int]) -> dict[int, Subject]:
    asked = select(Subject).where(col(Subject.id).in_(sorted(ids)))
    return {one.id or 0: one for one in session.execute(asked).scalars()}
