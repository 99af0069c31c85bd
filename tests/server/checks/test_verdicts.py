"""Verdicts that are kept: they follow sheets, time, checks and exemptions, and are never shown better than they are."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlmodel import Session, select

from server.app import create_app
from server.checks import follower as following
from server.checks.due import judge_again
from server.checks.follower import VerdictFollower
from server.checks.kept import Checks, shipped
from server.checks.tables import JudgedHost, VerdictDay, VerdictRow
from server.clock import SetClock
from server.facts.tables import FactSheet
from server.inventory.tables import Subject
from server.journal.tables import JournalRow
from server.schemas.people import Role
from server.settings import Settings
from server.storage.database import Database

SignIn = Callable[..., TestClient]
DAY = 86_400
OWN = """\
id = "enough-memory"
title = "内存够用"
title_en = "Enough memory"
clause = "本行规定"
severity = "critical"
fresh = "1d"
applies = "true"
passes = 'f["memory.bytes"] >= {least}'
[mend]
zh = ["加内存"]
en = ["Add memory"]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "checks"
    made.mkdir()
    (made / "memory.toml").write_text(OWN.format(least=4000), encoding="utf-8")
    return made


@pytest.fixture
def app(database: Database, settings: Settings, now: SetClock, folder: Path) -> FastAPI:
    return create_app(database, settings, now, checks=folder)


@pytest.fixture
def client(app: FastAPI) -> TestClient:
    """Without what runs beside it: here the tests step."""
    return TestClient(app, headers={"Accept-Language": "en"})


class Fleet:
    """Hosts that tell, and one server that follows."""

    def __init__(self, database: Database, bank: dict[str, int], now: SetClock, folder: Path) -> None:
        self.database, self.bank, self.now, self.folder = database, bank, now, folder
        self.follower = self.another()

    def another(self) -> VerdictFollower:
        return VerdictFollower(self.database, self.now, Checks(self.folder))

    def tell(self, key: str, topic: str = "host", **facts: Any) -> None:
        names = {name if "." in name else name.replace("_", "."): value for name, value in facts.items()}
        with self.database.write() as session:
            row = session.get(FactSheet, (self.bank[key], topic)) or FactSheet(
                subject_id=self.bank[key], topic=topic, at=0, arrived=0, record=0, host="", facts={}, unread={}
            )
            row.at, row.arrived, row.facts = self.now(), self.now(), names
            session.add(row)
            session.flush()
            judge_again(session, [self.bank[key]])

    def settle(self) -> None:
        while self.follower.step():
            pass

    def word(self, key: str, check: str = "enough-memory") -> str:
        with self.database.read() as session:
            return session.get_one(VerdictRow, (self.bank[key], check)).word.value


@pytest.fixture
def fleet(database: Database, bank: dict[str, int], now: SetClock, folder: Path) -> Fleet:
    return Fleet(database, bank, now, folder)


def cell(person: TestClient, host: str, check: str = "enough-memory") -> dict[str, Any]:
    told = person.get("/api/checks/hosts", params={"check": check}).json()
    [row] = [one for one in told["rows"] if one["host"] == host]
    return dict(row["cells"][0])


def test_a_host_is_judged_by_every_check_when_it_tells(fleet: Fleet) -> None:
    fleet.tell("1001-pc", memory_bytes=8000)
    fleet.settle()
    assert fleet.word("1001-pc") == "pass"
    assert fleet.word("centre") == "unknown"
    fleet.tell("1001-pc", memory_bytes=1000)
    fleet.settle()
    assert fleet.word("1001-pc") == "fail"
    with fleet.database.read() as session:
        rows = session.exec(select(VerdictRow).where(VerdictRow.subject_id == fleet.bank["1001-pc"])).all()
    assert len(rows) == len(shipped()) + 1


def test_facts_that_grow_old_are_unknown_by_themselves(fleet: Fleet, now: SetClock) -> None:
    fleet.tell("1001-pc", memory_bytes=8000)
    fleet.settle()
    now.forward(DAY + 1)
    fleet.settle()
    assert fleet.word("1001-pc") == "unknown"


