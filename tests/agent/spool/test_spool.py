"""The spool: durable, numbered without holes, acknowledged, refilled, and honest about what it had to let go."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from agent.spool.ranges import joined
from agent.spool.spool import Spool, begin_anew, open_spool
from agent.spool.tables import SpoolFull, SpoolNewer, SpoolTaken
from agent.wire import AnyRecord, Clock, DeviceWord, Event, EventName, Fact, Held, Hold, Reading, State

NOW = 1_800_000_000_000_000
DAY = 86_400_000_000
Clocks = Callable[[], Clock]


def fact(token: str, clock: Clock) -> Fact:
    return Fact(seq=0, clock=clock, host="pc", facts={"token": token})


def state(position: str, clock: Clock, device: DeviceWord = DeviceWord.ONLINE) -> State:
    return State(seq=0, clock=clock, position=position, reading=Reading(device=device))


def hold(clock: Clock, since: int, **held: tuple[int, int]) -> Hold:
    return Hold(seq=0, clock=clock, since=since, held={key: Held(*polls) for key, polls in held.items()})


def waiting(spool: Spool) -> list[AnyRecord]:
    return spool.next_batch(10_000, 1 << 30).records


def events(spool: Spool, name: EventName) -> list[Event]:
    return [record for record in waiting(spool) if isinstance(record, Event) and record.name is name]


def test_records_are_numbered_from_one_without_holes(spool: Spool, clocks: Clocks) -> None:
    spool.append([fact("a", clocks()), fact("b", clocks())])
    spool.append([fact("c", clocks())])
    assert [record.seq for record in waiting(spool)] == [1, 2, 3]


def test_a_batch_keeps_to_its_count_and_its_size_but_is_never_empty(spool: Spool, clocks: Clocks) -> None:
    spool.append([fact("x" * 1000, clocks()) for _ in range(5)])
    assert len(spool.next_batch(2, 1 << 20).records) == 2
    assert len(spool.next_batch(10, 2500).records) == 2
    assert len(spool.next_batch(10, 1).records) == 1


def test_what_is_acknowledged_is_not_sent_again_and_the_stream_outlives_a_restart(
    tmp_path: Path, clocks: Clocks
) -> None:
    spool = Spool(tmp_path / "spool.db", clocks)
    spool.append([fact(str(n), clocks()) for n in range(5)])
    stream = spool.stream
    spool.acked(stream, [(1, 3)], "e1", NOW)
    spool.close()
    again = Spool(tmp_path / "spool.db", clocks)
    assert again.stream == stream
    assert [record.seq for record in waiting(again)] == [4, 5]
    again.append([fact("5", clocks())])
    assert [record.seq for record in waiting(again)] == [4, 5, 6]
    again.close()


def test_a_server_restored_from_an_older_database_gets_the_records_again(spool: Spool, clocks: Clocks) -> None:
    spool.append([fact(str(n), clocks()) for n in range(10)])
    spool.acked(spool.stream, [(1, 10)], "e1", NOW)
    assert waiting(spool) == []
    acked = spool.acked(spool.stream, [(1, 4), (6, 6)], "e2", NOW + DAY)
    assert (acked.again, acked.another) == (5, True)
    assert [record.seq for record in waiting(spool)] == [5, 7, 8, 9, 10]


def test_a_new_epoch_alone_is_another_past(spool: Spool, clocks: Clocks) -> None:
    spool.append([fact("a", clocks())])
    assert not spool.acked(spool.stream, [(1, 1)], "e1", NOW).another
    assert not spool.acked(spool.stream, [(1, 1)], "e1", NOW).another
    assert spool.acked(spool.stream, [(1, 1)], "e2", NOW).another


def test_acknowledged_records_stay_seven_days_by_the_servers_clock(spool: Spool, clocks: Clocks) -> None:
    spool.append([fact("old", clocks()), fact("new", clocks())])
    spool.acked(spool.stream, [(1, 1)], "e1", NOW)
    spool.acked(spool.stream, [(1, 2)], "e1", NOW + 6 * DAY)
    assert spool.acked(spool.stream, [], "e1", NOW + 6 * DAY).again == 2
    spool.acked(spool.stream, [(1, 1)], "e1", NOW)
    spool.acked(spool.stream, [(1, 2)], "e1", NOW + 8 * DAY)
    assert spool.acked(spool.stream, [], "e1", NOW + 8 * DAY).again == 1


def test_an_ack_for_another_stream_changes_nothing(spool: Spool, clocks: Clocks) -> None:
    spool.append([fact("a", clocks())])
    spool.acked("somebody else's", [(1, 1)], "e1", NOW)
    assert len(waiting(spool)) == 1


def test_a_restored_copy_of_the_spool_moves_to_a_new_stream(tmp_path: Path, clocks: Clocks) -> None:
    """A PC brought back from its image gives numbers a second time; the server would take them for duplicates."""
    spool = Spool(tmp_path / "spool.db", clocks)
    spool.append([fact("before", clocks())])
    shutil.copytree(tmp_path, tmp_path / "image")
    spool.append([fact("on the old disk", clocks()), fact("on the old disk too", clocks())])
    stream = spool.stream
    spool.close()
    copy = Spool(tmp_path / "image" / "spool.db", clocks)
    copy.append([fact("after", clocks())])
    acked = copy.acked(stream, [(1, 3)], "e1", NOW)
    assert acked.lacks
    assert copy.stream != stream
    *rest, last = waiting(copy)
    assert isinstance(last, Event)
    assert last.name is EventName.NEW_STREAM
    assert (last.detail["was"], last.detail["why"]) == (stream, "older")
    assert [record.facts["token"] for record in rest if isinstance(record, Fact)] == ["before", "after"]
    assert [record.seq for record in waiting(copy)] == [1, 2, 3]
    copy.close()


def test_a_copy_that_wrote_as_much_as_was_lost_is_found_out_when_it_meets_the_server(
    tmp_path: Path, clocks: Clocks
) -> None:
    """The server has the numbers of what it wrote since, of other records: it would take them for duplicates."""
    spool = Spool(tmp_path / "spool.db", clocks)
    spool.append([fact("before", clocks())])
    waiting(spool)
    shutil.copytree(tmp_path, tmp_path / "image")
    spool.append([fact("on the old disk", clocks())])
    stream = spool.stream
    spool.close()
    copy = Spool(tmp_path / "image" / "spool.db", clocks)
    copy.append([fact("after", clocks()), fact("after too", clocks())])
    assert copy.met(stream, [(1, 2)], "e1", NOW).begun
    assert copy.stream != stream
    said = [record.facts["token"] for record in waiting(copy) if isinstance(record, Fact)]
    assert said == ["before", "after", "after too"]
    copy.close()


def test_a_spool_that_meets_a_server_with_what_it_handed_out_goes_on(tmp_path: Path, clocks: Clocks) -> None:
    spool = Spool(tmp_path / "spool.db", clocks)
    spool.append([fact("a", clocks()), fact("b", clocks())])
    waiting(spool)
    spool.close()
    again = Spool(tmp_path / "spool.db", clocks)
    assert not again.met(again.stream, [(1, 2)], "", NOW).begun
    assert waiting(again) == []
    again.close()


def test_a_second_agent_on_the_same_spool_is_refused_with_a_sentence(tmp_path: Path, clocks: Clocks) -> None:
    first = Spool(tmp_path / "spool.db", clocks)
    with pytest.raises(SpoolTaken, match="Another agent is running"):
        Spool(tmp_path / "spool.db", clocks)
    first.append([fact("still works", clocks())])
    first.close()
    Spool(tmp_path / "spool.db", clocks).close()


def test_another_process_is_refused_too(spool: Spool) -> None:
    code = (
        "import sys; from pathlib import Path; from agent.clock import system_clocks; from agent.spool.spool import *\n"
        "from agent.spool.tables import *\n"
        "path = Path(sys.argv[1])\n"
        "try: Spool(path, system_clocks(path.parent))\n"
        "except SpoolTaken as taken: print(taken)"
    )
    said = subprocess.run([sys.executable, "-c", code, spool.path], capture_output=True, text=True, check=True)
    assert said.stdout.startswith("Another agent is running on the spool")


def test_a_spool_of_a_newer_version_is_left_alone(tmp_path: Path, clocks: Clocks) -> None:
    path = tmp_path / "spool.db"
    with sqlite3.connect(path) as newer:
        newer.execute("PRAGMA user_version = 9")
    newer.close()
    with pytest.raises(SpoolNewer, match="newer"):
        open_spool(path, clocks)
    assert [file.name for file in tmp_path.iterdir()] == ["spool.db"]
    left = sqlite3.connect(path)
    assert left.execute("PRAGMA user_version").fetchone() == (9,)
    left.close()


@pytest.mark.parametrize("damage", ["nothing of SQLite in it", "a torn page", "another program's database"])
def test_a_damaged_spool_is_moved_aside_and_a_new_stream_says_so(tmp_path: Path, clocks: Clocks, damage: str) -> None:
    path = tmp_path / "spool.db"
    if damage == "a torn page":
        spool = Spool(path, clocks)
        spool.append([fact("x" * 3000, clocks()) for _ in range(50)])
        spool.close()
        with path.open("r+b") as file:
            file.seek(4096 * 4)
            file.write(os.urandom(4096 * 6))
    elif damage == "another program's database":
        with sqlite3.connect(path) as other:
            other.execute("PRAGMA user_version = 1")
            other.execute("CREATE TABLE photos (id INTEGER)")
        other.close()
    else:
        path.write_bytes(b"not a database, but long enough to be looked at" * 100)
    spool, why = open_spool(path, clocks)
    assert "damaged" in why
    assert (tmp_path / "spool.db.damaged").exists()
    (event,) = waiting(spool)
    assert isinstance(event, Event)
    assert event.name is EventName.NEW_STREAM
    assert event.detail["reason"] == why
    spool.close()


def test_a_spool_damaged_while_running_is_begun_anew(spool: Spool, clocks: Clocks) -> None:
    stream = spool.stream
    spool.close()
    fresh = begin_anew(spool.path, clocks, 1 << 20, "The spool is damaged.")
    assert fresh.stream != stream
    fresh.close()


@contextmanager
def full_disk(size: int) -> Iterator[None]:
    """No file grows beyond `size` bytes."""
    resource = pytest.importorskip("resource", reason="a limit on the size of files is POSIX's")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_on_a_full_disk_a_damaged_spool_stays_where_it_is_until_another_is_whole(
    tmp_path: Path, clocks: Clocks
) -> None:
    """Moved aside at the first try, it was lost at the second: the half spool of the first took its name."""
    path = tmp_path / "spool.db"
    path.write_bytes(b"damaged" * 1000)
    for _ in range(2):
        with full_disk(20_000), pytest.raises(SpoolFull):
            begin_anew(path, clocks, 1 << 20, "The spool is damaged.")
    fresh = begin_anew(path, clocks, 1 << 20, "The spool is damaged.")
    assert (tmp_path / "spool.db.damaged").read_bytes() == b"damaged" * 1000
    (event,) = waiting(fresh)
    assert isinstance(event, Event)
    assert event.name is EventName.NEW_STREAM
    assert {each.name for each in tmp_path.iterdir()} == {"spool.db", "spool.db-wal", "spool.db.damaged"}
    fresh.close()


def test_a_full_disk_is_said_and_leaves_everything_as_it_was(spool: Spool, clocks: Clocks) -> None:
    spool.append([fact("before", clocks())])
    pages = spool._db.execute("PRAGMA page_count").fetchone()[0]
    spool._db.execute(f"PRAGMA max_page_count = {pages}")  # SQLite's own "database or disk is full"
    with pytest.raises(SpoolFull, match="full"):
        spool.append([fact("x" * 100_000, clocks())])
    assert len(waiting(spool)) == 1
    spool._db.execute("PRAGMA max_page_count = 1000000")
    spool.append([fact("after", clocks())], lost=3, why="the disk was full")
    before, gap, after = waiting(spool)
    assert [before.seq, gap.seq, after.seq] == [1, 5, 6]
    assert isinstance(gap, Event)
    assert gap.detail == {"from": 2, "to": 4, "count": 3, "reason": "the disk was full"}


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path: Path, clocks: Clocks) -> None:
    with pytest.raises(SpoolFull, match="cannot be opened"):
        Spool(tmp_path / "no such folder" / "spool.db", clocks)


def test_the_file_is_readable_by_its_owner_alone(spool: Spool) -> None:
    assert spool.path.stat().st_mode & 0o777 == 0o600


def minute_holds(clocks: Clocks, count: int, *positions: str) -> list[AnyRecord]:
    """Holds a minute apart that follow each other without a pause."""
    now = clocks()
    return [
        hold(
            Clock(now.wall + n * 60_000_000, now.boot + n * 60_000_000, now.boot_id),
            now.boot + (n - 1) * 60_000_000,
            **dict.fromkeys(positions, (2, 1)),
        )
        for n in range(1, count + 1)
    ]


def test_over_the_limit_what_the_server_holds_goes_first(tmp_path: Path, clocks: Clocks) -> None:
    spool = Spool(tmp_path / "spool.db", clocks, limit=20_000)
    spool.append([fact("x" * 1000, clocks()) for _ in range(15)])
    spool.acked(spool.stream, [(1, 15)], "e1", NOW)
    dropped = spool.append([fact("y" * 1000, clocks()) for _ in range(10)])
    assert not dropped
    assert [record.seq for record in waiting(spool)] == list(range(16, 26))
    assert events(spool, EventName.GAP) == []
    spool.close()


def test_over_the_limit_holds_are_merged_before_anything_is_dropped(tmp_path: Path, clocks: Clocks) -> None:
    spool = Spool(tmp_path / "spool.db", clocks, limit=4000)
    spool.append([state("a", clocks())])
    dropped = spool.append(minute_holds(clocks, 60, "a", "b"))
    assert not dropped
    holds = [record for record in waiting(spool) if isinstance(record, Hold)]
    assert len(holds) == 6
    assert sum(each.held["a"].good for each in holds) == 120
    assert sum(each.held["b"].failed for each in holds) == 60
    assert all(later.since == earlier.clock.boot for earlier, later in pairwise(holds))
    (thinning,) = events(spool, EventName.THINNING)
    assert thinning.detail["count"] == 54
    assert [record.seq for record in waiting(spool) if isinstance(record, State)] == [1]
    spool.close()


def test_holds_around_a_change_or_a_restart_are_not_merged(tmp_path: Path, clocks: Clocks) -> None:
    spool = Spool(tmp_path / "spool.db", clocks, limit=2000)
    now = clocks()
    before, after = minute_holds(clocks, 2, "a")
    other_boot = hold(Clock(now.wall, 100, "boot-2"), 0, a=(1, 0))
    spool.append([before, state("a", now), after, other_boot])
    spool.append([fact("x" * 1700, now)])
    assert events(spool, EventName.THINNING) == []
    assert len(events(spool, EventName.GAP)) == 1
    spool.close()


def test_holds_that_were_handed_out_are_not_merged_for_the_server_may_know_them(tmp_path: Path, clocks: Clocks) -> None:
    spool = Spool(tmp_path / "spool.db", clocks, limit=1500)
    spool.append(minute_holds(clocks, 4, "a"))
    assert len(waiting(spool)) == 4
    spool.append([fact("x" * 1200, clocks())])
    assert events(spool, EventName.THINNING) == []
    assert len(events(spool, EventName.GAP)) == 1
    spool.close()


def test_states_are_dropped_last_and_a_gap_says_how_many(tmp_path: Path, clocks: Clocks) -> None:
    spool = Spool(tmp_path / "spool.db", clocks, limit=3000)
    assert not spool.append([state(f"p{n}", clocks()) for n in range(5)])
    assert not spool.append(minute_holds(clocks, 3, "p1"))
    assert spool.append([state(f"q{n}", clocks()) for n in range(40)])
    left = waiting(spool)
    assert not any(isinstance(record, Hold) for record in left)
    (gap,) = events(spool, EventName.GAP)
    (thinning,) = events(spool, EventName.THINNING)
    assert gap.seq == left[-1].seq == 50
    assert len(left) + int(gap.detail["count"]) + int(thinning.detail["count"]) == 50
    spool.close()


def test_a_record_set_aside_leaves_a_gap_and_no_hold_that_speaks_for_it(spool: Spool, clocks: Clocks) -> None:
    now = clocks()
    spool.append([state("a", now), state("a", now, DeviceWord.OFFLINE), *minute_holds(clocks, 1, "a", "b")])
    spool.append([state("a", now), *minute_holds(clocks, 1, "a")])
    spool.set_aside(2, "the server cannot take it")
    held = [list(record.held) for record in waiting(spool) if isinstance(record, Hold)]
    assert held == [["b"], ["a"]]
    (gap,) = events(spool, EventName.GAP)
    assert gap.detail["from"] == gap.detail["to"] == 2


def test_a_record_that_cannot_be_read_back_does_not_stop_the_others(spool: Spool, clocks: Clocks) -> None:
    spool.append([fact("a", clocks()), fact("b", clocks()), fact("c", clocks())])
    spool._db.execute("UPDATE record SET body = x'c1' WHERE seq = 1")
    spool._db.execute("UPDATE record SET body = x'c1' WHERE seq = 2")
    assert [record.seq for record in waiting(spool) if isinstance(record, Fact)] == [3]
    (gap,) = events(spool, EventName.GAP)  # one for both
    assert (gap.detail["from"], gap.detail["count"]) == (1, 2)


def test_a_long_stretch_that_cannot_be_read_back_stops_nobody(spool: Spool, clocks: Clocks) -> None:
    """An older version is installed again, and knows nothing of a kind that a newer one wrote for days."""
    spool.append([fact("a", clocks()) for _ in range(1100)])
    spool._db.execute("UPDATE record SET body = x'c1' WHERE seq < 1100")
    parcel = spool.next_batch(10, 1 << 30)
    assert ([record.seq for record in parcel.records][:1], parcel.lost) == ([1100], True)


def test_ranges_are_merged() -> None:
    assert joined([(5, 6), (1, 2), (3, 3), (9, 8), (6, 7)]) == [(1, 3), (5, 7)]


KILLED = """
import sys
from pathlib import Path
from agent.clock import system_clocks
from agent.spool.spool import Spool
from agent.wire import Fact
path = Path(sys.argv[1])
clocks = system_clocks(path.parent)
spool = Spool(path, clocks)
for number in range(1, 1_000_000):
    spool.append([Fact(seq=0, clock=clocks(), host="pc", facts={"token": str(number)})])
    print(number, flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is a POSIX signal")
def test_what_append_returned_for_outlives_kill_9(tmp_path: Path, clocks: Clocks) -> None:
    path = tmp_path / "spool.db"
    agent = subprocess.Popen([sys.executable, "-c", KILLED, path], stdout=subprocess.PIPE, text=True)
    assert agent.stdout is not None
    said = [int(agent.stdout.readline()) for _ in range(50)]
    agent.send_signal(signal.SIGKILL)
    said += [int(line) for line in agent.stdout.read().splitlines()]
    agent.wait()
    agent.stdout.close()
    spool = Spool(path, clocks)
    kept = [record for record in waiting(spool) if isinstance(record, Fact)]
    assert [record.seq for record in kept] == list(range(1, len(kept) + 1))
    assert [int(str(record.facts["token"])) for record in kept][: len(said)] == said
    spool.close()


def test_a_batch_tells_of_every_boot_that_waits_and_of_no_other(tmp_path: Path) -> None:
    """A PC started twice while the line was cut, its clock at 2000. Its clocks are numbers here."""
    at = Clock(wall=NOW, boot=100, boot_id="met")

    def clocks() -> Clock:
        return at

    spool = Spool(tmp_path / "spool.db", clocks)
    spool.append([fact("a", at)])
    assert spool.next_batch(9, 1 << 20).boots == [at]
    spool.acked(spool.stream, [(1, 1)], "e", NOW)
    ends = []
    for boot_id in ("second", "third"):
        for boot in (10, 500):
            at = Clock(wall=boot, boot=boot, boot_id=boot_id)
            spool.append([fact("b", at)])
        ends.append(at)
    spool.close()
    at = Clock(wall=NOW, boot=7, boot_id="fourth")
    spool = Spool(tmp_path / "spool.db", clocks)
    spool.append([fact("c", at)])
    parcel = spool.next_batch(1, 1 << 20)
    assert (len(parcel.records), parcel.boots) == (1, [*ends, at]), "also those of later batches"
    spool.acked(spool.stream, [(1, 3)], "e", NOW)
    assert spool.next_batch(9, 1 << 20).boots == [ends[1], at]
    spool.acked(spool.stream, [(1, 5)], "e", NOW + 8 * DAY)
    assert spool.next_batch(9, 1 << 20).boots == [at]
    spool.close()
