"""What an agent is told to poll, and how it proves itself."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlmodel import select

from agent.wire import MEDIA_JSON, Assignment
from server.agents.assignment import Revisions, assignment_of
from server.app import create_app
from server.inventory.tables import Position
from server.journal.deeds import Act, record
from server.journal.tables import JournalRow
from server.secrets.deeds import set_secret
from server.storage.database import Database

KEY = bytes(range(32))


@pytest.fixture
def app(database: Database, settings: Any, now: Any) -> FastAPI:
    return create_app(database, settings, now, KEY)


@pytest.fixture
def ask(client: TestClient, agent_token: Callable[[str], str]) -> Callable[[str], Assignment]:
    tokens: dict[str, str] = {}

    def make(agent: str) -> Assignment:
        token = tokens.setdefault(agent, "") or agent_token(agent)
        tokens[agent] = token
        answer = client.get("/api/agent/assignment", headers={"Authorization": f"Bearer {token}"})
        return msgspec.msgpack.decode(answer.content, type=Assignment)

    return make


def options(database: Database, position_id: int, **values: Any) -> None:
    with database.write() as session:
        position = session.get_one(Position, position_id)
        position.options = values
        session.add(position)


def test_an_agent_gets_its_positions_and_lines(ask: Any, now: Any) -> None:
    centre = ask("centre")
    assert [(one.position, one.driver, one.interval) for one in centre.polled] == [
        ("1001/atm-1", "snmp", 300.0),
        ("1001/line/main", "reach", 60.0),
        ("1002/atm-1", "snmp", 300.0),
    ]
    assert centre.polled[1].address == "192.0.2.1:443"
    assert (centre.agent, centre.server) == ("centre", now())
    assert [one.position for one in ask("1001-pc").polled] == ["1001/atm-1", "1001/printer-1"]


def test_the_revision_changes_with_what_is_to_be_done_and_with_nothing_else(
    ask: Any, database: Database, bank: dict[str, int], now: Any
) -> None:
    before = ask("centre").revision
    now.forward(60)
    assert ask("centre").revision == before
    options(database, bank["1001/printer-1"], emulation="pr2")
    assert ask("centre").revision == before
    options(database, bank["1002/atm-1"], version="2c")
    assert ask("centre").revision != before


def test_the_ack_tells_of_a_new_revision_within_seconds(
    ask: Any, client: TestClient, agent_token: Any, database: Database, bank: dict[str, int], now: Any
) -> None:
    from agent.wire import Ack, Batch, Clock

    token = agent_token("centre")
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/msgpack"}

    def revision() -> str:
        now.forward(3)
        batch = Batch(version=1, stream="s", sent=Clock(wall=0, boot=now() - 10**15, boot_id="b"), records=[])
        answer = client.post("/api/agent/records", content=msgspec.msgpack.encode(batch), headers=headers)
        return msgspec.msgpack.decode(answer.content, type=Ack).assignment

    before = revision()
    options(database, bank["1002/atm-1"], version="2c")
    with database.write() as session:
        record(session, Act("admin", "cli", now()), deed="inventory.apply", about="inventory")
    assert revision() != before


def test_an_assignment_is_computed_anew_after_a_deed_and_for_nothing_else(
    database: Database, bank: dict[str, int], now: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    computed = 0

    def counted(*args: Any, **more: Any) -> Assignment:
        nonlocal computed
        computed += 1
        return assignment_of(*args, **more)

    def deed(what: str) -> None:
        with database.write() as session:
            record(session, Act("li", "console", now()), deed=what, about="x")

    monkeypatch.setattr("server.agents.assignment.assignment_of", counted)
    revisions = Revisions(database, None, now)
    first = revisions.compute(bank["centre"], "centre")
    assert revisions.kept(bank["centre"]) == first
    assert revisions.kept(bank["1001-pc"]) is None
    now.forward(3)
    assert revisions.kept(bank["centre"]) is None
    for what in ("ticket.open", "person.sign-in", "push.make", "ledger.seed"):
        deed(what)
    assert revisions.compute(bank["centre"], "centre") == revisions.kept(bank["centre"]) == first
    assert computed == 1
    options(database, bank["1002/atm-1"], version="2c")
    deed("inventory.apply")
    second = revisions.compute(bank["centre"], "centre")
    assert second == revisions.kept(bank["centre"]) != first
    assert computed == 2
    revisions.compute(bank["1001-pc"], "1001-pc")
    assert revisions.compute(bank["centre"], "centre") == second
    assert computed == 3


def test_secrets_are_filled_in_for_the_agent_and_nobody_else(
    ask: Any, database: Database, bank: dict[str, int], now: Any, sign_in: Any
) -> None:
    act = Act("admin", "cli", now())
    with database.write() as session:
        set_secret(session, act, KEY, "atm-ro", "绝密 community")
    options(database, bank["1002/atm-1"], version="2c", v3={"auth": ["secret:atm-ro"]}, community="secret:atm-ro")
    [polled] = [one for one in ask("centre").polled if one.position == "1002/atm-1"]
    assert polled.options == {"version": "2c", "community": "绝密 community", "v3": {"auth": ["绝密 community"]}}
    with database.read() as session:
        told = [str(row) for row in session.exec(select(JournalRow)).all()]
    assert not any("绝密" in row for row in told)
    for path in ("/api/status", "/api/journal", "/api/agents", "/api/observations"):
        assert "绝密" not in sign_in().get(path).text


def test_a_position_whose_secret_there_is_not_is_left_out_and_the_rest_polled(
    ask: Any, database: Database, bank: dict[str, int], caplog: pytest.LogCaptureFixture
) -> None:
    options(database, bank["1002/atm-1"], community="secret:forgotten")
    assert [one.position for one in ask("centre").polled] == ["1001/atm-1", "1001/line/main"]
    assert "forgotten" in caplog.text


def test_json_is_given_where_it_is_asked_for(client: TestClient, agent_token: Any) -> None:
    headers = {"Authorization": f"Bearer {agent_token('centre')}", "Accept": MEDIA_JSON}
    assert client.get("/api/agent/assignment", headers=headers).json()["agent"] == "centre"


def test_an_agent_never_heard_of_says_so(sign_in: Any) -> None:
    centre = sign_in().get("/api/agents").json()[-1]
    assert (centre["key"], centre["standing"], centre["seen_at"], centre["positions"]) == ("centre", "never", None, 3)


def test_the_assignment_says_when_the_request_came_and_when_it_was_answered(ask: Any, now: Any) -> None:
    answer = ask("centre")
    assert answer.came == answer.server == now()
