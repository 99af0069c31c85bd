"""Days that are counted for good, because their records go: written once a day, read where they are asked for."""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

from sqlalchemy import select
from sqlmodel import Session, col

from server.accounts.scope import Scoped, in_scope
from server.coverage.account import Count
from server.coverage.counting import Counted, counted
from server.coverage.period import period_of
from server.coverage.tables import KeptAgentDay, KeptBranchDay, KeptNumbers
from server.inventory.tables import Setting
from server.queries import Everything, setting
from server.schemas.coverage import Missing

UNTIL = "coverage.kept"  # the first day that is counted from its records, 2026-08-12


def kept_until(session: Session) -> date | None:
    said = setting(session, UNTIL, "")
    return date.fromisoformat(said) if said else None


def count(session: Session, day: date, now: int) -> Counted:
    """A day of the whole bank, to be kept."""
    return counted(session, Everything(), period_of(session, day, day, now))


def keep(session: Session, day: date, found: Counted) -> None:
    """Have a day counted for good: from here on its records may go."""
    for (agent, branch), [one] in found.by_agent.items():
        session.add(KeptAgentDay(day=day.isoformat(), agent_id=agent, branch_id=branch, **_columns(one)))
    for branch, [one] in found.by_branch.items():
        session.add(KeptBranchDay(day=day.isoformat(), branch_id=branch, **_columns(one)))
    for agent, [lost] in found.lost.items():
        [thinned] = found.thinned[agent]
        if lost or thinned:
            session.add(KeptNumbers(day=day.isoformat(), agent_id=agent, lost=lost, thinned=thinned))
    session.merge(Setting(key=UNTIL, value=(day + timedelta(days=1)).isoformat()))


def kept(session: Session, viewer: Scoped, days: list[date], *, agent: int | None, branch: int | None) -> Counted:
    """As `counting.counted`, of days that are before `kept_until`."""
    found = Counted(len(days))
    place = {day.isoformat(): number for number, day in enumerate(days)}
    asked: Any = select(KeptAgentDay).where(*_asked(KeptAgentDay, viewer, place, branch))
    if agent is not None:
        asked = asked.where(col(KeptAgentDay.agent_id) == agent)
    for row in session.execute(asked).scalars():
        found.of_agent(row.agent_id, row.branch_id)[place[row.day]].add(_count(row))
        if agent is not None:  # the account of its branches is that of this agent alone
            found.of_branch(row.branch_id)[place[row.day]].add(_count(row))
    if agent is None:
        of_branches = select(KeptBranchDay).where(*_asked(KeptBranchDay, viewer, place, branch))
        for one in session.execute(of_branches).scalars():
            found.of_branch(one.branch_id)[place[one.day]].add(_count(one))
    agents = {own for own, _ in found.by_agent}
    numbers = select(KeptNumbers).where(col(KeptNumbers.day).in_(list(place)), col(KeptNumbers.agent_id).in_(agents))
    for given_up in session.execute(numbers).scalars():
        own, day = given_up.agent_id, place[given_up.day]
        found.lost.setdefault(own, [0] * len(days))[day] = given_up.lost
        found.thinned.setdefault(own, [0] * len(days))[day] = given_up.thinned
    return found


def _asked(table: Any, viewer: Scoped, days: Iterable[str], branch: int | None) -> list[Any]:
    asked = [col(table.day).in_(list(days)), in_scope(viewer, col(table.branch_id))]
    return [*asked, col(table.branch_id) == branch] if branch is not None else asked


def _columns(one: Count) -> dict[str, Any]:
    missing = {reason.value: minutes for reason, minutes in one.missing.items() if minutes}
    return {"due": one.due, "attested": one.attested, "missing": missing}


def _count(row: KeptAgentDay | KeptBranchDay) -> Count:
    one = Count(row.due, row.attested)
    one.missing.update({Missing(reason): minutes for reason, minutes in row.missing.items()})
    return one
