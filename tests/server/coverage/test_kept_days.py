"""Days whose records are gone say what they said before; and whatever is needed now is still there."""

from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from sqlmodel import col, func, select

from server.health.tables import Condition
from server.ingest.tables import Attested, Latest, RecordRow
from server.retention.sweeper import Sweeper
from server.schemas.coverage import CoverageReport

if TYPE_CHECKING:
    from agent.poll import Seen
    from tests.server.coverage.conftest import World

DAYS = 90
FIRST, SECOND = "2026-11-04", "2026-11-05"


@pytest.fixture
def long_ago(world: "World", no_answer: "Seen") -> "World":
    """Two days in which a line was cut, records were lost and a device gave no answer, and then 91 days of nothing."""
    begin_month(world)
    world.pc.start()
    world.centre.start()
    world.go(6)
    world.cut()
    world.go(5)
    world.pc.lose(*world.pc.waiting()[3:7])
    world.mend()
    world.centre.sees["1002/atm-1"] = no_answer
    world.go(20)
    world.pc.goodbye()
    world.go(17)
    return world


def sweep(world: "World") -> int:
    """Until there is nothing left to do; how many steps that took. An agent is heard, so the date is believed."""
    begin_month(world)
    hear(world)
    sweeper = Sweeper(world.database, world.now, DAYS)
    return sum(1 for _ in iter(sweeper.step, 0))


def begin_month(world: "World") -> None:
    """As a server does that runs when a month begins."""
    Sweeper(world.database, world.now, DAYS).step()


def hear(world: "World") -> None:
    world.centre.poll()
    world.send()


def said(report: CoverageReport) -> Any:
    """Without what is told of now."""
    told = report.model_dump(exclude={"at"})
    for agent in told["agents"]:
        del agent["outstanding"], agent["waiting"]
    return told


def counts(world: "World", kind: Any) -> int:
    with world.database.read() as session:
        return session.exec(select(func.count()).select_from(kind)).one()


def ids(world: "World") -> list[int]:
    with world.database.read() as session:
        return [own or 0 for own in session.exec(select(RecordRow.id).order_by(col(RecordRow.id))).all()]


def asked(world: "World") -> list[Any]:
    """What people ask of those days, each in its way."""
    days: dict[str, Any] = {"first": date.fromisoformat(FIRST), "last": date.fromisoformat(SECOND)}
    return [
        said(world.report(**days)),
        said(world.report(agent="1001-pc", **days)),
        said(world.report(agent="centre", **days)),
        said(world.report(branch="1001", **days)),
        said(world.report(agent="centre", branch="1001", **days)),
    ]


def test_days_that_are_gone_say_what_they_said_before(long_ago: "World") -> None:
    world = long_ago
    before, records = asked(world), counts(world, RecordRow)
    world.now.forward((DAYS + 1) * 86_400)
    assert sweep(world) > 3
    assert asked(world) == before
    assert any(day["missing"]["line"] for report in before for agent in report["agents"] for day in agent["days"])
    assert any(day["lost"] for report in before for agent in report["agents"] for day in agent["days"])
    assert counts(world, RecordRow) < records / 4


def test_a_period_of_days_that_are_gone_and_days_that_are_not_is_one_period(long_ago: "World") -> None:
    world = long_ago
    days: dict[str, Any] = {"first": date.fromisoformat(FIRST), "last": date.fromisoformat("2026-11-06")}
    world.now.forward(3 * 86_400)
    hear(world)
    before = said(world.report(**days))
    world.now.forward((DAYS - 4) * 86_400)  # the first day is gone, the second not
    sweep(world)
    with world.database.read() as session:
        oldest = session.exec(select(func.min(RecordRow.at)).where(RecordRow.kind == "hold")).one()
        assert oldest
        if world.database.sqlite:  # on PostgreSQL a month goes as a whole
            assert oldest >= world.now() - (DAYS + 1) * 86_400_000_000
    assert said(world.report(**days)) == before


def test_the_newest_state_of_each_position_stays_and_goes_on(long_ago: "World") -> None:
    world = long_ago
    world.now.forward((DAYS + 1) * 86_400)
    sweep(world)
    assert counts(world, Latest) == 5
    with world.database.read() as session:
        kept = set(session.exec(select(RecordRow.id).where(RecordRow.kind == "state")).all())
        assert set(session.exec(select(Latest.record_id)).all()) <= kept
        assert (
            session.exec(select(func.count()).select_from(Attested).where(col(Attested.record_id).not_in(kept))).one()
            == 0
        )
    world.centre.sees.clear()
    world.pc.start()
    world.go(2)
    pc = world.agent("1001-pc").days[-1]
    assert pc.attested >= 2 * 115
    assert world.branch("1002").days[-1].attested == 120  # its newest state holds on


def test_events_entries_and_conditions_stay(long_ago: "World") -> None:
    world = long_ago
    world.now.forward((DAYS + 1) * 86_400)
    hear(world)
    before = counts(world, Condition)
    with world.database.read() as session:
        events = session.exec(select(func.count()).select_from(RecordRow).where(RecordRow.kind == "event")).one()
    sweep(world)
    with world.database.read() as session:
        kept = session.exec(select(func.count()).select_from(RecordRow).where(RecordRow.kind == "event")).one()
    assert (kept, counts(world, Condition)) == (events, before)
    assert before
    assert events


def test_nothing_goes_that_is_not_old_enough_or_not_judged(long_ago: "World") -> None:
    world = long_ago
    world.now.forward((DAYS - 3) * 86_400)
    hear(world)
    records = counts(world, RecordRow)
    sweep(world)
    assert counts(world, RecordRow) == records + 1  # it was heard once more
    world.judges = False
    world.pc.start()
    waiting = set(ids(world)[records + 1 :])
    world.now.forward(2 * DAYS * 86_400)
    sweep(world)
    assert waiting
    assert waiting < set(ids(world))


def test_a_day_is_swept_once(long_ago: "World") -> None:
    world = long_ago
    world.now.forward((DAYS + 1) * 86_400)
    sweeper = Sweeper(world.database, world.now, DAYS)
    begin_month(world)
    hear(world)
    while sweeper.step():
        pass
    assert sweeper.step() == 0
    world.now.forward(86_400)
    hear(world)
    assert sweeper.step() == 1


def test_nothing_goes_by_a_clock_that_no_agent_bears_out(long_ago: "World") -> None:
    """The server's is a year ahead; or nobody speaks, and it cannot be told."""
    world = long_ago
    records = counts(world, RecordRow)
    world.now.forward(366 * 86_400)
    begin_month(world)
    sweeper = Sweeper(world.database, world.now, DAYS)
    assert sweeper.step() == 0
    world.centre.wrong = -366 * 86_400_000_000
    hear(world)
    assert sweeper.step() == 0
    assert counts(world, RecordRow) > records
    world.centre.wrong = 0
    hear(world)
    assert sweeper.step() == 1
