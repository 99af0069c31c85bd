"""A hold speaks of the state before it only where no other state can have been lost in between."""

import math
from typing import Any

import msgspec
import pytest

from agent.wire import EventName
from server.errors import Forbidden
from server.ingest import streams
from server.ingest.numbers import Numbers
from server.ingest.tables import Attested, Latest, ReceivedRange, RecordRow
from tests.server.ingest.test_intervals import lengths

ATM, PRINTER = "1001/atm-1", "1001/printer-1"
HELD = {"1001__atm_1": (1, 0), "1001__printer_1": (1, 0)}


def lengths_of(rows: Any, subject: int) -> list[tuple[int, int, int]]:
    return lengths(lambda _: [row for row in rows(Attested) if row.subject_id == subject])


@pytest.fixture
def both(machine: Any, deliver: Any, now: Any) -> Any:
    """Both positions of the PC were told of a minute ago."""
    deliver(machine, machine.state(ATM), machine.state(PRINTER), exchange=machine.exchange())
    now.forward(60)
    return machine


def test_a_refused_state_ends_how_long_the_one_before_it_held(
    both: Any, deliver: Any, now: Any, rows: Any, bank: Any
) -> None:
    taken = deliver(both, both.state(ATM, load=math.nan))
    assert [one.seq for one in taken.refused] == [3]
    for _ in range(2):  # in the transaction of today and of tomorrow
        now.forward(60)
        deliver(both, both.hold(1, **HELD))
    assert lengths_of(rows, bank[ATM]) == [(0, 1, 0)]
    assert lengths_of(rows, bank[PRINTER]) == [(180, 3, 0)]
    deliver(both, both.state(ATM, "offline"))
    now.forward(60)
    deliver(both, both.hold(1, **HELD))
    assert lengths_of(rows, bank[ATM]) == [(0, 1, 0), (60, 2, 0)]
    assert {row.held_to for row in rows(Latest)} == {now()}


def test_a_state_too_long_to_take_ends_it_too(both: Any, deliver: Any, now: Any, rows: Any, bank: Any) -> None:
    long = msgspec.structs.replace(both.state(ATM), position=ATM)
    long = msgspec.structs.replace(long, reading=msgspec.structs.replace(long.reading, texts={"x": "x" * 70_000}))
    assert len(deliver(both, long, both.hold(1, **HELD)).refused) == 1
    assert lengths_of(rows, bank[ATM]) == [(0, 1, 0)]
    assert lengths_of(rows, bank[PRINTER]) == [(60, 2, 0)]


def test_what_cannot_be_read_at_all_may_have_been_any_state(both: Any, deliver: Any, now: Any, rows: Any) -> None:
    deliver(both, both.state("", load=math.nan))
    for _ in range(2):
        now.forward(60)
        deliver(both, both.hold(1, **HELD))
    assert lengths(rows) == [(0, 1, 0), (0, 1, 0)]
    assert [(row.lo, row.hi, row.fate) for row in rows(ReceivedRange)] == [
        (1, 2, "here"),
        (3, 3, "lost"),
        (4, 5, "here"),
    ]


def test_a_refused_record_that_is_no_state_ends_nothing(both: Any, deliver: Any, rows: Any) -> None:
    bad = msgspec.structs.replace(both.hold(1, **HELD), since=1 << 59)
    assert len(deliver(both, bad).refused) == 1
    deliver(both, both.hold(1, **HELD))
    assert lengths(rows) == [(60, 2, 0), (60, 2, 0)]


def test_a_hold_after_lost_numbers_speaks_of_nothing_until_the_state_is_told_anew(
    both: Any, deliver: Any, now: Any, rows: Any, bank: Any
) -> None:
    both.seq += 2
    deliver(both, both.hold(1, **HELD))
    deliver(both, both.event(EventName.GAP, **{"from": 3, "to": 4, "count": 2, "reason": "the spool was full"}))
    now.forward(60)
    deliver(both, both.hold(1, **HELD))
    assert lengths(rows) == [(0, 1, 0), (0, 1, 0)]
    deliver(both, both.state(ATM))
    now.forward(60)
    deliver(both, both.hold(1, **HELD))
    assert lengths_of(rows, bank[ATM]) == [(0, 1, 0), (60, 2, 0)]


def test_numbers_of_merged_holds_lose_nothing_once_it_is_known(both: Any, deliver: Any, now: Any, rows: Any) -> None:
    both.seq += 2
    deliver(both, both.hold(1, **HELD))
    now.forward(60)
    deliver(both, both.hold(1, **HELD))
    assert lengths(rows) == [(0, 1, 0), (0, 1, 0)]
    deliver(both, both.event(EventName.THINNING, **{"from": 3, "to": 4, "count": 2, "reason": "full"}))
    assert lengths(rows) == [(120, 3, 0), (120, 3, 0)]


def test_of_numbers_that_two_events_speak_of_the_loss_is_believed(both: Any, deliver: Any, now: Any, rows: Any) -> None:
    both.seq += 2
    deliver(both, both.hold(1, **HELD))
    deliver(both, both.event(EventName.THINNING, **{"from": 3, "to": 4, "count": 1, "reason": "full"}))
    assert lengths(rows) == [(60, 2, 0), (60, 2, 0)]
    deliver(both, both.event(EventName.GAP, **{"from": 4, "to": 4, "count": 1, "reason": "full"}))
    assert lengths(rows) == [(0, 1, 0), (0, 1, 0)]


@pytest.fixture
def little_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "ROWS_AT_MOST", 200)
    monkeypatch.setattr(streams, "STREAMS_AT_MOST", 3)


@pytest.mark.usefixtures("little_room")
@pytest.mark.parametrize("step", [2, -2])
def test_an_agent_that_leaves_out_every_second_number_fills_nothing(
    machine: Any, deliver: Any, rows: Any, step: int
) -> None:
    deliver(machine, exchange=machine.exchange())
    machine.seq = 0 if step > 0 else 2000
    for _ in range(20):
        batch = []
        for _ in range(40):
            batch.append(machine.event(EventName.MEDIA))
            machine.seq += step - 1
        taken = deliver(machine, *batch)
        assert len(rows(ReceivedRange)) <= 200
        assert len(taken.ranges) <= 200
    assert len(rows(RecordRow)) >= 200


@pytest.mark.usefixtures("little_room")
def test_an_agent_that_begins_streams_without_end_is_refused(machine: Any, deliver: Any) -> None:
    for number in range(3):
        machine.stream = f"many-{number}"
        deliver(machine)
    machine.stream = "many-more"
    with pytest.raises(Forbidden, match="began 3 streams"):
        deliver(machine)


def test_what_is_settled_takes_three_rows_however_often_something_was_lost() -> None:
    numbers = Numbers()
    for first in range(1, 1001, 5):
        numbers = numbers.with_more(range(first, first + 4), [], [], [(first + 4, first + 4)]).within(10_000)
    assert numbers.settled == [(1, 1000)]
    assert len(numbers.rows) <= 102
    assert numbers.lost[-1] == (1000, 1000)
