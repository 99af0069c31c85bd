"""`branchfleet` for scripts: stdout is data, stderr narrates, the exit code says which kind of end it was."""

import json
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

from server.clock import utc_now
from server.inventory.duties import note_duties
from server.schemas.base import Coverage
from server.schemas.people import Role
from tui.commands.token import Kept, keep
from tui.exit import Exit
from tui.texts import speak
from tui.words.values import coverage

Run = Callable[..., subprocess.CompletedProcess[bytes]]


def test_devices_are_listed_worst_first_and_the_coverage_is_narrated(bank: Any, run: Run) -> None:
    said = run("devices", token=bank.token("li", Role.HEAD))
    lines = said.stdout.decode().splitlines()
    assert said.returncode == Exit.DONE
    assert lines[0].startswith("状态")
    assert "■ 故障" in lines[1]
    assert len(lines) == 6
    assert "有效数据覆盖 3/4 台" in said.stderr.decode()
    assert b"\x1b" not in said.stdout


def test_coverage_is_told_by_agent_and_day_or_as_one_document(bank: Any, run: Run) -> None:
    with bank.database.write() as session:
        note_duties(session, utc_now() - 3600 * 1_000_000, 0)
    token = bank.token("li", Role.HEAD)
    said = run("coverage", "--agent", "centre", token=token)
    lines = said.stdout.decode().splitlines()
    assert said.returncode == Exit.DONE
    assert lines[0].split() == ["日期", "标识", "名称", "应采", "有效", "%", "丢失记录", "缺失原因"]
    assert "centre" in lines[-1]
    assert "原因不明" in lines[-1]
    assert "应采 " in said.stderr.decode()
    report = json.loads(run("coverage", "--branch", "1002", "--json", token=token).stdout)
    [branch] = report["branches"]
    assert (branch["code"], branch["agents"], branch["total"]["attested"]) == ("1002", ["centre"], 0)
    assert run("coverage", "--branch", "9999", token=token).returncode == Exit.NO_SUCH_THING
    assert run("coverage", "--from", "yesterday", token=token).returncode == Exit.USAGE


def test_a_device_in_use_is_listed_with_its_last_self_test(used_bank: Any, run: Run) -> None:
    token = used_bank.token("li", Role.HEAD)
    [line] = run("devices", "--standing", "inUse", token=token).stdout.decode().splitlines()[1:]
    assert line.startswith("◇ 占用")
    assert "自检正常" in line
    [row] = json.loads(run("devices", "--standing", "inUse", "--json", token=token).stdout)["rows"]
    assert row["tested"]["level"] == "good"
    assert row["tested"]["at"] < row["since"]


def test_json_holds_the_rows_and_their_coverage(bank: Any, run: Run) -> None:
    said = run("devices", "--standing", "fault", "--json", token=bank.token("li", Role.HEAD))
    body = json.loads(said.stdout)
    assert [row["key"] for row in body["rows"]] == ["1001/atm-1"]
    assert body["total"] == 1
    assert body["coverage"]["fresh"] == 3


def test_tickets_are_filtered_by_status(bank: Any, run: Run) -> None:
    token = bank.token("li", Role.HEAD)
    assert len(json.loads(run("tickets", "--status", "new", "--json", token=token).stdout)["rows"]) == 1
    assert len(json.loads(run("tickets", "--status", "done", "--json", token=token).stdout)["rows"]) == 0


def test_a_branch_lists_its_own_devices_only(bank: Any, run: Run) -> None:
    said = run("devices", "--json", token=bank.token("wang", Role.BRANCH, ["1002"]))
    assert {row["branch"] for row in json.loads(said.stdout)["rows"]} == {"1002"}


def test_signing_in_keeps_a_token_only_its_owner_can_read_and_signing_out_removes_it(
    bank: Any, run: Run, tmp_path: Path
) -> None:
    password = bank.person("li", Role.HEAD)
    said = run("sign-in", "--login", "li", stdin=password.encode() + b"\n")
    kept = tmp_path / "config/token.json"
    assert said.returncode == Exit.DONE, said.stderr.decode()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert password.encode() not in kept.read_bytes() + said.stdout + said.stderr
    assert run("sign-out").returncode == Exit.DONE
    assert not kept.exists()
    assert run("devices").returncode == Exit.NOT_SET_UP


