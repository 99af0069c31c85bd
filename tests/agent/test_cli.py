"""The command: data on standard output, sentences on standard error, an exit code that says how it went."""

import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from agent.assignment import keep
from agent.cli import main
from agent.doctor.mends import mend_of
from agent.exit import Exit
from agent.proof import PUBLIC, SECRET, _check
from agent.wire import Assignment, Polled

if TYPE_CHECKING:
    from tests.agent.conftest import Centre
else:
    Centre = Any

LampSays = Callable[..., Polled]


class Ran(NamedTuple):
    code: int
    out: str
    err: str


Command = Callable[..., Ran]


@pytest.fixture
def command(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """`command("ports", "--json")` runs branchfleet-agent in this process, with a home of its own."""
    monkeypatch.setenv("BRANCHFLEET_AGENT_HOME", str(tmp_path / "home"))

    def run(*arguments: str) -> Ran:
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        said = capsys.readouterr()
        return Ran(ended.value.code or 0, said.out, said.err)  # type: ignore[arg-type]

    return run


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


def test_a_reading_is_shown_in_chinese_with_units(command: Command, home: Path, lamp: LampSays) -> None:
    said = {
        "device": "hardwareError",
        "parts": {"paper": "out", "cassette.2": "low", "lid": "ajar"},
        "numbers": {"battery.charge": 97, "pages": 123456789},
        "identity": {"model": "PR2 plus"},
        "texts": {"console": "请联系管理员"},
    }
    keep(home, Assignment(agent="a", revision="1", polled=[lamp("1001/lamp", **said)]))
    ran = command("poll", "1001/lamp")
    assert ran.code == Exit.DONE
    assert ran.err == ""
    rows = [line.split() for line in ran.out.splitlines()]
    assert rows[1] == ["状态", "硬件故障"]
    assert rows[2:5] == [["部件", "纸张", "缺纸"], ["钞箱", "2", "钞少"], ["lid", "ajar"]]
    assert rows[5:7] == [["数值", "电池电量", "97", "%"], ["打印页数", "123456789"]]
    assert ["显示", "显示屏", "请联系管理员"] in rows
    assert ["标识", "型号", "PR2", "plus"] in rows


def test_a_reading_is_shown_in_english_when_asked(command: Command, home: Path, lamp: LampSays) -> None:
    keep(home, Assignment(agent="a", revision="1", polled=[lamp("1/a", device="online", parts={"paper": "out"})]))
    ran = command("poll", "1/a", "--lang", "en")
    assert ["Parts", "Paper", "out"] in [line.split() for line in ran.out.splitlines()]


@pytest.mark.parametrize(
    ("error", "reason", "code"),
    [
        ("Unreachable", "noAnswer", Exit.UNREACHABLE),
        ("Busy", "portInUse", Exit.BUSY),
        ("Refused", "wrongSecret", Exit.REFUSED),
        ("Garbled", "badFrame", Exit.UNREADABLE),
        ("NotSupported", "notInDevice", Exit.UNREADABLE),
    ],
)
def test_the_exit_code_tells_how_a_poll_went(
    command: Command, home: Path, lamp: LampSays, error: str, reason: str, code: Exit
) -> None:
    keep(home, Assignment(agent="a", revision="1", polled=[lamp("1/a", error=error, reason=reason, detail="because")]))
    mend = mend_of(reason)
    for words, tail, pick in (([], code.zh, 0), (["--lang", "en"], code.sentence, 1)):
        ran = command("poll", "1/a", *words)
        assert ran.code == code
        assert f"{mend.what[pick]}{('（驱动报告：because）', ': because')[pick]}\n" in ran.out
        assert mend.step[pick] in ran.out
        assert ran.err.strip() == tail
        assert "15" in ran.out


def test_a_poll_for_a_program_is_json(command: Command, home: Path, lamp: LampSays) -> None:
    keep(home, Assignment(agent="a", revision="1", polled=[lamp("1/a", error="Garbled", reason="badFrame")]))
    ran = command("poll", "1/a", "--json")
    said = json.loads(ran.out)
    assert said["failure"] == {"kind": "garbled", "reason": "badFrame", "detail": "the lamp is dark", "raw": "15"}
    assert said["device"] == "unknown"
    assert said["took_ms"] >= 0


def test_a_position_that_is_not_there_is_named_with_the_nearest(command: Command, home: Path, lamp: LampSays) -> None:
    keep(home, Assignment(agent="a", revision="1", polled=[lamp("1001/lamp", device="online")]))
    ran = command("poll", "1001/lmap")
    assert (ran.code, ran.out) == (Exit.NOT_FOUND, "")
    assert ran.err == "没有“1001/lmap”这个采集点位，是不是“1001/lamp”？\n"
    ran = command("poll", "1001/lmap", "--lang", "en")
    assert ran.err == 'There is no polled position "1001/lmap"; did you mean "1001/lamp"?\n'


@pytest.mark.parametrize(
    "arguments", [("enroll", "http://127.0.0.1:1", "K7QM-4XWP9R-TDH3VN-CG8E2B"), ("poll", "1/a"), ("doctor",)]
)
def test_a_language_that_is_not_spoken_is_refused_and_nothing_is_done(
    command: Command, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    ran = command(*arguments, "--lang", "fr")
    assert (ran.code, ran.out) == (Exit.USAGE, "")
    assert "fr" in ran.err
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize("given", ["", "\n"])
def test_an_enrolment_without_a_code_is_one_chinese_sentence(
    command: Command, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(given))
    ran = command("enroll", "http://127.0.0.1:1", "-")
    assert (ran.code, ran.out, len(ran.err.splitlines())) == (Exit.BAD_INPUT, "", 1)
    assert "登记码" in ran.err
    assert "secret" not in ran.err


def test_a_folder_that_is_a_file_is_said_to_be_one(command: Command, tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    letters = "A" * (PUBLIC + SECRET)
    ran = command("enroll", "http://127.0.0.1:1", letters + _check(letters))
    assert ran.code == Exit.CANNOT_WRITE
    assert "它是一个文件" in ran.err
    assert "File exists" not in ran.err


def test_a_settings_file_that_is_a_folder_is_said_in_chinese(command: Command, home: Path) -> None:
    (home / "agent.toml").mkdir()
    said = command("doctor").out
    assert "读不出来：" in said
    assert "Is a directory" not in said


def test_without_an_assignment_the_person_is_told_what_to_do(command: Command) -> None:
    ran = command("poll", "1/a")
    assert ran.code == Exit.NOT_SET_UP
    assert "--inventory" in ran.err


INVENTORY = """
[bank]
name = "县农商行"
[[class]]
key = "lamp"
name = "灯"
[[branch]]
key = "1001"
name = "城关支行"
kind = "branch"
[[position]]
branch = "1001"
key = "lamp"
name = "灯"
class = "lamp"
driver = "lamp"
address = "{address}"
options = {{ {options} }}
[[position]]
branch = "1001"
key = "dark"
name = "只登记"
class = "lamp"
"""


def test_a_position_is_polled_straight_from_an_inventory(
    command: Command, tmp_path: Path, lamp: LampSays, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = lamp("1001/lamp", device="online").address
    file = tmp_path / "inventory.toml"
    file.write_text(INVENTORY.format(address=address, options='password = "secret:lamp"'), encoding="utf-8")
    monkeypatch.setattr(sys, "stdin", io.StringIO("口令\n"))
    assert command("poll", "1001/lamp", "--inventory", str(file)).code == Exit.DONE
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    ran = command("poll", "1001/lamp", "--inventory", str(file))
    assert ran.code == Exit.NOT_SET_UP
    assert ran.err == "需要口令“lamp”：请输入，或从标准输入给出一行。\n"
    assert command("poll", "1001/dark", "--inventory", str(file)).code == Exit.NOT_FOUND


def test_a_wrong_inventory_is_told_with_its_line(command: Command, tmp_path: Path, lamp: LampSays) -> None:
    address = lamp("1001/lamp", device="online").address
    file = tmp_path / "inventory.toml"
    file.write_text(INVENTORY.format(address=address, options="wats = 3"), encoding="utf-8")
    ran = command("poll", "1001/lamp", "--inventory", str(file))
    assert ran.code == Exit.BAD_INPUT
    assert "inventory.toml:" in ran.err
    assert "watts" in ran.err


def test_ports_are_data_and_what_is_missing_is_narrated(command: Command) -> None:
    ran = command("ports", "--json")
    assert ran.code == Exit.DONE
    said = json.loads(ran.out)
    assert set(said) == {"serial", "readers"}
    if "smartcard" not in sys.modules and not said["readers"]:
        assert ran.err.strip()


def test_run_without_an_identity_says_how(command: Command) -> None:
    ran = command("run")
    assert ran.code == Exit.NOT_SET_UP
    assert "branchfleet-agent enroll" in ran.err


def test_run_in_a_folder_that_cannot_be_made_says_so(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("BRANCHFLEET_AGENT_SERVER", "http://127.0.0.1:1")
    monkeypatch.setenv("BRANCHFLEET_AGENT_TOKEN", "bfa_x")
    ran = command("run", "--home", str(tmp_path / "file" / "home"))
    assert ran.code in (Exit.CANNOT_WRITE, Exit.BAD_INPUT)
    assert "Traceback" not in ran.err


def test_a_wrong_command_line_is_2(command: Command) -> None:
    assert command("poll").code == Exit.USAGE


def test_a_defect_is_a_sentence_and_a_file(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("agent.cli.serial_ports", broken)
    ran = command("ports")
    assert ran.code == Exit.DEFECT
    assert len(ran.err.splitlines()) == 1
    written = Path(ran.err.split()[-1])
    assert "ZeroDivisionError" in written.read_text(encoding="utf-8")
    written.unlink()


def test_every_exit_code_has_a_sentence_of_its_own() -> None:
    sentences = [code.sentence for code in Exit]
    assert all(sentence.endswith(".") for sentence in sentences)
    assert len(set(sentences)) == len(sentences)
    assert len({code.zh for code in Exit}) == len(sentences)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="writes to a full disk by /dev/full: needs Linux")
def test_output_to_a_full_disk_is_a_sentence_and_no_defect() -> None:
    with Path("/dev/full").open("w") as full:
        agent = Path(sys.executable).with_name("branchfleet-agent")
        ran = subprocess.run([agent, "ports", "--json"], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert ran.returncode == Exit.CANNOT_WRITE
    assert ran.stderr.splitlines()[-1] == "写不出结果：所在磁盘已满。"


@pytest.mark.parametrize(
    ("server", "code", "exit", "zh", "en"),
    [
        ("https://127.0.0.1:1", "KKKK-KKKK", Exit.BAD_INPUT, "登记码共 22 位", "A code has 22 letters"),
        ("https://127.0.0.1:1", "KKKK-0000", Exit.BAD_INPUT, "不会有“0”", "No code has the character '0'"),
        ("https://127.0.0.1:1", "2222-222222-222222-222222", Exit.UNREACHABLE, "没有程序在运行", "no program listens"),
        ("http://10.66.0.10:8088", "2222-222222-222222-222222", Exit.BAD_INPUT, "https:// 开头", "say https://"),
        ("nonsense", "2222-222222-222222-222222", Exit.BAD_INPUT, "不是服务器地址", "not an address like"),
    ],
)
def test_enrolling_speaks_chinese_to_the_branch_and_english_when_asked(
    command: Command, server: str, code: str, exit: Exit, zh: str, en: str
) -> None:
    for words, said in (([], zh), (["--lang", "en"], en)):
        ran = command("enroll", server, code, *words)
        assert (ran.code, ran.out) == (exit, "")
        assert said in ran.err
        assert len(ran.err.splitlines()) == 1
