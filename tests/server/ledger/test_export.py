"""The ledger as a file: what people open in Excel, print on A4, or hand to an auditor."""

import csv
import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from datetime import datetime
from typing import Any

import openpyxl
import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import col, select

from server.clock import SetClock
from server.inventory.duties import note_duties
from server.inventory.tables import PastName, Subject
from server.journal.deeds import Act, record
from server.journal.tables import JournalRow
from server.ledger.cells import CELL_LIMIT, clean, harmless
from server.ledger.columns import COLUMNS
from server.ledger.deeds import amend, register
from server.ledger.fields import CardFields
from server.ledger.tables import CardStatus
from server.schemas.people import Role
from server.storage.database import Database

MakeAct = Callable[[], Act]
SignIn = Callable[..., TestClient]
FORMATS = ("xlsx", "csv", "json")
FORMULA = "=cmd|' /C calc'!A0"


@pytest.fixture
def ledger(database: Database, bank: dict[str, int], act: MakeAct, fields: CardFields) -> None:
    """Three machines: one serving at 1001, a spare at 1002, and one with texts that mean harm."""
    hostile = fields.model_copy(
        update={
            "name": FORMULA,
            "maker": "+1+1",
            "model": "[/x]\x1b[31m",
            "serial": "6222021234567890123",
            "supplier": "@SUM(A1)",
            "keeper": "-2+3",
            "note": "一\n二\t三",
            "bought": "2024-03-01",
            "price": "128000.50",
        }
    )
    with database.write() as session:
        register(session, act(), "BF-0001", fields, branch="1001", position="1001/atm-1")
        register(session, act(), "BF-0002", fields, branch="1002", status=CardStatus.SPARE)
        register(session, act(), "BF-0003", hostile, branch="1002", status=CardStatus.SPARE)


def asked(client: TestClient, format: str, **query: Any) -> Any:
    answer = client.get("/api/ledger/export", params={"format": format, **query})
    assert answer.status_code == 200, answer.text
    return answer


def sheet_of(content: bytes) -> Any:
    return openpyxl.load_workbook(io.BytesIO(content)).worksheets[0]


def test_excel_shows_the_ledger_with_chinese_headings(ledger: None, sign_in: SignIn) -> None:
    sheet = sheet_of(asked(sign_in(lang="zh"), "xlsx").content)
    assert sheet.title == "电子设备台账"
    assert sheet["A1"].value == "青禾农商银行电子设备台账"
    assert "截至时间：2026-11-04 12:00:03" in sheet["A2"].value
    assert "日志序号：3" in sheet["A2"].value
    assert "共 3 台" in sheet["A2"].value
    assert "范围：全辖" in sheet["A2"].value
    headings = [cell.value for cell in sheet[3]]
    assert headings[:5] == ["序号", "资产编号", "设备名称", "设备类型", "品牌"]
    assert len(headings) == 1 + len(COLUMNS)
    row = dict(zip(headings, (cell.value for cell in sheet[4]), strict=True))
    assert (row["资产编号"], row["所属机构"], row["状态"], row["责任人"]) == ("BF-0001", "城关支行", "在用", "王某")


def test_in_excel_dates_are_dates_money_is_money_and_long_numbers_are_text(ledger: None, sign_in: SignIn) -> None:
    sheet = sheet_of(asked(sign_in(lang="zh"), "xlsx").content)
    headings = [cell.value for cell in sheet[3]]
    cells = dict(zip(headings, sheet[6], strict=True))
    assert cells["购置日期"].value == datetime(2024, 3, 1)  # noqa: DTZ001  (a spreadsheet has no zones)
    assert cells["购置日期"].number_format == "yyyy-mm-dd"
    assert cells["原值（元）"].value == 128000.5
    assert (cells["序列号"].value, cells["序列号"].data_type) == ("6222021234567890123", "s")


def test_in_excel_no_cell_is_a_formula(ledger: None, sign_in: SignIn) -> None:
    sheet = sheet_of(asked(sign_in(lang="zh"), "xlsx").content)
    cells = [cell for row in sheet.iter_rows() for cell in row]
    assert {cell.data_type for cell in cells} <= {"s", "n", "d"}
    assert sheet["C6"].value == FORMULA


