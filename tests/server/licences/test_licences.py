"""Software licences over the API: what was bought against what hosts tell, who sees what, and every deed."""

import io
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import openpyxl
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy.exc import IntegrityError

from agent.wire import MEDIA_MSGPACK, VERSION, Batch, Clock, Fact
from server.app import create_app
from server.clock import SetClock
from server.facts.follower import FactFollower
from server.licences.tables import Licence
from server.schemas.licences import LicenceKind
from server.schemas.people import Role
from server.settings import Settings
from server.storage.database import Database

SignIn = Callable[..., TestClient]
Tell = Callable[..., None]
DAY = 86_400
BANK = """\
[[product]]
id = "teller"
name = "柜面外设控件"
publisher = "某某软件"
software = ["柜面外设*"]
"""
WINDOWS = {"os.family": "win32", "os.name": "Windows 10 Pro", "os.edition": "Professional", "os.build": "19045.1"}


@pytest.fixture
def app(database: Database, settings: Settings, now: SetClock, tmp_path: Path) -> FastAPI:
    (tmp_path / "bank.toml").write_text(BANK, encoding="utf-8")
    return create_app(database, settings, now, checks=tmp_path)


@pytest.fixture
def tell(client: TestClient, agent_token: Callable[[str], str], database: Database, now: SetClock) -> Tell:
    """`tell("1001-pc", "software", {...})`: told, and kept before this returns."""
    follower = FactFollower(database, now)
    seqs: dict[str, int] = {}
    tokens: dict[str, str] = {}
    booted = now() - 3_600_000_000

    def make(key: str, topic: str, facts: dict[str, Any], **unread: str) -> None:
        seqs[key] = seqs.get(key, 0) + 1
        tokens[key] = tokens.get(key) or agent_token(key)
        clock = Clock(wall=now(), boot=now() - booted, boot_id="boot-1")
        record = Fact(seq=seqs[key], clock=clock, topic=topic, host="", facts=facts, unread=unread)
        batch = Batch(version=VERSION, stream=f"of-{key}", sent=clock, records=[record])
        headers = {"Authorization": f"Bearer {tokens[key]}", "Content-Type": MEDIA_MSGPACK}
        answer = client.post("/api/agent/records", content=msgspec.msgpack.encode(batch), headers=headers)
        assert answer.status_code == 200, answer.text
        while follower.step():
            pass

    return make


def programs(*names: str, left_out: int = 0) -> dict[str, Any]:
    return {"software": list(names), "software.count": len(names), "software.left_out": left_out}


def register(head: TestClient, code: str, product: str, seats: int, **more: Any) -> Any:
    asked = {"code": code, "product": product, "seats": seats, "bought_on": "2020-01-01", **more}
    answer = head.post("/api/licences", json=asked)
    assert answer.status_code == 201, answer.text
    return answer.json()


def product(person: TestClient, own: str, **asked: Any) -> dict[str, Any]:
    rows = person.get("/api/licences", params=asked).json()["rows"]
    found: dict[str, Any] = next(row for row in rows if row["product"] == own)
    return found


def test_what_was_bought_is_held_against_what_hosts_have(sign_in: SignIn, tell: Tell) -> None:
    head = sign_in(Role.HEAD)
    tell("1001-pc", "software", programs("WPS Office 2019 专业版 (11.8)\t11.8", "7-Zip"))
    register(head, "ZB-1", "WPS Office 专业版", 5, contract="HT/2024/01", keeper="王小兰")
    one = product(head, "wps-professional")
    assert (one["bought"], one["installed"], one["used"], one["over"]) == (5, 1, 1, 0)
    assert (one["unknown"], one["spare"]) == (1, 3)  # the centre never told its programs: it may have one
    tell("centre", "software", programs("vim"))
    one = product(head, "wps-professional")
    assert (one["unknown"], one["absent"], one["spare"]) == (0, 1, 4)
    tell("centre", "software", programs("wps-office-professional"))
    assert product(head, "wps-professional")["installed"] == 2
    head.post("/api/licences/change", json={"code": "ZB-1", "seats": 1})
    one = product(head, "wps-professional")
    assert (one["over"], one["spare"]) == (1, 0)


def test_a_list_that_is_old_or_cut_off_is_counted_apart_and_never_as_spare(
    sign_in: SignIn, tell: Tell, now: SetClock
) -> None:
    tell("1001-pc", "software", programs("vim"))
    tell("centre", "software", programs("vim", left_out=9))
    head = sign_in(Role.HEAD)
    register(head, "ZB-1", "winrar", 2)
    one = product(head, "winrar")
    assert (one["absent"], one["unknown"], one["spare"]) == (1, 1, 1)
    now.forward(31 * DAY)
    head = sign_in(Role.HEAD)
    page = head.get("/api/licences").json()
    assert (page["hosts"], page["listed"]) == (2, 0)
    assert (page["rows"][0]["unknown"], page["rows"][0]["spare"]) == (2, 0)
    rows = head.get("/api/licences/hosts?product=winrar").json()["rows"]
    assert {row["why"] for row in rows} == {"old"}


