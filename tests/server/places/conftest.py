"""A live server that agents really post to: what is asked of places was told by records, never put into rows."""

import time
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from fastapi.testclient import TestClient

from agent.wire import Batch, Clock, DeviceWord, Event, EventName, Failure, Held, Hold, Reading
from agent.wire import State as StateRecord
from server.clock import SetClock
from server.schemas.people import Role

SECOND = 1_000_000
BOOT = 1_000_000 * SECOND


class Teller:
    """An agent as the server hears it. Times are the clock's; `settle` waits until health has judged it all."""

    def __init__(self, client: TestClient, head: TestClient, token: Callable[[str], str], now: SetClock) -> None:
        self._client, self._head, self._token, self._now = client, head, token, now
        self._tokens: dict[str, str] = {}
        self._seq: dict[str, int] = {}
        self._start = now()

    def state(self, agent: str, position: str, device: str = "online", **said: Any) -> None:
        failure = None
        if "failure" in said:
            kind, reason, *raw = said.pop("failure")
            failure = Failure(kind, reason, "It failed.", *(raw or [b"\x15\x1b"]))
        reading = Reading(device=DeviceWord(device), **said)
        self._send(agent, StateRecord(**self._stamp(agent), position=position, reading=reading, failure=failure))

    def hold(self, agent: str, *positions: str, seconds: float = 60) -> None:
        stamp = self._stamp(agent)
        since = stamp["clock"].boot - round(seconds * SECOND)
        self._send(agent, Hold(**stamp, since=since, held={each: Held(1, 0) for each in positions}))

    def event(self, agent: str, name: str) -> None:
        self._send(agent, Event(**self._stamp(agent), name=EventName(name)))

    def settle(self, *, conditions: int | None = None) -> None:
        """Until health has read all records, and there are so many open conditions."""
        deadline = time.monotonic() + 90
        while True:
            status = self._head.get("/api/status").json()
            if status["health_lag"] == 0 and conditions in (None, status["conditions_open"]):
                return
            assert time.monotonic() < deadline, status
            time.sleep(0.01)

    def _stamp(self, agent: str) -> dict[str, Any]:
        self._seq[agent] = self._seq.get(agent, 0) + 1
        clock = Clock(wall=self._now(), boot=BOOT + self._now() - self._start, boot_id="boot")
        return {"seq": self._seq[agent], "clock": clock}

    def _send(self, agent: str, record: Any) -> None:
        if agent not in self._tokens:
            self._tokens[agent] = self._token(agent)
        batch = Batch(version=1, stream=f"stream-{agent}", sent=record.clock, records=[record])
        headers = {"Authorization": f"Bearer {self._tokens[agent]}", "Content-Type": "application/msgpack"}
        answer = self._client.post("/api/agent/records", content=msgspec.msgpack.encode(batch), headers=headers)
        assert answer.status_code == 200, answer.text


@pytest.fixture
def teller(client: TestClient, sign_in: Any, agent_token: Any, now: SetClock) -> Teller:
    return Teller(client, sign_in(Role.HEAD), agent_token, now)
