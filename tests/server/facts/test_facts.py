"""What a PC said of itself: the newest, with its age, for those who may see the agent."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from fastapi.testclient import TestClient
from sqlmodel import Session, select

import server.facts.follower
from agent.wire import MEDIA_MSGPACK, VERSION, Batch, Clock, Fact
from server.checks.told import sheets_of
from server.clock import SetClock
from server.facts.follower import Came, FactFollower
from server.facts.tables import FactChange, FactSheet
from server.retention.sweep import sweep_changes
from server.schemas.people import Role
from server.storage.database import Database

SignIn = Callable[..., TestClient]
Tell = Callable[..., None]
DAY, HOUR = 86_400, 3_600


@pytest.fixture
def tell(client: TestClient, agent_token: Callable[[str], str], database: Database, now: SetClock) -> Tell:
    """`tell("centre", {"os.name": "Windows 10"})`: the agent's PC says so, and it is kept before this returns."""
    follower = FactFollower(database, now)
    seqs: dict[str, int] = {}
    tokens: dict[str, str] = {}
    booted = now() - 3_600_000_000

    def make(key: str, facts: dict[str, Any], host: str = "FRONT", ago: int = 0, stream: str = "", **said: Any) -> None:
        seqs[key + stream] = seqs.get(key + stream, 0) + 1
        if key not in tokens:
            tokens[key] = agent_token(key)
        clock = Clock(wall=now(), boot=now() - booted, boot_id="boot-1")
        then = Clock(wall=clock.wall - ago, boot=clock.boot - ago, boot_id=clock.boot_id)
        record = Fact(seq=seqs[key + stream], clock=then, host=host, facts=facts, **said)
        body = msgspec.msgpack.encode(
            Batch(version=VERSION, stream=stream or f"of-{key}", sent=clock, records=[record])
        )
        headers = {"Authorization": f"Bearer {tokens[key]}", "Content-Type": MEDIA_MSGPACK}
        answer = client.post("/api/agent/records", content=body, headers=headers)
        assert answer.status_code == 200, answer.text
        while follower.step():
            pass

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


def test_what_is_more_than_a_day_and_an_hour_old_says_so(sign_in: SignIn, tell: Tell, now: SetClock) -> None:
    tell("1001-pc", {"os.name": "Windows 10"})
    now.forward(DAY + HOUR - 60)
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
    assert len(told["addresses"]) == 80  # as many as a record holds
    texts = [*told, *told["addresses"], *(value for value in told.values() if isinstance(value, str))]
    assert all(len(text) <= 300 and text.isprintable() for text in texts)


