"""`branchfleet checks` and `branchfleet check`: what is printed, and what the command ends with."""

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from server.schemas.people import Role
from tui.exit import Exit

Run = Callable[..., subprocess.CompletedProcess[bytes]]
ENGLISH = re.compile(r"[A-Za-z]+ [a-z]+ [a-z]+")  # three words in a row
SHIPPED = Path(__file__).parents[3] / "server" / "checks" / "shipped"
FACTS = Path(__file__).parents[2] / "server" / "checks" / "facts"


def test_the_checks_are_listed_with_their_clauses(bank: Any, run: Run) -> None:
    said = run("checks", token=bank.token("li", Role.HEAD))
    lines = said.stdout.decode().splitlines()
    assert said.returncode == Exit.DONE, said.stderr.decode()
    assert lines[0].split() == ["检查项", "严重程度", "来源", "名称", "条款"]
    assert len(lines) == 1 + len(list(SHIPPED.glob("*.toml")))
    assert any("ms17-010" in line and "自带" in line and "8.1.4.4 e" in line for line in lines)


def test_a_host_that_never_told_is_shown_as_not_known(bank: Any, run: Run) -> None:
    said = run("check", "show", "centre", token=bank.token("li", Role.HEAD))
    lines = said.stdout.decode().splitlines()
    assert said.returncode == Exit.DONE, said.stderr.decode()
    assert all("? 未核查" in line and "从未上报" in line for line in lines[1:])
    assert f"合格 0，不合格 0，未核查 {len(lines) - 1}" in said.stderr.decode()
    assert run("check", "show", "nobody", token=bank.token("wu", Role.HEAD)).returncode == Exit.NO_SUCH_THING


def test_a_check_is_tried_and_its_verdict_is_the_exit_code(bank: Any, run: Run, tmp_path: Path) -> None:
    token = bank.token("li", Role.HEAD)
    facts = tmp_path / "xp.json"
    told = json.loads((FACTS / "xp.json").read_text(encoding="utf-8"))
    for sheet in told["topics"].values():
        del sheet["at"]  # now
    facts.write_text(json.dumps(told), encoding="utf-8")
    said = run("check", "test", str(SHIPPED / "high-risk-ports.toml"), "--facts", str(facts), token=token)
    assert said.returncode == Exit.NOT_ALL
    lines = said.stdout.decode().splitlines()
    assert lines[0] == "■ 不合格  高危端口 135/137/138/139/445 已关闭"
    assert "  端口 445 正在监听" in lines
    assert any(line.startswith("  1. ") for line in lines)
    said = run("check", "test", str(SHIPPED / "removable-storage.toml"), "--facts", str(facts), "--json", token=token)
    assert (said.returncode, json.loads(said.stdout)["word"]) == (Exit.DONE, "pass")
    said = run("check", "test", str(SHIPPED / "removable-storage.toml"), "--host", "centre", token=token)
    assert (said.returncode, said.stdout.decode().split()[1]) == (Exit.NOT_ALL, "未核查")


def test_what_cannot_be_used_is_one_sentence_and_3(bank: Any, run: Run, tmp_path: Path) -> None:
    token = bank.token("li", Role.HEAD)
    good = str(SHIPPED / "licence.toml")
    for name, content in (
        ("bad.json", b"[]"),
        ("bad.json", b'{"topics": {"host": 5}}'),
        ("bad.json", b"[" * 100_000),
        ("bad.json", b"\xff"),
        ("bad.json", b'{"topics": {"host": {"facts": {"os.id": "\\ud800"}}}}'),
        ("bad.toml", b"id = 5"),
        ("bad.toml", b"x" * 70_000),
    ):
        file = tmp_path / name
        file.write_bytes(content)
        words = (good, "--facts", str(file)) if name.endswith("json") else (str(file), "--host", "centre")
        said = run("check", "test", *words, token=token)
        assert said.returncode == Exit.BAD_FILE, (content[:20], said.stderr.decode())
        assert len(said.stderr.decode().splitlines()) == 1
        assert "bad." in said.stderr.decode()
        assert not ENGLISH.search(said.stderr.decode().replace(str(tmp_path), "")), said.stderr.decode()
    assert run("check", "test", good, token=token).returncode == Exit.USAGE
    said = run("check", "test", "nowhere.toml", "--host", "centre", token=token)
    assert said.returncode == Exit.BAD_FILE
    assert said.stderr.decode().strip() == "nowhere.toml 读不了：没有这个文件或文件夹"