def test_a_server_that_stopped_judging_shows_nothing_as_pass_that_is_too_old(
    fleet: Fleet, now: SetClock, sign_in: SignIn
) -> None:
    fleet.tell("1001-pc", memory_bytes=8000)
    fleet.settle()
    now.forward(DAY - 60)
    assert cell(sign_in(Role.HEAD), "1001-pc")["word"] == "pass"
    now.forward(61)
    head = sign_in(Role.HEAD)
    assert fleet.word("1001-pc") == "pass"  # as it was judged
    assert cell(head, "1001-pc")["word"] == "unknown"
    sums = head.get("/api/checks/matrix", params={"check": "enough-memory"}).json()["checks"][0]["counts"]
    assert (sums["passes"], sums["unknown"]) == (0, 2)
    assert head.get("/api/checks/hosts", params={"check": "enough-memory", "word": "pass"}).json()["total"] == 0
    assert head.get("/api/checks/hosts", params={"check": "enough-memory", "word": "unknown"}).json()["total"] == 2


def test_a_virus_library_grows_a_day_older_without_a_word_of_its_host(fleet: Fleet, now: SetClock) -> None:
    def tell() -> None:
        said = {"av.count": 1, "av.1.product": "ClamAV", "av.1.realtime": True, "av.1.library_at": made}
        fleet.tell("1001-pc", "antivirus", **said)

    made = now() - 16 * DAY * 1_000_000 + 3_600_000_000  # 15 days and 23 hours old, and the bank has no newer
    tell()
    fleet.settle()
    assert fleet.word("1001-pc", "antivirus-library-15") == "pass"
    now.forward(3_601)
    fleet.settle()
    assert fleet.word("1001-pc", "antivirus-library-15") == "fail"


def test_a_check_that_changes_has_every_host_judged_once(fleet: Fleet, now: SetClock, folder: Path) -> None:
    fleet.tell("1001-pc", memory_bytes=8000)
    fleet.tell("centre", memory_bytes=2000)
    fleet.settle()
    (folder / "memory.toml").write_text(OWN.format(least=9_000_000), encoding="utf-8")
    now.forward(30)
    fleet.settle()
    assert (fleet.word("1001-pc"), fleet.word("centre")) == ("fail", "fail")
    (folder / "memory.toml").unlink()
    now.forward(30)
    fleet.settle()
    with fleet.database.read() as session:
        assert session.exec(select(VerdictRow).where(VerdictRow.check_id == "enough-memory")).all() == []


def test_who_is_killed_in_the_middle_of_it_leaves_nothing_unjudged(
    fleet: Fleet, now: SetClock, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "HOSTS", 1)
    for key in ("1001-pc", "centre"):
        fleet.tell(key, memory_bytes=8000)
    fleet.settle()
    (folder / "memory.toml").write_text(OWN.format(least=9_000), encoding="utf-8")
    now.forward(30)
    assert fleet.follower.step() == 1  # one of the two, and then it is gone
    fleet.follower = fleet.another()
    fleet.settle()
    assert (fleet.word("1001-pc"), fleet.word("centre")) == ("fail", "fail")


def test_two_servers_that_both_follow_come_to_the_same(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "HOSTS", 1)
    other = fleet.another()
    for key in ("1001-pc", "centre"):
        fleet.tell(key, memory_bytes=8000)
    while fleet.follower.step() + other.step():
        pass
    assert (fleet.word("1001-pc"), fleet.word("centre")) == ("pass", "pass")


def test_a_sheet_has_its_own_host_judged_and_no_other(fleet: Fleet) -> None:
    fleet.settle()
    fleet.tell("1001-pc", memory_bytes=8000)
    assert fleet.follower.step() == 1


