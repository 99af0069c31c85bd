"""What cannot be read is kept with its reason, counted, bounded, and blocks nothing."""

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from fastapi.testclient import TestClient
from sqlmodel import col, select

from agent.wire import MEDIA_MSGPACK
from server.aside import deeds
from server.aside.deeds import keep
from server.aside.queries import kept
from server.aside.tables import Aside
from server.clock import SetClock
from server.storage.database import Database

ATM = "1001/atm-1"


@pytest.fixture
def post(client: TestClient, agent_token: Callable[[str], str]) -> Callable[..., int]:
    token = agent_token("1001-pc")

    def make(body: bytes, media: str = MEDIA_MSGPACK, **more: str) -> int:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": media, **more}
        return client.post("/api/agent/records", content=body, headers=headers).status_code

    return make


def rows(database: Database) -> list[Aside]:
    with database.read() as session:
        return list(session.exec(select(Aside).order_by(col(Aside.id))).all())


def test_what_cannot_be_read_is_kept_with_agent_time_and_reason(
    post: Any, machine: Any, database: Database, now: SetClock
) -> None:
    plain = msgspec.to_builtins(machine.batch(machine.state(ATM)), builtin_types=(bytes,))
    numberless = msgspec.msgpack.encode(plain | {"records": [{"kind": "state"}]})
    newer = msgspec.msgpack.encode(plain | {"version": 2})
    assert post(b"not zstd", **{"Content-Encoding": "zstd"}) == 422
    assert post(b"\xc1") == 422
    assert post(newer) == 422
    assert post(numberless) == 422
    found = rows(database)
    assert [row.body for row in found] == [b"not zstd", b"\xc1", newer, numberless]
    assert {(row.agent_id, row.first_at) for row in found} == {(machine.agent_id, now())}
    for row, why in zip(found, ("is zstd and is not", "cannot be read", "version 2", "number"), strict=True):
        assert why in row.why
    assert post(msgspec.msgpack.encode(machine.batch(machine.state(ATM)))) == 200
    assert len(rows(database)) == 4


def test_the_same_bytes_again_are_counted_and_kept_once(
    post: Any, database: Database, now: SetClock, bank: Any
) -> None:
    post(b"\xc1")
    began = now()
    now.forward(7)
    post(b"\xc1")
    (row,) = rows(database)
    assert (row.times, row.first_at, row.last_at) == (2, began, now())


def test_who_sends_only_rubbish_pushes_out_its_own_and_costs_a_bounded_number_of_writes(
    post: Any, database: Database, now: SetClock, bank: dict[str, int]
) -> None:
    with database.write() as session:
        keep(session, bank["centre"], now(), "why", MEDIA_MSGPACK, "", b"of another")
    for number in range(3 * deeds.OF_AGENT):
        assert post(b"\xc1" + bytes([number])) == 422
    assert len(rows(database)) == 1 + deeds.OF_AGENT, "a minute has so many turns"
    now.forward(61)
    for number in range(deeds.OF_AGENT):
        post(b"\xc1 later" + bytes([number]))
    found = rows(database)
    assert {row.body for row in found} >= {b"of another", b"\xc1 later\x00"}
    assert len(found) == 1 + deeds.OF_AGENT


def test_all_together_are_bounded_in_number_and_bytes(
    database: Database, bank: dict[str, int], now: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deeds, "OF_ALL", 5)
    with database.write() as session:
        for number in range(8):
            now.forward(1)
            agent = bank["centre" if number % 2 else "1001-pc"]
            keep(session, agent, now(), "w" * 9000, "m" * 200, "\0\n", bytes([number]) * (deeds.BODY + 1))
        assert kept(session).number == 5
        assert kept(session).bytes == 5 * deeds.BODY
    assert [row.body[0] for row in rows(database)] == [3, 4, 5, 6, 7]
    assert {row.size for row in rows(database)} == {deeds.BODY + 1}


def test_a_person_lists_and_saves_what_is_kept(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from server.cli import main
    from server.exit import Exit
    from server.home import making
    from server.inventory.tables import Agent, Branch, Subject, SubjectKind

    monkeypatch.setenv("BRANCHFLEET_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("BRANCHFLEET_LANG", "en")
    with making(tmp_path / "home") as (_, database), database.write() as session:
        session.add(Subject(id=1, kind=SubjectKind.BRANCH, key="1001", name="1001", branch_id=1))
        session.add(Subject(id=2, kind=SubjectKind.AGENT, key="centre", name="", branch_id=1))
        session.flush()
        session.add(Branch(id=1, kind="branch"))
        session.add(Agent(id=2))
        session.flush()
        keep(session, 2, 1_793_764_800_000_000, "The batch says it is zstd and is not.", MEDIA_MSGPACK, "zstd", b"\xc1")

    def say(*words: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as ended:
            main(list(words))
        return int(ended.value.code or 0), capsys.readouterr().out

    assert "1\tcentre\t2026-11-04 12:00+08:00\t1\t1\tThe batch says" in say("aside", "list")[1]
    code, shown = say("aside", "show", "1", "--json", "-o", str(tmp_path / "bytes"))
    assert (code, json.loads(shown)["agent"]) == (0, "centre")
    assert (tmp_path / "bytes").read_bytes() == b"\xc1"
    assert say("aside", "show", "9")[0] == Exit.NO_SUCH_THING
