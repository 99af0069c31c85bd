"""Coverage of a period, by agent and branch: from the rows as they are, and of days long over as they were kept."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date

from sqlalchemy import select
from sqlmodel import Session, col

from server.accounts.scope import Scoped, sees
from server.coverage.account import Count
from server.coverage.counting import Counted, counted, homes_of
from server.coverage.kept import kept, kept_until
from server.coverage.period import Period, period_of
from server.errors import NotFound
from server.ingest.tables import AgentSeen
from server.inventory.tables import Subject, SubjectKind
from server.schemas.coverage import AgentCoverage, BranchCoverage, CoverageDay, CoverageReport, MinutesOut


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
    found = _of(session, viewer, period, agent_id, branch_id)
    if agent_id is not None and not found.by_agent and not _at_home(session, viewer, agent_id):
        raise NotFound("There is no agent {key}: the inventory names the agents.", key=str(agent)[:64])
    agents = {own for own, _ in found.by_agent} | ({agent_id} if agent_id else set())
    homes = homes_of(session, agents)
    names = _names(session, {*agents, *found.by_branch, *homes.values()})
    return CoverageReport(
        at=now,
        first=period.days[0].isoformat(),
        last=period.days[-1].isoformat(),
        total=_minutes(_total(day for days in found.by_branch.values() for day in days)),
        agents=_agents(session, found, homes, names, period),
        branches=[
            BranchCoverage(
                code=names[own].key,
                name=names[own].name,
                total=_minutes(_total(days)),
                days=_days(days, period),
                agents=sorted(names[agent].key for agent, home in found.by_agent if home == own),
            )
            for own, days in sorted(found.by_branch.items(), key=lambda one: names[one[0]].key)
        ],
    )


def _of(session: Session, viewer: Scoped, period: Period, agent: int | None, branch: int | None) -> Counted:
    """Days whose records are gone as they were kept, and those after them as they are now."""
    until = kept_until(session)
    gone = sum(day < until for day in period.days) if until else 0
    if not gone:
        return counted(session, viewer, period, agent=agent, branch=branch)
    before = kept(session, viewer, period.days[:gone], agent=agent, branch=branch)
    if gone == len(period.days):
        return before
    rest = replace(period, days=period.days[gone:], edges=period.edges[gone:], over=period.over[gone:])
    return before.then(counted(session, viewer, rest, agent=agent, branch=branch))


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


def _names(session: Session, ids: set[int]) -> dict[int, Subject]:
    asked = select(Subject).where(col(Subject.id).in_(ids))
    return {subject.id or 0: subject for subject in session.execute(asked).scalars()}


def _total(days: Iterable[Count]) -> Count:
    total = Count()
    for day in days:
        total.add(day)
    return total


def _minutes(one: Count) -> MinutesOut:
    return MinutesOut(due=one.due, attested=one.attested, missing=one.missing)


def _days(
    days: Sequence[Count], period: Period, lost: Sequence[int] = (), thinned: Sequence[int] = ()
) -> list[CoverageDay]:
    return [
        CoverageDay(
            day=day.isoformat(),
            over=over,
            due=one.due,
            attested=one.attested,
            missing=one.missing,
            lost=lost[place] if lost else 0,
            thinned=thinned[place] if thinned else 0,
        )
        for place, (day, over, one) in enumerate(zip(period.days, period.over, days, strict=True))
    ]


def _agents(
    session: Session, found: Counted, homes: dict[int, int], names: dict[int, Subject], period: Period
) -> list[AgentCoverage]:
    asked = select(col(AgentSeen.agent_id), col(AgentSeen.waiting)).where(col(AgentSeen.agent_id).in_(list(homes)))
    waiting = {own: n for own, n in session.execute(asked)}  # noqa: C416  (rows are not pairs to mypy)
    made = []
    for own in sorted(homes, key=lambda own: names[own].key):
        of_branches = [days for (agent, _), days in found.by_agent.items() if agent == own]
        sums = [_total(days[place] for days in of_branches) for place in range(found.days)]
        days = _days(sums, period, found.lost.get(own, ()), found.thinned.get(own, ()))
        made.append(
            AgentCoverage(
                key=names[own].key,
                name=names[own].name,
                branch=names[homes[own]].key,
                total=_minutes(_total(sums)),
                days=days,
                lost=sum(day.lost for day in days),
                thinned=sum(day.thinned for day in days),
                outstanding=found.outstanding.get(own, 0),
                waiting=waiting.get(own, 0),
            )
        )
    return made