def test_a_host_that_is_let_go_has_no_verdicts_and_is_not_counted(fleet: Fleet, now: SetClock, sign_in: SignIn) -> None:
    fleet.settle()
    with fleet.database.write() as session:
        session.get_one(Subject, fleet.bank["1001-pc"]).removed_at = now()
    assert sign_in(Role.HEAD).get("/api/checks/matrix").json()["hosts"] == 1
    fleet.follower = fleet.another()
    fleet.settle()
    with fleet.database.read() as session:
        assert session.get(JudgedHost, fleet.bank["1001-pc"]) is None
        gone = VerdictRow.subject_id == fleet.bank["1001-pc"]
        assert session.exec(select(VerdictRow).where(gone)).all() == []


# exemptions

UNTIL = "2026-11-10"  # six days after the clock's noon


def exempt(person: TestClient, **said: Any) -> Any:
    asked = {
        "check": "enough-memory",
        "about": "1001-pc",
        "approver": "李某",
        "control": "白名单管控",
        "until": UNTIL,
        **said,
    }
    return person.post("/api/exemptions", json=asked)


def test_an_exempt_host_is_exempt_until_its_day_is_over_and_the_journal_says_so(
    fleet: Fleet, now: SetClock, sign_in: SignIn
) -> None:
    head = sign_in(Role.HEAD)
    fleet.tell("1001-pc", memory_bytes=1)
    fleet.settle()
    answer = exempt(head)
    assert (answer.status_code, answer.json()["hosts"], answer.json()["standing"]) == (201, 1, "ends_soon")
    fleet.settle()
    assert fleet.word("1001-pc") == "exempt"
    told = cell(head, "1001-pc")
    assert "白名单管控" in told["why"]
    now.forward(6 * DAY + 12 * 3600 - 1)  # the last second of its day by the bank's clocks
    fleet.settle()
    assert fleet.word("1001-pc") == "exempt"
    now.forward(1)
    assert cell(sign_in(Role.HEAD), "1001-pc")["word"] == "unknown"  # nobody has judged it yet
    fleet.tell("1001-pc", memory_bytes=1)
    fleet.settle()
    assert fleet.word("1001-pc") == "fail"
    assert deeds(fleet.database)[-2:] == ["exemption.grant", "exemption.end"]


def deeds(database: Database) -> list[str]:
    with database.read() as session:
        return list(session.exec(select(JournalRow.deed).order_by(JournalRow.seq)))  # type: ignore[arg-type]


def test_a_withdrawn_exemption_is_over_at_once(fleet: Fleet, sign_in: SignIn) -> None:
    head = sign_in(Role.HEAD)
    fleet.tell("1001-pc", memory_bytes=1)
    uid = exempt(head).json()["uid"]
    fleet.settle()
    done = head.post(f"/api/exemptions/{uid}/withdraw", json={"reason": "已加内存"})
    assert done.json()["standing"] == "withdrawn"
    fleet.settle()
    assert fleet.word("1001-pc") == "fail"
    assert head.post(f"/api/exemptions/{uid}/withdraw", json={"reason": "再来"}).status_code == 409
    assert head.get("/api/exemptions").json()["total"] == 0
    assert head.get("/api/exemptions", params={"over": True}).json()["rows"][0]["withdrawn_by"] == "head-all"


def test_an_exemption_of_a_branch_is_for_its_hosts_and_those_below(fleet: Fleet, sign_in: SignIn) -> None:
    head = sign_in(Role.HEAD)
    for key in ("1001-pc", "centre"):
        fleet.tell(key, memory_bytes=1)
    assert exempt(head, about="1001").status_code == 201
    fleet.settle()
    assert (fleet.word("1001-pc"), fleet.word("centre")) == ("exempt", "fail")
    assert exempt(head, about="0001").status_code == 201  # everything is below head office
    fleet.settle()
    assert (fleet.word("1001-pc"), fleet.word("centre")) == ("exempt", "exempt")


def test_an_exemption_of_a_class_is_not_for_the_pcs_of_agents(fleet: Fleet, sign_in: SignIn) -> None:
    fleet.tell("1001-pc", memory_bytes=1)
    assert exempt(sign_in(Role.HEAD), about="1001", cls="atm").status_code == 201
    fleet.settle()
    assert fleet.word("1001-pc") == "fail"


