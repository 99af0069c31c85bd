"""Streams that go on from one another: times, holds and numbers over the change; and a copy is not their past."""

from typing import Any

from agent.wire import EventName, Exchange
from server.ingest.ranges import joined
from server.ingest.tables import Attested, Latest, ReceivedRange, RecordRow, Stream

ATM = "1001/atm-1"
MINUTE = 60_000_000
HELD = {"1001__atm_1": (1, 0)}


def ranges(rows: Any, uid: str) -> list[tuple[int, int]]:
    (number,) = [row.id for row in rows(Stream) if row.uid == uid]
    return joined([], (), [(row.lo, row.hi) for row in rows(ReceivedRange) if row.stream_id == number])


def test_a_hold_speaks_of_the_state_of_the_stream_before_and_the_screen_knows(
    machine: Any, now: Any, deliver: Any, rows: Any
) -> None:
    deliver(machine, machine.state(ATM), exchange=machine.exchange())
    machine.go_on(2)
    for _ in range(3):
        now.forward(60)
        assert deliver(machine, machine.hold(1, **HELD), exchange=machine.exchange()).ranges[0][0] == 1
    (attested,) = rows(Attested)
    assert (attested.end - attested.start, attested.good) == (3 * MINUTE, 4)
    (latest,) = rows(Latest)
    assert latest.held_to == attested.end == now()


def test_a_hold_does_not_speak_of_what_a_copy_said_under_the_same_numbers(
    machine: Any, now: Any, deliver: Any, rows: Any
) -> None:
    ours = machine.state(ATM)
    deliver(machine, ours, exchange=machine.exchange())
    now.forward(60)
    copys = machine.state(ATM, "offline")  # number 2 of the first stream
    deliver(machine, copys, exchange=machine.exchange())
    machine.seq = 1
    machine.go_on(2)
    deliver(machine, machine.hold(1, **HELD), exchange=machine.exchange())
    of = {row.seq: row.id for row in rows(RecordRow) if row.kind == "state"}
    attested = {row.record_id: row.good for row in rows(Attested)}
    assert attested == {of[1]: 2, of[2]: 1}


def test_what_came_in_the_stream_before_already_is_there_once_and_counted_once(
    machine: Any, now: Any, deliver: Any, rows: Any
) -> None:
    """The agent heard no answer to its last two batches, and then had to go on in another stream."""
    deliver(machine, machine.state(ATM), exchange=machine.exchange())
    unheard = []
    for _ in range(3):
        now.forward(60)
        unheard.append(machine.hold(1, **HELD))
        deliver(machine, unheard[-1])
    now.forward(60)
    unheard += [machine.event(EventName.THINNING, **{"from": 3, "to": 3, "count": 1}), machine.state(ATM, "offline")]
    deliver(machine, *unheard[3:])
    first = machine.stream
    machine.go_on(2)
    now.forward(60)
    assert deliver(machine, *unheard[:2]).ranges == [(1, 3)]
    assert deliver(machine, *unheard[2:], machine.hold(1, **HELD)).ranges == [(1, 7)]
    assert sorted(row.seq for row in rows(RecordRow)) == [1, 2, 3, 4, 5, 6, 7]
    assert ranges(rows, first) == [(1, 6)]
    assert [(row.good, row.end - row.start) for row in sorted(rows(Attested), key=lambda row: row.start)] == [
        (4, 3 * MINUTE),
        (2, MINUTE),
    ]


def test_a_whole_stream_that_goes_on_in_another_is_there_once(machine: Any, now: Any, deliver: Any, rows: Any) -> None:
    """No answer was ever heard: the other goes on from the first number."""
    both = [machine.state(ATM), machine.hold(1, **HELD)]
    deliver(machine, *both, exchange=machine.exchange())
    machine.go_on(1)
    now.forward(60)
    assert deliver(machine, *both, machine.hold(1, **HELD)).ranges == [(1, 3)]
    ((good, held),) = [(row.good, row.end - row.start) for row in rows(Attested)]
    assert (good, held) == (3, MINUTE)


