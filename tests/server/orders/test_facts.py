"""Whom a push of facts reaches: the PCs of agents, and hosts without an agent by those that poll them."""

from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient

from server.inventory.tables import Position
from server.schemas.people import Role
from server.storage.database import Database
from tests.server.orders.conftest import Asks, push

SignIn = Callable[..., TestClient]
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


@pytest.mark.parametrize(
    ("about", "pc", "centre"),
    [
        (HOST, [HOST], [HOST]),
        ("1001/printer-1", ["1001-pc"], None),  # no host: the PC that polls it
        ("1001", ["1001-pc", HOST], [HOST]),
        ("1001-pc", [], None),
        ("", [], []),
    ],
)
def test_a_push_of_facts_reaches_who_can_tell(
    sign_in: SignIn, asking: Asks, host: str, about: str, pc: list[str] | None, centre: list[str] | None
) -> None:
    agents = {"1001-pc": asking("1001-pc"), "centre": asking("centre")}
    made = push(sign_in(Role.HEAD), "facts", about)
    wanted = {"1001-pc": pc, "centre": centre}
    assert made["total"] == sum(positions is not None for positions in wanted.values())
    for key, positions in wanted.items():
        if positions is not None:
            assert agents[key].ask(wait=30).orders[0].positions == positions


@pytest.mark.parametrize(("driver", "asked"), [("snmp", [HOST]), ("reach", ["1001-pc"]), ("passbook", ["1001-pc"])])
def test_what_may_be_a_host_by_snmp_is_asked_itself(
    sign_in: SignIn, asking: Asks, database: Database, bank: dict[str, int], driver: str, asked: list[str]
) -> None:
    """It is one as soon as it tells, and nobody knows before."""
    with database.write() as session:
        position = session.get(Position, bank[HOST])
        assert position is not None
        position.driver = driver
        session.add(position)
    agent = asking("1001-pc")
    push(sign_in(Role.HEAD), "facts", HOST)
    assert agent.ask(wait=30).orders[0].positions == asked