def test_windows_says_itself_whether_it_is_licensed(sign_in: SignIn, tell: Tell) -> None:
    head = sign_in(Role.HEAD)
    for key, word in (("1001-pc", "grace"), ("centre", "licensed")):
        tell(key, "host", WINDOWS)
        tell(key, "policy", {"licence": word})
    one = product(head, "windows-10-pro")
    assert (one["installed"], one["used"], one["grace"], one["over"]) == (2, 1, 1, 2)
    told = head.get("/api/licences/hosts?product=windows-10-pro&word=grace").json()
    assert [(row["host"], row["program"]) for row in told["rows"]] == [("1001-pc", "Windows 10 Pro 19045.1")]
    assert sum(told["counts"].values()) == 2
    tell("centre", "policy", {}, licence="rights")
    assert product(head, "windows-10-pro")["unsaid"] == 1


def test_the_banks_own_products_and_those_of_the_register_are_looked_for(sign_in: SignIn, tell: Tell) -> None:
    head = sign_in(Role.HEAD)
    tell("1001-pc", "software", programs("柜面外设控件 V3", "Nero 12"))
    assert product(head, "teller")["installed"] == 1
    register(head, "ZB-2", "刻录软件", 1)
    one = product(head, "刻录软件")
    assert (one["unknown"], one["spare"]) == (2, 0)  # nobody said what it is called
    head.post("/api/licences/change", json={"code": "ZB-2", "patterns": ["nero*"]})
    one = product(head, "刻录软件")
    assert (one["installed"], one["unknown"]) == (1, 1)