def test_what_two_streams_share_is_not_the_past_of_a_third_that_goes_on_from_before_it(
    machine: Any, now: Any, deliver: Any, rows: Any
) -> None:
    """Number 2 of the first was a copy's, which then went on in the second; this PC has another number 2."""
    deliver(machine, machine.state(ATM), exchange=machine.exchange())
    now.forward(60)
    copys = machine.state(ATM, "offline")
    deliver(machine, copys, exchange=machine.exchange())
    machine.go_on(2)
    deliver(machine, copys)
    machine.seq = 1
    machine.go_on(2)
    deliver(machine, machine.hold(1, **HELD), machine.hold(1, **HELD), exchange=machine.exchange())
    of = {row.id: (row.seq, row.kind) for row in rows(RecordRow)}
    assert sorted(of.values()) == [(1, "state"), (2, "hold"), (2, "state"), (3, "hold")]
    assert {of[row.record_id]: row.good for row in rows(Attested)} == {(1, "state"): 3, (2, "state"): 1}


def test_what_two_copies_of_one_home_both_send_is_there_once(machine: Any, now: Any, deliver: Any, rows: Any) -> None:
    """Both go on from the same number, with what waited when the home was copied; then each says something else."""
    deliver(machine, machine.state(ATM), exchange=machine.exchange())
    parent = machine.stream
    now.forward(60)
    waited = [machine.state(ATM, "offline")]
    for _ in range(3):
        now.forward(60)
        waited.append(machine.hold(1, **HELD))
    machine.go_on(2)
    one = machine.stream
    now.forward(60)
    deliver(machine, *waited, machine.hold(1, **HELD), exchange=machine.exchange())
    machine.stream, machine.seq = parent, 5
    machine.go_on(2)
    now.forward(60)
    assert deliver(machine, *waited[:2], exchange=machine.exchange()).ranges == [(1, 3)]
    assert deliver(machine, *waited[2:], machine.hold(2, **HELD)).ranges == [(1, 6)]
    assert ranges(rows, one) == [(1, 6)]
    assert sorted(row.seq for row in rows(RecordRow)) == [1, 2, 3, 4, 5, 6, 6]
    of = {row.id: row.seq for row in rows(RecordRow)}
    attested = {of[row.record_id]: (row.good, row.end - row.start) for row in rows(Attested)}
    assert attested[1] == (1, 0)
    assert attested[2][1] == 5 * MINUTE
    assert len(attested) == 2


def test_time_does_not_run_back_over_the_change(machine: Any, now: Any, deliver: Any, rows: Any) -> None:
    """The second batch comes with a better idea of the clock, by which all was ten seconds earlier."""
    first = machine.state(ATM)
    now.forward(1)
    second = machine.state(ATM, "offline")
    now.forward(60)
    clock = machine.clock()
    late = Exchange(machine.boot_id, clock.boot - 20_000_000, clock.boot, now())
    deliver(machine, first, exchange=late)
    machine.go_on(2)
    deliver(machine, second, exchange=machine.exchange())
    ats = [row.at for row in sorted(rows(RecordRow), key=lambda row: row.seq)]
    assert ats == [now() - 51_000_000, now() - 51_000_000]


def test_numbers_below_the_first_never_come_and_a_gap_may_name_those_of_another_stream(
    machine: Any, deliver: Any, rows: Any
) -> None:
    before = machine.stream
    states = [machine.state(ATM) for _ in range(6)]
    deliver(machine, states[0], states[1], states[5])
    machine.go_on(7)
    assert deliver(machine).ranges == [(1, 6)]
    lost = {"from_": 3, "to": 5, "count": 3, "reason": "forgotten", "stream": before}
    event = machine.event(EventName.GAP, **{name.rstrip("_"): value for name, value in lost.items()})
    assert deliver(machine, event).ranges == [(1, 7)]
    assert ranges(rows, before) == [(1, 6)]


def test_a_stream_goes_on_from_none_of_another_agent_and_gives_up_none_of_its_numbers(
    machine: Any, centre: Any, deliver: Any, rows: Any
) -> None:
    theirs = centre.stream
    deliver(centre, centre.state(ATM))
    machine.stream = theirs
    machine.seq = 4
    machine.go_on(5)
    gap = machine.event(EventName.GAP, **{"from": 2, "to": 4, "count": 3, "reason": "x", "stream": theirs})
    deliver(machine, gap)
    (mine,) = [row for row in rows(Stream) if row.uid == machine.stream]
    assert mine.after_id is None
    assert ranges(rows, theirs) == [(1, 1)]
