"""What people write: each row a deed of the journal, none changed, a correction a row of its own."""

import io
import json
from collections.abc import Callable
from typing import Any

import openpyxl
import pytest
from fastapi.testclient import TestClient
from sqlmodel import col, select

from server.clock import SetClock
from server.journal.tables import JournalRow
from server.schemas.people import Role
from server.storage.database import Database
from tests.server.registers.conftest import URL, enter, rows, told, write

SignIn = Callable[..., TestClient]
pytestmark = pytest.mark.usefixtures("bank")


def test_a_check_by_hand_is_a_row_and_a_deed(sign_in: SignIn, database: Database, now: SetClock) -> None:
    own = sign_in(Role.BRANCH, ["1001"])
    row = enter(own, by="赵某", patch="KB4012212", library="27100", library_day="2026-01-05", measure="关闭端口")
    assert (row["about"], row["branch"], row["by"], row["source"]) == ("1001/atm-1", "1001", "赵某", "hand")
    assert (row["patch"], row["library"], row["measure"]) == ("KB4012212", "27100", "关闭端口")
    assert rows(own) == [row]
    with database.read() as session:
        deed = session.exec(select(JournalRow).where(JournalRow.deed == "register.enter")).one()
    assert deed.about == f"register:security/{row['no']}"
    after = json.loads(deed.after or "")
    assert (after["outcome"], after["found"]["zh"]) == ("fail", "445 开放")
    assert "赵某" not in (deed.after or "")  # a name of a person is behind a commitment


def test_a_branch_writes_and_sees_its_own_alone(sign_in: SignIn) -> None:
    own, other, auditor = sign_in(Role.BRANCH, ["1001"]), sign_in(Role.BRANCH, ["1002"]), sign_in(Role.AUDITOR)
    no = enter(own)["no"]
    enter(other, 404)
    enter(auditor, 403)
    assert rows(other) == []
    assert other.get(URL, params={"branch": "1001"}).status_code == 404
    assert other.get(URL, params={"about": "1001/atm-1"}).status_code == 404
    write(other, f"/{no}/follow", 404, measure="x")
    write(other, f"/{no}/correct", 404, outcome="pass", reason="x")
    write(auditor, f"/{no}/correct", 403, outcome="pass", reason="x")
    assert [row["no"] for row in rows(auditor)] == [no]


def test_a_correction_is_a_row_that_names_the_one_it_corrects(sign_in: SignIn) -> None:
    head = sign_in(Role.HEAD)
    no = enter(head)["no"]
    new = write(head, f"/{no}/correct", outcome="pass", found="", reason="看错了机器")
    assert (new["corrects"], new["outcome"], new["found"], new["item"]) == (no, "pass", "", "端口")
    old = head.get(f"{URL}/{no}").json()
    assert (old["corrected_by"], old["outcome"], old["found"]) == (new["no"], "fail", "445 开放")
    told = write(head, f"/{no}/correct", 409, outcome="fail", reason="x")
    assert told["detail"] == f"Row {no} was corrected by row {new['no']}: that one stands."
    write(head, f"/{new['no']}/correct", outcome="fail", reason="还是不合格")


def test_a_finding_is_overdue_until_a_second_look_passes(sign_in: SignIn) -> None:
    head = sign_in(Role.HEAD)
    no = enter(head)["no"]
    write(head, f"/{no}/follow", measure="关闭 445", due="2020-01-01", found="")
    [finding] = rows(head, overdue=True)
    assert (finding["no"], finding["measure"], finding["due"], finding["overdue"]) == (
        no,
        "关闭 445",
        "2020-01-01",
        True,
    )
    write(head, f"/{no}/follow", review="fail")
    assert [row["no"] for row in rows(head, overdue=True)] == [no]
    # a correction of the finding takes its place, with what was done about it
    new = write(head, f"/{no}/correct", found="445、139 开放", reason="漏记")["no"]
    [finding] = rows(head, overdue=True)
    assert (finding["no"], finding["measure"], finding["review"]) == (new, "关闭 445", "fail")
    review = write(head, f"/{new}/follow", review="pass")
    assert rows(head, overdue=True) == []
    assert head.get(f"{URL}/{new}").json()["review"] == "pass"
    # the second look was of another machine
    write(head, f"/{review['no']}/correct", outcome="fail", reason="看错了机器")
    assert [row["no"] for row in rows(head, overdue=True)] == [new]
    write(head, f"/{new}/follow", measure="换机", due="2200-01-01")
    assert rows(head, overdue=True) == []


def test_what_a_correction_finds_in_order_is_not_overdue(sign_in: SignIn) -> None:
    head = sign_in(Role.HEAD)
    no = enter(head, due="2020-01-01")["no"]
    assert [figure["value"] for figure in _figures(sign_in(Role.AUDITOR)) if figure["key"] == "overdue"] == ["1"]
    row = write(head, f"/{no}/correct", outcome="pass", reason="看错了机器")
    assert (row["due"], row["overdue"]) == ("2020-01-01", False)
    assert rows(head, overdue=True) == []
    assert [figure["value"] for figure in _figures(sign_in(Role.AUDITOR)) if figure["key"] == "overdue"] == ["0"]


