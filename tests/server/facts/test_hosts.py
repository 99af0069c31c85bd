"""Hosts without an agent: what is told of a position is filed under it, and it is a host like an agent's PC."""

from collections.abc import Callable
from itertools import count
from typing import Any

import msgspec
import pytest
from fastapi.testclient import TestClient
from sqlmodel import select

from agent.wire import MEDIA_MSGPACK, VERSION, Batch, Clock, Fact
from server.checks.told import hosts
from server.clock import SetClock
from server.facts.follower import FactFollower
from server.facts.tables import FactSheet
from server.inventory.tables import Position
from server.schemas.people import Role
from server.storage.database import Database

SignIn = Callable[..., TestClient]
Tell = Callable[..., Any]
HOST = "1001/atm-1"


@pytest.fixture
def host(database: Database, bank: dict[str, int]) -> str:
    """A position of 1001 that tells facts, polled by centre and by 1001-pc."""
    with database.write() as session:
        position = session.get(Position, bank[HOST])
        assert position is not None
        position.driver = "host/ssh"
        session.add(position)
    return HOST


@pytest.fixture
def tell(client: TestClient, agent_token: Callable[[str], str], database: Database, now: SetClock) -> Tell:
    """`tell("centre", "1001/atm-1", {"os.name": "Debian"})` gives what the server refused."""
    follower = FactFollower(database, now)
    booted = now() - 3_600_000_000
    counted = count()

    def make(agent: str, position: str, facts: dict[str, Any], topic: str = "host") -> Any:
        clock = Clock(wall=now(), boot=now() - booted, boot_id="boot-1")
        record = Fact(seq=1, clock=clock, host="FRONT", position=position, topic=topic, facts=facts)
        stream = f"{agent}-{next(counted)}"
        body = msgspec.msgpack.encode(Batch(version=VERSION, stream=stream, sent=clock, records=[record]))
        headers = {"Authorization": f"Bearer {agent_token(agent)}", "Content-Type": MEDIA_MSGPACK}
        answer = client.post("/api/agent/records", content=body, headers=headers)
        assert answer.status_code == 200, answer.text
        while follower.step():
            pass
        return msgspec.msgpack.decode(answer.content).get("refused", [])

    return make


def test_what_is_told_of_a_position_is_its_own_and_not_the_agents(sign_in: SignIn, tell: Tell, host: str) -> None:
    assert tell("centre", host, {"os.name": "Debian", "os.family": "linux"}) == []
    head = sign_in(Role.HEAD)
    told = head.get(f"/api/positions/{host}/facts").json()
    assert (told["agent"], told["facts"]["os.name"]) == (host, "Debian")
    assert head.get("/api/agents/centre/facts").json()["facts"] == {}
    assert head.get(f"/api/positions/{host}").json()["host"] is True
    assert head.get("/api/positions/1001/printer-1").json()["host"] is False
    assert head.get("/api/checks/verdicts", params={"host": host}).json()["host"] == host
    tell("centre", host, {"os.name": "Debian 13", "os.family": "linux"})
    [change] = head.get(f"/api/positions/{host}/facts/changes").json()["rows"]
    assert (change["before"], change["after"]) == ("Debian", "Debian 13")


def test_an_agent_tells_nothing_of_what_it_does_not_poll(sign_in: SignIn, tell: Tell, host: str) -> None:
    [refused] = tell("1001-pc", "1002/atm-1", {"os.name": "Debian"})
    assert refused["why"]
    assert sign_in(Role.HEAD).get("/api/positions/1002/atm-1/facts").status_code == 404  # and it is no host by that


def test_a_printer_an_agent_polls_is_no_host_though_the_agent_says_so(
    sign_in: SignIn, tell: Tell, database: Database
) -> None:
    tell("1001-pc", "1001/printer-1", {"os.name": "Debian"})
    assert sign_in(Role.HEAD).get("/api/positions/1001/printer-1/facts").status_code == 404
    with database.read() as session:
        assert "1001/printer-1" not in hosts(session).values()
        assert session.exec(select(FactSheet)).all() == []


def test_hosts_are_agents_and_positions_that_tell_or_told(
    database: Database, bank: dict[str, int], tell: Tell, host: str
) -> None:
    def keys() -> set[str]:
        with database.read() as session:
            return set(hosts(session).values())

    assert keys() == {"centre", "1001-pc", host}
    with database.write() as session:
        session.get_one(Position, bank["1001/printer-1"]).driver = "a.third/party"
    tell("1001-pc", "1001/printer-1", {"os.name": "Debian"})
    assert keys() == {"centre", "1001-pc", host, "1001/printer-1"}
    with database.write() as session:  # what it was once believed to be makes no host of a printer
        session.get_one(Position, bank["1001/printer-1"]).driver = "passbook"
    assert keys() == {"centre", "1001-pc", host}


def test_a_branch_sees_its_own_hosts_alone(sign_in: SignIn, tell: Tell, host: str) -> None:
    tell("centre", host, {"os.name": "Debian"})
    assert sign_in(Role.BRANCH, ["1001"]).get(f"/api/positions/{host}/facts").status_code == 200
    answer = sign_in(Role.BRANCH, ["1002"]).get(f"/api/positions/{host}/facts")
    assert (answer.status_code, host in answer.json()["detail"]) == (404, True)


@pytest.mark.parametrize(
    ("options", "before", "after"),
    [
        ({"profile": "windows"}, True, True),  # nobody need wait for it to say so
        ({"profile": "host"}, False, True),
        ({}, False, True),
        ({"profile": "printer"}, False, False),
        ({"community": '"profile": "windows"'}, False, True),
    ],
)
def test_what_is_read_by_snmp_is_a_host_where_its_profile_says_so_or_it_told_what_it_is(
    options: dict[str, str],
    before: bool,
    after: bool,
    sign_in: SignIn,
    tell: Tell,
    database: Database,
    bank: dict[str, int],
) -> None:
    with database.write() as session:
        position = session.get_one(Position, bank["1001/printer-1"])
        position.driver, position.options = "snmp", options

    def is_host() -> bool:
        with database.read() as session:
            return "1001/printer-1" in hosts(session).values()

    assert is_host() is before
    tell("1001-pc", "1001/printer-1", {"neighbours": ["10.1.1.5 00:1b:21:0a:00:05 1"]}, topic="neighbours")
    assert is_host() is before
    tell("1001-pc", "1001/printer-1", {"os.family": "win32"})
    assert is_host() is after