def test_a_sign_in_at_another_server_is_told_of_and_neither_used_nor_lost_there(
    bank: Any, run: Run, tmp_path: Path
) -> None:
    other = bank.url.replace("127.0.0.1", "localhost")
    kept = keep(tmp_path / "config", Kept(bank.url, "li", bank.token("li", Role.HEAD)))
    assert run("devices", server=bank.url + "/").returncode == Exit.DONE
    for words in (("devices",), ("sign-out",)):
        said = run(*words, server=other)
        assert said.returncode == Exit.NOT_SET_UP
        told = f"还没有登录 {other}；这里保存的是在 {bank.url} 的登录。"
        told += f"运行 branchfleet --server {other} sign-in 会替换它。"
        assert said.stderr.decode().strip() == told
    assert run("devices").returncode == Exit.DONE  # it was not ended
    said = run("sign-in", "--login", "wu", stdin=bank.person("wu", Role.HEAD).encode() + b"\n", server=other)
    assert f"在 {bank.url} 的登录不再保存" in said.stderr.decode()
    assert json.loads(kept.read_text())["server"] == other
    assert run("sign-out", server=other).returncode == Exit.DONE
    assert not kept.exists()


def test_a_language_there_is_not_is_refused_with_those_there_are(run: Run) -> None:
    said = run("--lang", "fr", "devices")
    assert said.returncode == Exit.BAD_FILE
    assert said.stderr.decode().strip() == "--lang：lang 只能是以下之一：zh, en"


def test_nobody_to_ask_for_a_login_is_one_sentence_and_the_code_of_a_wrong_command_line(run: Run) -> None:
    said = run("sign-in")
    assert said.returncode == Exit.USAGE
    assert said.stderr.decode().strip() == "请说明以谁登录：--login 登录名，密码写在标准输入的一行。"


def test_a_wrong_password_is_refused_in_one_sentence(bank: Any, run: Run) -> None:
    bank.person("li", Role.HEAD)
    said = run("sign-in", "--login", "li", stdin=b"wrong\n")
    assert said.returncode == Exit.REFUSED
    assert len(said.stderr.decode().strip().splitlines()) == 1


@pytest.mark.parametrize("format", ["xlsx", "csv", "json"])
def test_the_ledger_is_exported_in_each_format(bank: Any, run: Run, tmp_path: Path, format: str) -> None:
    path = tmp_path / f"台账.{format}"
    said = run("ledger", "export", "-o", str(path), token=bank.token("li", Role.HEAD))
    assert said.returncode == Exit.DONE, said.stderr.decode()
    assert said.stdout == b""
    if format == "xlsx":
        cells = [
            str(cell) for sheet in load_workbook(path) for row in sheet.iter_rows(values_only=True) for cell in row
        ]
    else:
        cells = [path.read_text(encoding="utf-8-sig")]
    assert "SN00004" in " ".join(cells)


def test_a_file_that_is_there_stays_unless_forced(bank: Any, run: Run, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("mine", encoding="utf-8")
    token = bank.token("li", Role.HEAD)
    assert run("ledger", "export", "-o", str(path), token=token).returncode == Exit.CANNOT_WRITE
    assert path.read_text(encoding="utf-8") == "mine"
    assert run("ledger", "export", "-o", str(path), "--force", token=token).returncode == Exit.DONE
    assert "SN00001" in path.read_text(encoding="utf-8-sig")


def test_a_dash_is_stdout_and_holds_the_file_and_nothing_else(bank: Any, run: Run) -> None:
    token = bank.token("li", Role.HEAD)
    said = run("ledger", "export", "--format", "json", "-o", "-", token=token)
    assert "SN00001" in json.dumps(json.loads(said.stdout))
    assert run("ledger", "export", "--format", "xlsx", "-o", "-", token=token).returncode == Exit.USAGE


def test_a_disk_that_is_full_leaves_no_file(bank: Any, run: Run) -> None:
    said = run("ledger", "export", "--format", "csv", "-o", "/dev/full/a.csv", token=bank.token("li", Role.HEAD))
    assert said.returncode == Exit.CANNOT_WRITE
    assert len(said.stderr.decode().strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "server", "code"),
    [
        (["devices"], "http://127.0.0.1:9", Exit.AWAY),
        (["devices", "--standing", "broken"], "", Exit.USAGE),
        (["tickets", "--status", "broken"], "", Exit.USAGE),
        (["--lang", "fr", "devices"], "", Exit.BAD_FILE),
        (["--server", "nowhere", "devices"], "", Exit.BAD_FILE),
        ([], "", Exit.USAGE),
    ],
)
def test_each_bad_end_has_its_code_and_one_sentence(run: Run, words: list[str], server: str, code: Exit) -> None:
    said = run(*words, token="bfs_x", server=server)
    assert said.returncode == code
    assert len(said.stderr.decode().strip().splitlines()) == 1
    assert b"Traceback" not in said.stderr


