"""How many hosts stand how by each check, as SQL over kept verdicts. What nobody stands for any more is unknown."""

from collections.abc import Collection
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, case, exists, func, select
from sqlmodel import Session, col

from server.accounts.scope import Scoped, in_scope
from server.checks.judging import Word
from server.checks.tables import JudgedHost, VerdictRow
from server.inventory.tables import Subject


class _Everybody:
    branch_ids = None


ALL: Final[Scoped] = _Everybody()


class Words(NamedTuple):
    """Hosts of a branch by one check. They add up to all its hosts: who is in no other word is unknown."""

    passes: int = 0
    fails: int = 0
    unknown: int = 0
    not_applicable: int = 0
    exempt: int = 0

    def columns(self) -> dict[str, int]:
        return self._asdict()

    def plus(self, other: "Words") -> "Words":
        return Words(*(a + b for a, b in zip(self, other, strict=True)))

    @property
    def hosts(self) -> int:
        return sum(self)


FIELDS: Final = {
    Word.PASS: "passes",
    Word.FAIL: "fails",
    Word.UNKNOWN: "unknown",
    Word.NOT_APPLICABLE: "not_applicable",
    Word.EXEMPT: "exempt",
}


def word_now(now: int) -> ColumnElement[Any]:
    """The word of a verdict as it may be shown: never better than what time left of it, whoever follows or not."""
    return case((col(VerdictRow.holds_until) > now, col(VerdictRow.word)), else_=Word.UNKNOWN.value)


def hosts_by_branch(session: Session, viewer: Scoped) -> dict[int, int]:
    asked = (
        select(col(Subject.branch_id), func.count())
        .join(JudgedHost, col(JudgedHost.subject_id) == col(Subject.id))
        .where(col(Subject.removed_at).is_(None), in_scope(viewer, col(Subject.branch_id)))
        .group_by(col(Subject.branch_id))
    )
    return {branch: count for branch, count in session.execute(asked)}  # noqa: C416


def branch_words(
    session: Session, viewer: Scoped, now: int, checks: Collection[str] | None = None
) -> dict[tuple[int, str], Words]:
    """By branch and check, of every branch that has hosts. `checks`: only these, and each of them; else those that any
    host was judged by."""
    word = word_now(now)
    asked = (
        select(col(Subject.branch_id), col(VerdictRow.check_id), word, func.count())
        .join(Subject, col(Subject.id) == col(VerdictRow.subject_id))
        .where(col(Subject.removed_at).is_(None), in_scope(viewer, col(Subject.branch_id)))
        .group_by(col(Subject.branch_id), col(VerdictRow.check_id), word)
    )
    if checks is not None:
        asked = asked.where(col(VerdictRow.check_id).in_(sorted(checks)))
    counted: dict[tuple[int, str], dict[str, int]] = {}
    for branch, check, said, count in session.execute(asked):
        if said != Word.UNKNOWN:
            counted.setdefault((branch, check), {})[FIELDS[Word(said)]] = count
        else:
            counted.setdefault((branch, check), {})
    names = {check for _, check in counted} if checks is None else set(checks)
    hosts = hosts_by_branch(session, viewer)
    return {
        (branch, check): _whole(counted.get((branch, check), {}), count)
        for branch, count in hosts.items()
        for check in names
    }


def _whole(counted: dict[str, int], hosts: int) -> Words:
    return Words(**counted, unknown=max(0, hosts - sum(counted.values())))


def unknown_hosts(session: Session, viewer: Scoped, now: int) -> int:
    """Hosts of which at least one verdict is unknown, or that nobody judged yet."""
    own = col(VerdictRow.subject_id) == col(Subject.id)
    unknown = exists(select(1).where(own, word_now(now) == Word.UNKNOWN.value).correlate(Subject))
    unjudged = ~exists(select(1).where(own).correlate(Subject))
    asked = (
        select(func.count())
        .select_from(Subject)
        .join(JudgedHost, col(JudgedHost.subject_id) == col(Subject.id))
        .where(col(Subject.removed_at).is_(None), in_scope(viewer, col(Subject.branch_id)), unknown | unjudged)
    )
    counted: int = session.execute(asked).scalar_one()
    return counted
