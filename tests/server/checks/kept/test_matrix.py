"""Hosts by checks, day by day, on the homes and as a file: a branch sees its own, and all words add up."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import xlsxwriter
from fastapi.testclient import TestClient
from sqlmodel import Session, select

from server.checks.sheet import _page
from server.checks.tables import JudgedHost, VerdictDay
from server.clock import SetClock
from server.inventory.tables import Subject
from server.ledger.sheet import LINE_HEIGHT
from server.schemas.people import Role
from tests.server.checks.kept.conftest import DAY, Fleet, cell, deeds

SignIn = Callable[..., TestClient]


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
    assert [head[key]["value"] for key in ("patched", "unpatched", "patchesUnknown", "library")] == [
        "0",
        "0",
        "2",
        "1 (1 not known)",
    ]
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


def test_what_takes_several_lines_has_room_for_them(tmp_path: Path) -> None:
    """Or the titles of checks lie over the rows beside them."""
    book = xlsxwriter.Workbook(str(tmp_path / "x.xlsx"))
    _page(book, "x", "", "", ["网点", "高危端口 135/137/138/139/445 已关闭"], [11.0, 11.0], str)
    book.close()
    sheet = openpyxl.load_workbook(tmp_path / "x.xlsx").active
    assert sheet is not None
    assert (sheet.row_dimensions[3].height or 0) >= 3 * LINE_HEIGHT


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
    assert (row["所属机构"], row["内存够用"]) == ("城关支行", "不合格")
    listed = [[one.value for one in line] for line in ill.iter_rows(min_row=4)]
    assert ["1001-pc", "内存够用", "不合格"] in [line[1:4] for line in listed]
    assert all(
        cell.data_type == "s" for sheet in book.worksheets for line in sheet.iter_rows() for cell in line if cell.value
    )
    assert deeds(fleet.database)[-1] == "checks.export"
    assert sign_in(Role.BRANCH, ["1002"]).get("/api/checks/export", params={"branch": "1001"}).status_code == 404
