"""Two people of head office, one network of branch 1001, and the agent that stands in it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from agent.wire import Fact
from server.app import create_app
from server.clock import SetClock
from server.facts.follower import FactFollower
from server.schemas.people import Role
from server.settings import Settings
from server.storage.database import Database
from tests.server.orders.conftest import Asking

SignIn = Callable[..., TestClient]
BANK = """\
[[segment]]
prefix = "10.1.1.0/24"
branch = "1001"
zone = "办公网"
"""


class Sweeper(Asking):
    """An agent that tells facts too."""

    follower: FactFollower

    def fact(self, topic: str, facts: dict[str, Any]) -> Fact:
        self._seq += 1
        return Fact(seq=self._seq, clock=self.clock(), topic=topic, host="", facts=facts)

    def say(self, topic: str, facts: dict[str, Any]) -> None:
        said: Any = self.fact(topic, facts)
        self.send(said)
        while self.follower.step():
            pass

    def found(self, order: str, *lines: str, prefix: str = "10.1.1.0/24", **said: Any) -> None:
        """The sweep ended, and these are there."""
        figures: dict[str, Any] = {"prefix": prefix, "of": 253, "asked": 253, "answered": len(lines)}
        own = {f"sweep.{name}": value for name, value in figures.items()} | {"sweep.order": order}
        fact: Any = self.fact("sweep", {"sweep": list(lines), "sweep.left_out": 0, **own})
        self.send(fact, self.result(order, **{"done": True, "detail": figures, **said}))
        while self.follower.step():
            pass


@pytest.fixture
def app(database: Database, settings: Settings, now: SetClock, tmp_path: Path) -> FastAPI:
    (tmp_path / "bank.toml").write_text(BANK, encoding="utf-8")
    return create_app(database, settings, now, checks=tmp_path)


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    """The server with nothing that follows by itself."""
    for name in ("orders", "facts"):
        app.state.branchfleet.followers[name].start = lambda: None
    with TestClient(app, headers={"Accept-Language": "en"}) as client:
        yield client


@pytest.fixture
def sweeper(
    client: TestClient, agent_token: Callable[[str], str], database: Database, now: SetClock
) -> Callable[[str], Sweeper]:
    def make(key: str) -> Sweeper:
        agent = Sweeper(client, agent_token(key), now, key.replace("-", "") * 2)
        agent.follower = FactFollower(database, now)
        return agent

    return make


@pytest.fixture
def li(sign_in: SignIn) -> TestClient:
    """Who asks."""
    return sign_in(Role.HEAD)


@pytest.fixture
def wang(sign_in: SignIn) -> TestClient:
    """Another one of head office."""
    return sign_in(Role.HEAD, ["1002"])
