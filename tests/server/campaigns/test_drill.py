"""An emergency begun from a template: hosts are judged, named people answer the rest, and who did not is never good."""

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
from fastapi.testclient import TestClient
from sqlmodel import col, select

from server.clock import SetClock
from server.journal.tables import JournalRow
from server.schemas.people import Role
from server.storage.database import Database
from tests.server.campaigns.conftest import Host, begin, campaign, settle

SignIn = Callable[..., TestClient]
Hosts = Callable[[str], Host]

DRILL = """\
id = "drill"
title = "演练"
title_en = "Drill"
checks = ["no-telnet"]
ports = "445"
[[item]]
id = "ports"
part = "boundary"
of = "head"
zh = "已禁止 {ports} 端口"
en = "Ports {ports} are refused"
[[item]]
id = "told"
part = "awareness"
of = "branch"
zh = "已通知到人"
en = "Everybody was told"
"""


def drill(folder: Path, person: TestClient, **said: Any) -> str:
    templates = folder.parent / "templates"
    templates.mkdir()
    (templates / "drill.toml").write_text(DRILL, encoding="utf-8")
    answer = person.post("/api/campaigns", json={"template": "drill", "branch": "1001", "seconds": 3600, **said})
    assert answer.status_code == 201, answer.text
    uid: str = answer.json()["uid"]
    return uid


