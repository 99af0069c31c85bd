"""Minutes of a period counted from the rows as they are now, by agent and by branch; a late record counts at once."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec
from sqlalchemy import select
from sqlmodel import Session, col

from server.accounts.scope import Scoped, in_scope
from server.coverage.account import Account, Answer, Count, Stretch, account, by_day, spoken, together
from server.coverage.evidence import Witness
from server.coverage.hours import opening
from server.coverage.period import Period, numbers_by_day
from server.coverage.spans import Spans, both, minute, without
from server.ingest.intervals import hole_of
from server.ingest.tables import Attested, RecordRow
from server.inventory.tables import Branch, Calendar, Duty, Subject

CHUNK = 200  # positions whose stretches are in memory at once
NOBODY_SAYS = frozenset({"unknown", ""})  # device words of a failed poll that say nothing


@dataclass
class Counted:
    """What is added up of a period, something for each of its `days`."""

    days: int
    by_agent: dict[tuple[int, int], list[Count]] = field(default_factory=dict)  # and the branch of what it polled
    by_branch: dict[int, list[Count]] = field(default_factory=dict)  # what several agents poll counts once
    lost: dict[int, list[int]] = field(default_factory=dict)  # numbers by agent that never come
    thinned: dict[int, list[int]] = field(default_factory=dict)  # and such as were merged into later ones
    outstanding: dict[int, int] = field(default_factory=dict)  # and such as may come yet

    def of_agent(self, agent: int, branch: int) -> list[Count]:
        return self.by_agent.setdefault((agent, branch), [Count() for _ in range(self.days)])

    def of_branch(self, branch: int) -> list[Count]:
        return self.by_branch.setdefault(branch, [Count() for _ in range(self.days)])

    def then(self, later: "Counted") -> "Counted":
        """These days and later ones as one period."""
        return Counted(
            self.days + later.days,
            _then(self.by_agent, self.days, later.by_agent, later.days, Count),
            _then(self.by_branch, self.days, later.by_branch, later.days, Count),
            _then(self.lost, self.days, later.lost, later.days, int),
            _then(self.thinned, self.days, later.thinned, later.days, int),
            self.outstanding | later.outstanding,
        )


K = TypeVar("K")
V = TypeVar("V")


def _then(
    first: dict[K, list[V]], days: int, later: dict[K, list[V]], more: int, nothing: Callable[[], V]
) -> dict[K, list[V]]:
    def of(found: dict[K, list[V]], key: K, length: int) -> list[V]:
        return found[key] if key in found else [nothing() for _ in range(length)]

    return {key: [*of(first, key, days), *of(later, key, more)] for key in first | later}


def counted(
    session: Session, viewer: Scoped, period: Period, *, agent: int | None = None, branch: int | None = None
) -> Counted:
    """Of what is in the person's scope; where they are named, of one agent, or of what is in one branch."""
    found = Counted(len(period.days))
    duties = _duties(session, viewer, period, agent, branch)
    homes = homes_of(session, {one.agent_id for one, _ in duties} | ({agent} if agent else set()))
    branches = {home for _, home in duties} | ({branch} if branch else set())
    witness = Witness(session, homes, branches, period.start, period.end, _shut(session, homes, period))
    for own, said in witness.said.items():
        found.lost[own] = numbers_by_day(said.given_up, period)
        found.thinned[own] = numbers_by_day(said.thinned, period)
        found.outstanding[own] = said.outstanding
    for home in branches:
        found.of_branch(home)
    for home, accounts in _accounts(session, duties, witness, period):
        for own, one in accounts.items():
            _add(found.of_agent(own, home), days := by_day(one, period.edges))
        merged = days if len(accounts) == 1 else by_day(together(list(accounts.values())), period.edges)
        _add(found.of_branch(home), merged)
    return found


def _add(totals: list[Count], days: Sequence[Count]) -> None:
    for total, more in zip(totals, days, strict=True):
        total.add(more)


def _duties(
    session: Session, viewer: Scoped, period: Period, agent: int | None, branch: int | None
) -> list[tuple[Duty, int]]:
    """Who was to poll what in the period, with the branch of what was polled; by subject."""
    asked = (
        select(Duty, col(Subject.branch_id))
        .join(Subject, col(Subject.id) == col(Duty.subject_id))
        .where(
            in_scope(viewer, col(Subject.branch_id)),
            col(Duty.start) < period.end,
            col(Duty.end).is_(None) | (col(Duty.end) > period.start),
        )
        .order_by(col(Duty.subject_id), col(Duty.agent_id), col(Duty.start))
    )
    if agent is not None:
        asked = asked.where(col(Duty.agent_id) == agent)
    if branch is not None:
        asked = asked.where(col(Subject.branch_id) == branch)
    return [(duty, home) for duty, home in session.execute(asked)]