def test_seats_that_end_are_told_before_and_do_not_count_after(sign_in: SignIn, now: SetClock, tell: Tell) -> None:
    head = sign_in(Role.HEAD)
    day = "2026-12-31"
    register(head, "ZB-1", "sep", 10, expires_on=day, kind="subscription")
    register(head, "ZB-2", "sep", 3)
    left = (1_798_646_400 + DAY // 2) - now() / 1e6  # noon of that day in the bank's zone is before this
    now.forward(int(left) - DAY // 2)
    head = sign_in(Role.HEAD)
    one = product(head, "sep")
    assert (one["bought"], one["expiring"], one["expired"], one["next_end"]) == (13, 10, 0, day)
    now.forward(2 * DAY)
    head = sign_in(Role.HEAD)
    one = product(head, "sep")
    assert (one["bought"], one["expiring"], one["expired"], one["next_end"]) == (3, 0, 10, None)
    rows = head.get("/api/licences/register").json()["rows"]
    assert [(row["code"], row["standing"]) for row in rows] == [("ZB-1", "expired"), ("ZB-2", "valid")]


def test_a_branch_sees_what_its_own_hosts_have_and_nothing_of_the_register(sign_in: SignIn, tell: Tell) -> None:
    head = sign_in(Role.HEAD)
    register(head, "ZB-1", "winrar", 2)
    register(head, "ZB-2", "sep", 2)
    tell("1001-pc", "software", programs("WinRAR 6"))
    tell("centre", "software", programs("WinRAR 6", "Navicat 16"))
    branch = sign_in(Role.BRANCH, ["1001"])
    page = branch.get("/api/licences").json()
    assert [(row["product"], row["installed"], row["bought"], row["spare"]) for row in page["rows"]] == [
        ("winrar", 1, None, None)
    ]
    assert page["hosts"] == 1
    hosts = branch.get("/api/licences/hosts?product=winrar").json()
    assert ([row["host"] for row in hosts["rows"]], hosts["counts"]["used"]) == (["1001-pc"], 1)
    assert branch.get("/api/licences/register").status_code == 403
    assert branch.get("/api/licences/export").status_code == 403
    assert branch.get("/api/licences?branch=1002").status_code == 404
    assert product(head, "winrar", branch="1001")["bought"] is None


def test_only_head_office_changes_and_every_deed_is_in_the_journal(sign_in: SignIn, bank: dict[str, int]) -> None:
    head = sign_in(Role.HEAD)
    register(head, "ZB/2024/1", "winrar", 2, keeper="王小兰")
    steps = (
        ("change", {"code": "ZB/2024/1", "expires_on": "2099-12-31", "keeper": "李四"}),
        ("change", {"code": "ZB/2024/1", "for_good": True}),
        ("withdraw", {"code": "ZB/2024/1", "reason": "合同终止"}),
    )
    for person in (sign_in(Role.BRANCH, ["1001"]), sign_in(Role.AUDITOR)):
        for step, body in steps:
            assert person.post(f"/api/licences/{step}", json=body).status_code == 403
    for step, body in steps:
        assert head.post(f"/api/licences/{step}", json=body).status_code == 200
    rows = head.get("/api/journal?about=licence:ZB/2024/1").json()["rows"]
    assert [row["deed"] for row in rows][::-1] == [
        "licence.register",
        "licence.change",
        "licence.change",
        "licence.withdraw",
    ]
    assert rows[0]["reason"] == "合同终止"
    assert head.post("/api/licences/change", json={"code": "ZB/2024/1", "seats": 3}).status_code == 409
    assert head.get("/api/licences/register").json()["rows"][0]["standing"] == "withdrawn"
    assert head.get("/api/licences").json()["rows"][0]["bought"] == 0


def test_what_makes_no_sense_changes_nothing_and_a_key_is_never_kept(sign_in: SignIn, bank: dict[str, int]) -> None:
    head = sign_in(Role.HEAD)
    register(head, "ZB-1", "winrar", 2, contract="HT20-2024-0012-0001", note="9" * 25)
    before = head.get("/api/licences/register").json()["rows"]
    key = "VK7JG-NPHTM-C97JM-9MPGT-3V66T"
    for more, status in (
        ({"code": "ZB-1"}, 409),
        ({"code": "zb-1"}, 409),  # its seats would count twice
        ({"code": " "}, 422),
        ({"seats": 0}, 422),
        ({"seats": 10**9}, 422),
        ({"expires_on": "2019-12-31"}, 422),
        ({"bought_on": "2099-01-01"}, 422),
        ({"note": f"密钥 {key}"}, 422),
        ({"key_at": key.lower()}, 422),
        ({"note": f"密钥{key}"}, 422),
        ({"note": key.replace("-", "")}, 422),
        ({"note": key.replace("-", " ")}, 422),
        ({"patterns": ["**"]}, 422),
        ({"patterns": ["*a"]}, 422),
        ({"product": "windows-10-pro", "patterns": ["Windows*"]}, 422),
    ):
        asked = {"code": "ZB-9", "product": "winrar", "seats": 1, "bought_on": "2020-01-01", **more}
        answer = head.post("/api/licences", json=asked)
        assert answer.status_code == status, (more, answer.text)
    for body, status in (
        ({"code": "nobody's", "seats": 1}, 404),
        ({"code": "ZB-1", "expires_on": "2019-01-01"}, 422),
        ({"code": "ZB-1", "expires_on": "2030-01-01", "for_good": True}, 422),
        ({"code": "ZB-1", "note": key}, 422),
    ):
        assert head.post("/api/licences/change", json=body).status_code == status, body
    assert head.get("/api/licences/register").json()["rows"] == before
    assert head.get("/api/licences/hosts?product=nothing").status_code == 404


def test_the_file_has_counts_register_and_hosts_and_is_a_deed(sign_in: SignIn, tell: Tell) -> None:
    register(sign_in(Role.HEAD), "ZB-1", "winrar", 2, note="=1+1")
    tell("1001-pc", "software", programs("WinRAR\t=6"))
    answer = sign_in(Role.AUDITOR, lang="zh").get("/api/licences/export")
    book = openpyxl.load_workbook(io.BytesIO(answer.content))
    assert "2 台主机中 1 台" in book.worksheets[0]["A2"].value
    assert [cell.value for cell in book.worksheets[0][4]][:4] == ["WinRAR", "win.rar", "2", "1"]
    assert [row[0].value for row in book.worksheets[1].iter_rows(min_row=4)] == ["ZB-1"]
    hosts = [[cell.value or "" for cell in row] for row in book.worksheets[2].iter_rows(min_row=4)]
    assert [(row[0], row[2], row[4]) for row in hosts] == [("WinRAR", "1001-pc", "在用"), ("", "centre", "未核查")]
    cells = [cell for sheet in book.worksheets for row in sheet.iter_rows() for cell in row if cell.value]
    assert {cell.data_type for cell in cells} == {"s"}
    [row] = sign_in(Role.HEAD).get("/api/journal?about=licences").json()["rows"]
    assert (row["deed"], row["actor"]) == ("licence.export", "auditor-all")


def test_the_table_itself_refuses_no_seats_and_an_end_before_the_beginning(database: Database) -> None:
    day = date.fromisoformat

    def licence(seats: int, ends: str) -> Licence:
        return Licence(
            code="a", product="p", publisher="", kind=LicenceKind.OEM, seats=seats, contract="", keeper="",
            bought_on=day("2024-01-02"), expires_on=day(ends), key_at="", patterns=[], note="", since=0,
        )  # fmt: skip

    for bad in (licence(0, "2024-01-02"), licence(1, "2024-01-01")):
        with pytest.raises(IntegrityError), database.write() as session:
            session.add(bad)
