"""Checks pushed to hosts over the API: a verdict or a reason of every one, and never a good word without an answer."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient
from sqlmodel import col, select

from server.clock import SetClock
from server.facts.tables import FactSheet
from server.ingest.tables import AgentSeen
from server.journal.tables import JournalRow
from server.schemas.people import Role
from server.storage.database import Database
from tests.server.campaigns.conftest import Host, begin, campaign, hosts, settle
from tests.server.orders.conftest import state_of

SignIn = Callable[..., TestClient]
Hosts = Callable[[str], Host]


def counts(person: TestClient, uid: str) -> tuple[int, ...]:
    told = campaign(person, uid)["hosts"]
    return tuple(told[name] for name in ("total", "waiting", "answered", "undone"))


def test_every_host_has_a_verdict_or_a_reason(sign_in: SignIn, host: Hosts, now: SetClock) -> None:
    head = sign_in(Role.HEAD)
    first, second = host("1001-pc"), host("centre")
    uid = begin(head, seconds=3600)["uid"]
    assert counts(head, uid) == (2, 2, 0, 0)
    first.answer("22", "23")
    settle(head)
    told = campaign(head, uid)
    assert counts(head, uid) == (2, 1, 1, 0)
    assert told["ended_at"] is None
    assert told["hosts"]["words"]["fail"] == 1
    [failed, waiting] = hosts(head, uid)
    assert (failed["host"], failed["word"], waiting["host"], waiting["word"]) == ("1001-pc", "fail", "centre", None)
    [verdict] = failed["verdicts"]
    assert verdict["why"] == ["port 23 is listening"]
    assert verdict["mend"] == ["Stop the telnet service"]
    assert abs(verdict["at"] - now()) < 1_000_000
    second.answer("22")
    settle(head)
    told = campaign(head, uid)
    assert told["ended_at"] is not None
    assert told["checks"][0]["words"] == {"fail": 1, "pass": 1}
    assert counts(head, uid) == (2, 0, 2, 0)


def test_a_campaign_asks_what_it_began_with_whatever_becomes_of_the_file(
    sign_in: SignIn, host: Hosts, folder: Path
) -> None:
    head, file = sign_in(Role.HEAD), folder / "telnet.toml"
    first, second = host("1001-pc"), host("centre")
    uid = begin(head)["uid"]
    file.write_text(file.read_text(encoding="utf-8").replace('"23"', '"4711"'), encoding="utf-8")
    first.answer("23")
    settle(head)
    file.unlink()
    second.answer("23")
    settle(head)
    assert campaign(head, uid)["checks"][0]["words"] == {"fail": 2}


ONE_NET = {"networks": ["eth0 10.1.0.5/24", "eth1 10.2.0.5/24"]}


def test_a_campaign_judges_by_what_the_bank_had_written_down_when_it_began(
    sign_in: SignIn, host: Hosts, folder: Path, now: SetClock
) -> None:
    head, file = sign_in(Role.HEAD), folder / "bank.toml"
    uid = begin(head, "one-network")["uid"]
    file.write_text('[zones]\n"办公网" = ["10.0.0.0/8"]\n', encoding="utf-8")  # by which these would be one
    for key in ("1001-pc", "centre"):
        pc = host(key)
        [order] = pc.ask(wait=10).orders
        pc.send(pc.fact("network", ONE_NET), pc.result(order.uid))  # type: ignore[arg-type]
        settle(head)
        file.write_text("foo = 1 1", encoding="utf-8")
    assert campaign(head, uid)["checks"][0]["words"] == {"fail": 2}
    file.write_text('[zones]\n"办公网" = ["10.0.0.0/8"]\n', encoding="utf-8")
    now.forward(1)
    after = begin(head, "one-network")["uid"]
    pc = host("centre")
    [order] = pc.ask(wait=10).orders
    pc.send(pc.fact("network", ONE_NET), pc.result(order.uid))  # type: ignore[arg-type]
    settle(head)
    assert campaign(head, after)["checks"][0]["words"] == {"pass": 1}


def test_a_host_that_is_off_says_so_and_does_it_at_its_next_contact(
    sign_in: SignIn, host: Hosts, now: SetClock, database: Database, bank: dict[str, int]
) -> None:
    with database.write() as session:
        session.add(AgentSeen(agent_id=bank["1001-pc"], at=now()))
    now.forward(3 * 86_400)
    head = sign_in(Role.HEAD, lang="zh")
    uid = begin(head, branch="1001", seconds=2 * 86_400)["uid"]
    [row] = hosts(head, uid)
    assert (row["state"], row["reason"], row["word"]) == ("waiting", "off", None)
    assert "起关机或断网，下次开机执行，" in row["why"]
    assert row["why"].endswith("到期")
    assert campaign(head, uid)["reasons"] == [{"reason": "off", "title": "关机", "count": 1}]
    now.forward(6 * 3_600)
    host("1001-pc").answer("22")
    settle(head)
    [row] = hosts(head, uid)
    assert (row["state"], row["word"], row["why"]) == ("answered", "pass", "")


def test_who_stays_off_until_the_expiry_is_not_done_and_never_passes(
    sign_in: SignIn, host: Hosts, now: SetClock
) -> None:
    """Though what it told the day before would pass."""
    head = sign_in(Role.HEAD)
    uid = begin(head, branch="1001", seconds=60)["uid"]
    pc = host("1001-pc")
    pc.answer("22")
    settle(head)
    assert hosts(head, uid)[0]["word"] == "pass"
    now.forward(86_400)
    head = sign_in(Role.HEAD)
    uid = begin(head, branch="1001", seconds=60)["uid"]
    now.forward(200)
    settle(head)
    [row] = hosts(head, uid)
    assert (row["state"], row["reason"], row["word"], row["verdicts"]) == ("undone", "off", None, [])
    assert row["why"].endswith("not done in time")
    told = campaign(head, uid)
    assert told["ended_at"] is not None
    assert told["hosts"]["words"]["pass"] == 0


def test_facts_that_are_not_read_yet_are_waited_for(sign_in: SignIn, host: Hosts) -> None:
    """The result is followed by another follower than the facts: it may be the quicker one."""
    head = sign_in(Role.HEAD)
    uid = begin(head, branch="1001")["uid"]
    host("1001-pc").answer("23")
    settle(head, "orders", "campaigns")
    assert counts(head, uid) == (1, 1, 0, 0)
    settle(head, "facts", "campaigns")
    assert hosts(head, uid)[0]["word"] == "fail"
    assert campaign(head, uid)["ended_at"] is not None


def test_a_host_that_was_done_and_told_nothing_new_is_not_judged_by_what_was(
    sign_in: SignIn, host: Hosts, now: SetClock
) -> None:
    head, pc = sign_in(Role.HEAD), host("1001-pc")
    uid = begin(head, branch="1001")["uid"]
    pc.answer("22")
    settle(head)
    now.forward(3600)
    uid = begin(head, branch="1001")["uid"]
    [order] = pc.ask().orders
    pc.tell(order.uid)
    settle(head)
    [row] = hosts(head, uid)
    assert (row["reason"], row["word"]) == ("unreadableOutput", None)


def test_a_topic_that_was_not_told_anew_is_not_known(sign_in: SignIn, host: Hosts, now: SetClock) -> None:
    head, pc = sign_in(Role.HEAD), host("1001-pc")
    uid = begin(head, branch="1001")["uid"]
    pc.answer("22")
    settle(head)
    now.forward(3600)
    uid = begin(head, branch="1001")["uid"]
    [order] = pc.ask().orders
    pc.send(pc.fact("host", {"os.family": "linux"}), pc.result(order.uid))  # type: ignore[arg-type]
    settle(head)
    [row] = hosts(head, uid)
    assert row["word"] == "unknown"
    assert row["verdicts"][0]["why"] == ["listening TCP ports: the agent did not look"]


def test_what_was_looked_up_before_the_order_was_begun_answers_nothing_however_lately(
    sign_in: SignIn, host: Hosts, now: SetClock
) -> None:
    """Told some seconds before, or only sent after: what counts is when the agent looked."""
    head, pc = sign_in(Role.HEAD), host("1001-pc")
    before: list[Any] = [pc.fact("host", {"os.family": "linux"}), pc.fact("network", {"ports.tcp": ["22"]})]
    now.forward(5)
    uid = begin(head, branch="1001")["uid"]
    [order] = pc.ask().orders
    pc.send(*before, pc.result(order.uid))
    settle(head)
    [row] = hosts(head, uid)
    assert (row["reason"], row["word"]) == ("unreadableOutput", None)


def test_no_wrong_clock_of_a_pc_keeps_its_answer_out(
    sign_in: SignIn, host: Hosts, now: SetClock, database: Database
) -> None:
    """Its facts seem to be a day older than the campaign, and came for it."""
    head, pc = sign_in(Role.HEAD), host("1001-pc")
    uid = begin(head, branch="1001")["uid"]
    pc.answer("22")
    settle(head, "facts")
    with database.write() as session:
        for sheet in session.exec(select(FactSheet)):
            sheet.at -= 86_400_000_000
            session.add(sheet)
    settle(head)
    assert hosts(head, uid)[0]["word"] == "pass"


def test_what_a_driver_says_of_a_host_is_its_reason(sign_in: SignIn, host: Hosts, bank: dict[str, int]) -> None:
    head, pc = sign_in(Role.HEAD), host("1001-pc")
    for word, reason in (
        ("hostKeyChanged", "hostKeyChanged"),
        ("noAnswer", "connectTimeout"),
        ("loginRefused", "loginRefused"),
        ("noPermission", "noPermission"),
        ("portInUse", "other"),
        ("sudden-word", "other"),
    ):
        uid = begin(head, branch="1001")["uid"]
        pc.answer("22", polls={"1001-pc": word})
        settle(head)
        [row] = hosts(head, uid)
        assert (row["reason"], row["word"]) == (reason, None)
        assert row["why"]


def test_a_result_that_comes_after_the_end_is_told_and_the_journal_says_that_it_came_later(
    sign_in: SignIn, host: Hosts, now: SetClock, database: Database
) -> None:
    head, pc = sign_in(Role.HEAD), host("1001-pc")
    uid = begin(head, branch="1001", seconds=60)["uid"]
    [order] = pc.ask().orders
    now.forward(200)
    settle(head)
    assert (hosts(head, uid)[0]["reason"], campaign(head, uid)["ended_at"] is None) == ("noAnswer", False)
    root = campaign(head, uid)["root"]
    records: list[Any] = [pc.fact("host", {"os.family": "linux"}), pc.fact("network", {"ports.tcp": ["22"]})]
    pc.send(*records, pc.result(order.uid))
    settle(head)
    assert hosts(head, uid)[0]["word"] == "pass"
    assert campaign(head, uid)["root"] != root
    with database.read() as session:
        asked = select(JournalRow.deed, JournalRow.after).where(col(JournalRow.deed).startswith("campaign."))
        deeds = session.exec(asked.order_by(col(JournalRow.seq))).all()
    assert [deed for deed, _ in deeds] == ["campaign.begin", "campaign.end", "campaign.amend"]
    assert json.loads(deeds[-1][1] or "")["root"] == campaign(head, uid)["root"]
    assert json.loads(deeds[-1][1] or "")["words"] == {"pass": 1}
    assert state_of(head).followers["campaigns"].step() == 0


def test_a_branch_sees_its_own_hosts_alone_and_pushes_nothing(sign_in: SignIn, host: Hosts) -> None:
    head = sign_in(Role.HEAD)
    assert head.get("/api/campaigns").json()["total"] == 0
    everywhere = begin(head)["uid"]
    for key in ("1001-pc", "centre"):
        one = host(key)
        for order in one.ask().orders:
            one.send(one.fact("host", {"os.family": "linux"}), one.result(order.uid))  # type: ignore[arg-type]
    settle(head)
    branch, other, auditor = sign_in(Role.BRANCH, ["1001"]), sign_in(Role.BRANCH, ["1002"]), sign_in(Role.AUDITOR)
    assert [row["uid"] for row in branch.get("/api/campaigns").json()["rows"]] == [everywhere]
    assert counts(branch, everywhere) == (1, 0, 1, 0)
    assert sum(campaign(branch, everywhere)["checks"][0]["words"].values()) == 1
    assert [row["host"] for row in hosts(branch, everywhere)] == ["1001-pc"]
    told = branch.get(f"/api/campaigns/{everywhere}/branches").json()["rows"]
    assert [row["branch"] for row in told] == ["1001"]
    assert head.get("/api/campaigns").json()["total"] == 1
    assert (other.get("/api/campaigns").json()["rows"], other.get("/api/campaigns").json()["total"]) == ([], 0)
    assert other.get(f"/api/campaigns/{everywhere}").status_code == 404
    assert branch.get(f"/api/campaigns/{everywhere}/hosts", params={"branch": "0001"}).status_code == 404
    assert counts(auditor, everywhere) == (2, 0, 2, 0)
    for person in (branch, auditor):
        begin(person, status=403)
        assert person.post(f"/api/campaigns/{everywhere}/cancel").status_code == 403


def test_what_is_cancelled_says_by_whom(sign_in: SignIn, host: Hosts) -> None:
    head = sign_in(Role.HEAD)
    uid = begin(head, seconds=3600)["uid"]
    host("centre").answer("22")
    settle(head)
    assert head.post(f"/api/campaigns/{uid}/cancel").status_code == 200
    settle(head)
    told = campaign(head, uid)
    assert counts(head, uid) == (2, 0, 1, 1)
    assert told["cancelled_by"] == "head-all"
    assert hosts(head, uid)[0]["why"] == "It was cancelled by head-all."
    assert head.post(f"/api/campaigns/{uid}/cancel").status_code == 409


def test_whom_it_asks_is_said_by_zone_and_by_query_and_who_is_not_known_is_asked(
    sign_in: SignIn, host: Hosts, now: SetClock
) -> None:
    head, pc = sign_in(Role.HEAD), host("1001-pc")
    said: list[Any] = [pc.fact("host", {"os.family": "linux", "addresses": ["10.1.4.7"]})]
    pc.send(*said)
    settle(head)
    asked = {
        "a zone it is in": begin(head, zone="办公网"),
        "another zone": begin(head, zone="监控网"),
        "a query it meets": begin(head, query='f["os.family"] == "linux"'),
        "a query it does not": begin(head, query='f["os.family"] == "win32"'),
        "its class": begin(head, cls="agent", branch="1001"),
    }
    met = {name: {row["host"] for row in hosts(head, one["uid"])} for name, one in asked.items()}
    assert met == {
        "a zone it is in": {"1001-pc", "centre"},
        "another zone": {"centre"},
        "a query it meets": {"1001-pc", "centre"},
        "a query it does not": {"centre"},
        "its class": {"1001-pc"},
    }
    begin(head, zone="没有", status=404)
    begin(head, query='f["os.famly"]', status=422)
    begin(head, query='f["os.family"] == "windows"', status=422)
    begin(head, query="1", status=422)
    begin(head, "no-such-check", status=404)
    begin(head, branch="1001", everything=True, status=422)
    begin(head, branch="1002", status=409)


def test_an_agent_nobody_may_speak_as_is_not_done_at_once(
    sign_in: SignIn, database: Database, bank: dict[str, int]
) -> None:
    head = sign_in(Role.HEAD)
    uid = begin(head)["uid"]
    assert counts(head, uid) == (2, 0, 0, 2)  # before anything follows
    settle(head)
    assert {row["host"]: row["reason"] for row in hosts(head, uid)} == {"centre": "notLetIn", "1001-pc": "notLetIn"}
    assert campaign(head, uid)["ended_at"] is not None
