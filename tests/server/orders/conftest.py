"""Agents that ask for orders and answer them, through the real API."""

from collections.abc import Callable, Iterable
from typing import Any

import msgspec
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from agent.wire import MEDIA_MSGPACK, VERSION, Batch, Clock, Orders, Result
from server.clock import SetClock
from server.orders.follower import OrderFollower
from server.state import State

UP = 3_600_000_000


class Asking:
    """One agent as the server sees it: it asks for orders, and answers them by records."""

    def __init__(self, client: TestClient, token: str, now: SetClock, stream: str) -> None:
        self.token = token
        self._client, self._now, self._stream = client, now, stream
        self._headers = {"Authorization": f"Bearer {token}", "Accept": MEDIA_MSGPACK, "Content-Type": MEDIA_MSGPACK}
        self._booted = now() - UP
        self._asked: Clock | None = None  # when it was given orders last: it begins them then
        self._seq = 0

    def ask(self, *have: str, wait: float = 0.5, stream: str = "") -> Orders:
        self._asked = self.clock()
        answer = self.asked(*have, wait=wait, stream=stream)
        assert answer.status_code == 200, answer.text
        return msgspec.msgpack.decode(answer.content, type=Orders)

    def asked(self, *have: str, wait: float = 0.5, stream: str = "") -> Any:
        said: dict[str, str] = {"have": ",".join(have), "wait": str(wait), "stream": stream}
        return self._client.get("/api/agent/orders", params=said, headers=self._headers)

    def result(self, order: str, *, done: bool = True, **said: Any) -> Result:
        self._seq += 1
        began = self._asked if done else None
        return Result(seq=self._seq, clock=self.clock(), order=order, done=done, **{"began": began, **said})

    def clock(self) -> Clock:
        return Clock(wall=self._now(), boot=self._now() - self._booted, boot_id="boot-1")

    def send(self, *results: Result, hindered: str = "") -> None:
        sent = self.clock()
        batch = Batch(version=VERSION, stream=self._stream, sent=sent, records=list(results), hindered=hindered)
        body = msgspec.msgpack.encode(batch)
        answer = self._client.post("/api/agent/records", content=body, headers=self._headers)
        assert answer.status_code == 200, answer.text
        settle(self._client)

    def tell(self, order: str, *, done: bool = True, **said: Any) -> None:
        self.send(self.result(order, done=done, **said))


Asks = Callable[[str], Asking]


def push(person: TestClient, what: str = "poll", about: str = "", **said: Any) -> Any:
    answer = person.post("/api/pushes", json={"what": what, "about": about, **said})
    assert answer.status_code == 201, answer.text
    return answer.json()


def orders(person: TestClient, uid: str, **asked: Any) -> list[Any]:
    answer = person.get(f"/api/pushes/{uid}/orders", params=asked)
    assert answer.status_code == 200, answer.text
    rows: list[Any] = answer.json()["rows"]
    return rows


def states(person: TestClient, uid: str) -> dict[str, str]:
    return {row["agent"]: row["state"] for row in orders(person, uid)}


def state_of(client: TestClient) -> State:
    app: Any = client.app
    state: State = app.state.branchfleet
    return state


def ender(client: TestClient) -> OrderFollower:
    """Who ends orders."""
    follower = state_of(client).followers["orders"]
    assert isinstance(follower, OrderFollower)
    return follower


def settle(client: TestClient) -> None:
    """What follows from what came is written."""
    while ender(client).step():
        pass


@pytest.fixture
def client(app: FastAPI) -> Iterable[TestClient]:
    """The server with nothing that follows by itself: `settle` does it at a moment the test knows."""
    app.state.branchfleet.followers["orders"].start = lambda: None
    with TestClient(app, headers={"Accept-Language": "en"}) as client:
        yield client


@pytest.fixture
def asking(client: TestClient, agent_token: Callable[[str], str], now: SetClock) -> Callable[[str], Asking]:
    """`asking("centre")` is that agent."""

    def make(key: str) -> Asking:
        return Asking(client, agent_token(key), now, key.replace("-", "") * 2)

    return make
