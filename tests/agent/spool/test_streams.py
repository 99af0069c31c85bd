"""Another stream of the same spool: it goes on with the numbers, and nothing is rewritten or forgotten."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from agent.spool.spool import FORGOTTEN, FORKED, RESTORED, TAKEN_OVER, Parcel, Spool
from agent.spool.standing import standing_of
from agent.spool.streams import TOLD_APART
from agent.wire import AnyRecord, Event, EventName, Fact, Follows

if TYPE_CHECKING:
    from tests.agent.conftest import FakeClocks
else:
    FakeClocks = Any

NOW = 1_800_000_000_000_000
DAY = 86_400_000_000


def facts(clocks: FakeClocks, count: int) -> list[AnyRecord]:
    return [Fact(seq=0, clock=clocks(), host="pc", facts={}) for _ in range(count)]


def numbers(parcel: Parcel) -> list[int]:
    return [record.seq for record in parcel.records]


def batch(spool: Spool) -> Parcel:
    return spool.next_batch(10_000, 1 << 30)


def bodies(spool: Spool) -> dict[int, bytes]:
    return dict(spool._db.execute("SELECT seq, body FROM record").fetchall())


@pytest.fixture
def parted(spool: Spool, clocks: FakeClocks) -> Spool:
    """Eight records are acknowledged in the first stream; number 9 to 12 go on in another, and 13 says so."""
    spool.append(facts(clocks, 12))
    spool.next_batch(8, 1 << 20)
    spool.acked(spool.stream, [(1, 8)], "e1", NOW)
    spool.part()
    spool.met(spool.stream, [(1, 8)], "e1", NOW)
    return spool


def test_what_waits_goes_on_under_its_numbers_and_the_event_comes_last(spool: Spool, clocks: FakeClocks) -> None:
    spool.append(facts(clocks, 12))
    batch(spool)
    was = spool.stream
    spool.acked(was, [(1, 8)], "e1", NOW)
    before = bodies(spool)
    spool.part()
    clocks.forward(60)
    assert spool.met(was, [(1, 8)], "e1", NOW).begun == FORKED
    after = bodies(spool)
    said = msgspec.msgpack.decode(after.pop(13), type=Event)
    assert after == before
    parcel = batch(spool)
    assert (parcel.stream, parcel.follows) == (spool.stream, Follows(was, 9))
    assert numbers(parcel) == [9, 10, 11, 12, 13]
    assert (said.name, said.clock) == (EventName.NEW_STREAM, clocks())
    assert said.detail == {"reason": FORKED, "why": "copy", "was": was, "from": 1, "to": 8, "count": 8}


def test_an_acknowledged_record_behind_one_that_waits_waits_again(spool: Spool, clocks: FakeClocks) -> None:
    spool.append(facts(clocks, 9))
    batch(spool)
    spool.acked(spool.stream, [(1, 3), (6, 7)], "e1", NOW)
    assert spool.waiting() == 4
    spool.part()
    spool.met(spool.stream, [(1, 3), (6, 7)], "e1", NOW)
    assert numbers(batch(spool)) == [4, 5, 6, 7, 8, 9, 10]
    assert spool.waiting() == 7


def test_what_the_other_may_have_sent_is_not_believed_to_be_ours(spool: Spool, clocks: FakeClocks) -> None:
    """A copy of this home sent 9 and 10 of its own."""
    spool.append(facts(clocks, 10))
    spool.next_batch(10, 1 << 20)
    spool.acked(spool.stream, [(1, 8)], "e1", NOW)
    spool.part()
    assert spool.acked(spool.stream, [(1, 10)], "e1", NOW).held == 0, "an answer that was on its way"
    spool.met(spool.stream, [(1, 10)], "e1", NOW)
    assert numbers(batch(spool)) == [9, 10, 11]


def test_a_restored_server_gets_back_what_it_lacks_of_each_stream_under_its_own_name(
    parted: Spool, clocks: FakeClocks
) -> None:
    first, second = parted.parts()
    parted.acked(second.uid, [(1, 13)], "e1", NOW)
    parted.append(facts(clocks, 2))
    assert parted.met(first.uid, [(1, 5)], "e2", NOW + 1).again == 3
    assert parted.met(second.uid, [(1, 8)], "e2", NOW + 1).again == 5
    older = batch(parted)
    assert (older.stream, older.follows, numbers(older), older.waiting) == (first.uid, None, [6, 7, 8], 7)
    parted.acked(first.uid, [(1, 8)], "e2", NOW + 2)
    newer = batch(parted)
    assert (newer.stream, newer.follows, numbers(newer)) == (second.uid, Follows(first.uid, 9), [*range(9, 16)])


def test_a_restarted_agent_of_a_restored_server_takes_back_before_it_parts(spool: Spool, clocks: FakeClocks) -> None:
    """The server knows it no more, so its numbers are not to be trusted; but what was acknowledged comes again."""
    spool.append(facts(clocks, 10))
    batch(spool)
    spool.acked(spool.stream, [(1, 10)], "e1", NOW)
    spool.part()
    acked = spool.met(spool.stream, [(1, 6)], "e2", NOW + 1)
    assert (acked.again, acked.another, acked.begun) == (4, True, RESTORED)
    assert numbers(batch(spool)) == [7, 8, 9, 10, 11]


def test_numbers_nobody_has_any_more_are_named_of_the_stream_they_are_of(parted: Spool, clocks: FakeClocks) -> None:
    first, second = parted.parts()
    batch(parted)
    parted.acked(second.uid, [(1, 13)], "e1", NOW)
    parted._db.execute("DELETE FROM record WHERE seq BETWEEN 3 AND 4 OR seq = 10")  # to make room
    parted.met(first.uid, [(1, 2)], "e2", NOW + 1)
    parted.met(second.uid, [(1, 8)], "e2", NOW + 1)
    gaps = [record for record in _all(parted) if isinstance(record, Event) and record.name is EventName.GAP]
    assert [one.detail for one in gaps] == [
        {"from": 10, "to": 14, "count": 2, "reason": FORGOTTEN},  # 14 was an event of the other, not handed out yet
        {"from": 3, "to": 4, "count": 2, "reason": FORGOTTEN, "stream": first.uid},
    ]


def _all(spool: Spool) -> list[AnyRecord]:
    """All that waits, stream by stream, as a server that takes it."""
    found: list[AnyRecord] = []
    while (parcel := batch(spool)).records:
        found += parcel.records
        spool._db.execute("UPDATE record SET acked = 1 WHERE acked IS NULL AND seq <= ?", (parcel.records[-1].seq,))
    return found


def test_what_is_dropped_of_two_streams_is_named_of_each(tmp_path: Path, clocks: FakeClocks) -> None:
    spool = Spool(tmp_path / "spool.db", clocks, limit=6000)
    spool.append([Fact(seq=0, clock=clocks(), host="x" * 400, facts={}) for _ in range(10)])
    batch(spool)
    spool.acked(spool.stream, [(1, 6)], "e1", NOW)
    spool.part()
    spool.met(spool.stream, [(1, 6)], "e1", NOW)
    first, second = spool.parts()
    spool.met(first.uid, [(1, 2)], "e2", NOW)
    spool.append([Fact(seq=0, clock=clocks(), host="x" * 400, facts={}) for _ in range(10)])
    named = {one.detail.get("stream", second.uid): one.detail for one in _all(spool) if isinstance(one, Event)}
    assert named[first.uid]["from"] == 3
    assert named[first.uid]["count"] == 4
    assert named[second.uid]["from"] == 7
    spool.close()


def test_parting_outlives_a_kill_and_nothing_else_forgets_it(tmp_path: Path, clocks: FakeClocks) -> None:
    spool = Spool(tmp_path / "spool.db", clocks)
    spool.append(facts(clocks, 3))
    spool.part()
    spool.close()
    again = Spool(tmp_path / "spool.db", clocks)
    assert again.met(again.stream, [], "e1", NOW).begun == FORKED
    again.close()
    once = Spool(tmp_path / "spool.db", clocks)
    assert once.met(once.stream, [], "e1", NOW).begun == ""
    assert numbers(batch(once)) == [1, 2, 3, 4]
    once.close()


def test_a_disk_that_is_full_when_a_stream_begins_leaves_the_one_before(spool: Spool, clocks: FakeClocks) -> None:
    spool.append(facts(clocks, 30))
    batch(spool)
    spool.acked(spool.stream, [(1, 8)], "e1", NOW)
    spool.part()
    was = spool.stream
    spool._clocks = lambda: (_ for _ in ()).throw(sqlite3.OperationalError("disk is full"))
    with pytest.raises(Exception, match="disk is full"):
        spool.met(was, [(1, 8)], "e1", NOW)
    spool._clocks = clocks
    assert (spool.stream, spool.waiting()) == (was, 22)
    assert spool.met(was, [(1, 8)], "e1", NOW).begun
    assert batch(spool).records[0].seq == 9


def test_a_home_of_another_agent_lets_go_of_what_only_that_one_could_send(parted: Spool, clocks: FakeClocks) -> None:
    assert not parted.belong("1001-pc")
    assert not parted.belong("1001-pc")
    assert parted.belong("1002-pc")
    (part,) = parted.parts()
    parcel = batch(parted)
    assert (parcel.stream, parcel.follows, numbers(parcel)) == (part.uid, Follows("", 9), [9, 10, 11, 12, 13, 14])
    event = parcel.records[-1]
    assert isinstance(event, Event)
    assert event.detail["reason"] == TAKEN_OVER


def test_streams_nothing_is_kept_of_are_forgotten_in_the_end(spool: Spool, clocks: FakeClocks) -> None:
    for turn in range(2 * TOLD_APART):
        spool.append(facts(clocks, 1))
        batch(spool)
        end = spool.parts()[-1].end
        spool.acked(spool.stream, [(1, end - 1)], "e1", NOW + 8 * turn * DAY)
        spool.part()
        spool.met(spool.stream, [(1, end - 1)], "e1", NOW + 8 * turn * DAY)
    assert len(spool.parts()) == TOLD_APART
    spool._db.execute("UPDATE record SET acked = NULL")
    assert {record.seq for record in _all(spool)} == set(bodies(spool))


SCHEMA_2 = """
CREATE TABLE spool (only INTEGER PRIMARY KEY CHECK (only = 1), stream TEXT NOT NULL, next INTEGER NOT NULL DEFAULT 1,
    offered INTEGER NOT NULL DEFAULT 0, epoch TEXT NOT NULL DEFAULT '', heard INTEGER NOT NULL DEFAULT 0,
    bytes INTEGER NOT NULL DEFAULT 0, thinned INTEGER NOT NULL DEFAULT 0, ran INTEGER NOT NULL DEFAULT 0,
    boot_id TEXT NOT NULL DEFAULT '', boot INTEGER NOT NULL DEFAULT 0);
