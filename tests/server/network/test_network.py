"""The wire against the ledger over the API: what switches and PCs told, held against who is known."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import openpyxl
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlmodel import select

from agent.wire import MEDIA_MSGPACK, VERSION, Batch, Clock, Fact
from server.app import create_app
from server.checks.told import hosts
from server.clock import SetClock
from server.facts.follower import FactFollower
from server.inventory.tables import Position
from server.network.known import known
from server.network.tables import WireSeen
from server.retention.sweep import sweep_wire
from server.schemas.network import Antivirus
from server.schemas.people import Role
from server.settings import Settings
from server.storage.database import Database

SignIn = Callable[..., TestClient]
Tell = Callable[..., None]
DAY = 86_400
PC, STRANGE, RANDOM, VRRP = "00:1b:21:0a:00:05", "00:1b:21:0a:00:77", "0a:1b:21:0a:00:05", "00:00:5e:00:01:0a"
BANK = """\
[zones]
"办公网" = ["10.1.0.0/16"]
[[segment]]
prefix = "10.1.1.0/24"
branch = "1001"
"""


@pytest.fixture
def app(database: Database, settings: Settings, now: SetClock, tmp_path: Path) -> FastAPI:
    (tmp_path / "bank.toml").write_text(BANK, encoding="utf-8")
    return create_app(database, settings, now, checks=tmp_path)


@pytest.fixture
def tell(client: TestClient, agent_token: Callable[[str], str], database: Database, now: SetClock) -> Tell:
    """`tell("centre", "stations", [...], position="1001/atm-1")`: told, and kept before this returns."""
    follower = FactFollower(database, now)
    seqs: dict[str, int] = {}
    tokens: dict[str, str] = {}
    booted = now() - 3_600_000_000

    def make(key: str, topic: str, facts: Any, position: str = "", **unread: str) -> None:
        seqs[key] = seqs.get(key, 0) + 1
        tokens[key] = tokens.get(key) or agent_token(key)
        clock = Clock(wall=now(), boot=now() - booted, boot_id="boot-1")
        facts = {topic: facts, f"{topic}.left_out": 0} if isinstance(facts, list) else facts
        record = Fact(seq=seqs[key], clock=clock, topic=topic, host="", position=position, facts=facts, unread=unread)
        batch = Batch(version=VERSION, stream=f"of-{key}", sent=clock, records=[record])
        headers = {"Authorization": f"Bearer {tokens[key]}", "Content-Type": MEDIA_MSGPACK}
        answer = client.post("/api/agent/records", content=msgspec.msgpack.encode(batch), headers=headers)
        assert answer.status_code == 200, answer.text
        while follower.step():
            pass

    return make


def listed(person: TestClient, which: str, **asked: Any) -> Any:
    answer = person.get(f"/api/network/lists/{which}", params=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_who_is_on_the_wire_and_not_known_is_a_stranger_with_its_port(sign_in: SignIn, tell: Tell) -> None:
    tell("1001-pc", "host", {"macs": [PC], "addresses": ["10.1.1.5"]})
    tell("1001-pc", "neighbours", [f"10.1.1.7 {STRANGE} eth0", f"10.1.1.1 {VRRP} eth0", f"10.1.1.8 {RANDOM} eth0"])
    stations = [f"{mac} 10 GE0/0/{at}" for at, mac in enumerate((PC, STRANGE, RANDOM, VRRP))]
    tell("centre", "stations", stations, "1001/atm-1")
    told = listed(sign_in(Role.HEAD), "strangers")
    [row] = told["rows"]
    assert (row["mac"], row["ips"], row["where"]) == (STRANGE, ["10.1.1.7"], "1001/atm-1 GE0/0/1")
    assert (row["segment"], row["branch"], row["claims"]) == ("办公网", "1001", "")
    assert {sort: told["counts"][sort] for sort in ("stranger", "random", "shared")} == {
        "stranger": 1,
        "random": 1,
        "shared": 1,
    }
    assert len(listed(sign_in(Role.HEAD), "strangers", every=True)["rows"]) == 3
    assert (told["tellers"], told["looked"]) == (2, 1)


def test_another_machine_at_a_known_address_says_whose_it_is(sign_in: SignIn, tell: Tell) -> None:
    tell("1001-pc", "host", {"macs": [PC], "addresses": ["10.1.1.5"]})
    tell("centre", "neighbours", [f"10.1.1.5 {STRANGE} GE1"], "1001/atm-1")
    [row] = listed(sign_in(Role.HEAD), "strangers")["rows"]
    assert row["claims"] == "1001-pc"


def test_a_machine_that_is_gone_is_missing_since_then_and_only_where_somebody_looked(
    sign_in: SignIn, tell: Tell, now: SetClock
) -> None:
    tell("centre", "neighbours", ["192.0.2.9 00:1b:21:0a:00:09 GE1"], "1001/atm-1")  # all positions have this address
    then = now()
    now.forward(8 * DAY)
    tell("centre", "neighbours", [f"10.1.1.7 {STRANGE} GE1"], "1001/atm-1")
    told = listed(sign_in(Role.HEAD), "missing")
    found = {row["key"]: (row["sort"], row["last_at"]) for row in told["rows"]}
    assert found["1002/atm-1"] == ("unlooked", None)
    assert {word for word, _ in found.values()} == {"missing", "unlooked"}
    seen = [last for word, last in found.values() if last is not None]
    assert {abs(last - then) < 2_000_000 for last in seen} == {True}
    now.forward(3 * DAY)  # and now nobody told of 1001 for too long
    told = listed(sign_in(Role.HEAD), "missing")
    assert {row["sort"] for row in told["rows"]} == {"unlooked"}
    assert (told["looked"], told["tellers"], told["oldest"]) == (0, 0, None)


def test_a_table_that_could_not_be_read_looks_at_nothing(sign_in: SignIn, tell: Tell) -> None:
    tell("centre", "stations", {}, "1001/atm-1", stations="timeout")
    told = listed(sign_in(Role.HEAD), "missing")
    assert told["looked"] == 0
    assert {row["sort"] for row in told["rows"]} == {"unlooked"}
    [teller] = sign_in(Role.HEAD).get("/api/network/coverage").json()["rows"]
    assert (teller["key"], teller["why"], teller["lines"]) == ("1001/atm-1", "timeout", 0)


@pytest.mark.parametrize("address", ["127.0.0.1:161", "COM3", "pc-1.bank.example"])
def test_a_pc_without_an_agent_is_known_whatever_its_address_is(
    database: Database, bank: dict[str, int], now: SetClock, address: str
) -> None:
    with database.write() as session:
        position = session.get_one(Position, bank["1001/atm-1"])
        position.cls, position.address = "pc", address
        session.flush()
        [found] = [one for one in known(session, now()) if one.key == "1001/atm-1"]
    assert (found.antivirus, found.ips) == (Antivirus.UNKNOWN, frozenset())


def test_who_is_seen_without_antivirus_or_says_nothing_of_one_is_listed(
    sign_in: SignIn, tell: Tell, now: SetClock
) -> None:
    tell("1001-pc", "host", {"macs": [PC], "addresses": ["10.1.1.5"]})
    head = sign_in(Role.HEAD)
    assert [row["sort"] for row in listed(head, "antivirus")["rows"]] == ["antivirusUnknown"]
    tell("1001-pc", "antivirus", {"av.count": 0})
    assert [row["sort"] for row in listed(head, "antivirus")["rows"]] == ["noAntivirus"]
    tell("1001-pc", "antivirus", {"av.count": True})
    assert [row["sort"] for row in listed(head, "antivirus")["rows"]] == ["antivirusUnknown"]
    tell("1001-pc", "antivirus", {"av.count": 1})
    assert listed(head, "antivirus")["rows"] == []
    now.forward(9 * DAY)  # what was said then is too old; and its switch still has it
    tell("centre", "stations", [f"{PC} 10 GE0/0/1"], "1001/atm-1")
    [row] = listed(sign_in(Role.HEAD), "antivirus")["rows"]
    assert (row["sort"], row["key"], row["where"]) == ("antivirusUnknown", "1001-pc", "1001/atm-1 GE0/0/1")


def test_a_switch_that_tells_of_others_is_no_host_and_its_own_macs_are_its(
    sign_in: SignIn, tell: Tell, database: Database
) -> None:
    tell("centre", "neighbours", {"neighbours.own": [STRANGE]}, "1001/atm-1")
    tell("centre", "stations", [f"{STRANGE} 10 GE9"], "1002/atm-1")
    assert listed(sign_in(Role.HEAD), "strangers")["rows"] == []
    with database.read() as session:
        assert set(hosts(session).values()) == {"centre", "1001-pc"}


def test_a_branch_sees_its_own_wire_and_machines_alone(sign_in: SignIn, tell: Tell) -> None:
    tell("centre", "stations", [f"{STRANGE} 10 GE1"], "1002/atm-1")
    tell("1001-pc", "neighbours", [f"10.1.1.8 {PC} eth0"])
    branch = sign_in(Role.BRANCH, ["1001"])
    assert [row["mac"] for row in listed(branch, "strangers")["rows"]] == [PC]
    assert {row["branch"] for row in listed(branch, "missing")["rows"]} <= {"1001", "100101"}
    told = branch.get("/api/network/coverage").json()
    assert [row["key"] for row in told["rows"]] == ["1001-pc"]
    assert [one["prefix"] for one in told["segments"]] == ["10.1.1.0/24"]
    assert branch.get("/api/network/lists/strangers?branch=1002").status_code == 404
    assert len(listed(sign_in(Role.AUDITOR), "strangers", branch="1002")["rows"]) == 1


def test_networks_say_how_many_addresses_of_them_were_seen(sign_in: SignIn, tell: Tell) -> None:
    tell("1001-pc", "neighbours", [f"10.1.1.8 {PC} eth0", f"10.1.2.8 {STRANGE} eth0"])
    told = sign_in(Role.HEAD).get("/api/network/coverage").json()
    assert [(one["prefix"], one["zone"], one["branch"], one["seen"]) for one in told["segments"]] == [
        ("10.1.1.0/24", "办公网", "1001", 1),
        ("10.1.0.0/16", "办公网", "", 1),
    ]


def test_the_file_has_the_three_lists_with_their_coverage_and_is_a_deed(sign_in: SignIn, tell: Tell) -> None:
    tell("1001-pc", "neighbours", [f"10.1.1.8 {STRANGE} =cmd|calc"])
    answer = sign_in(Role.AUDITOR, lang="zh").get("/api/network/export")
    book = openpyxl.load_workbook(io.BytesIO(answer.content))
    assert book.sheetnames == ["在网不在册", "在册未见", "在网无杀毒"]
    assert all("个网点中 1 个有数据" in sheet["A2"].value for sheet in book)
    cells = [cell for row in book.worksheets[0].iter_rows() for cell in row if cell.value]
    assert {cell.data_type for cell in cells} == {"s"}
    [row] = sign_in(Role.HEAD).get("/api/journal?about=network").json()["rows"]
    assert row["deed"] == "network.export"


def test_lines_that_nobody_told_for_long_go(tell: Tell, database: Database, now: SetClock) -> None:
    tell("1001-pc", "neighbours", [f"10.1.1.8 {PC} eth0"])
    now.forward(DAY)
    tell("1001-pc", "neighbours", [f"10.1.1.9 {STRANGE} eth0"])
    with database.write() as session:
        assert sweep_wire(session, now() - DAY * 500_000, 0) is None
    with database.read() as session:
        assert [one.mac for one in session.exec(select(WireSeen))] == [STRANGE]