@pytest.mark.parametrize(
    ("said", "status", "why"),
    [
        ({"check": "no-such"}, 404, "no check"),
        ({"about": "9999"}, 404, "no branch and no host"),
        ({"until": "2026-11-03"}, 422, "2026-11-04 to 2027-11-05"),
        ({"until": "2027-11-06"}, 422, "2026-11-04 to 2027-11-05"),
        ({"approver": " "}, 422, "who approves"),
        ({"cls": "atm"}, 422, "one machine already"),
        ({"about": "1001", "cls": "no-such"}, 404, "no device class"),
    ],
)
def test_an_exemption_that_cannot_be_is_refused_in_a_sentence(
    fleet: Fleet, sign_in: SignIn, said: dict[str, str], status: int, why: str
) -> None:
    answer = exempt(sign_in(Role.HEAD), **said)
    assert (answer.status_code, why in answer.json()["detail"]) == (status, True), answer.text


def test_only_head_office_exempts_and_a_branch_sees_its_own(fleet: Fleet, sign_in: SignIn, folder: Path) -> None:
    (folder / "bank.toml").write_text(
        '[[exempt]]\ncheck = "licence"\nhost = "centre"\napprover = "李某"\ncontrol = "x"\nuntil = 2026-12-30\n',
        encoding="utf-8",
    )
    for role, branches in ((Role.BRANCH, ["1001"]), (Role.AUDITOR, None)):
        assert exempt(sign_in(role, branches)).status_code == 403
    assert exempt(sign_in(Role.HEAD)).status_code == 201
    assert exempt(sign_in(Role.HEAD)).status_code == 409
    rows = sign_in(Role.HEAD).get("/api/exemptions").json()["rows"]
    assert [(row["about"], row["by"], row["uid"] is None) for row in rows] == [
        ("1001-pc", "head-all", False),
        ("centre", "bank.toml", True),
    ]
    assert [row["about"] for row in sign_in(Role.BRANCH, ["1001"]).get("/api/exemptions").json()["rows"]] == ["1001-pc"]
    assert sign_in(Role.BRANCH, ["1002"]).get("/api/exemptions").json()["total"] == 0


def test_one_host_asked_for_alone_knows_its_exemption(fleet: Fleet, sign_in: SignIn) -> None:
    head = sign_in(Role.HEAD)
    fleet.tell("1001-pc", memory_bytes=1)
    exempt(head, about="1001")
    told = head.get("/api/checks/verdicts", params={"host": "1001-pc"}).json()
    assert told["counts"]["exempt"] == 1


# matrix and trend


def test_the_five_words_of_a_branch_add_up_to_its_hosts(fleet: Fleet, sign_in: SignIn) -> None:
    fleet.tell("1001-pc", memory_bytes=8000, os_family="linux")
    fleet.settle()
    told = sign_in(Role.HEAD).get("/api/checks/matrix").json()
    assert (told["hosts"], told["heard"]) == (2, 1)
    for row in told["rows"]:
        assert all(sum(counts.values()) == row["hosts"] for counts in row["counts"])
    assert all(sum(one["counts"].values()) == 2 for one in told["checks"])
    assert {row["code"]: row["heard"] for row in told["rows"]} == {"0001": 0, "1001": 1}


def test_hosts_that_nobody_judged_yet_are_unknown(fleet: Fleet, sign_in: SignIn) -> None:
    with fleet.database.write() as session:
        session.add(JudgedHost(subject_id=fleet.bank["centre"], due=0, basis=""))
    head = sign_in(Role.HEAD)
    assert cell(head, "centre")["word"] == "unknown"
    assert head.get("/api/checks/hosts", params={"word": "unknown"}).json()["total"] == 1


def test_a_branch_sees_its_own_hosts_only(fleet: Fleet, sign_in: SignIn) -> None:
    fleet.settle()
    branch = sign_in(Role.BRANCH, ["1001"])
    assert [row["host"] for row in branch.get("/api/checks/hosts").json()["rows"]] == ["1001-pc"]
    assert [row["code"] for row in branch.get("/api/checks/matrix").json()["rows"]] == ["1001"]
    assert branch.get("/api/checks/hosts", params={"branch": "0001"}).status_code == 404
    trend = branch.get("/api/checks/trend", params={"check": "enough-memory"}).json()
    assert sum(trend["days"][-1]["counts"].values()) == 1