def _figures(person: TestClient) -> list[dict[str, str]]:
    figures: list[dict[str, str]] = person.get("/api/home").json()["figures"]
    return figures


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"about": "1001/nowhere"}, "There is no branch, agent or device 1001/nowhere."),
        ({"asset": "BF-9"}, "There is no machine BF-9 in the ledger."),
        ({"category": ""}, "A check is daily, special, self or spot; an update and a patch are none of these."),
        ({"outcome": "updated"}, "A row of this kind has no such outcome."),
        ({"day": "2199-01-01"}, "2199-01-01 is not here yet: what was not done is not entered."),
        ({"day": "0001-01-01"}, "0001-01-01 is before 2005-01-01: look at the year."),
        ({"item": " \u3000"}, "Say what was looked at."),
        (
            {"kind": "antivirus", "category": "", "outcome": "updated", "library_day": "2199-01-01"},
            "A virus library of 2199-01-01 cannot be: look at the year.",
        ),
        (
            {"kind": "review"},
            "What is done about a finding, and a second look at it, follow the row of the finding.",
        ),
    ],
)
def test_what_cannot_be_is_not_entered(sign_in: SignIn, said: dict[str, str], why: str) -> None:
    head = sign_in(Role.HEAD)
    answer = head.post(URL, json={"about": "1001", "category": "spot", "item": "端口", "outcome": "pass"} | said)
    assert (answer.status_code // 100, answer.json()["detail"]) == (4, why)
    assert rows(head) == []


def test_nothing_follows_a_finding_before_its_day(sign_in: SignIn) -> None:
    head = sign_in(Role.HEAD)
    no = enter(head, day="2025-04-01")["no"]
    answer = head.post(f"{URL}/{no}/follow", json={"review": "pass", "day": "2025-03-31"})
    said = f"Row {no} is of 2025-04-01: nothing follows it before that."
    assert (answer.status_code, answer.json()["detail"]) == (422, said)
    write(head, f"/{no}/follow", review="pass", day="2025-04-01")


def test_lists_are_narrowed_and_say_whom_they_cover(sign_in: SignIn) -> None:
    head = sign_in(Role.HEAD)
    enter(head, about="1001-pc", day="2025-03-31")
    enter(head, about="1001-pc", day="2025-04-01", kind="patch", category="", outcome="updated", patch="KB1")
    enter(head, about="1002", outcome="pass")
    assert [row["kind"] for row in rows(head, first="2025-03-01", last="2025-03-31")] == ["check"]
    assert [row["patch"] for row in rows(head, entry="patch")] == ["KB1"]
    assert [row["about"] for row in rows(head, outcome="pass")] == ["1002"]
    assert len(rows(head, about="1001-pc")) == 2
    assert told(head)["covers"] == {"hosts": 2, "written": 1, "never": 2}
    assert told(head, first="2025-05-01")["covers"]["written"] == 0
    assert head.get(URL, params={"first": "2025-02-01", "last": "2025-01-01"}).status_code == 422


def test_the_file_holds_the_rows_as_text_and_is_a_deed(sign_in: SignIn, database: Database) -> None:
    head = sign_in(Role.HEAD, lang="zh")
    no = enter(head, found='=HYPERLINK("http://x")', day="2025-03-31", due="2025-04-30")["no"]
    write(head, f"/{no}/follow", measure="关闭 445")
    answer = head.get(f"{URL}/export", params={"branch": "1001"})
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-rows"] == "2"
    sheet = openpyxl.load_workbook(io.BytesIO(answer.content)).active
    assert sheet is not None
    lines = [[str(cell.value or "") for cell in row] for row in sheet.iter_rows()]
    assert lines[0][0] == "青禾农商银行计算机安全检查登记簿"
    assert f"日志序号：{answer.headers['x-journal-seq']}　登记至第 2 行" in lines[1][0]
    assert "主机 1 台，0 台有登记；1 台从未采集，不会自动登记" in lines[1][0]
    head_line, finding, mending = lines[2:]
    cells = dict(zip(head_line, finding, strict=True))
    assert cells["发现问题"] == '=HYPERLINK("http://x")'
    assert {cell.data_type for row in sheet.iter_rows(min_row=4) for cell in row} <= {"s", "n"}
    assert (cells["日期"], cells["结果"], cells["数据来源"]) == ("2025-03-31", "不合格", "人工")
    assert (cells["整改措施"], cells["期限"], cells["备注"]) == ("关闭 445", "2025-04-30", "逾期")
    assert f"第 {no} 行的后续" in mending
    assert (sheet.page_setup.orientation, sheet.page_setup.paperSize) == ("landscape", 9)
    footer: Any = sheet.oddFooter
    assert "负责人" in footer.left.text
    with database.read() as session:
        deed = session.exec(select(JournalRow).where(col(JournalRow.deed) == "register.export")).one()
    assert json.loads(deed.after or "")["rows"] == 2
