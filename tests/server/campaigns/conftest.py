"""A server that follows when it is told to, agents that answer pushes of facts, and a check of one's own."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from agent.wire import Fact
from server.app import create_app
from server.clock import SetClock
from server.settings import Settings
from server.storage.database import Database
from tests.server.orders.conftest import Asking, state_of

TELNET = """\
id = "no-telnet"
title = "没有监听 telnet"
title_en = "Nothing listens on telnet"
clause = "本行规定 3.2"
severity = "major"
fresh = "7d"
applies = 'f["os.family"] == "linux"'
passes = '!any_port(f["ports.tcp"], "23")'
[mend]
zh = ["停用 telnet 服务"]
en = ["Stop the telnet service"]
"""
BANK = '[zones]\n"办公网" = ["10.1.0.0/16"]\n"监控网" = ["10.9.0.0/16"]\n'


class Host(Asking):
    """An agent that tells facts of its PC when it is asked to, as agents do: its facts first, then the result."""

    def fact(self, topic: str, facts: dict[str, Any], **said: Any) -> Fact:
        self._seq += 1
        return Fact(seq=self._seq, clock=self.clock(), topic=topic, host="PC", facts=facts, **said)

    def answer(self, *ports: str, **said: Any) -> None:
        """Take the order that waits, and tell a Linux host that listens on `ports`."""
        [order] = self.ask(wait=10).orders
        records: list[Any] = [self.fact("host", {"os.family": "linux"}), self.fact("network", {"ports.tcp": [*ports]})]
        self.send(*records, self.result(order.uid, **said))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "checks"
    made.mkdir()
    (made / "telnet.toml").write_text(TELNET, encoding="utf-8")
    (made / "bank.toml").write_text(BANK, encoding="utf-8")
    return made


@pytest.fixture
def app(database: Database, settings: Settings, now: SetClock, folder: Path) -> FastAPI:
    made = create_app(database, settings, now, checks=folder)
    for one in ("orders", "facts", "campaigns", "verdicts", "media"):
        made.state.branchfleet.followers[one].start = lambda: None
    return made


@pytest.fixture
def client(app: FastAPI) -> Iterable[TestClient]:
    with TestClient(app, headers={"Accept-Language": "en"}) as client:
        yield client


@pytest.fixture
def host(client: TestClient, agent_token: Callable[[str], str], now: SetClock) -> Callable[[str], Host]:
    """`host("1001-pc")` is that agent, which may speak from the beginning on."""
    made = {key: Host(client, agent_token(key), now, key.replace("-", "") * 2) for key in ("1001-pc", "centre")}
    return made.__getitem__


def settle(client: TestClient, *followers: str) -> None:
    """What follows from what came is written: by all, or by these alone."""
    state = state_of(client)
    for one in followers or ("facts", "orders", "campaigns"):
        while state.followers[one].step():
            pass


def begin(person: TestClient, *checks: str, status: int = 201, **said: Any) -> Any:
    scope = {} if {"branch", "cls", "model", "zone", "query"} & set(said) else {"everything": True}
    answer = person.post("/api/campaigns", json={"checks": checks or ["no-telnet"], **scope, **said})
    assert answer.status_code == status, answer.text
    return answer.json()


def campaign(person: TestClient, uid: str) -> Any:
    answer = person.get(f"/api/campaigns/{uid}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def hosts(person: TestClient, uid: str, **asked: Any) -> list[Any]:
    answer = person.get(f"/api/campaigns/{uid}/hosts", params=asked)
    assert answer.status_code == 200, answer.text
    rows: list[Any] = answer.json()["rows"]
    return rows
