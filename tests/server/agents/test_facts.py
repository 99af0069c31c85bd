"""What a PC said of itself: the newest, with its age, for those who may see the agent."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from fastapi.testclient import TestClient

from agent.wire import MEDIA_MSGPACK, VERSION, Batch, Clock, Fact
from server.clock import SetClock
from server.schemas.people import Role

SignIn = Callable[..., TestClient]
Tell = Callable[..., None]
DAY = 86_400


@pytest.fixture
def tell(client: TestClient, agent_token: Callable[[str], str], now: SetClock) -> Tell:
    """`tell("centre", {"os.name": "Windows 10"})`: the agent's PC says so."""
    seqs: dict[str, int] = {}
    tokens: dict[str, str] = {}
    booted = now() - 3_600_000_000

    def make(key: str, facts: dict[str, Any], host: str = "FRONT") -> None:
        seqs[key] = seqs.get(key, 0) + 1
        if key not in tokens:
            tokens[key] = agent_token(key)
        clock = Clock(wall=now(), boot=now() - booted, boot_id="boot-1")
        record = Fact(seq=seqs[key], clock=clock, host=host, facts=facts)
        body = msgspec.msgpack.encode(Batch(version=VERSION, stream=f"of-{key}", sent=clock, records=[record]))
        headers = {"Authorization": f"Bearer {tokens[key]}", "Content-Type": MEDIA_MSGPACK}
        answer = client.post("/api/agent/records", content=body, headers=headers)
        assert answer.status_code == 200, answer.text

    return make


def test_the_newest_counts_and_says_when_that_was(sign_in: SignIn, tell: Tell, now: SetClock) -> None:
    tell("1001-pc", {"os.name": "Windows 7", "disk.1.free": 1})
    now.forward(60)
    tell("1001-pc", {"os.name": "Windows 10", "addresses": ["10.1.1.5", "10.1.1.6"], "memory.bytes": 1 << 33})
    told = sign_in(Role.HEAD).get("/api/agents/1001-pc/facts").json()
    assert told["facts"] == {
        "addresses": ["10.1.1.5", "10.1.1.6"],
        "memory.bytes": 1 << 33,
        "os.name": "Windows 10",
    }
    assert (told["agent"], told["host"], told["old"]) == ("1001-pc", "FRONT", False)
    assert abs(told["at"] - now()) < 2_000_000


def test_what_is_more_than_a_day_old_says_so(sign_in: SignIn, tell: Tell, now: SetClock) -> None:
    tell("1001-pc", {"os.name": "Windows 10"})
    now.forward(DAY - 60)
    head = sign_in(Role.HEAD)
    assert head.get("/api/agents/1001-pc/facts").json()["old"] is False
    now.forward(120)
    assert sign_in(Role.HEAD).get("/api/agents/1001-pc/facts").json()["old"] is True


def test_who_never_said_anything_has_no_facts_and_no_age(sign_in: SignIn, bank: dict[str, int]) -> None:
    told = sign_in(Role.HEAD).get("/api/agents/centre/facts").json()
    assert (told["at"], told["facts"], told["old"]) == (None, {}, False)


def test_a_branch_sees_its_own_and_no_other(sign_in: SignIn, tell: Tell) -> None:
    tell("1001-pc", {"os.name": "Windows 10"})
    tell("centre", {"os.name": "Debian"})
    branch = sign_in(Role.BRANCH, ["1001"])
    assert branch.get("/api/agents/1001-pc/facts").json()["facts"] == {"os.name": "Windows 10"}
    for other in ("centre", "nobody"):
        answer = branch.get(f"/api/agents/{other}/facts")
        assert (answer.status_code, other in answer.json()["detail"]) == (404, True)


def test_what_a_pc_says_is_bounded_and_has_no_control_characters(sign_in: SignIn, tell: Tell) -> None:
    many = {f"fact.{number:04}": number for number in range(1000)}
    tell("1001-pc", {"\x1b[31mname": "a\x1b]0;x\x07\nb" * 200, "addresses": ["x" * 500] * 80, **many})
    told = sign_in(Role.HEAD).get("/api/agents/1001-pc/facts").json()["facts"]
    assert len(told) == 300
    assert len(told["addresses"]) == 64
    texts = [*told, *told["addresses"], *(value for value in told.values() if isinstance(value, str))]
    assert all(len(text) <= 300 and text.isprintable() for text in texts)
