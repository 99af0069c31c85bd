"""What is found in the ledger, by whom, and as of when."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient

from server.clock import SetClock
from server.journal.deeds import Act
from server.ledger.deeds import amend, place, register
from server.ledger.fields import CardFields
from server.ledger.queries import cards_at, machines_at
from server.ledger.tables import CardStatus
from server.schemas.people import Role
from server.schemas.tickets import Fault, TicketStatus
from server.storage.database import Database
from server.tickets.tables import Ticket, TicketSource

MakeAct = Callable[[], Act]
SignIn = Callable[..., TestClient]


@pytest.fixture
def ledger(database: Database, bank: dict[str, int], act: MakeAct, fields: CardFields) -> None:
    spare = fields.model_copy(
        update={"serial": "BF-S-0002", "keeper": "李某", "name": "登记薄打印机", "cls": "printer"}
    )
    with database.write() as session:
        register(session, act(), "BF-0001", fields, branch="1001", position="1001/atm-1")
        register(session, act(), "BF-0002", spare, branch="1002", status=CardStatus.SPARE)
        register(session, act(), "BF-100%", fields, branch="100101", status=CardStatus.STOPPED)


def found(client: TestClient, **query: Any) -> list[str]:
    answer = client.get("/api/ledger", params=query)
    assert answer.status_code == 200, answer.text
    page = answer.json()
    assert page["total"] == len(page["rows"])
    return [row["asset"] for row in page["rows"]]


@pytest.mark.parametrize(
    ("q", "assets"),
    [
        ("", ["BF-0001", "BF-100%", "BF-0002"]),
        ("bf-0001", ["BF-0001"]),
        ("BF-S-0002", ["BF-0002"]),
        ("ＢＦ－Ｓ－０００２", ["BF-0002"]),
        ("青山", ["BF-0001", "BF-100%", "BF-0002"]),
        ("李某", ["BF-0002"]),
        ("登记簿", ["BF-0002"]),
        ("登记薄", ["BF-0002"]),
        ("河西", ["BF-0002"]),
        ("东门 qs-6000", ["BF-100%"]),
        ("城关 李某", []),
        ("1001/atm-1", ["BF-0001"]),
        ("100%", ["BF-100%"]),
        ("%", ["BF-100%"]),
        ("_", []),
        ("' OR 1=1 --", []),
        ("   ", ["BF-0001", "BF-100%", "BF-0002"]),
    ],
)
def test_every_word_is_found_somewhere_on_the_card(q: str, assets: list[str], ledger: None, sign_in: SignIn) -> None:
    assert found(sign_in(), q=q) == assets


@pytest.mark.parametrize(
    ("query", "assets"),
    [
        ({"branch": "1001"}, ["BF-0001"]),
        ({"cls": "printer"}, ["BF-0002"]),
        ({"status": "stopped"}, ["BF-100%"]),
        ({"status": "spare", "branch": "1001"}, []),
        ({"keeper": "none"}, []),
    ],
)
def test_the_ledger_is_narrowed(query: dict[str, str], assets: list[str], ledger: None, sign_in: SignIn) -> None:
    assert found(sign_in(), **query) == assets


def test_machines_nobody_keeps_are_found(ledger: None, sign_in: SignIn, database: Database, act: MakeAct) -> None:
    with database.write() as session:
        amend(session, act(), "BF-0002", {"keeper": ""})
    assert found(sign_in(), keeper="none") == ["BF-0002"]


def test_a_branch_sees_its_own_machines_and_those_below(ledger: None, sign_in: SignIn) -> None:
    mine = sign_in(Role.BRANCH, ["1001"])
    assert found(mine) == ["BF-0001", "BF-100%"]
    assert mine.get("/api/ledger/BF-0002").status_code == 404
    assert found(sign_in(Role.AUDITOR)) == ["BF-0001", "BF-100%", "BF-0002"]


def test_a_page_is_a_stretch_of_the_whole(ledger: None, sign_in: SignIn) -> None:
    page = sign_in().get("/api/ledger", params={"offset": 1, "limit": 1}).json()
    assert ([row["asset"] for row in page["rows"]], page["total"], page["offset"]) == (["BF-100%"], 3, 1)
    assert page["journal_seq"] == 3


def test_a_card_tells_its_versions_and_who_made_them(
    ledger: None, sign_in: SignIn, database: Database, act: MakeAct
) -> None:
    with database.write() as session:
        amend(session, act(), "BF-0001", {"keeper": "张某"}, reason="人员调整")
    detail = sign_in().get("/api/ledger/BF-0001").json()
    assert (detail["card"]["keeper"], detail["card"]["position_name"]) == ("张某", "1001/ATM-1")
    newest = detail["versions"][0]
    assert (newest["by"], newest["reason"], newest["effective_to"], newest["known_to"]) == (
        "liming",
        "人员调整",
        None,
        None,
    )
    assert [version["fields"]["keeper"] for version in detail["versions"]] == ["张某", "王某", "王某"]


def test_an_asset_number_may_hold_what_a_path_would_not(ledger: None, sign_in: SignIn) -> None:
    assert sign_in().get("/api/ledger/BF-100%25").json()["card"]["asset"] == "BF-100%"


def test_a_card_that_is_not_there_is_told_so(ledger: None, sign_in: SignIn) -> None:
    answer = sign_in(lang="zh").get("/api/ledger/BF-9999")
    assert (answer.status_code, answer.json()["detail"]) == (404, "台账中没有设备 BF-9999。")


def test_the_ledger_is_read_as_of_any_date_and_any_knowledge(
    ledger: None, sign_in: SignIn, database: Database, act: MakeAct, now: SetClock
) -> None:
    swapped = now.forward(86_400)
    before = now.forward(86_400)
    with database.write() as session:
        place(session, act(), "BF-0002", "1001/atm-1", effective_at=swapped)
    client = sign_in()

    def there(**moments: int) -> list[str]:
        rows = client.get("/api/ledger", params=moments).json()["rows"]
        return [row["asset"] for row in rows if row["position"] == "1001/atm-1"]

    assert there() == there(effective=before) == ["BF-0002"]
    assert there(effective=swapped - 1) == ["BF-0001"]
    assert there(effective=before, known=before) == ["BF-0001"]


def test_tickets_of_a_position_belong_to_the_machine_that_stood_there(
    ledger: None, sign_in: SignIn, database: Database, bank: dict[str, int], act: MakeAct, now: SetClock
) -> None:
    def ticket(number: int, at: int) -> Ticket:
        return Ticket(
            year=2026,
            number=number,
            subject_id=bank["1001/atm-1"],
            title=f"报修 {number}",
            fault=Fault.HARDWARE,
            source=TicketSource.HAND,
            status=TicketStatus.NEW,
            opened_at=at,
            opened_by="liming",
        )

    with database.write() as session:
        session.add(ticket(1, now.forward(60)))
        place(session, act(), "BF-0002", "1001/atm-1")
        session.add(ticket(2, now.forward(60)))
    client = sign_in()
    assert [one["number"] for one in client.get("/api/ledger/BF-0001").json()["tickets"]] == ["2026-0001"]
    assert [one["number"] for one in client.get("/api/ledger/BF-0002").json()["tickets"]] == ["2026-0002"]


def test_a_position_knows_its_machine_and_those_before(
    ledger: None, database: Database, bank: dict[str, int], act: MakeAct
) -> None:
    there = bank["1001/atm-1"]
    with database.write() as session:
        place(session, act(), "BF-0002", "1001/atm-1")
    with database.read() as session:
        assert {place: card.asset for place, card in cards_at(session, [there, 999]).items()} == {there: "BF-0002"}
        stood = machines_at(session, there)
    assert [one.fields["asset"] for one in stood] == ["BF-0002", "BF-0001"]
    assert [one.effective_to is None for one in stood] == [True, False]