def tick(
    person: TestClient, uid: str, branch: str, *items: str, word: str = "done", note: str = "", status: int = 200
) -> Any:
    body = {"items": items, "branch": branch, "word": word, "note": note}
    answer = person.post(f"/api/campaigns/{uid}/ticks", json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


def items(person: TestClient, uid: str) -> list[Any]:
    answer = person.get(f"/api/campaigns/{uid}/items")
    assert answer.status_code == 200, answer.text
    rows: list[Any] = answer.json()["rows"]
    return rows


def test_it_does_not_end_while_somebody_has_to_answer_and_each_branch_answers_its_own(
    sign_in: SignIn, host: Hosts, folder: Path, database: Database
) -> None:
    head = sign_in(Role.HEAD)
    uid = drill(folder, head, ports="135,137-139")
    host("1001-pc").answer("22")
    settle(head)
    told = campaign(head, uid)
    assert (told["hosts"]["words"]["pass"], told["ended_at"]) == (1, None)
    assert told["ticks"] == {"total": 3, "done": 0, "not_possible": 0, "unanswered": 3}
    assert [(one["part"], one["title"]) for one in told["items"]] == [
        ("boundary", "Ports 135,137-139 are refused"),
        ("awareness", "Everybody was told"),
    ]
    branch, sub = sign_in(Role.BRANCH, ["1001"]), sign_in(Role.BRANCH, ["100101"])
    assert [(row["branch"], row["id"]) for row in items(branch, uid)] == [("1001", "told"), ("100101", "told")]
    assert [(row["branch"], row["newest"]) for row in items(sub, uid)] == [("100101", None)]
    assert campaign(sub, uid)["hosts"]["total"] == 0  # it has no PC that is watched, and is asked all the same
    tick(sub, uid, "1001", "told", status=404)
    tick(branch, uid, "", "ports", status=403)
    tick(sign_in(Role.AUDITOR), uid, "1001", "told", status=403)
    tick(sign_in(Role.BRANCH, ["1002"]), uid, "1002", "told", status=404)
    tick(branch, uid, "1001", "ports", status=404)
    tick(branch, uid, "1001", "told", word="notPossible", status=422)  # why not has to be said
    tick(branch, uid, "1001", "told")
    tick(head, uid, "", "ports")
    settle(head)
    assert campaign(head, uid)["ended_at"] is None
    tick(sub, uid, "100101", "told")
    settle(head)
    told = campaign(head, uid)
    assert told["ended_at"] is not None
    assert told["ticks"] == {"total": 3, "done": 3, "not_possible": 0, "unanswered": 0}
    with database.read() as session:
        deeds = session.exec(
            select(JournalRow.actor).where(col(JournalRow.deed) == "campaign.tick").order_by(col(JournalRow.seq))
        ).all()
        ended = session.exec(select(JournalRow.after).where(col(JournalRow.deed) == "campaign.end")).one()
    assert deeds == ["branch-1001", "head-all", "branch-100101"]
    assert '"unanswered":0' in (ended or "")


def test_a_wrong_answer_is_answered_again_and_both_stay(sign_in: SignIn, folder: Path, now: SetClock) -> None:
    head, branch = sign_in(Role.HEAD), sign_in(Role.BRANCH, ["1001"])
    uid = drill(folder, head)
    tick(branch, uid, "1001", "told")
    now.forward(60)
    tick(branch, uid, "1001", "told", word="notPossible", note="two on leave")
    [row] = [one for one in items(head, uid) if one["branch"] == "1001"]
    assert (row["newest"]["word"], row["newest"]["note"], row["newest"]["by"]) == (
        "notPossible", "two on leave", "branch-1001",
    )  # fmt: skip
    assert [one["word"] for one in row["earlier"]] == ["done"]
    assert row["earlier"][0]["at"] < row["newest"]["at"]
    assert campaign(branch, uid)["ticks"] == {"total": 2, "done": 0, "not_possible": 1, "unanswered": 1}


def test_what_nobody_answered_until_the_expiry_is_unanswered_everywhere(
    sign_in: SignIn, host: Hosts, folder: Path, now: SetClock
) -> None:
    head = sign_in(Role.HEAD, lang="zh")
    uid = drill(folder, head)
    host("1001-pc").answer("22")
    tick(sign_in(Role.BRANCH, ["1001"]), uid, "1001", "told", word="notPossible", note="=1+1")
    now.forward(3_700)
    settle(head)
    told = campaign(head, uid)
    assert told["ended_at"] is not None
    assert told["ticks"] == {"total": 3, "done": 0, "not_possible": 1, "unanswered": 2}
    rows = {row["branch"]: row["ticks"] for row in head.get(f"/api/campaigns/{uid}/branches").json()["rows"]}
    assert rows["100101"] == {"total": 1, "done": 0, "not_possible": 0, "unanswered": 1}
    text = head.get(f"/api/campaigns/{uid}/text", params={"branch": "100101"}).json()["text"].split("\n")
    assert text[2:] == ["本次核查不涉及该机构的主机。", "三、安全意识：已完成 0 · 未答复 1", " 未答复 已通知到人"]
    text = head.get(f"/api/campaigns/{uid}/text", params={"branch": "1001"}).json()["text"].split("\n")
    assert text[2:] == [
        "应查 1 台：合格 1",
        "三、安全意识：已完成 0 · 无法完成 1 · 未答复 0",
        " 无法完成 已通知到人: =1+1（branch-1001）",
    ]
    book = openpyxl.load_workbook(io.BytesIO(head.get(f"/api/campaigns/{uid}/export").content))
    found = [[cell.value for cell in row] for row in book["勾选项"].iter_rows(min_row=4)]
    assert [row[:4] for row in found] == [
        ["一、网络边界", "总行科技", "已禁止 445 端口", "未答复"],
        ["三、安全意识", "城关支行", "已通知到人", "无法完成"],
        ["三、安全意识", "东门分理处", "已通知到人", "未答复"],
    ]
    assert found[1][4] == "=1+1"
    assert book["勾选项"]["E5"].data_type == "s"  # an answer that looks like a formula is text


def test_a_bank_puts_its_own_templates_beside_its_checks(sign_in: SignIn, folder: Path) -> None:
    head = sign_in(Role.HEAD)
    drill(folder, head)
    (folder.parent / "templates" / "wrong.toml").write_text('id = "x"\n', encoding="utf-8")
    told = head.get("/api/campaigns/templates").json()
    assert [one["id"] for one in told["templates"]] == ["ransomware", "drill"]
    assert told["templates"][0]["ports"] == "135,137-139,445"
    assert set(told["templates"][0]["checks"]) == {
        "ms17-010", "high-risk-ports", "antivirus-realtime", "antivirus-library-7", "reboot-pending",
    }  # fmt: skip
    [wrong] = told["wrong"]
    assert wrong.endswith("wrong.toml: title is missing")
    if hasattr(os, "mkfifo"):
        os.mkfifo(folder.parent / "templates" / "pipe.toml")
        assert "is no ordinary file" in str(head.get("/api/campaigns/templates").json()["wrong"])
    assert sign_in(Role.BRANCH, ["1001"]).get("/api/campaigns/templates").json()["wrong"] == []
    assert begin(head, status=404, template="nope")["detail"]
    for said in ({"template": "drill", "ports": "445-135"}, {"ports": "445"}):
        assert begin(head, status=422, **said)["detail"]
    assert head.post("/api/campaigns", json={"everything": True}).status_code == 422


def test_what_was_cancelled_is_answered_no_more(sign_in: SignIn, host: Hosts, folder: Path) -> None:
    head = sign_in(Role.HEAD)
    uid = drill(folder, head)
    host("1001-pc").answer("22")
    settle(head)  # every host answered: only people are waited for
    assert head.post(f"/api/campaigns/{uid}/cancel").status_code == 200
    settle(head)
    told = campaign(head, uid)
    assert (told["ended_at"] is not None, told["ticks"]["unanswered"]) == (True, 3)
    tick(head, uid, "", "ports", status=409)
