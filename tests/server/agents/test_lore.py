"""What an agent carries for the people of its branch."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from fastapi.testclient import TestClient

from agent.wire import Assignment
from drivers.catalogue import catalogue
from server.agents.lore import _cards, shipped_plans
from server.inventory.tables import Branch, Contingency, Line, Position, Subject
from server.storage.database import Database

Ask = Callable[[], Assignment]


@pytest.fixture
def ask(client: TestClient, agent_token: Callable[[str], str]) -> Ask:
    token = agent_token("1001-pc")

    def make() -> Assignment:
        answer = client.get("/api/agent/assignment", headers={"Authorization": f"Bearer {token}"})
        return msgspec.msgpack.decode(answer.content, type=Assignment)

    return make


def test_it_is_of_the_branch_the_agent_stands_in(ask: Ask) -> None:
    lore = ask().lore
    assert lore is not None
    assert (lore.branch, lore.name) == ("1001", "城关支行")
    assert list(lore.positions) == ["1001/atm-1", "1001/printer-1"]
    assert lore.positions["1001/atm-1"].cls_name == "自动柜员机"
    assert [line.key for line in lore.lines] == ["1001/line/main"]


def test_no_secret_and_no_option_is_in_it(ask: Ask, database: Database, bank: dict[str, int]) -> None:
    with database.write() as session:
        session.get_one(Position, bank["1001/atm-1"]).options = {"community": "geheim"}
        session.get_one(Line, bank["1001/line/main"]).options = {"community": "geheim"}
    assignment = ask()
    assert b"geheim" in msgspec.msgpack.encode(assignment.polled)
    assert b"geheim" not in msgspec.msgpack.encode(assignment.lore)


@pytest.mark.parametrize("change", ["phone", "number", "name", "steps"])
def test_a_change_of_it_is_another_revision(ask: Ask, database: Database, bank: dict[str, int], change: str) -> None:
    before = ask().revision
    assert ask().revision == before
    with database.write() as session:
        rows: dict[str, Callable[[], Any]] = {
            "phone": lambda: setattr(session.get_one(Branch, bank["1001"]), "phone", "0000-1"),
            "number": lambda: setattr(session.get_one(Line, bank["1001/line/main"]), "fault_phone", "0000-2"),
            "name": lambda: setattr(session.get_one(Subject, bank["1001/printer-1"]), "name", "2号窗口"),
            "steps": lambda: session.add(Contingency(key="line", body={"steps": ["找李某"]})),
        }
        rows[change]()
    assert ask().revision != before


def test_the_banks_own_steps_stand_in_place_of_the_shipped(ask: Ask, database: Database) -> None:
    with database.write() as session:
        session.add(Contingency(key="line", body={"steps": ["找李某"]}))
    lore = ask().lore
    assert lore is not None
    told = {steps.key: steps.zh for steps in lore.plans}
    assert told["line"] == ["找李某"]
    assert told["power"] == shipped_plans()["power"].zh


def test_every_shipped_step_is_said_in_both_languages() -> None:
    for key, steps in shipped_plans().items():
        assert len(steps.zh) == len(steps.en) >= 3, key


def test_every_card_is_of_something_the_catalogue_knows() -> None:
    known = catalogue()
    for card in _cards():
        assert not card.part or card.part in known.part
        assert not card.device or card.device in known.device
        assert len(card.zh) == len(card.en) <= 3
        assert card.part or card.device
