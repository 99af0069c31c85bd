"""Coverage of a period, by agent and by branch: from the rows as they are now, so a late record counts at once."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import func, select
from sqlmodel import Session, col

from server.accounts.scope import Scoped, in_scope, sees
from server.coverage.account import Account, Answer, Count, Stretch, account, by_day, spoken, together
from server.coverage.evidence import Said, Witness
from server.coverage.hours import midnight, opening
from server.coverage.spans import MINUTE, Spans, both, minute, without
from server.errors import Invalid, NotFound
from server.ingest.intervals import hole_of
from server.ingest.tables import AgentSeen, Attested, RecordRow
from server.inventory.tables import Branch, Calendar, Duty, Subject, SubjectKind
from server.queries import bank_zone
from server.schemas.coverage import AgentCoverage, BranchCoverage, CoverageDay, CoverageReport, MinutesOut

LONGEST = 92  # days in one question
CHUNK = 200  # positions whose stretches are in memory at once
NOBODY_SAYS = frozenset({"unknown", ""})  # device words of a failed poll that say nothing


@dataclass(frozen=True)
class Period:
    """The days asked for. `edges` are the minutes at which they begin, and the end of the last, or now."""

    days: list[date]
    edges: list[int]
    over: list[bool]
    zone: ZoneInfo
    now: int

    @property
    def start(self) -> int:
        return self.edges[0] * MINUTE

    @property
    def end(self) -> int:
        return self.edges[-1] * MINUTE


@dataclass
class _Sums:
    """What is added up of one agent or one branch, by day."""

    days: list[Count]
    agents: set[str] = field(default_factory=set)

    def add(self, days: Sequence[Count]) -> None:
        for total, more in zip(self.days, days, strict=True):
            total.add(more)


def report(
    session: Session,
    viewer: Scoped,
    *,
    agent: str | None = None,
    branch: str | None = None,
    first: date | None = None,
    last: date | None = None,
    now: int,
) -> CoverageReport:
    """The last seven days where nothing is said. Whatever is out of the person's scope is not counted at all."""
    period = period_of(session, first, last, now)
    agent_id = _named(session, viewer, SubjectKind.AGENT, agent)
    branch_id = _named(session, viewer, SubjectKind.BRANCH, branch)
    duties = _duties(session, viewer, period, agent_id, branch_id)
    if agent_id is not None and not duties and not _at_home(session, viewer, agent_id):
        raise NotFound("There is no agent {key}: the inventory names the agents.", key=str(agent)[:64])
    homes = _homes(session, {one.agent_id for one, _ in duties} | ({agent_id} if agent_id else set()))
    branches = {home for _, home in duties} | ({branch_id} if branch_id else set())
    witness = Witness(session, homes, branches, period.start, period.end, _shut(session, homes, period))
    by_agent = {own: _fresh(period) for own in homes}
    by_branch = {own: _fresh(period) for own in branches}
    names = _names(session, {*by_agent, *by_branch, *homes.values()})
    for home, accounts in _accounts(session, duties, witness, period):
        for own, one in accounts.items():
            by_agent[own].add(days := by_day(one, period.edges))
            by_branch[home].agents.add(names[own].key)
        merged = days if len(accounts) == 1 else by_day(together(list(accounts.values())), period.edges)
        by_branch[home].add(merged)
    everything = Count()
    for sums in by_branch.values():
        for day in sums.days:
            everything.add(day)
    return CoverageReport(
        at=now,
        first=period.days[0].isoformat(),
        last=period.days[-1].isoformat(),
        total=_minutes(everything),
        agents=_agents(session, by_agent, names, homes, witness, period),
        branches=[
            BranchCoverage(
                code=names[own].key,
                name=names[own].name,
                total=_minutes(_total(sums.days)),
                days=_days(sums.days, period),
                agents=sorted(sums.agents),
            )
            for own, sums in sorted(by_branch.items(), key=lambda one: names[one[0]].key)
        ],
    )


# -- the period and the scope -----------------------------------------------------------------------


def period_of(session: Session, first: date | None, last: date | None, now: int) -> Period:
    """Days in the bank's zone. Of what is to come there is no account: the period ends with today at the latest."""
    zone = bank_zone(session)
    today = datetime.fromtimestamp(now / 1_000_000, zone).date()
    until = min(last or today, today)
    begins = _begins(session, zone) or today
    if until < begins:
        raise Invalid("There is nothing so early: what was due is known from {day} on.", day=begins.isoformat())
    since = first or until - timedelta(days=6)
    if not since <= until or (until - since).days >= LONGEST:
        raise Invalid("Coverage is asked for from a day to the same or a later one, {days} days at most.", days=LONGEST)
    days = [since + timedelta(days=number) for number in range((until - since).days + 1)]
    edges = [midnight(day, zone) for day in [*days, until + timedelta(days=1)]]
    over = [edge <= minute(now) for edge in edges[1:]]
    edges[-1] = min(edges[-1], minute(now))
    return Period(days, edges, over, zone, now)