def test_a_token_that_is_worth_nothing_asks_for_signing_in(run: Run) -> None:
    said = run("devices", token="bfs_" + "x" * 40)
    assert said.returncode == Exit.NOT_SET_UP
    assert "branchfleet sign-in" in said.stderr.decode()


def test_every_command_has_help_with_an_example() -> None:
    from typer.main import get_command

    from tui.cli import app

    def commands(group: Any, path: tuple[str, ...] = ()) -> list[tuple[str, str]]:
        found = [(" ".join(path), group.epilog or "")]
        for name, command in getattr(group, "commands", {}).items():
            found += commands(command, (*path, name))
        return found

    assert [path for path, epilog in commands(get_command(app)) if "Example: " not in epilog] == []


def test_every_exit_code_has_a_sentence_of_its_own() -> None:
    assert len({code.sentence for code in Exit}) == len(Exit)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="writes to a full disk by /dev/full: needs Linux")
def test_output_to_a_full_disk_is_a_sentence_and_no_defect() -> None:
    console = Path(sys.executable).with_name("branchfleet")
    with Path("/dev/full").open("w") as full:
        ran = subprocess.run([console, "--version"], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert ran.returncode == Exit.CANNOT_WRITE
    assert ran.stderr == "输出写不进去：目标磁盘已满。\n"


@pytest.mark.parametrize(
    "words", [["devices"], ["tickets"], ["entries"], ["ledger", "export", "--format", "csv", "-o", "-"]]
)
def test_a_branch_that_there_is_not_is_no_empty_list(bank: Any, run: Run, words: list[str]) -> None:
    said = run(*words, "--branch", "9999", token=bank.token("li", Role.HEAD))
    assert (said.returncode, said.stdout) == (Exit.NO_SUCH_THING, b"")
    assert "9999" in said.stderr.decode()
    assert len(said.stderr.decode().splitlines()) == 1


def test_what_cannot_be_told_is_not_called_out_of_date() -> None:
    speak("zh")
    said = coverage(Coverage(due=7, fresh=2, never=0, unknown=3, closed=1))
    assert said == "有效数据覆盖 2/7 台，3 台状态未知，1 台停业，1 台数据过期"


def test_what_the_telephone_said_is_noted_by_name(bank: Any, run: Run) -> None:
    token = bank.token("li", Role.HEAD)
    said = run("told", "1001", "power", token=token)
    assert said.returncode == Exit.DONE
    assert said.stderr.decode().startswith("1001: 停电 (")
    assert run("told", "9999", "power", token=token).returncode == Exit.NO_SUCH_THING
    assert run("told", "1001", "fire", token=token).returncode == Exit.USAGE
    said = run("told", "1001", "power", "--text", "长" * 501, token=token)
    assert (said.returncode, said.stderr.decode()) == (Exit.USAGE, "--text 有 501 个字，最多 500 个；未登记。\n")
    assert run("told", "9" * 80, "power", token=token).returncode == Exit.NO_SUCH_THING
    assert run("told", "1001", "power", token=bank.token("audit", Role.AUDITOR)).returncode == Exit.REFUSED


def test_what_branches_entered_is_listed(bank: Any, run: Run) -> None:
    said = run("entries", token=bank.token("li", Role.HEAD))
    assert said.returncode == Exit.DONE
    assert said.stdout.decode().split() == ["登记时间", "情况", "网点", "设备/位置", "登记人", "内容", "报修单"]
