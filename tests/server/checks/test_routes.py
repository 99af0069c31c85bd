"""Checks over the API: which there are, how a host does by them from what it said, and a try of one's own."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from agent.wire import MEDIA_MSGPACK, VERSION, Batch, Clock, Fact
from server.app import create_app
from server.checks.kept import shipped
from server.clock import SetClock
from server.facts.follower import FactFollower
from server.schemas.people import Role
from server.settings import Settings
from server.storage.database import Database

SignIn = Callable[..., TestClient]
Tell = Callable[[str, dict[str, Any]], None]
DAY = 86_400
OWN = """\
id = "few-disks"
title = "内存够用"
title_en = "Enough memory"
clause = "本行规定"
severity = "critical"
fresh = "1d"
applies = "true"
passes = 'f["memory.bytes"] >= 4000000000'
[mend]
zh = ["加内存"]
en = ["Add memory"]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "checks"
    made.mkdir()
    return made


@pytest.fixture
def app(database: Database, settings: Settings, now: SetClock, folder: Path) -> FastAPI:
    return create_app(database, settings, now, checks=folder)


@pytest.fixture
def tell(client: TestClient, agent_token: Callable[[str], str], database: Database, now: SetClock) -> Tell:
    follower = FactFollower(database, now)
    seqs: dict[str, int] = {}
    tokens: dict[str, str] = {}
    booted = now() - 3_600_000_000

    def make(key: str, facts: dict[str, Any]) -> None:
        seqs[key] = seqs.get(key, 0) + 1
        tokens[key] = tokens.get(key) or agent_token(key)
        clock = Clock(wall=now(), boot=now() - booted, boot_id="boot-1")
        record = Fact(seq=seqs[key], clock=clock, host="FRONT", facts=facts)
        body = msgspec.msgpack.encode(Batch(version=VERSION, stream=f"of-{key}", sent=clock, records=[record]))
        headers = {"Authorization": f"Bearer {tokens[key]}", "Content-Type": MEDIA_MSGPACK}
        assert client.post("/api/agent/records", content=body, headers=headers).status_code == 200
        while follower.step():
            pass

    return make


def of(verdicts: dict[str, Any], check: str) -> dict[str, Any]:
    [found] = [one for one in verdicts["verdicts"] if one["check"] == check]
    return dict(found)


def test_the_checks_of_the_bank_stand_beside_those_that_came_with_it(sign_in: SignIn, folder: Path) -> None:
    head = sign_in(Role.HEAD)
    assert len(head.get("/api/checks").json()["checks"]) == len(shipped())
    (folder / "few.toml").write_text(OWN, encoding="utf-8")
    (folder / "bad.toml").write_text("id = ", encoding="utf-8")
    (folder / "binary.toml").write_bytes(b"\xff\xfe")
    (folder / "twice.toml").write_text(OWN, encoding="utf-8")
    (folder / "bank.toml").write_text('[baseline."19045"]\nubr = "x"\n', encoding="utf-8")
    told = head.get("/api/checks").json()
    assert len(told["checks"]) == len(shipped()) + 1
    assert [one["title"] for one in told["checks"] if not one["shipped"]] == ["Enough memory"]
    assert ["bad.toml" in one or "binary.toml" in one or "twice.toml" in one for one in told["wrong"][:3]] == [True] * 3
    assert "bank.toml" in told["wrong"][3]
    assert sign_in(Role.BRANCH, ["1001"]).get("/api/checks").json()["wrong"] == []


def test_a_check_of_the_bank_counts_as_soon_as_it_is_saved(sign_in: SignIn, folder: Path, tell: Tell) -> None:
    tell("1001-pc", {"memory.bytes": 1 << 31})
    head = sign_in(Role.HEAD)
    file = folder / "few.toml"
    for least, word in (("4000000000", "fail"), ("1000", "pass")):
        file.write_text(OWN.replace("4000000000", least), encoding="utf-8")
        os.utime(file, ns=(int(least), int(least)))
        assert of(head.get("/api/checks/verdicts?host=1001-pc").json(), "few-disks")["word"] == word


