"""What people see of branches and positions, after agents told a live server."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlmodel import delete, select

from server.agents.tables import AgentKey, AgentToken, KeyStanding
from server.clock import SetClock
from server.inventory.tables import Subject
from server.journal.deeds import Act, record
from server.ledger.tables import Card, CardVersion
from server.schemas.people import Role
from server.storage.database import Database

SignIn = Callable[..., TestClient]
SECOND = 1_000_000
HOUR = 3600
PRINTER, ATM, OTHER, LISTED = "1001/printer-1", "1001/atm-1", "1002/atm-1", "100101/pos-1"


def rows(client: TestClient, query: str = "") -> dict[str, Any]:
    answer = client.get(f"/api/positions?{query}")
    assert answer.status_code == 200, answer.text
    return {row["key"]: row for row in answer.json()["rows"]}


def keys(client: TestClient, query: str) -> list[str]:
    return [row["key"] for row in client.get(f"/api/positions?{query}").json()["rows"]]


def test_four_kinds_of_not_good_are_told_apart(
    sign_in: SignIn, teller: Any, now: SetClock, bank: dict[str, int]
) -> None:
    """Fresh good, good but old, never reported, not polled; and what cannot be checked."""
    head = sign_in(Role.HEAD)
    assert {key: row["standing"] for key, row in rows(head).items()} == {
        PRINTER: "never",
        ATM: "never",
        OTHER: "never",
        LISTED: "unpolled",
    }
    teller.state("1001-pc", PRINTER, parts={"paper": "ok"})
    teller.state("centre", OTHER, "unknown", failure=("refused", "wrongSecret"))
    teller.settle()
    seen = rows(head)
    assert (seen[PRINTER]["standing"], seen[PRINTER]["detail"]) == ("good", "")
    assert seen[OTHER]["standing"] == "unknown"
    assert seen[OTHER]["detail"] == "The community or password is wrong"
    assert seen[ATM]["detail"] == "never reported"
    now.forward(20 * 60)
    old = rows(head)[PRINTER]
    assert old["standing"] == "stale"
    assert old["since"] == old["seen_at"] + 16 * 60 * SECOND


def test_single_rows_are_asked_for_by_their_keys(sign_in: SignIn, bank: dict[str, int]) -> None:
    head = sign_in(Role.HEAD)
    assert set(keys(head, f"key={PRINTER}&key={OTHER}&key=nothing")) == {PRINTER, OTHER}
    assert keys(sign_in(Role.BRANCH, ["1002"]), f"key={PRINTER}&key={OTHER}") == [OTHER]
    assert head.get("/api/positions?" + "&".join(["key=a"] * 101)).status_code == 422


def test_what_speaks_of_now_says_until_when(sign_in: SignIn, teller: Any, now: SetClock) -> None:
    head = sign_in(Role.HEAD)
    teller.state("1001-pc", PRINTER, parts={"paper": "ok"})
    now.forward(60)
    teller.state("1001-pc", ATM)
    teller.settle()
    seen, home = rows(head), head.get("/api/home").json()
    branches = {row["code"]: row for row in head.get("/api/branches").json()["rows"]}
    until = seen[PRINTER]["seen_at"] + 16 * 60 * SECOND
    assert (seen[PRINTER]["fresh_until"], seen[OTHER]["fresh_until"], seen[LISTED]["fresh_until"]) == (
        until,
        None,
        None,
    )
    assert seen[ATM]["fresh_until"] == until + 60 * SECOND
    assert (branches["1001"]["fresh_until"], branches["1002"]["fresh_until"], home["fresh_until"]) == (
        until,
        None,
        until,
    )
    now.forward(16 * 60 - 30)  # the printer is old by now, and says nothing of now any more
    assert rows(head)[PRINTER]["fresh_until"] is None
    assert head.get("/api/home").json()["fresh_until"] == until + 60 * SECOND


def test_agents_that_nobody_enrolled_are_on_the_home_of_head_office(
    sign_in: SignIn, teller: Any, database: Database
) -> None:
    head = sign_in(Role.HEAD)

    def missing() -> list[tuple[str, str, str]]:
        figures = head.get("/api/home").json()["figures"]
        return [(one["value"], one["level"], one["opens"]) for one in figures if one["key"] == "unenrolled"]

    everybody = head.get("/api/agents").json()
    assert missing() == [(str(len(everybody)), "attention", "agents?identity=none&identity=code")]
    with database.write() as session:
        for number, key in enumerate(one["key"] for one in everybody):
            agent = session.exec(select(Subject).where(Subject.key == key)).one()
            session.add(enrolled(agent.id or 0, number))
    assert missing() == []


def enrolled(agent: int, number: int) -> AgentKey:
    return AgentKey(
        public_key=f"{number:064x}",
        agent_id=agent,
        standing=KeyStanding.GOOD,
        made_at=1,
        host="FRONT-PC",
        system="Windows-10",
        address="10.66.1.20",
    )


def test_a_device_in_use_says_when_it_was_last_tested_and_what_it_said(
    sign_in: SignIn, teller: Any, now: SetClock
) -> None:
    head, zh = sign_in(Role.HEAD), sign_in(Role.HEAD, lang="zh")
    teller.state("1001-pc", PRINTER, parts={"paper": "ok", "cover": "closed", "document": "unknown"})
    teller.state("1001-pc", ATM, "userError", parts={"cover": "open"})
    teller.state("centre", OTHER, "unknown", parts={"paper": "unknown"})
    tested_at = now()
    now.forward(30)
    for agent, key in (("1001-pc", PRINTER), ("1001-pc", ATM), ("centre", OTHER)):
        teller.state(agent, key, "inUse", failure=("busy", "portInUse"))
    teller.settle()
    seen = rows(zh)
    assert (seen[PRINTER]["standing"], seen[PRINTER]["detail"]) == ("inUse", "业务程序占用")
    assert seen[PRINTER]["tested"] == {"at": tested_at, "level": "good", "word": "正常"}
    assert seen[ATM]["tested"] == {"at": tested_at, "level": "fault", "word": "前盖 未关"}
    assert seen[OTHER]["tested"] == {"at": tested_at, "level": "unknown", "word": "未知"}
    assert rows(head)[ATM]["tested"]["word"] == "Cover: open"
    assert keys(head, "standing=good") == []
    assert head.get("/api/branches").json()["rows"][0]["counts"]["by"]["good"] == 0
    teller.state("1001-pc", PRINTER, parts={"paper": "ok"})
    teller.settle()
    assert rows(head)[PRINTER]["tested"] is None


def test_what_health_has_not_judged_for_too_long_is_never_good(
    sign_in: SignIn, teller: Any, now: SetClock, database: Database
) -> None:
    teller.state("1001-pc", PRINTER)
    teller.settle()
    head = sign_in(Role.HEAD)
    assert keys(head, "standing=good") == [PRINTER]
    now.forward(16 * 60 + 1)  # read in the very moment, whatever the follower has done until now
    assert keys(head, "standing=good") == []


ALL = {"due": 3, "fresh": 1, "never": 1, "unknown": 1, "closed": 0}
OF_1002 = {"due": 1, "fresh": 0, "never": 1, "unknown": 0, "closed": 0}


LISTS = ["positions", "conditions", "tickets", "entries", "ledger", "ledger/export?format=csv"]


@pytest.mark.parametrize("asked", LISTS)
def test_a_list_of_a_branch_that_there_is_not_is_refused(sign_in: SignIn, asked: str) -> None:
    """An empty list would say that it has no faults."""
    joint = "&" if "?" in asked else "?"
    refused = sign_in(Role.HEAD).get(f"/api/{asked}{joint}branch=9999")
    assert (refused.status_code, refused.json()["detail"]) == (404, "There is no branch 9999.")
    assert sign_in(Role.HEAD).get(f"/api/{asked}{joint}branch=1002").status_code == 200
    assert sign_in(Role.BRANCH, ["1001"]).get(f"/api/{asked}{joint}branch=1002").status_code == 404


def test_every_list_says_its_coverage(sign_in: SignIn, teller: Any) -> None:
    teller.state("1001-pc", PRINTER)
    teller.state("1001-pc", ATM, "unknown", failure=("garbled", "badFrame"))
    teller.settle()
    head = sign_in(Role.HEAD)
    for query in ("", "standing=fault", "standing=good"):
        assert head.get(f"/api/positions?{query}").json()["coverage"] == ALL
    for query in ("branches", "home", "conditions", "conditions?open=true", "tickets", "tickets?status=done"):
        assert head.get(f"/api/{query}").json()["coverage"] == ALL, query
    for query in ("positions?branch=1002", "conditions?branch=1002", "tickets?branch=1002"):
        assert head.get(f"/api/{query}").json()["coverage"] == OF_1002, query
    mine = sign_in(Role.BRANCH, ["1002"])
    for query in ("conditions", "tickets"):
        assert mine.get(f"/api/{query}").json()["coverage"] == OF_1002, query


def test_a_fault_is_seen_everywhere_it_should_be(sign_in: SignIn, teller: Any, now: SetClock) -> None:
    teller.state("1001-pc", PRINTER, parts={"paper": "out", "cover": "closed"})
    teller.settle()
    head, zh = sign_in(Role.HEAD), sign_in(Role.HEAD, lang="zh")
    assert rows(zh)[PRINTER]["detail"] == "纸张 缺纸（确认中）"
    assert rows(zh)[PRINTER]["standing"] == "attention"
    now.forward(70)
    teller.hold("1001-pc", PRINTER)
    teller.settle(conditions=1)
    row = rows(zh)[PRINTER]
    assert (row["standing"], row["detail"], row["ticket"]) == ("fault", "纸张 缺纸", "2026-0001")
    assert rows(head)[PRINTER]["detail"] == "Paper: out"
    [condition] = zh.get("/api/conditions?open=true").json()["rows"]
    assert (condition["title"], condition["ticket"], condition["severity"]) == ("纸张 缺纸", "2026-0001", "fault")
    assert condition["fix_card"][0].startswith("打开前盖")
    assert head.get("/api/conditions?open=false").json()["total"] == 0
    assert head.get(f"/api/conditions?subject={PRINTER}&branch=1001").json()["total"] == 1
    branches = zh.get("/api/branches").json()["rows"]
    assert branches[0]["code"] == "1001"
    assert branches[0]["worst"] == "1001/PRINTER-1 纸张 缺纸"
    assert (branches[0]["standing"], branches[0]["conditions"], branches[0]["tickets"]) == ("fault", 1, 1)
    assert zh.get("/api/branches/1001").json() == branches[0]


def test_nobody_sees_beyond_the_branches_in_scope(sign_in: SignIn, teller: Any, now: SetClock) -> None:
    teller.state("centre", OTHER, parts={"cassette.1": "empty"})
    now.forward(70)
    teller.hold("centre", OTHER)
    teller.settle(conditions=1)
    mine, other = sign_in(Role.BRANCH, ["1001"]), sign_in(Role.BRANCH, ["1002"])
    assert set(rows(mine)) == {PRINTER, ATM, LISTED}
    assert mine.get(f"/api/positions/{OTHER}").status_code == 404
    assert mine.get(f"/api/positions/{OTHER}/history?metric=load").status_code == 404
    assert mine.get("/api/branches/1002").status_code == 404
    assert mine.get("/api/conditions").json()["total"] == 0
    assert [branch["code"] for branch in mine.get("/api/branches").json()["rows"]] == ["1001", "100101"]
    home = mine.get("/api/home").json()
    assert home["conditions"] == []
    assert all("1002" not in event["branch"] for event in home["events"])
    assert other.get("/api/conditions").json()["total"] == 1


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("printer-1", [PRINTER]),
        ("PRINTER", [PRINTER]),
        ("存折", [PRINTER]),
        ("HT-2045", [PRINTER]),
        ("sn%77", [PRINTER]),
        ("bf-0001", [PRINTER]),
        ("%", [PRINTER]),  # the one that has a percent sign
        ("_", []),
        ("no such", []),
        ("  atm-1 ", [ATM, OTHER]),
    ],
)
def test_search_finds_text_as_it_is_written(
    sign_in: SignIn, database: Database, bank: dict[str, int], now: SetClock, q: str, found: list[str]
) -> None:
    fields = {"name": "打印机", "cls": "printer", "model": "HT-2045", "serial": "SN%77"}
    with database.write() as session:
        seq = record(session, Act("x", "cli", now()), deed="card.create", about="card:BF-0001")
        card = Card(asset="BF-0001")
        session.add(card)
        session.flush()
        version = CardVersion(
            card_id=card.id or 0,
            effective_from=1,
            known_from=1,
            branch_id=bank["1001"],
            position_id=bank[PRINTER],
            status="in-use",  # type: ignore[arg-type]
            fields=fields,
            journal_seq=seq,
        )
        session.add(version)
    head = sign_in(Role.HEAD)
    page = head.get("/api/positions", params={"q": q, "sort": "name"}).json()
    assert [row["key"] for row in page["rows"]] == found
    assert page["total"] == len(found)
    if PRINTER in found:
        row = page["rows"][0]
        assert (row["asset"], row["model"]) == ("BF-0001", "HT-2045")


def test_lists_are_filtered_sorted_and_cut(sign_in: SignIn, teller: Any, now: SetClock) -> None:
    teller.state("1001-pc", PRINTER)
    now.forward(5)
    teller.state("centre", OTHER, "offline", failure=("unreachable", "noAnswer"))
    for _ in range(3):
        now.forward(60)
        teller.hold("centre", OTHER)
        teller.hold("1001-pc", PRINTER)
    teller.settle(conditions=1)
    head = sign_in(Role.HEAD)
    assert keys(head, "sort=worst") == [OTHER, ATM, PRINTER, LISTED]
    assert keys(head, "sort=name") == [ATM, PRINTER, LISTED, OTHER]
    assert keys(head, "sort=branch") == [ATM, PRINTER, LISTED, OTHER]
    assert set(keys(head, "sort=seen")[:2]) == {LISTED, ATM}
    assert keys(head, "sort=since")[0] == PRINTER
    assert keys(head, "standing=fault&standing=good") == [OTHER, PRINTER]
    assert keys(head, "standing=fault&device=offline") == [OTHER]
    assert keys(head, "branch=1001&sort=name") == [ATM, PRINTER]
    assert keys(head, "cls=printer") == [PRINTER]
    assert keys(head, "sort=name&offset=1&limit=2") == [PRINTER, LISTED]
    assert head.get("/api/positions?sort=name&offset=1&limit=2").json()["total"] == 4
    assert head.get("/api/positions?standing=nonsense").status_code == 422


@pytest.mark.parametrize(
    ("met", "said"),
    [
        (b"SHA256:" + b"a+/" * 14 + b"Z", "指纹未确认 SHA256:" + "a+/" * 14 + "Z"),
        (b"[/x]\x1b", "指纹未确认"),  # whatever else an agent may send is no fingerprint
    ],
)
def test_a_host_nobody_confirmed_shows_the_fingerprint_to_compare(
    sign_in: SignIn, teller: Any, met: bytes, said: str
) -> None:
    teller.state("centre", ATM, "unknown", failure=("refused", "hostKeyUnconfirmed", met))
    teller.settle()
    detail = sign_in(Role.HEAD).get(f"/api/positions/{ATM}", headers={"Accept-Language": "zh"}).json()
    assert [reading["failure"] for reading in detail["readings"]] == [said]


def test_a_position_has_both_views_and_their_bytes(sign_in: SignIn, teller: Any, now: SetClock) -> None:
    teller.state("centre", ATM, "offline", failure=("unreachable", "noAnswer"))
    now.forward(5)
    teller.state("1001-pc", ATM, parts={"cassette.1": "ok"}, numbers={"load": 20}, raw={"status": b"\x01\xfe[/x]"})
    teller.settle()
    detail = sign_in(Role.HEAD).get(f"/api/positions/{ATM}").json()
    assert [reading["agent"] for reading in detail["readings"]] == ["1001-pc", "centre"]
    answered, failed = detail["readings"]
    assert answered["raw"] == {"status": "01 fe 5b 2f 78 5d"}
    assert (failed["failure"], failed["failure_reason"]) == ("It does not answer", "noAnswer")
    assert failed["raw"] == {"?": "15 1b"}
    assert detail["row"]["standing"] == "good"  # one view answers, so the device does
    assert detail["metrics"] == ["load"]
    assert (detail["interval"], detail["address"]) == (300, "192.0.2.9")


def test_a_number_over_time_has_holes_where_nothing_was_attested(sign_in: SignIn, teller: Any, now: SetClock) -> None:
    start = now()
    teller.state("1001-pc", PRINTER, numbers={"load": 10})
    for _ in range(10):
        now.forward(60)
        teller.hold("1001-pc", PRINTER)
    now.forward(3 * HOUR)
    teller.state("1001-pc", PRINTER, numbers={"load": 50})
    now.forward(60)
    teller.hold("1001-pc", PRINTER)
    teller.settle()
    head = sign_in(Role.HEAD)
    params: dict[str, Any] = {"metric": "load", "start": start, "end": now(), "points": 60}
    history = head.get(f"/api/positions/{PRINTER}/history", params=params).json()
    assert (history["unit"], history["title"]) == ("%", "Load")
    means = [point["mean"] for point in history["points"]]
    assert set(means) == {10, 50}
    assert len(means) < 60
    gaps = [b["at"] - a["at"] for a, b in zip(history["points"], history["points"][1:], strict=False)]
    assert max(gaps) > 2 * HOUR * SECOND
    long = {**params, "start": start - 30 * 86400 * SECOND, "points": 5000}
    hourly = head.get(f"/api/positions/{PRINTER}/history", params=long).json()
    assert {point["low"] for point in hourly["points"]} == {10, 50}
    assert hourly["step"] == HOUR * SECOND
    [coarse] = head.get(f"/api/positions/{PRINTER}/history", params={**long, "points": 1}).json()["points"]
    assert (coarse["low"], coarse["high"]) == (10, 50)


@pytest.mark.parametrize("window", [{"start": 10, "end": 10}, {"start": 20, "end": 10}, {"start": 0}])
def test_a_time_that_cannot_be_is_refused(sign_in: SignIn, window: dict[str, int]) -> None:
    answer = sign_in(Role.HEAD).get(f"/api/positions/{PRINTER}/history", params={"metric": "load", **window})
    assert answer.status_code == 422


def test_data_with_a_date_of_its_own_shows_that_date(sign_in: SignIn, teller: Any, now: SetClock) -> None:
    as_of = now() - 20 * HOUR * SECOND
    teller.state("1001-pc", PRINTER, parts={"activity": "active"}, as_of=as_of)
    teller.settle()
    assert rows(sign_in(Role.HEAD))[PRINTER]["as_of"] == as_of


def figures(client: TestClient) -> dict[str, tuple[str, str]]:
    return {figure["key"]: (figure["value"], figure["level"]) for figure in client.get("/api/home").json()["figures"]}


def test_the_head_office_sees_in_five_seconds(sign_in: SignIn, teller: Any, now: SetClock) -> None:
    teller.state("centre", "1001/line/main", "offline", failure=("unreachable", "noAnswer"))
    teller.state("centre", ATM, "offline", failure=("unreachable", "noAnswer"))
    teller.state("centre", OTHER, "offline", failure=("unreachable", "noAnswer"))
    teller.state("1001-pc", PRINTER, parts={"paper": "low"})
    for _ in range(3):
        now.forward(60)
        teller.hold("centre", "1001/line/main", ATM, OTHER)
        teller.hold("1001-pc", PRINTER)
    teller.settle(conditions=3)
    head = sign_in(Role.HEAD)
    assert figures(head) == {
        "devices": ("4", "plain"),
        "fault": ("1", "fault"),
        "offline": ("1", "fault"),
        "attention": ("1", "attention"),
        "noData": ("1", "unknown"),
        "tickets": ("2", "attention"),
        "lines": ("1", "fault"),
        "agents": ("0", "good"),
        "unenrolled": ("2", "attention"),  # they speak by tokens of the test, and no PC has their key
    }
    home = head.get("/api/home").json()
    assert home["bank"] == home["place"] == "青禾农商银行"
    assert [branch["code"] for branch in home["branches"]][:2] == ["1001", "1002"]
    assert any("Line down" in event["text"] and "2026-0001" in event["text"] for event in home["events"])
    assert [c["severity"] for c in home["conditions"]] == ["fault", "fault", "attention"]
    for figure in home["figures"]:
        if figure["opens"].startswith("devices"):
            shown = head.get("/api/positions?" + figure["opens"].partition("?")[2]).json()["total"]
            assert figure["value"] == str(shown), figure


def test_a_branch_sees_its_own_and_an_auditor_counts(sign_in: SignIn, teller: Any, now: SetClock) -> None:
    teller.state("1001-pc", PRINTER, parts={"paper": "out"})
    now.forward(70)
    teller.hold("1001-pc", PRINTER)
    teller.settle(conditions=1)
    mine = sign_in(Role.BRANCH, ["1001"], lang="zh")
    assert figures(mine) == {
        "devices": ("3", "plain"),
        "conditions": ("1", "fault"),
        "tickets": ("1", "attention"),
        "noData": ("1", "unknown"),
    }
    home = mine.get("/api/home").json()
    assert home["place"] == "城关支行"
    assert [figure["title"] for figure in home["figures"]] == ["设备", "异常", "未结报修", "无数据"]
    auditor = figures(sign_in(Role.AUDITOR))
    assert auditor["ledger"] == ("0", "plain")
    assert int(auditor["journal"][0]) >= 1


def test_that_no_agent_is_missed_is_not_known_while_one_is_not_let_in(
    sign_in: SignIn, teller: Any, now: SetClock, database: Database
) -> None:
    head = sign_in(Role.HEAD)
    assert figures(head)["agents"] == ("0", "unknown")  # none was ever enrolled
    teller.event("centre", "start")
    teller.event("1001-pc", "start")
    now.forward(2)
    teller.settle()
    assert figures(head)["agents"] == ("0", "good")
    with database.write() as session:
        session.exec(delete(AgentToken))
    assert figures(head)["agents"] == ("0", "unknown")


def test_agents_come_and_go_in_the_events(sign_in: SignIn, teller: Any, now: SetClock) -> None:
    teller.state("1001-pc", PRINTER)
    now.forward(5)
    teller.event("1001-pc", "goodbye")
    teller.settle()
    head = sign_in(Role.HEAD)
    events = head.get("/api/home").json()["events"]
    assert [(event["text"], event["level"]) for event in events] == [("Agent 城关采集 was ended", "unknown")]
    assert rows(head)[PRINTER]["standing"] == "closed"
    assert rows(head)[PRINTER]["detail"] == "the agent was ended"


def test_pages_ask_a_person_to_sign_in(client: TestClient, bank: dict[str, int]) -> None:
    for path in ("home", "branches", "branches/1001", "positions", f"positions/{PRINTER}", "conditions", "tickets"):
        assert client.get(f"/api/{path}").status_code == 401
