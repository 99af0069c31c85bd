"""The count can fail: what is missing, twice, otherwise, or never came is said."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from agent.wire import AnyRecord, Clock, DeviceWord, Event, EventName, Reading, State
from server.storage.database import Database
from tests.faults.count import count, main
from tests.faults.small_bank import put_bank

AT = 1_793_764_800_000_000
SECOND = 1_000_000


def state(seq: int, word: str) -> State:
    clock = Clock(AT + seq * SECOND, seq * SECOND, "boot")
    return State(
        seq=seq, clock=clock, position="1001/a", reading=Reading(device=DeviceWord.ONLINE, parts={"paper": word})
    )


def gap(seq: int, first: int, last: int, number: int) -> Event:
    detail: dict[str, str | int] = {"from": first, "to": last, "count": number, "reason": "the disk was full"}
    return Event(seq=seq, clock=Clock(AT + seq * SECOND, seq * SECOND, "boot"), name=EventName.GAP, detail=detail)


@pytest.fixture
def held(sqlite_database: Database) -> Callable[..., str]:
    """`held([records], (1, 3))`: the path of a database with these records, and this range acknowledged."""

    def put(records: list[AnyRecord], acked: tuple[int, int]) -> str:
        put_bank(sqlite_database)
        path = sqlite_database.url.removeprefix("sqlite:///")
        with closing(sqlite3.connect(path)) as file, file:
            file.execute("INSERT INTO stream (id, agent_id, uid, first_seen) VALUES (1, 2, 's', 0)")
            file.execute("INSERT INTO received_range (stream_id, lo, hi) VALUES (1, ?, ?)", acked)
            for one in records:
                kind = one.__struct_config__.tag
                at = one.clock.wall
                row = (one.seq, kind, at, at, one.clock.boot, at, msgspec.msgpack.encode(one))
                file.execute(
                    "INSERT INTO record (stream_id, seq, kind, at, confidence, wall, boot, boot_id, arrived, body)"
                    " VALUES (1, ?, ?, ?, 0, ?, ?, 'boot', ?, ?)",
                    row,
                )
        return path

    return put


@pytest.fixture
def shown(tmp_path: Path) -> Callable[..., Path]:
    """`shown((2, "out"), ...)`: the log of a simulator that showed "out" two seconds after the beginning."""

    def write(*changes: tuple[float, str]) -> Path:
        path = tmp_path / "shown.log"
        lines = [
            json.dumps({"at": AT + int(at * SECOND), "name": "1001/a", "showed": {"paper": word}})
            for at, word in changes
        ]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    return write


def test_what_is_there_once_or_named_is_whole(held: Callable[..., str], shown: Callable[..., Path]) -> None:
    path = held([state(1, "ok"), state(4, "out"), gap(5, 2, 3, 2)], (1, 5))
    counted = count(path, shown((1, "ok"), (3.9, "out")))
    assert counted.whole
    assert (counted.streams[0].held, counted.streams[0].named) == (3, 2)
    assert counted.off.most == 0.1


@pytest.mark.parametrize(
    ("records", "acked"),
    [
        ([state(1, "ok"), state(3, "out")], (1, 3)),  # 2 was acknowledged and is nowhere
        ([state(1, "ok"), state(2, "out")], (1, 1)),  # 2 is there and was not acknowledged
        ([state(1, "ok"), state(4, "out"), gap(5, 2, 3, 1)], (1, 5)),  # two are missing, one is named
        ([state(1, "ok"), state(2, "out"), gap(4, 2, 3, 2)], (1, 4)),  # one is missing, two are named
    ],
)
def test_numbers_that_do_not_add_up_are_said(
    held: Callable[..., str], records: list[AnyRecord], acked: tuple[int, int]
) -> None:
    path = held(records, acked)
    assert count(path).streams[0].wrong
    assert main(["--database", path]) == 1


def test_a_change_that_was_shown_and_is_not_held_is_lost(held: Callable[..., str], shown: Callable[..., Path]) -> None:
    path = held([state(1, "ok"), state(2, "out")], (1, 2))
    log = shown((1, "ok"), (2, "out"), (3, "ok"), (9, "out"))
    counted = count(path, log, tolerance=0.5)
    assert (counted.found, len(counted.lost)) == (2, 2)
    assert main(["--database", path, "--shown", str(log)]) == 1


def test_a_change_held_as_of_a_time_after_the_next_is_lost(
    held: Callable[..., str], shown: Callable[..., Path]
) -> None:
    """Found among the states is not enough: it must be found where it was shown."""
    path = held([state(1, "ok"), state(20, "out"), gap(21, 2, 19, 18)], (1, 21))
    assert count(path, shown((1, "ok"), (2, "out"), (5, "ok"))).lost


def test_a_record_other_than_the_agent_wrote_is_said(held: Callable[..., str], tmp_path: Path) -> None:
    path = held([state(1, "ok")], (1, 1))
    spool = tmp_path / "spool.db"
    with closing(sqlite3.connect(spool)) as file, file:
        file.execute("CREATE TABLE spool (next INTEGER)")
        file.execute("CREATE TABLE stream (uid TEXT, first INTEGER)")
        file.execute("CREATE TABLE record (seq INTEGER, body BLOB, acked INTEGER)")
        file.execute("INSERT INTO spool VALUES (2)")
        file.execute("INSERT INTO stream VALUES ('s', 1)")
        file.execute("INSERT INTO record VALUES (1, ?, 5)", (msgspec.msgpack.encode(state(1, "out")),))
    assert count(path, spools=[spool]).streams[0].wrong == ["other than in the spool: 1"]