def _begins(session: Session, zone: ZoneInfo) -> date | None:
    """The day from which it is known who was to poll what."""
    first: int | None = session.execute(select(func.min(col(Duty.start)))).scalar_one()
    return None if first is None else datetime.fromtimestamp(first / 1_000_000, zone).date()


def _named(session: Session, viewer: Scoped, kind: SubjectKind, key: str | None) -> int | None:
    """The id of what is asked for by its key. A branch must be in scope; an agent may stand elsewhere."""
    if key is None:
        return None
    found = session.execute(
        select(col(Subject.id), col(Subject.branch_id)).where(col(Subject.kind) == kind, col(Subject.key) == key)
    ).first()
    if found is None and kind is SubjectKind.AGENT:
        raise NotFound("There is no agent {key}: the inventory names the agents.", key=key[:64])
    if found is None or (kind is SubjectKind.BRANCH and not sees(viewer, found[1])):
        raise NotFound("There is no branch {code}.", code=key[:64])
    own: int = found[0]
    return own


def _at_home(session: Session, viewer: Scoped, agent: int) -> bool:
    return sees(viewer, session.get_one(Subject, agent).branch_id)


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


def _homes(session: Session, agents: set[int]) -> dict[int, int]:
    """The branch each agent stands in."""
    asked = select(col(Subject.id), col(Subject.branch_id)).where(col(Subject.id).in_(agents))
    return {own: home for own, home in session.execute(asked)}  # noqa: C416  (rows are not pairs to mypy)


def _names(session: Session, ids: set[int]) -> dict[int, Subject]:
    asked = select(Subject).where(col(Subject.id).in_(ids))
    return {subject.id or 0: subject for subject in session.execute(asked).scalars()}


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


# -- accounts ---------------------------------------------------------------------------------------


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


# -- answers ----------------------------------------------------------------------------------------


def _fresh(period: Period) -> _Sums:
    return _Sums([Count() for _ in period.days])


def _total(days: Iterable[Count]) -> Count:
    total = Count()
    for day in days:
        total.add(day)
    return total


def _minutes(one: Count) -> MinutesOut:
    return MinutesOut(due=one.due, attested=one.attested, missing=one.missing)


def _days(days: Sequence[Count], period: Period, said: Said | None = None) -> list[CoverageDay]:
    lost = _numbers(said.given_up if said else [], period)
    thinned = _numbers(said.thinned if said else [], period)
    return [
        CoverageDay(
            day=day.isoformat(),
            over=over,
            due=one.due,
            attested=one.attested,
            missing=one.missing,
            lost=lost[place],
            thinned=thinned[place],
        )
        for place, (day, over, one) in enumerate(zip(period.days, period.over, days, strict=True))
    ]


def _numbers(told: list[tuple[int, int]], period: Period) -> list[int]:
    """Numbers by the day on which the agent noted that they never come."""
    edges = period.edges
    return [
        sum(number for at, number in told if begins <= at < ends or (at == ends == edges[-1] and not over))
        for begins, ends, over in zip(edges, edges[1:], period.over, strict=False)
    ]


def _agents(
    session: Session,
    by_agent: dict[int, _Sums],
    names: dict[int, Subject],
    homes: dict[int, int],
    witness: Witness,
    period: Period,
) -> list[AgentCoverage]:
    asked = select(col(AgentSeen.agent_id), col(AgentSeen.waiting)).where(col(AgentSeen.agent_id).in_(list(by_agent)))
    waiting = {own: n for own, n in session.execute(asked)}  # noqa: C416  (rows are not pairs to mypy)
    made = []
    for own, sums in sorted(by_agent.items(), key=lambda one: names[one[0]].key):
        days = _days(sums.days, period, witness.said[own])
        made.append(
            AgentCoverage(
                key=names[own].key,
                name=names[own].name,
                branch=names[homes[own]].key,
                total=_minutes(_total(sums.days)),
                days=days,
                lost=sum(day.lost for day in days),
                thinned=sum(day.thinned for day in days),
                outstanding=witness.said[own].outstanding,
                waiting=waiting.get(own, 0),
            )
        )
    return made