def test_each_day_is_kept_and_today_is_as_it_is_now(fleet: Fleet, now: SetClock, sign_in: SignIn) -> None:
    fleet.tell("1001-pc", memory_bytes=8000)
    fleet.settle()
    now.forward(DAY)
    fleet.tell("1001-pc", memory_bytes=8)
    fleet.settle()
    fleet.tell("centre", memory_bytes=8000)
    fleet.settle()  # within the hour: not counted again
    told = sign_in(Role.HEAD).get("/api/checks/trend", params={"check": "enough-memory"}).json()
    assert told["first"] == "2026-11-04"
    assert [(day["day"], day["counts"]["passes"], day["counts"]["fails"]) for day in told["days"]] == [
        ("2026-11-04", 1, 0),
        ("2026-11-05", 1, 1),
    ]
    with fleet.database.read() as session:
        assert _rows(session) == 2 * 2


def _rows(session: Session) -> int:
    return len(session.exec(select(VerdictDay).where(VerdictDay.check_id == "enough-memory")).all())


def test_the_homes_count_hosts_by_their_verdicts_and_lead_to_them(fleet: Fleet, sign_in: SignIn) -> None:
    said = {"av.count": 1, "av.1.product": "ClamAV", "av.1.realtime": True}
    fleet.tell("1001-pc", "antivirus", **said, **{"av.1.library_at": fleet.now() - 40 * DAY * 1_000_000})
    fleet.settle()
    head = figures(sign_in(Role.HEAD))
    assert [head[key]["value"] for key in ("patched", "unpatched", "patchesUnknown", "library")] == ["0", "0", "2", "1"]
    assert figures(sign_in(Role.BRANCH, ["1001"]))["library"]["value"] == "0/1"
    unchecked = figures(sign_in(Role.AUDITOR))["unchecked"]
    assert (unchecked["value"], unchecked["level"]) == ("2", "unknown")
    for role, name, count in (
        (Role.HEAD, "library", 1),
        (Role.HEAD, "patchesUnknown", 2),
        (Role.AUDITOR, "unchecked", 2),
    ):
        person = sign_in(role)
        opens = figures(person)[name]["opens"].removeprefix("hosts")
        assert person.get(f"/api/checks/hosts{opens}").json()["total"] == count


def figures(person: TestClient) -> dict[str, Any]:
    return {one["key"]: one for one in person.get("/api/home").json()["figures"]}


def test_the_export_is_a_workbook_and_a_deed_and_runs_nothing(fleet: Fleet, sign_in: SignIn) -> None:
    fleet.tell("1001-pc", memory_bytes=1)
    with fleet.database.write() as session:
        session.get_one(Subject, fleet.bank["1001-pc"]).name = "=1+1"
    fleet.settle()
    answer = sign_in(Role.HEAD, lang="zh").get("/api/checks/export", params={"branch": "1001"})
    assert (answer.status_code, answer.headers["x-rows"]) == (200, "1"), answer.text
    book = openpyxl.load_workbook(io.BytesIO(answer.content))
    [matrix, ill] = book.worksheets
    heads = [one.value for one in matrix[3]]
    row = dict(zip(heads, [one.value for one in matrix[4]], strict=True))
    assert (row["机构"], row["内存够用"]) == ("城关支行", "不合格")
    listed = [[one.value for one in line] for line in ill.iter_rows(min_row=4)]
    assert ["1001-pc", "内存够用", "不合格"] in [line[1:4] for line in listed]
    assert all(
        cell.data_type == "s" for sheet in book.worksheets for line in sheet.iter_rows() for cell in line if cell.value
    )
    assert deeds(fleet.database)[-1] == "checks.export"
    assert sign_in(Role.BRANCH, ["1002"]).get("/api/checks/export", params={"branch": "1001"}).status_code == 404
