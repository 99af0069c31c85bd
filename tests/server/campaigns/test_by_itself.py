"""Hosts that nobody can ask answer a campaign when they tell, and are waited for until it expires."""

import base64
from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient

from server.clock import SetClock
from server.inventory.tables import Position
from server.schemas.people import Role
from server.storage.database import Database
from tests.server.campaigns.conftest import Host, begin, campaign, hosts, settle
from tests.server.facts.test_posted import HOST, KEY, document

SECOND = 1_000_000


@pytest.fixture
def person(sign_in: Callable[..., TestClient], database: Database, bank: dict[str, int]) -> TestClient:
    with database.write() as session:
        position = session.get_one(Position, bank[HOST])
        position.driver, position.options = "host/posted", {"key": KEY}
        session.add(position)
    return sign_in(Role.HEAD)


def _asked(host: Callable[[str], Host], client: TestClient) -> Host:
    """Its agent has no post to tell of."""
    agent = host("centre")
    [order] = agent.ask(wait=10).orders
    agent.send(agent.result(order.uid, polls={HOST: "notPosted"}))
    settle(client)
    return agent


def _row(person: TestClient, uid: str) -> Any:
    [row] = [one for one in hosts(person, uid) if one["host"] == HOST]
    return row


@pytest.mark.parametrize("how", ["post", "stick"])
def test_a_host_that_told_nothing_yet_is_waited_for_and_answers_when_it_tells(
    how: str, person: TestClient, client: TestClient, host: Callable[[str], Host], now: SetClock
) -> None:
    uid = begin(person, cls="atm", branch="1001", seconds=3600)["uid"]
    agent = _asked(host, client)
    now.forward(300)  # and its agent is off meanwhile
    row = _row(person, uid)
    assert (row["state"], row["reason"]) == ("waiting", None)
    assert row["why"].startswith("it has told nothing yet; that is awaited until ")
    assert campaign(person, uid)["hosts"]["off"] == 0
    if how == "post":
        facts: dict[str, dict[str, Any]] = {"host": {"os.family": "linux"}, "network": {"ports.tcp": ["23"]}}
        told: list[Any] = [agent.fact(topic, said, position=HOST) for topic, said in facts.items()]
        agent.send(*told)
    else:
        content = base64.b64encode(document(now())).decode()
        assert person.post("/api/facts/import", json={"file": "x", "content": content}).json()["taken"] is True
    settle(client)
    row = _row(person, uid)
    assert (row["state"], row["word"]) == ("answered", "fail" if how == "post" else "pass")
    assert campaign(person, uid)["ended_at"] is not None


def test_one_that_never_tells_is_given_up_when_the_campaign_expires(
    person: TestClient, client: TestClient, host: Callable[[str], Host], now: SetClock
) -> None:
    uid = begin(person, cls="atm", branch="1001", seconds=600)["uid"]
    _asked(host, client)
    now.forward(601)
    settle(client)
    row = _row(person, uid)
    assert (row["state"], row["reason"]) == ("undone", "notPosted")
    assert campaign(person, uid)["ended_at"] is not None


@pytest.mark.parametrize("of_push", ["ended", "open"])
def test_one_that_is_still_waited_for_when_the_campaign_is_cancelled_is_not_done_because_of_that(
    of_push: str, person: TestClient, client: TestClient, host: Callable[[str], Host], now: SetClock
) -> None:
    where: dict[str, Any] = {"cls": "atm", "branch": "1001"} if of_push == "ended" else {}
    uid = begin(person, seconds=3600, **where)["uid"]
    _asked(host, client)
    assert person.post(f"/api/campaigns/{uid}/cancel").status_code == 200
    settle(client)
    row = _row(person, uid)
    assert (row["state"], row["reason"], row["why"]) == ("undone", "cancelled", "It was cancelled by head-all.")
    assert campaign(person, uid)["ended_at"] is not None
    assert person.post(f"/api/campaigns/{uid}/cancel").status_code == 409


def test_what_it_told_before_the_campaign_answers_nothing(
    person: TestClient, client: TestClient, host: Callable[[str], Host], now: SetClock
) -> None:
    content = base64.b64encode(document(now() - 7200 * SECOND)).decode()
    person.post("/api/facts/import", json={"file": "x", "content": content})
    uid = begin(person, cls="atm", branch="1001", seconds=600)["uid"]
    _asked(host, client)
    assert _row(person, uid)["state"] == "waiting"
