"""Orders in the spool's file: how long a uid is remembered, and what of it is told to the server."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from agent.orders import keeping
from agent.spool.spool import KEPT_MICROS, Spool
from agent.wire import Clock, Entry, Fact, Hold, Order, Result

if TYPE_CHECKING:
    from tests.agent.conftest import FakeClocks
else:
    FakeClocks = Any

NOW = 1_800_000_000_000_000
MINUTE = 60_000_000
DAY = 86_400_000_000


def take(spool: Spool, clocks: FakeClocks, *uids: str, seconds: float = 60.0) -> list[str]:
    orders = [Order(uid=uid, what="spool", seconds=seconds) for uid in uids]
    return [kept.order.uid for kept in spool.change(lambda db: keeping.take(db, orders, clocks()))]


def have(spool: Spool) -> list[str]:
    return sorted(spool.change(keeping.have))


def end(spool: Spool, clocks: FakeClocks, uid: str) -> int:
    """The number of its result."""
    spool.append([Result(seq=0, clock=clocks(), order=uid, done=True)], ends=uid)
    return spool.parts()[-1].end - 1


def ack(spool: Spool, seq: int, at: int) -> None:
    spool.next_batch(10_000, 1 << 30)
    spool.acked(spool.stream, [(1, seq)], "e1", at)


def test_a_uid_is_remembered_for_a_week_after_its_result_was_acknowledged(spool: Spool, clocks: FakeClocks) -> None:
    assert take(spool, clocks, "o1") == ["o1"]
    seq = end(spool, clocks, "o1")
    spool.append([Fact(seq=0, clock=clocks(), host="pc", facts={})])
    assert have(spool) == ["o1"]
    ack(spool, seq, NOW)
    assert have(spool) == ["o1"]  # the server may not have read it
    ack(spool, seq + 1, NOW + 2 * MINUTE)
    assert have(spool) == []
    assert take(spool, clocks, "o1") == []
    ack(spool, seq + 1, NOW + KEPT_MICROS)
    assert take(spool, clocks, "o1") == []
    ack(spool, seq + 1, NOW + KEPT_MICROS + 1)
    assert take(spool, clocks, "o1") == ["o1"]


def test_a_server_that_lost_a_result_is_told_that_the_order_is_here(spool: Spool, clocks: FakeClocks) -> None:
    take(spool, clocks, "o1")
    seq = end(spool, clocks, "o1")
    ack(spool, seq, NOW)
    ack(spool, seq, NOW + 2 * MINUTE)
    assert have(spool) == []
    spool.acked(spool.stream, [], "e2", NOW + 3 * MINUTE)  # it was restored from a backup
    assert have(spool) == ["o1"]
    assert [record.seq for record in spool.next_batch(9, 9000).records] == [seq]


def test_of_a_result_the_server_cannot_take_the_uid_is_remembered_longer_than_any_order_is_told(
    spool: Spool, clocks: FakeClocks
) -> None:
    spool.append([Fact(seq=0, clock=clocks(), host="pc", facts={})])
    ack(spool, 1, NOW)
    take(spool, clocks, "o1")
    spool.set_aside(end(spool, clocks, "o1"), "the server cannot take it")
    ack(spool, 3, NOW + 29 * DAY)
    assert have(spool) == ["o1"]
    ack(spool, 3, NOW + 36 * DAY)
    assert take(spool, clocks, "o1") == []
    ack(spool, 3, NOW + 38 * DAY)
    assert take(spool, clocks, "o1") == ["o1"]


def test_only_so_many_are_taken_and_those_told_twice_count_once(spool: Spool, clocks: FakeClocks) -> None:
    many = [f"o{number}" for number in range(keeping.MOST + 5)]
    assert take(spool, clocks, "o0", "o0", "", "x" * 65, *many) == many[: keeping.MOST]
    assert take(spool, clocks, *many) == []
    ack(spool, end(spool, clocks, "o0"), NOW)
    assert take(spool, clocks, *many) == [many[keeping.MOST]]


@pytest.mark.parametrize("seconds", [float("nan"), float("inf"), -1.0, 1e300])
def test_whatever_time_the_server_gives_is_a_time(spool: Spool, clocks: FakeClocks, seconds: float) -> None:
    take(spool, clocks, "o1", seconds=seconds)
    (kept,) = spool.change(keeping.waiting)
    assert 0 <= kept.until - clocks().boot <= keeping.LONGEST * 1_000_000


def test_an_order_is_in_time_in_the_boot_it_was_told_in_alone(spool: Spool, clocks: FakeClocks) -> None:
    take(spool, clocks, "o1")
    (kept,) = spool.change(keeping.waiting)
    assert kept.in_time(clocks())
    assert not kept.in_time(Clock(wall=clocks.wall, boot=0, boot_id="boot-2"))
    clocks.forward(59.9)
    assert kept.in_time(clocks())
    clocks.forward(0.1)
    assert not kept.in_time(clocks())


def test_another_agent_that_takes_the_home_over_does_nothing_that_the_one_before_was_told(
    spool: Spool, clocks: FakeClocks
) -> None:
    spool.belong("first")
    take(spool, clocks, "o1")
    spool.belong("second")
    assert spool.change(keeping.waiting) == []
    assert have(spool) == []


def test_in_a_spool_that_is_full_results_stay_when_states_go(tmp_path: Path, clocks: FakeClocks) -> None:
    with closing(Spool(tmp_path / "spool.db", clocks, limit=20_000)) as spool:
        take(spool, clocks, "o1")
        end(spool, clocks, "o1")
        spool.append([Entry(seq=0, clock=clocks(), uid="0" * 32, subject="1001", what="note", who="w", text="t")])
        for number in range(200):
            spool.append([Fact(seq=0, clock=clocks(), host="x" * 500, facts={"n": number})])
            spool.append([Hold(seq=0, clock=clocks(), since=0, held={})])
        records = spool.next_batch(10_000, 1 << 20).records
    assert [record.order for record in records if isinstance(record, Result)] == ["o1"]
    assert len([record for record in records if isinstance(record, Fact)]) < 200


def test_nor_do_they_grow_too_old(tmp_path: Path, clocks: FakeClocks) -> None:
    with closing(Spool(tmp_path / "spool.db", clocks, days=1)) as spool:
        take(spool, clocks, "o1")
        end(spool, clocks, "o1")
        spool.append([Fact(seq=0, clock=clocks(), host="old", facts={})])
        for _ in range(4):
            clocks.forward(86_400)
            spool.append([Hold(seq=0, clock=clocks(), since=0, held={})])
        records = spool.next_batch(10_000, 1 << 20).records
    assert [record.order for record in records if isinstance(record, Result)] == ["o1"]
    assert not [record for record in records if isinstance(record, Fact)]


def test_a_spool_of_before_there_were_orders_takes_some(tmp_path: Path, clocks: FakeClocks) -> None:
    path = tmp_path / "spool.db"
    with closing(Spool(path, clocks)) as before:
        before.append([Fact(seq=0, clock=clocks(), host="pc", facts={})])
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.executescript("DROP TRIGGER answered; DROP TRIGGER unanswered; DROP TABLE orders; PRAGMA user_version = 3;")
    with closing(Spool(path, clocks)) as spool:
        assert take(spool, clocks, "o1") == ["o1"]
        ack(spool, end(spool, clocks, "o1"), NOW)
        assert spool.waiting() == 0