def test_the_sheet_prints_as_a_register_does(ledger: None, sign_in: SignIn) -> None:
    sheet = sheet_of(asked(sign_in(lang="zh"), "xlsx").content)
    assert sheet.freeze_panes == "D4"
    assert (sheet.page_setup.orientation, sheet.page_setup.paperSize) == ("landscape", 9)
    assert sheet.print_title_rows == "$3:$3"
    assert sheet.print_title_cols == "$A:$B"
    assert "青禾农商银行电子设备台账" in sheet.oddHeader.center.text
    for words in ("制表人", "复核人", "负责人"):
        assert words in sheet.oddFooter.left.text
    assert sheet.oddFooter.right.text == "第 &P 页  共 &N 页" or "&[Page]" in sheet.oddFooter.right.text


def test_csv_opens_in_excel_and_harms_nobody(ledger: None, sign_in: SignIn) -> None:
    content = asked(sign_in(lang="zh"), "csv").content
    assert content.startswith(b"\xef\xbb\xbf")
    assert content.count(b"\r\n") == content.count(b"\n") == 4
    rows = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))
    assert [row["资产编号"] for row in rows] == ["BF-0001", "BF-0002", "BF-0003"]
    hostile = rows[2]
    assert hostile["设备名称"] == "'" + FORMULA
    assert (hostile["品牌"], hostile["供应商"], hostile["责任人"]) == ("'+1+1", "'@SUM(A1)", "'-2+3")
    assert (hostile["型号"], hostile["备注"]) == ("[/x][31m", "一 二 三")
    assert hostile["购置日期"] == "2024-03-01"


def test_json_says_what_the_api_says(ledger: None, sign_in: SignIn) -> None:
    client = sign_in()
    body = asked(client, "json").json()
    page = client.get("/api/ledger").json()
    assert (body["bank"], body["journal_seq"], body["rows"], body["scope"]) == ("青禾农商银行", 3, 3, None)
    assert body["cards"] == page["rows"]


def test_an_empty_ledger_is_a_file_too(bank: dict[str, int], sign_in: SignIn) -> None:
    client = sign_in()
    assert sheet_of(asked(client, "xlsx").content).max_row == 3
    assert asked(client, "csv").text.count("\r\n") == 1
    assert asked(client, "json").json()["cards"] == []


@pytest.mark.parametrize("format", FORMATS)
def test_the_same_seq_gives_the_same_bytes_whatever_has_happened_since(
    format: str, ledger: None, sign_in: SignIn, database: Database, act: MakeAct, now: SetClock
) -> None:
    client = sign_in(lang="zh")
    first = asked(client, format)
    seq = int(first.headers["x-journal-seq"])
    now.forward(10_000)
    with database.write() as session:
        amend(session, act(), "BF-0001", {"keeper": "李某"})
        amend(session, act(), "BF-0002", branch="1001")
        branch = session.exec(select(Subject).where(Subject.key == "1001")).one()
        renamed = record(session, act(), deed="inventory.apply", about="inventory")
        past = PastName(kind="subject", ref=str(branch.id), until_seq=renamed, key=branch.key, name=branch.name)
        session.add(past)
        branch.name, branch.key = "城关中心支行", "1001x"
    again = asked(client, format, seq=seq)
    assert again.content == first.content
    assert again.headers["x-journal-seq"] == str(seq)
    latest = asked(client, format)
    assert latest.content != first.content
    if format == "csv":
        assert "城关中心支行" in latest.content.decode("utf-8-sig")


def test_a_search_at_an_earlier_seq_finds_what_was_called_so_then(
    ledger: None, sign_in: SignIn, database: Database, act: MakeAct
) -> None:
    client = sign_in(lang="zh")
    first = asked(client, "csv", q="城关", branch="1001")
    with database.write() as session:
        branch = session.exec(select(Subject).where(Subject.key == "1001")).one()
        renamed = record(session, act(), deed="inventory.apply", about="inventory")
        session.add(PastName(kind="subject", ref=str(branch.id), until_seq=renamed, key="1001", name=branch.name))
        branch.name, branch.key = "东街支行", "1009"
    again = asked(client, "csv", q="城关", branch="1001", seq=first.headers["x-journal-seq"])
    assert again.content == first.content
    assert "BF-0001" in again.text
    assert "BF-0001" not in asked(client, "csv", q="城关").text