def test_a_host_that_never_spoke_passes_nothing(sign_in: SignIn, bank: dict[str, int]) -> None:
    told = sign_in(Role.HEAD).get("/api/checks/verdicts?host=1001-pc").json()
    assert {one["word"] for one in told["verdicts"]} == {"unknown"}
    assert told["counts"] == {"pass": 0, "fail": 0, "unknown": len(shipped()), "not_applicable": 0, "exempt": 0}
    assert all("never reported" in " ".join(one["why"]) and one["at"] is None for one in told["verdicts"])


def test_a_verdict_says_from_when_it_is_and_ends_with_its_facts(
    sign_in: SignIn, tell: Tell, now: SetClock, folder: Path
) -> None:
    (folder / "few.toml").write_text(OWN, encoding="utf-8")
    tell("1001-pc", {"memory.bytes": 1 << 33, "os.family": "linux"})
    good = of(sign_in(Role.HEAD).get("/api/checks/verdicts?host=1001-pc").json(), "few-disks")
    assert (good["word"], good["seen"], good["mend"]) == ("pass", {"memory.bytes": 1 << 33}, [])
    assert abs(good["at"] - now()) < 2_000_000
    now.forward(2 * DAY)
    told = sign_in(Role.HEAD, lang="zh").get("/api/checks/verdicts?host=1001-pc").json()
    old = of(told, "few-disks")
    assert (old["word"], old["why"]) == ("unknown", ["内存字节数：信息已旧 2 天"])
    assert old["mend"] == ["让主机开机联网，再让它上报一次（branchfleet push facts）"]


def test_a_branch_sees_its_own_hosts_and_no_other(sign_in: SignIn, tell: Tell) -> None:
    tell("1001-pc", {"os.family": "linux"})
    tell("centre", {"os.family": "linux"})
    branch = sign_in(Role.BRANCH, ["1001"])
    assert branch.get("/api/checks/verdicts?host=1001-pc").status_code == 200
    for other in ("centre", "nobody"):
        assert branch.get(f"/api/checks/verdicts?host={other}").status_code == 404
    assert branch.post("/api/checks/test", json={"text": OWN, "host": "1001-pc"}).status_code == 403


def test_a_check_is_tried_on_facts_or_on_a_host_and_kept_nowhere(sign_in: SignIn, tell: Tell, now: SetClock) -> None:
    head = sign_in(Role.HEAD)
    facts = {"topics": {"host": {"facts": {"memory.bytes": 5_000_000_000}}}}
    assert head.post("/api/checks/test", json={"text": OWN, "facts": facts}).json()["word"] == "pass"
    facts["topics"]["host"]["at"] = "2020-01-01T00:00:00+08:00"  # type: ignore[assignment]
    assert head.post("/api/checks/test", json={"text": OWN, "facts": facts}).json()["word"] == "unknown"
    tell("1001-pc", {"memory.bytes": 1})
    told = head.post("/api/checks/test", json={"text": OWN, "host": "1001-pc"}).json()
    assert (told["word"], told["why"], told["mend"]) == ("fail", ["memory, bytes: 1"], ["Add memory"])
    assert len(head.get("/api/checks").json()["checks"]) == len(shipped())


def test_a_check_that_is_wrong_is_one_sentence_in_the_asked_for_language(sign_in: SignIn) -> None:
    asked = {"text": OWN.replace("memory.bytes", "memory.byte"), "file": "few.toml", "facts": {"topics": {}}}
    said = sign_in(Role.HEAD, lang="zh").post("/api/checks/test", json=asked)
    assert said.status_code == 422
    assert said.json()["detail"] == "few.toml：passes：没有事实 memory.byte；有 memory.bytes"
    both = {"text": OWN, "facts": {"topics": {}}, "host": "1001-pc"}
    assert sign_in(Role.HEAD).post("/api/checks/test", json=both).status_code == 422


def test_hostile_facts_end_as_unknown(sign_in: SignIn) -> None:
    body = '{"text": %s, "facts": {"topics": {"host": {"facts": {"memory.bytes": %s}}}}}'
    text = msgspec.json.encode(OWN).decode()
    for value in ("1e400", "1" + "0" * 400, '"$(reboot)"', "[[[[]]]]", '"\\ud800"', "null", "true"):
        headers = {"Content-Type": "application/json"}
        said = sign_in(Role.HEAD).post("/api/checks/test", content=body % (text, value), headers=headers)
        assert (said.status_code, said.json()["word"]) == (200, "unknown"), value