CREATE TABLE day (day INTEGER PRIMARY KEY, first INTEGER NOT NULL);
CREATE TABLE boot (boot_id TEXT PRIMARY KEY, first INTEGER NOT NULL, last INTEGER NOT NULL, wall INTEGER NOT NULL,
    boot INTEGER NOT NULL);
CREATE TABLE record (seq INTEGER PRIMARY KEY, kind TEXT NOT NULL, body BLOB NOT NULL, acked INTEGER);
CREATE INDEX waiting ON record (seq) WHERE acked IS NULL;
CREATE INDEX kept ON record (acked) WHERE acked IS NOT NULL;
CREATE TRIGGER came AFTER INSERT ON record BEGIN UPDATE spool SET bytes = bytes + length(new.body); END;
CREATE TRIGGER went AFTER DELETE ON record BEGIN UPDATE spool SET bytes = bytes - length(old.body); END;
CREATE TRIGGER merged AFTER UPDATE OF body ON record
    BEGIN UPDATE spool SET bytes = bytes + length(new.body) - length(old.body); END;
INSERT INTO spool (only, stream, next, offered, epoch, heard) VALUES (1, 'f00d', 1, 5, 'e1', 7);
PRAGMA user_version = 2;
"""
SCHEMA_1 = """
ALTER TABLE spool DROP COLUMN heard; ALTER TABLE spool DROP COLUMN thinned; ALTER TABLE spool DROP COLUMN ran;
ALTER TABLE spool DROP COLUMN boot_id; ALTER TABLE spool DROP COLUMN boot;
DROP TABLE day; DROP TABLE boot;
PRAGMA user_version = 1;
"""


@contextmanager
def left_by(path: Path, clocks: FakeClocks, schema: str) -> Iterator[int]:
    """A spool of an earlier version with large records, of which the server has five. Gives its size in bytes."""
    with closing(sqlite3.connect(path)) as db:
        db.executescript(SCHEMA_2)
        for seq in range(1, 9):
            body = msgspec.msgpack.encode(Fact(seq=seq, clock=clocks(), host="x" * 60_000, facts={}))
            db.execute("INSERT INTO record VALUES (?, 'fact', ?, ?)", (seq, body, NOW if seq <= 5 else None))
        db.execute("UPDATE spool SET next = 9")
        db.commit()
        db.executescript(schema)
    yield path.stat().st_size


@pytest.mark.parametrize("schema", [SCHEMA_1, ""], ids=["1", "2"])
def test_a_spool_of_an_earlier_version_goes_on_and_is_not_rewritten(
    tmp_path: Path, clocks: FakeClocks, schema: str
) -> None:
    with left_by(tmp_path / "spool.db", clocks, schema) as size:
        with closing(sqlite3.connect(tmp_path / "spool.db")) as db:
            assert standing_of(db).waiting == 3
        spool = Spool(tmp_path / "spool.db", clocks)
        assert (tmp_path / "spool.db-wal").stat().st_size < size / 4
        parcel = spool.next_batch(9, 1 << 20)
        assert (parcel.stream, numbers(parcel), parcel.waiting) == ("f00d", [6, 7, 8], 0)
        assert spool.acked("f00d", [(1, 3)], "e1", NOW).again == 2
        assert spool.acked("f00d", [(1, 8)], "e2", NOW).another
        assert spool.waiting() == 0
        spool.append(facts(clocks, 1))
        spool.part()
        spool.met("f00d", [(1, 8)], "e2", NOW)
        assert batch(spool).follows == Follows("f00d", 9)
        spool.close()


def test_waiting_is_what_waits_whatever_was_done(parted: Spool, clocks: FakeClocks) -> None:
    first, second = parted.parts()
    parted.append(facts(clocks, 20), lost=2, why="the disk was full")
    parted.acked(second.uid, [(1, 20), (25, 26)], "e1", NOW)
    parted.met(first.uid, [(1, 3)], "e2", NOW)
    parted.set_aside(30, "the server cannot take it")
    parted.acked(first.uid, [(1, 8)], "e2", NOW + 8 * DAY)
    parted.acked(second.uid, [(1, 20)], "e2", NOW + 16 * DAY)
    assert parted.waiting() == len(_waiting(parted)) > 0


def _waiting(spool: Spool) -> list[int]:
    return [seq for (seq,) in spool._db.execute("SELECT seq FROM record WHERE acked IS NULL")]
