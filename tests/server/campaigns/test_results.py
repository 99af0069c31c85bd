"""What a branch is handed: text, pieces for codes, and a workbook, of its own hosts alone."""

import io
from collections.abc import Callable

import openpyxl
from fastapi.testclient import TestClient
from sqlmodel import col, select

from server.campaigns.telling import PIECE, pieces
from server.journal.tables import JournalRow
from server.schemas.people import Role
from server.storage.database import Database
from tests.server.campaigns.conftest import Host, begin, settle

SignIn = Callable[..., TestClient]
Hosts = Callable[[str], Host]


def test_a_branch_reads_and_takes_away_its_own_hosts_alone(sign_in: SignIn, host: Hosts, database: Database) -> None:
    head = sign_in(Role.HEAD)
    uid = begin(head, seconds=3600)["uid"]
    host("1001-pc").answer("22", "23", polls={})
    settle(head)
    branch = sign_in(Role.BRANCH, ["1001"], lang="zh")
    told = branch.get(f"/api/campaigns/{uid}/text", params={"branch": "1001"}).json()
    lines = told["text"].split("\n")
    assert lines[0] == "【专项核查】没有监听 telnet"
    assert lines[1].startswith("城关支行，截至 ")
    assert lines[2:] == [
        "应查 1 台：合格 0 · 不合格 1",
        "1. 城关采集 1001-pc",
        " 不合格 没有监听 telnet: 端口 23 正在监听",
        "  → 停用 telnet 服务",
    ]
    assert told["parts"] == [told["text"]]
    assert branch.get(f"/api/campaigns/{uid}/text", params={"branch": "0001"}).status_code == 404
    assert branch.get(f"/api/campaigns/{uid}/export", params={"branch": "0001"}).status_code == 404
    answer = branch.get(f"/api/campaigns/{uid}/export")
    assert answer.headers["X-Rows"] == "1"
    sheet = openpyxl.load_workbook(io.BytesIO(answer.content)).active
    assert sheet is not None
    rows = [[cell.value for cell in row] for row in sheet.iter_rows()]
    assert "城关支行、东门分理处　应查 1 台：合格 0 · 不合格 1" in str(rows[1][0])  # its own, and not the bank's
    assert branch.get(f"/api/campaigns/{uid}").json()["scope"] == "城关支行、东门分理处"
    limited = begin(head, query='f["os.family"] == "linux"', seconds=3600)["uid"]
    assert "（其中 城关支行、东门分理处）" in branch.get(f"/api/campaigns/{limited}").json()["scope"]
    assert branch.get("/api/pushes").json()["rows"][0]["about_name"] == "城关支行、东门分理处"
    assert rows[3][:6] == ["城关支行", "1001-pc", "城关采集", "没有监听 telnet", "不合格", "端口 23 正在监听"]
    assert len(rows) == 4
    with database.read() as session:
        deeds = session.exec(select(JournalRow.actor).where(col(JournalRow.deed) == "campaign.export")).all()
    assert deeds == ["branch-1001"]


def test_a_host_without_an_answer_stands_in_the_workbook_with_its_reason(sign_in: SignIn, host: Hosts) -> None:
    head = sign_in(Role.HEAD)
    uid = begin(head, seconds=3600)["uid"]
    answer = head.get(f"/api/campaigns/{uid}/export", params={"branch": "1001"})
    sheet = openpyxl.load_workbook(io.BytesIO(answer.content)).active
    assert sheet is not None
    [row] = [[cell.value for cell in row] for row in sheet.iter_rows(min_row=4)]
    assert row[1:6] == ["1001-pc", "城关采集", "", "still waiting", row[5]]
    assert str(row[5]).startswith("never connected to the server; done when it connects, until ")


def test_a_long_text_is_cut_into_numbered_pieces_that_say_all_of_it() -> None:
    lines = [f"{number}. 主机{'长' * number}" for number in range(1, 140, 9)]
    found = pieces(lines)
    assert len(found) > 2
    assert all(len(piece.encode()) <= PIECE for piece in found)
    assert [piece.partition("\n")[0] for piece in found] == [
        f"({number}/{len(found)})" for number in range(1, len(found) + 1)
    ]
    joined = "".join(piece.partition("\n")[2].replace("\n", "") for piece in found)
    assert joined == "".join(lines)
