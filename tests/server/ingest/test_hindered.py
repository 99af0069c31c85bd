"""An agent whose disk is full says that it is there and why it sends nothing: a cause, no silence and no loss."""

from typing import TYPE_CHECKING, Any

import pytest
from sqlmodel import select

from agent.wire import Ahead, AnyRecord, EventName, Hindered
from server.clock import SetClock
from server.health.follower import Follower
from server.health.tables import Condition
from server.health.titles import condition_title
from server.ingest.tables import AgentSeen, Attested
from server.schemas.standing import Standing
from server.storage.database import Database
from server.tickets.tables import Ticket
from tests.server.ingest.test_behind import MINUTE, PRINTER, Deliver, ahead_of, paper, run, stands

if TYPE_CHECKING:
    from tests.server.ingest.conftest import Machine
else:
    Machine = Any

AGENT = "1001-pc"


@pytest.fixture
def follower(database: Database, now: SetClock) -> Follower:
    return Follower(database, now)


def conditions(database: Database) -> list[tuple[str, str, bool]]:
    with database.read() as session:
        return [(one.rule, one.word, one.closed_at is None) for one in session.exec(select(Condition)).all()]


def full_for(minutes: int, machine: Machine, deliver: Deliver, follower: Follower, now: SetClock) -> list[AnyRecord]:
    """What it keeps in memory meanwhile."""
    kept: list[AnyRecord] = []
    state = machine.state(PRINTER)
    machine.seq -= 1  # it is told ahead, and has no number
    for _ in range(minutes):
        now.forward(MINUTE)
        kept.append(machine.hold(1, **{"1001__printer_1": (1, 0)}))
        machine.hindered, machine.waiting = "full", len(kept)
        machine.ahead = [Ahead(ahead_of(state, machine).state, machine.clock().boot)]
        deliver(machine)
        run(follower)
    machine.ahead = []
    return kept


def test_on_a_full_disk_an_agent_is_not_silent_and_not_well_and_loses_nothing(
    database: Database, bank: dict[str, int], machine: Machine, deliver: Deliver, follower: Follower, now: SetClock
) -> None:
    began = now()
    deliver(machine, paper(machine, "ok"))
    run(follower)
    assert stands(database, bank, AGENT)[0] is Standing.GOOD
    kept = full_for(30, machine, deliver, follower, now)
    assert conditions(database) == [("agent.disk", "full", True)]
    assert stands(database, bank, AGENT)[0] is Standing.FAULT
    assert stands(database, bank, PRINTER) == (Standing.GOOD, "online")
    machine.hindered, machine.waiting = "", 0
    deliver(machine, *kept)
    run(follower)
    assert conditions(database) == [("agent.disk", "full", False)]
    assert stands(database, bank, AGENT)[0] is Standing.GOOD
    with database.read() as session:
        [held] = session.exec(select(Attested).where(Attested.subject_id == bank[PRINTER])).all()
        assert (held.start - began, held.end) == (0, now())
        [ticket] = session.exec(select(Ticket)).all()
        assert "磁盘" in ticket.title


def test_an_agent_whose_disk_is_full_and_that_falls_silent_is_both(
    database: Database, bank: dict[str, int], machine: Machine, deliver: Deliver, follower: Follower, now: SetClock
) -> None:
    deliver(machine, paper(machine, "ok"))
    full_for(2, machine, deliver, follower, now)
    now.forward(15 * MINUTE)
    run(follower)
    assert conditions(database) == [("agent.disk", "full", True), ("agent.silent", "silent", True)]
    assert stands(database, bank, AGENT)[0] is Standing.STALE


def test_an_agent_that_polls_nothing_is_found_hindered_before_it_would_be_silent(
    database: Database, bank: dict[str, int], machine: Machine, deliver: Deliver, follower: Follower, now: SetClock
) -> None:
    deliver(machine, machine.event(EventName.START))
    run(follower)
    machine.hindered, machine.waiting = "unwritable", 1
    for _ in range(10):
        now.forward(MINUTE)
        deliver(machine)
        run(follower)
    assert conditions(database) == [("agent.disk", "unwritable", True)]


def test_what_a_newer_agent_is_hindered_by_is_a_hindrance(
    database: Database, bank: dict[str, int], machine: Machine, deliver: Deliver
) -> None:
    machine.hindered = "struck by lightning " * 100
    deliver(machine)
    with database.read() as session:
        assert session.get_one(AgentSeen, bank[AGENT]).hindered == Hindered.UNWRITABLE


def test_the_condition_says_disk() -> None:
    assert condition_title("agent.disk", "", "full", "zh") == "采集程序的磁盘已满"
    assert condition_title("agent.disk", "", "unwritable", "zh") == "采集程序的磁盘不能写"