def test_an_export_is_a_deed_that_is_not_in_what_it_exports(ledger: None, sign_in: SignIn, database: Database) -> None:
    answer = asked(sign_in(), "csv", q="王某", branch="1001")
    with database.read() as session:
        deed = session.exec(select(JournalRow).order_by(col(JournalRow.seq).desc())).all()[0]
    told = json.loads(deed.after or "{}")
    assert (deed.deed, deed.seq, deed.actor) == ("ledger.export", told["seq"] + 1, "head-all")
    assert told["sha256"] == hashlib.sha256(answer.content).hexdigest() == answer.headers["x-content-sha256"]
    assert (told["rows"], told["format"], told["branch"]) == (1, "csv", "1001")
    assert "王某" not in (deed.after or "")


@pytest.mark.parametrize("format", FORMATS)
def test_a_branch_takes_its_own_machines_away_and_no_others(format: str, ledger: None, sign_in: SignIn) -> None:
    answer = asked(sign_in(Role.BRANCH, ["1002"], lang="zh"), format)
    content = answer.content
    if format == "xlsx":
        content = b"".join(zipfile.ZipFile(io.BytesIO(content)).read("xl/worksheets/sheet1.xml") for _ in range(1))
    text = content.decode("utf-8-sig")
    assert "BF-0002" in text
    assert "BF-0001" not in text
    if format != "csv":
        assert "河西支行" in text


def test_the_file_has_a_name_that_says_its_seq(ledger: None, sign_in: SignIn) -> None:
    disposition = asked(sign_in(lang="en"), "xlsx").headers["content-disposition"]
    assert disposition == 'attachment; filename="ledger-3.xlsx"'


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"format": "pdf"}, 422),
        ({}, 422),
        ({"format": "csv", "seq": 99}, 404),
        ({"format": "csv", "status": "lost"}, 422),
        ({"format": "csv", "seq": -1}, 422),
    ],
)
def test_what_cannot_be_exported_is_refused_with_a_sentence(
    query: dict[str, Any], status: int, ledger: None, sign_in: SignIn
) -> None:
    answer = sign_in().get("/api/ledger/export", params=query)
    assert answer.status_code == status
    assert answer.json()["detail"]


def test_nobody_exports_without_signing_in(ledger: None, client: TestClient) -> None:
    assert client.get("/api/ledger/export", params={"format": "csv"}).status_code == 401


@given(st.text())
def test_no_text_becomes_a_formula_or_breaks_a_line(text: str) -> None:
    for cell in (clean(text), harmless(text)):
        assert not set(cell) & {"\r", "\n", "\t", "\x00", "\x1b", "\ufffe"}
        assert len(cell) <= CELL_LIMIT + 1
        cell.encode("utf-8")
    assert not harmless(text).startswith(("=", "+", "-", "@"))


def test_a_text_of_a_megabyte_is_cut_to_what_a_cell_holds() -> None:
    assert len(clean("长" * 1_000_000)) == CELL_LIMIT


def test_an_export_says_how_many_of_its_machines_are_watched_and_for_ever_the_same(
    ledger: None, sign_in: SignIn, database: Database, bank: dict[str, int], now: SetClock, act: MakeAct
) -> None:
    """Of three machines one stands at a polled position; then the inventory lets that go, in the same moment."""
    head = sign_in(lang="zh")
    with database.write() as session:
        note_duties(session, now(), record(session, act(), deed="inventory.apply", about="inventory", after={}))
    before = {each: asked(head, each, seq=4) for each in FORMATS}
    assert "其中采集点位 1 台" in sheet_of(before["xlsx"].content)["A2"].value
    assert json.loads(before["json"].content)["watched"] == 1
    assert [(each.headers["X-Rows"], each.headers["X-Watched"]) for each in before.values()] == [("3", "1")] * 3
    with database.write() as session:
        session.get_one(Subject, bank["1001/atm-1"]).removed_at = now()
        session.flush()
        note_duties(session, now(), record(session, act(), deed="inventory.apply", about="inventory", after={}))
    assert {each: asked(head, each, seq=4).content for each in FORMATS} == {
        each: answer.content for each, answer in before.items()
    }
    assert asked(head, "json").headers["X-Watched"] == "0"


NOTHING = {"due": 1, "fresh": 0, "never": 1, "unknown": 0, "closed": 0}


def test_the_list_says_of_how_many_of_its_machines_there_is_valid_data(ledger: None, sign_in: SignIn) -> None:
    head = sign_in()
    assert head.get("/api/ledger").json()["coverage"] == NOTHING
    assert head.get("/api/ledger?status=spare").json()["coverage"] == dict.fromkeys(
        ("due", "fresh", "never", "unknown", "closed"), 0
    )
    assert head.get("/api/ledger?effective=1793764802000000").json()["coverage"] is None
