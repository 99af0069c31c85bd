"""An agent that was cut off comes back: what is live goes first, how things stand is told ahead, nothing is lost."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from sqlmodel import Session, select

from agent.wire import Ahead, AnyRecord, State
from server.clock import SetClock
from server.health.follower import Follower
from server.health.tables import Condition, HealthRow
from server.ingest.pace import LONGEST, Pace
from server.ingest.tables import AgentSeen, AheadRow, RecordRow
from server.ingest.writer import Writer
from server.schemas.standing import Standing
from server.storage.database import Database

if TYPE_CHECKING:
    from tests.server.ingest.conftest import Machine
else:
    Machine = Any

Deliver = Callable[..., Any]
PRINTER = "1001/printer-1"
ATM = "1001/atm-1"
MINUTE = 60.0


def run(follower: Follower) -> None:
    for _ in range(1000):
        if not follower.step():
            return
    raise AssertionError("the follower never came to rest")


def stands(database: Database, bank: dict[str, int], key: str) -> tuple[Standing, str]:
    with database.read() as session:
        row = session.get_one(HealthRow, bank[key])
        return row.standing, row.device


def spell(session: Session) -> list[tuple[str, str, int, int | None]]:
    return [(c.rule, c.part, c.opened_at, c.closed_at) for c in session.exec(select(Condition).order_by("id"))]


def day_cut_off(machine: Machine, now: SetClock) -> list[AnyRecord]:
    """Paper runs out in the third hour and is put in again in the fifth; by the end the printer does not answer."""
    told: list[AnyRecord] = []
    for minute in range(600):
        if minute in (0, 180, 300):
            told.append(paper(machine, "out" if minute == 180 else "ok"))
        now.forward(MINUTE)
        told.append(machine.hold(1, **{"1001__printer_1": (1, 0)}))
    return told


def paper(machine: Machine, word: str) -> State:
    state = machine.state(PRINTER)
    return msgspec.structs.replace(state, reading=msgspec.structs.replace(state.reading, parts={"paper": word}))


def ahead_of(state: State, machine: Machine) -> Ahead:
    return Ahead(msgspec.structs.replace(state, seq=0), machine.clock().boot)


@pytest.fixture
def follower(database: Database, now: SetClock) -> Follower:
    return Follower(database, now)


def test_what_is_told_ahead_is_shown_at_once_and_the_history_is_judged_as_it_was(
    database: Database, bank: dict[str, int], machine: Machine, deliver: Deliver, follower: Follower, now: SetClock
) -> None:
    began = now()
    told = day_cut_off(machine, now)
    last = machine.state(PRINTER, "hardwareError")
    machine.ahead, machine.waiting = [ahead_of(last, machine)], len(told) + 1
    deliver(machine)
    run(follower)
    assert stands(database, bank, PRINTER) == (Standing.FAULT, "hardwareError")
    assert spell_of(database) == []  # it is shown; what led there has still to be told
    machine.ahead = []
    half = len(told) // 2
    machine.waiting = half
    deliver(machine, *told[:half], exchange=machine.exchange())
    run(follower)
    assert stands(database, bank, PRINTER) == (Standing.FAULT, "hardwareError")
    machine.waiting = 0
    deliver(machine, *told[half:], last)
    run(follower)
    hour = 3_600_000_000
    assert spell_of(database)[:1] == [("part.fault", "paper", began + 3 * hour, began + 5 * hour)]
    assert stands(database, bank, PRINTER)[1] == "hardwareError"
    with database.read() as session:
        assert session.exec(select(AheadRow)).all() == []
        assert not session.get_one(AgentSeen, bank["1001-pc"]).behind


def spell_of(database: Database) -> list[tuple[str, str, int, int | None]]:
    with database.read() as session:
        return spell(session)


def test_what_is_live_is_judged_before_the_history_of_others(
    database: Database,
    bank: dict[str, int],
    machine: Machine,
    centre: Machine,
    deliver: Deliver,
    follower: Follower,
    now: SetClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(follower, "_waited", 10)
    told = day_cut_off(machine, now)
    machine.waiting = 1
    deliver(machine, *told)
    centre.waiting = 0
    deliver(centre, centre.state("1002/atm-1", "hardwareError"))
    follower.step()
    assert stands(database, bank, "1002/atm-1")[1] == "hardwareError"
    with database.read() as session:
        assert session.get(HealthRow, bank[PRINTER]) is not None  # and some of the history with it
    run(follower)
    assert len(spell_of(database)) >= 1


def test_an_agents_records_keep_their_order_until_the_last_of_its_history_is_judged(
    machine: Machine, deliver: Deliver, follower: Follower, now: SetClock, rows: Callable[[Any], list[Any]]
) -> None:
    machine.waiting = 1
    deliver(machine, machine.state(PRINTER))
    machine.waiting = 0
    deliver(machine, machine.state(PRINTER, "offline"))
    assert [row.history for row in rows(RecordRow)] == [True, True]
    run(follower)
    now.forward(1)
    deliver(machine, machine.state(PRINTER))
    assert [row.history for row in rows(RecordRow)] == [True, True, False]


def test_the_clock_opens_nothing_while_the_next_records_may_say_it_passed(
    database: Database, machine: Machine, deliver: Deliver, follower: Follower, now: SetClock
) -> None:
    machine.waiting = 2
    deliver(machine, paper(machine, "out"))  # opens after a minute
    run(follower)
    now.forward(30)
    paper_in = paper(machine, "ok")
    now.forward(100)  # the server had more to do
    run(follower)
    assert spell_of(database) == []
    machine.waiting = 0
    deliver(machine, paper_in)
    run(follower)
    assert spell_of(database) == []


def test_what_is_told_ahead_of_positions_of_others_is_not_kept(
    machine: Machine, deliver: Deliver, rows: Callable[[Any], list[Any]]
) -> None:
    foreign = machine.state("1002/atm-1")
    machine.ahead = [ahead_of(foreign, machine), ahead_of(machine.state(PRINTER), machine)]
    deliver(machine)
    assert len(rows(AheadRow)) == 1


def test_batches_of_what_waited_are_told_how_long_to_wait(writer: Writer, machine: Machine, deliver: Deliver) -> None:
    machine.waiting = 1
    assert deliver(machine, machine.state(PRINTER)).wait > 0
    assert deliver(machine).wait == 0
    machine.waiting = 0
    assert deliver(machine, machine.state(PRINTER)).wait == 0


def test_a_thousand_agents_share_half_of_the_writer() -> None:
    clock = [0.0]
    pace = Pace(lambda: clock[0], lambda: 1.0)
    assert pace.after(1, 0.03) == pytest.approx(0.06)
    waits = [pace.after(agent, 0.01) for agent in range(1000)]
    assert waits[-1] == pytest.approx(20.0)
    assert pace.after(0, 1.0) == LONGEST
    clock[0] = 121.0
    assert pace.after(7, 0.01) == pytest.approx(0.02)