def homes_of(session: Session, agents: set[int]) -> dict[int, int]:
    """The branch each agent stands in."""
    asked = select(col(Subject.id), col(Subject.branch_id)).where(col(Subject.id).in_(agents))
    return {own: home for own, home in session.execute(asked)}  # noqa: C416  (rows are not pairs to mypy)


def _shut(session: Session, homes: dict[int, int], period: Period) -> dict[int, Spans]:
    """When the branches agents stand in were closed by their calendars."""
    asked = (
        select(col(Branch.id), col(Calendar.body))
        .join(Calendar, col(Calendar.key) == col(Branch.calendar))
        .where(col(Branch.id).in_(set(homes.values())))
    )
    whole = [(period.edges[0], period.edges[-1])]
    return {
        branch: without(whole, opening(body, period.days[0], period.days[-1], period.zone))
        for branch, body in session.execute(asked)
    }


def _accounts(
    session: Session, duties: list[tuple[Duty, int]], witness: Witness, period: Period
) -> Iterator[tuple[int, dict[int, Account]]]:
    """Of each position and line: its branch, and the account of every agent that was to poll it."""
    by_subject: dict[int, list[tuple[Duty, int]]] = defaultdict(list)
    for duty, home in duties:
        by_subject[duty.subject_id].append((duty, home))
    subjects = sorted(by_subject)
    for at in range(0, len(subjects), CHUNK):
        part = subjects[at : at + CHUNK]
        hole = max(hole_of(duty.interval_us) for subject in part for duty, _ in by_subject[subject])
        found = _stretches(session, part, period.start - hole, period.end + hole)
        for subject in part:
            pieces: dict[int, list[Account]] = defaultdict(list)
            for duty, home in by_subject[subject]:
                stretches = found.get((subject, duty.agent_id), [])
                pieces[duty.agent_id].append(_account(duty, home, stretches, witness, period))
            yield home, {own: together(of_agent) for own, of_agent in pieces.items()}


def _account(duty: Duty, home: int, stretches: list[Stretch], witness: Witness, period: Period) -> Account:
    ends = period.edges[-1] if duty.end is None else minute(duty.end)
    due = both([(minute(duty.start), ends)], [(period.edges[0], period.edges[-1])])
    return account(
        due,
        spoken(stretches, duty.interval_us, period.now),
        witness.of_silence(duty.agent_id, duty.subject_id, home, duty.interval_us),
        witness.of_no_answer(duty.agent_id, duty.subject_id, home, duty.interval_us),
    )


class _Found(msgspec.Struct):
    """Of a state no more than what it says of the device."""

    device: str


class _Said(msgspec.Struct):
    reading: _Found


_decode = msgspec.msgpack.Decoder(_Said).decode


def _stretches(session: Session, subjects: Sequence[int], start: int, end: int) -> dict[tuple[int, int], list[Stretch]]:
    """By subject and agent, what overlaps start..end. Only states whose polls all failed are opened."""
    asked: Any = select(
        col(Attested.subject_id),
        col(Attested.agent_id),
        col(Attested.start),
        col(Attested.end),
        col(Attested.good),
        col(Attested.record_id),
    ).where(col(Attested.subject_id).in_(subjects), col(Attested.end) >= start, col(Attested.start) <= end)
    rows = session.connection().execute(asked).all()  # plain tuples: there may be a million
    answers = _answers(session, {record for *_, good, record in rows if not good})
    found: dict[tuple[int, int], list[Stretch]] = defaultdict(list)
    for subject, agent, begins, ends, good, record in rows:
        found[subject, agent].append(Stretch(begins, ends, Answer.TOLD if good else answers[record]))
    return found


def _answers(session: Session, records: set[int]) -> dict[int, Answer]:
    """What states without an answer say of their devices."""
    left = sorted(records)
    found: dict[int, Answer] = {}
    for at in range(0, len(left), 500):
        asked = select(col(RecordRow.id), col(RecordRow.body)).where(col(RecordRow.id).in_(left[at : at + 500]))
        found.update((own, _answer(body)) for own, body in session.execute(asked))
    return found


def _answer(body: bytes) -> Answer:
    try:
        device = _decode(body).reading.device
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return Answer.NONSENSE
    if device in NOBODY_SAYS:
        return Answer.NONSENSE
    return Answer.SILENCE if device == "offline" else Answer.TOLD
