"""How much a spool keeps, what it lets go of first, and that it names every number that never comes."""

import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from agent.spool.ranges import holes, joined
from agent.spool.room import OLD
from agent.spool.spool import FORGOTTEN, Spool
from agent.wire import AnyRecord, DeviceWord, Event, EventName, Held, Hold, Reading, State

if TYPE_CHECKING:
    from tests.agent.conftest import FakeClocks
else:
    FakeClocks = Any

DAY = 86_400.0  # seconds


def state(clocks: FakeClocks, position: str = "1/a", device: str = "online", **numbers: float) -> State:
    return State(seq=0, clock=clocks(), position=position, reading=Reading(device=DeviceWord(device), numbers=numbers))


def hold(clocks: FakeClocks, *positions: str) -> Hold:
    clock = clocks()
    return Hold(seq=0, clock=clock, since=clock.boot - 60_000_000, held=dict.fromkeys(positions, Held(1, 0)))


def waiting(spool: Spool) -> list[AnyRecord]:
    return spool.next_batch(100_000, 1 << 30).records


def gaps(spool: Spool, why: str) -> list[tuple[int, int, int]]:
    events = [r for r in waiting(spool) if isinstance(r, Event) and r.name is EventName.GAP]
    return [
        (int(e.detail["from"]), int(e.detail["to"]), int(e.detail["count"]))
        for e in events
        if e.detail["reason"] == why
    ]


def missing(spool: Spool) -> int:
    """How many of the numbers that were given are not there."""
    left = waiting(spool)
    return max(r.seq for r in left) - len(left)


def named(spool: Spool) -> int:
    """How many numbers the gaps say are not there."""
    return sum(int(r.detail["count"]) for r in waiting(spool) if isinstance(r, Event) and "count" in r.detail)


def test_what_waited_longer_than_its_days_goes_and_a_gap_says_so(tmp_path: Path, clocks: FakeClocks) -> None:
    spool = Spool(tmp_path / "spool.db", clocks, days=3)
    for _ in range(6):
        spool.append([state(clocks, n=clocks.boot), hold(clocks, "1/a")])
        clocks.forward(DAY)
    left = [r for r in waiting(spool) if isinstance(r, State | Hold)]
    days = [(r.clock.wall - clocks.wall) // 86_400_000_000 + 6 for r in left]
    # the last three days and today; and the last state before them, of which the next hold may speak
    assert list(zip(days, map(type, left), strict=True)) == [
        (1, State), (2, State), (2, Hold), (3, State), (3, Hold), (4, State), (4, Hold), (5, State), (5, Hold),
    ]  # fmt: skip
    assert named(spool) == missing(spool)
    spool.close()


def test_a_clock_that_jumps_makes_nothing_older(tmp_path: Path, clocks: FakeClocks) -> None:
    spool = Spool(tmp_path / "spool.db", clocks, days=1)
    for boot, wall in enumerate((0, 4_070_908_800_000_000, 946_684_800_000_000)):
        clocks.boot_id, clocks.boot, clocks.wall = f"boot-{boot}", 400 * 86_400_000_000, wall
        spool.append([state(clocks, n=boot)])
    assert len(waiting(spool)) == 3
    spool.close()


def test_time_the_agent_did_not_run_does_not_count(tmp_path: Path, clocks: FakeClocks) -> None:
    spool = Spool(tmp_path / "spool.db", clocks, days=1)
    spool.append([state(clocks)])
    for boot in range(6):  # it runs for eight hours and is off for the rest of the day
        clocks.boot_id, clocks.boot = f"boot-{boot}", 0
        spool.append([state(clocks, n=boot)])
        clocks.forward(DAY / 3)
        spool.append([state(clocks, n=boot + 0.5)])
    # the third boot ends a day of running, the sixth the second: a week by the calendar, if the PC was off meanwhile
    assert gaps(spool, OLD) == [(1, 5, 5)]
    spool.close()


def test_states_of_numbers_alone_go_before_changes(tmp_path: Path, clocks: FakeClocks) -> None:
    spool = Spool(tmp_path / "spool.db", clocks, limit=14_000)
    changes = 0
    for n in range(200):
        clocks.forward(60)
        device = "online" if n % 20 else "hardwareError"
        changes += device != "online" or n % 20 == 1
        spool.append([state(clocks, device=device, n=n)])
    left = [r for r in waiting(spool) if isinstance(r, State)]
    turns = [
        r
        for r, before in zip(left, [None, *left], strict=False)
        if before is None or before.reading.device != r.reading.device
    ]
    assert len(turns) == changes
    assert 0 < len(left) < 200
    assert named(spool) == missing(spool)
    spool.close()


def test_of_what_the_server_lost_too_late_a_gap_says_that_it_is_gone(tmp_path: Path, clocks: FakeClocks) -> None:
    spool = Spool(tmp_path / "spool.db", clocks)
    spool.append([state(clocks, n=n) for n in range(10)])
    waiting(spool)
    spool.acked(spool.stream, [(1, 10)], "e1", clocks.wall)
    clocks.forward(8 * DAY)
    spool.append([state(clocks, n=n) for n in range(10, 13)])
    spool.acked(spool.stream, [(1, 10)], "e1", clocks.wall)  # lets go of the ten
    spool.acked(spool.stream, [(1, 4), (7, 7)], "e2", clocks.wall)  # an older database came back
    assert gaps(spool, FORGOTTEN) == [(5, 10, 5)]
    assert [r.seq for r in waiting(spool)] == [11, 12, 13, 14]
    spool.close()


def test_what_is_named_lost_already_is_not_named_again(tmp_path: Path, clocks: FakeClocks) -> None:
    spool = Spool(tmp_path / "spool.db", clocks)
    spool.append([state(clocks)], lost=5, why="the disk was full")
    spool.acked(spool.stream, [], "e1", clocks.wall)
    spool.acked(spool.stream, [], "e2", clocks.wall)
    assert gaps(spool, FORGOTTEN) == []
    assert gaps(spool, "the disk was full") == [(1, 5, 5)]
    spool.close()


@given(st.lists(st.tuples(st.integers(1, 40), st.integers(1, 40))), st.integers(1, 45))
def test_holes_and_ranges_make_the_whole(ranges: list[tuple[int, int]], end: int) -> None:
    covered = {n for low, high in ranges for n in range(low, high + 1)}
    missing = [n for low, high in holes(ranges, 1, end) for n in range(low, high + 1)]
    assert missing == [n for n in range(1, end) if n not in covered]
    assert joined(holes(ranges, 1, end)) == holes(ranges, 1, end)


def test_a_record_that_cannot_be_read_back_has_everything_told_anew(tmp_path: Path, clocks: FakeClocks) -> None:
    spool = Spool(tmp_path / "spool.db", clocks)
    spool.append([state(clocks), state(clocks, device="hardwareError"), hold(clocks, "1/a")])
    spool.close()
    with sqlite3.connect(tmp_path / "spool.db") as db:
        db.execute("UPDATE record SET body = x'c1' WHERE seq = 2")
    db.close()
    again = Spool(tmp_path / "spool.db", clocks)
    assert again.next_batch(10, 1 << 20).lost
    assert not again.next_batch(10, 1 << 20).lost
    again.close()
