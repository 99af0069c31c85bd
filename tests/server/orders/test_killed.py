"""kill -9 of the real server between an order and its result: nothing is lost, and nothing is told twice."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest

from agent.wire import VERSION, Batch, Clock, Orders, Result
from benchmarks.branches import seed
from server.accounts.tables import Person, SignIn
from server.accounts.tokens import PERSON, hash_token, new_token
from server.schemas.people import Role
from server.storage.database import Database
from server.storage.types import FOREVER
from tests.server.free import free_port

SERVER = [sys.executable, "-m", "server.cli"]


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    said = {"BRANCHFLEET_HOME": str(tmp_path / "home"), "BRANCHFLEET_LANG": "en", "BRANCHFLEET_TLS": "no"}
    made = {**os.environ, **said}
    subprocess.run([*SERVER, "init"], check=True, env=made, capture_output=True)
    return made


def furnish(environ: dict[str, str]) -> tuple[str, str]:
    """The tokens of an agent and of a person of head office."""
    database = Database(f"sqlite:///{environ['BRANCHFLEET_HOME']}/branchfleet.db")
    [agent] = seed(database, 1, 1)
    token = new_token(PERSON)
    with database.write() as session:
        person = Person(login="li", name="Li", role=Role.HEAD, password_hash="-")
        session.add(person)
        session.flush()
        own = person.id or 0
        session.add(SignIn(token_hash=hash_token(token), person_id=own, created_at=0, expires_at=FOREVER))
    database.close()
    return agent, token


@contextmanager
def running(environ: dict[str, str], log: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    port = free_port()
    with log.open("ab") as file:
        process = subprocess.Popen([*SERVER, "run", "--port", str(port)], env=environ, stdout=file, stderr=file)
    url = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + 90
    while not alive(url):
        assert time.monotonic() < deadline, log.read_text(encoding="utf-8")
        time.sleep(0.05)
    try:
        yield process, url
    finally:
        process.kill()
        process.wait(30)


def alive(url: str) -> bool:
    try:
        return httpx2.get(f"{url}/healthz").status_code == 200
    except httpx2.HTTPError:
        return False


def asked(url: str, token: str, have: str = "", wait: str = "30") -> list[str]:
    said = {"have": have, "wait": wait}
    headers = {"Authorization": f"Bearer {token}"}
    answer = httpx2.get(f"{url}/api/agent/orders", params=said, headers=headers, timeout=60)
    return [order.uid for order in msgspec.msgpack.decode(answer.content, type=Orders).orders]


def of(url: str, token: str, path: str, **body: Any) -> Any:
    headers = {"Authorization": f"Bearer {token}"}
    said = httpx2.post(url + path, json=body, headers=headers) if body else httpx2.get(url + path, headers=headers)
    assert said.is_success, said.text
    return json.loads(said.content)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows knows no SIGKILL")
def test_an_order_outlives_the_server_that_handed_it_out(environ: dict[str, str], tmp_path: Path) -> None:
    agent, person = furnish(environ)
    log = tmp_path / "log"
    with running(environ, log) as (process, url):
        uid = of(url, person, "/api/pushes", what="facts")["uid"]
        [order] = asked(url, agent)
        process.send_signal(signal.SIGKILL)
        process.wait(30)
    with running(environ, log) as (_, url):
        assert asked(url, agent, have=order, wait="0.5") == []
        assert asked(url, agent) == [order]  # if the agent did not hear it
        clock = Clock(wall=time.time_ns() // 1000, boot=10**9, boot_id="b")
        result = Result(seq=1, clock=clock, order=order, done=True)
        body = msgspec.msgpack.encode(Batch(version=VERSION, stream="s", sent=clock, records=[result]))
        headers = {"Authorization": f"Bearer {agent}", "Content-Type": "application/msgpack"}
        assert httpx2.post(f"{url}/api/agent/records", content=body, headers=headers).status_code == 200
        deadline = time.monotonic() + 90
        while of(url, person, f"/api/pushes/{uid}")["counts"]["done"] != 1:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert asked(url, agent, wait="0.5") == []