def facts_of(person: TestClient, key: str = "1001-pc", path: str = "", **asked: Any) -> Any:
    answer = person.get(f"/api/agents/{key}/facts{path}", params=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


def changes_of(person: TestClient) -> list[tuple[Any, ...]]:
    rows = facts_of(person, path="/changes")["rows"]
    return [(row["topic"], row["name"], row["before"], row["after"]) for row in rows]


def test_each_topic_has_its_own_time_and_what_it_could_not_read(sign_in: SignIn, tell: Tell, now: SetClock) -> None:
    tell("1001-pc", {"os.name": "Debian", "reboot.pending": False})
    now.forward(DAY + 2 * HOUR)
    tell("1001-pc", {"ports.tcp": ["22"], "shares": []}, topic="network", unread={"firewall.": "rights"})
    told = facts_of(sign_in(Role.HEAD))
    assert told["facts"] == {"os.name": "Debian", "reboot.pending": False, "ports.tcp": ["22"], "shares": []}
    assert [(one["topic"], one["old"], one["unread"]) for one in told["topics"]] == [
        ("host", True, {}),
        ("network", False, {"firewall.": "rights"}),
    ]
    assert told["old"] is True  # of its host
    asked = facts_of(sign_in(Role.HEAD), topic=["network", "policy"])
    assert ([one["topic"] for one in asked["topics"]], asked["facts"]["shares"]) == (["network"], [])


def test_false_and_zero_stay_two_things(sign_in: SignIn, tell: Tell) -> None:
    tell("1001-pc", {"av.count": 0, "av.1.realtime": False}, topic="antivirus")
    tell("1001-pc", {"av.count": False, "av.1.realtime": 0}, topic="antivirus")
    facts = facts_of(sign_in(Role.HEAD))["facts"]
    assert (facts["av.count"], facts["av.1.realtime"]) == (False, 0)
    assert (type(facts["av.count"]), type(facts["av.1.realtime"])) == (bool, int)
    assert len(changes_of(sign_in(Role.HEAD))) == 2


def test_what_changed_is_kept_name_by_name_and_of_lists_what_went_and_came(
    sign_in: SignIn, tell: Tell, now: SetClock
) -> None:
    tell("1001-pc", {"ports.tcp": ["22", "80"], "smb1.server": False}, topic="network")
    now.forward(60)
    tell("1001-pc", {"ports.tcp": ["80", "445"], "firewall.on": True}, topic="network")
    assert sorted(changes_of(sign_in(Role.HEAD))) == [
        ("network", "firewall.on", None, True),
        ("network", "ports.tcp", ["22"], ["445"]),
        ("network", "smb1.server", False, None),
    ]
    page = facts_of(sign_in(Role.HEAD), path="/changes", limit=1)
    assert (page["total"], len(page["rows"])) == (3, 1)
    assert abs(page["rows"][0]["at"] - now()) < 2_000_000


def test_what_always_differs_is_no_change_and_the_same_again_is_only_fresher(
    sign_in: SignIn, tell: Tell, now: SetClock
) -> None:
    steady = {"os.name": "Debian", "macs": ["a", "b"], "boot.at": 10**15}
    tell("1001-pc", steady | {"memory.free": 1, "disk.1.free": 1, "boot.id": "a", "clock.offset_ms": 3})
    before = facts_of(sign_in(Role.HEAD))["topics"][0]["at"]
    now.forward(600)
    moved = {"macs": ["b", "a"], "boot.at": 10**15 + 59_000_000}
    tell("1001-pc", steady | moved | {"memory.free": 2, "disk.1.free": 2, "boot.id": "b", "clock.offset_ms": -3})
    assert changes_of(sign_in(Role.HEAD)) == []
    told = facts_of(sign_in(Role.HEAD))
    assert told["topics"][0]["at"] == before + 600_000_000
    assert told["facts"]["memory.free"] == 2
    tell("1001-pc", steady | {"boot.at": 10**15 + 3_600_000_000})
    assert [name for _, name, _, _ in changes_of(sign_in(Role.HEAD)) if name == "boot.at"] == ["boot.at"]


def test_what_comes_late_changes_nothing_of_what_is_newer(sign_in: SignIn, tell: Tell, now: SetClock) -> None:
    now.forward(600)
    tell("1001-pc", {"os.name": "new"})
    tell("1001-pc", {"os.name": "old"}, ago=300_000_000, stream="of-its-copy")
    assert facts_of(sign_in(Role.HEAD))["facts"] == {"os.name": "new"}
    assert changes_of(sign_in(Role.HEAD)) == []


def test_a_branch_sees_the_changes_of_its_own_and_no_other(sign_in: SignIn, tell: Tell) -> None:
    tell("centre", {"os.name": "a"})
    tell("centre", {"os.name": "b"})
    branch = sign_in(Role.BRANCH, ["1001"])
    assert branch.get("/api/agents/centre/facts/changes").status_code == 404
    assert facts_of(branch, path="/changes")["rows"] == []


def test_a_host_that_makes_up_topics_is_heard_about_some(sign_in: SignIn, tell: Tell, database: Database) -> None:
    for number in range(30):
        tell("1001-pc", {f"n.{number}": number}, topic=f"topic-{number}\x1b[2J")
    told = facts_of(sign_in(Role.HEAD))
    assert len(told["topics"]) == 16
    assert all(one["topic"].isprintable() for one in told["topics"])
    tell("1001-pc", {"n.0": 99}, topic="topic-0\x1b[2J")
    assert facts_of(sign_in(Role.HEAD))["facts"]["n.0"] == 99


def test_a_record_nobody_can_make_anything_of_holds_up_no_other(
    sign_in: SignIn, tell: Tell, database: Database, now: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = server.facts.follower.keep

    def stumbling(session: Session, subject: int, row: Came, fact: Fact) -> None:
        if fact.host == "BAD":
            raise ValueError(fact.host)
        kept(session, subject, row, fact)

    monkeypatch.setattr("server.facts.follower.keep", stumbling)
    tell("centre", {"n": 1}, host="BAD")
    tell("1001-pc", {"n": 2})
    assert facts_of(sign_in(Role.HEAD))["facts"] == {"n": 2}
    assert facts_of(sign_in(Role.HEAD), "centre")["at"] is None


def test_checks_read_the_sheets_of_many_at_once(tell: Tell, bank: dict[str, int], database: Database) -> None:
    tell("1001-pc", {"n": 1})
    tell("1001-pc", {"av.count": 0}, topic="antivirus", unread={"av.1.": "rights"})
    with database.read() as session:
        found = sheets_of(session, [bank["1001-pc"], bank["centre"]])
        assert sheets_of(session, [bank["1001-pc"]], ["antivirus"])[bank["1001-pc"]].keys() == {"antivirus"}
    assert list(found) == [bank["1001-pc"]]
    assert set(found[bank["1001-pc"]]) == {"host", "antivirus"}
    sheet = found[bank["1001-pc"]]["antivirus"]
    assert (sheet.facts, sheet.unread) == ({"av.count": 0}, {"av.1.": "rights"})


def test_old_changes_go_and_the_newest_sheet_stays(tell: Tell, database: Database, now: SetClock) -> None:
    tell("1001-pc", {"n": 1})
    tell("1001-pc", {"n": 2})
    now.forward(DAY)
    tell("1001-pc", {"n": 3})
    with database.write() as session:
        assert sweep_changes(session, now() - 1_000_000_000, 0) is None
    with database.read() as session:
        assert [(row.before, row.after) for row in session.exec(select(FactChange))] == [(2, 3)]
        assert [sheet.facts for sheet in session.exec(select(FactSheet))] == [{"n": 3}]
