"""What a sweep found, and who did not answer it, in the wire against the ledger."""

import io
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import openpyxl
import pytest
from fastapi.testclient import TestClient
from sqlmodel import select

from agent.wire import Why
from server.clock import SetClock
from server.facts.tables import FactChange
from server.inventory.tables import Position
from server.retention.sweep import sweep_orders
from server.schemas.people import Role
from server.storage.database import Database
from server.sweeps.tables import SweepRow

if TYPE_CHECKING:
    from tests.server.sweeps.conftest import Sweeper
else:
    Sweeper = Any

SignIn = Callable[..., TestClient]
Sweeps = Callable[[str], Sweeper]
DAY = 86_400
STRANGE = "00:1b:21:0a:00:77"
NET = "10.1.1.0/24"


@pytest.fixture
def addresses(database: Database, bank: dict[str, int]) -> None:
    """1001/atm-1 is at .5 of the branch's network, 1001/printer-1 elsewhere."""
    with database.write() as session:
        for key, address in (("1001/atm-1", "10.1.1.5:9100"), ("1001/printer-1", "10.1.9.6:9100")):
            position = session.get(Position, bank[key])
            assert position is not None
            position.address = address
            session.add(position)


@pytest.fixture
def swept(li: TestClient, wang: TestClient, sweeper: Sweeps) -> Callable[..., str]:
    """`swept("10.1.1.7 00:...")`: a sweep that found these. Gives its uid."""
    pc = sweeper("1001-pc")

    def make(*lines: str, **said: Any) -> str:
        made = li.post("/api/network/sweeps", json={"prefix": NET, "agent": "1001-pc"})
        uid: str = made.json()["uid"]
        assert wang.post(f"/api/network/sweeps/{uid}/approve").status_code == 200
        [order] = pc.ask(wait=30).orders
        pc.found(order.uid, *lines, **said)
        return uid

    return make


def rows(person: TestClient, which: str) -> Any:
    return person.get(f"/api/network/lists/{which}").json()


def test_who_answered_and_is_not_known_is_a_stranger_by_sweep(
    li: TestClient, swept: Callable[..., str], now: SetClock, addresses: None
) -> None:
    swept(f"10.1.1.7 {STRANGE} eth0", f"10.1.1.5 {STRANGE[:-2]}05 eth0", "10.1.1.9 not-a-mac eth0", "[/x]")
    told = rows(li, "strangers")
    [row] = told["rows"]
    assert (row["mac"], row["ips"], row["where"], row["segment"]) == (STRANGE, ["10.1.1.7"], "1001-pc eth0", "办公网")
    assert abs(row["swept_at"] - now()) < 2_000_000
    assert told["swept"] == 1
    assert "1001/atm-1" not in [one["key"] for one in rows(li, "missing")["rows"]]


def test_a_machine_of_a_swept_network_that_did_not_answer_is_missing_since_that_day(
    li: TestClient, swept: Callable[..., str], sign_in: SignIn, now: SetClock, addresses: None
) -> None:
    """Though nobody else looked at the branch; and of a machine of another network that is still not known."""
    swept()
    found = {row["key"]: row for row in rows(li, "missing")["rows"]}
    assert (found["1001/atm-1"]["sort"], found["1001/printer-1"]["sort"]) == ("missing", "unlooked")
    assert abs(found["1001/atm-1"]["swept_at"] - now()) < 2_000_000
    assert found["1001/printer-1"]["swept_at"] is None
    assert rows(li, "missing")["looked"] == 0
    assert rows(sign_in(Role.BRANCH, ["1002"]), "missing")["swept"] == 0
    now.forward(2 * DAY + 60)
    told = rows(sign_in(), "missing")
    assert {row["sort"] for row in told["rows"]} == {"unlooked"}
    assert told["swept"] == 0


@pytest.mark.parametrize("why", [Why.STOPPED, Why.TABLE_FULL, Why.TIME])
def test_a_sweep_that_ended_early_speaks_for_no_network(
    li: TestClient, swept: Callable[..., str], addresses: None, why: Why
) -> None:
    """What it found is known all the same."""
    swept(f"10.1.1.7 {STRANGE} eth0", done=False, why=why)
    assert {row["sort"] for row in rows(li, "missing")["rows"]} == {"unlooked"}
    assert [row["mac"] for row in rows(li, "strangers")["rows"]] == [STRANGE]


def test_the_coverage_says_which_network_was_swept_when_and_by_whose_approval(
    li: TestClient, swept: Callable[..., str], sign_in: SignIn, now: SetClock
) -> None:
    swept()
    now.forward(60)
    newest = swept(f"10.1.1.7 {STRANGE} eth0")
    [one] = li.get("/api/network/coverage").json()["sweeps"]
    assert (one["uid"], one["prefix"], one["decided_by"], one["agent"]) == (newest, NET, "head-1002", "1001-pc")
    assert (one["of"], one["asked"], one["answered"]) == (253, 253, 1)
    assert li.get("/api/network/coverage").json()["rows"] == []  # it tells of no branch as a whole
    assert sign_in(Role.BRANCH, ["1002"]).get("/api/network/coverage").json()["sweeps"] == []


def test_the_workbook_says_when_it_was_swept(li: TestClient, swept: Callable[..., str], addresses: None) -> None:
    swept(f"10.1.1.7 {STRANGE} eth0")
    book = openpyxl.load_workbook(io.BytesIO(li.get("/api/network/export").content))
    cells = [[str(cell.value or "") for cell in row] for row in book.worksheets[0].iter_rows()]
    [row] = [row for row in cells if STRANGE in row]
    head = next(row for row in cells if "MAC" in row)
    assert row[head.index("Swept")].startswith("20")


def test_sweeps_make_no_history_of_facts_and_go_with_their_pushes(
    li: TestClient, swept: Callable[..., str], database: Database, now: SetClock
) -> None:
    swept(f"10.1.1.7 {STRANGE} eth0")
    now.forward(60)
    swept()
    made = li.post("/api/network/sweeps", json={"prefix": NET, "agent": "1001-pc"})  # and this one lapses
    assert made.status_code == 201
    with database.write() as session:
        assert session.exec(select(FactChange)).all() == []
        assert sweep_orders(session, now() - DAY * 1_000_000, 0) is None
        assert len(session.exec(select(SweepRow)).all()) == 3
        assert sweep_orders(session, now() + 3 * DAY * 1_000_000, 0) is None
        assert session.exec(select(SweepRow)).all() == []
