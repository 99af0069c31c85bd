"""What people push: to whom it goes, how each order ends, and what is told of it."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient

from server.schemas.people import Role
from tests.server.orders.conftest import Asking, settle

SignIn = Callable[..., TestClient]


def push(person: TestClient, what: str = "poll", about: str = "", **said: Any) -> Any:
    answer = person.post("/api/pushes", json={"what": what, "about": about, **said})
    assert answer.status_code == 201, answer.text
    return answer.json()


def orders(person: TestClient, uid: str, **asked: Any) -> list[Any]:
    answer = person.get(f"/api/pushes/{uid}/orders", params=asked)
    assert answer.status_code == 200, answer.text
    rows: list[Any] = answer.json()["rows"]
    return rows


def test_every_agent_that_polls_a_position_is_asked_for_it(
    sign_in: SignIn, asking: Callable[[str], Asking]
) -> None:
    pc, centre = asking("1001-pc"), asking("centre")
    head = sign_in(Role.HEAD)
    made = push(head, about="1001/atm-1")
    assert (made["total"], made["counts"]["waiting"], made["ended_at"]) == (2, 2, None)
    for agent in (pc, centre):
        (order,) = agent.ask(wait=30).orders
        assert (order.what, order.positions) == ("poll", ["1001/atm-1"])
        assert 119 < order.seconds <= 120
        agent.tell(order.uid, polls={"1001/atm-1": ""})
    ended = head.get(f"/api/pushes/{made['uid']}").json()
    assert (ended["counts"]["done"], ended["positions"], ended["unread"]) == (2, 2, 0)
    assert ended["ended_at"] is not None
