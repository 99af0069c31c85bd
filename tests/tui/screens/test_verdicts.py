"""Hosts by checks in the console: from how many stand how to why one host does, and letting it be."""

import os
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from agent.wire import Fact
from server.checks.tables import VerdictDay, VerdictRow
from server.schemas.people import Role
from tui.app import ConsoleApp
from tui.screens.exempt import Exempt
from tui.words.times import local

MakeConsole = Callable[..., ConsoleApp]
Until = Callable[[Pilot[Any], Callable[[], object]], Awaitable[None]]
Text = Callable[[Pilot[Any]], str]
LOOK = os.environ.get("LOOK_AT_SCREENS")


@pytest.fixture
def judged(bank: Any) -> Any:
    """The PC of `centre` listens on 445, its antivirus is well, and it waits for a restart; it was judged."""
    days = 40 * 86_400_000_000
    said: dict[str, dict[str, Any]] = {
        "host": {"os.family": "linux", "os.id": "debian", "reboot.pending": True, "reboot.why": ["linux-image-6.1"]},
        "network": {"ports.tcp": ["22", "445"], "ports.udp": [], "networks": ["eth0 10.1.0.5/24"]},
        "antivirus": {
            "av.count": 1,
            "av.1.product": "ClamAV",
            "av.1.realtime": True,
            "av.1.library_at": bank._clock(0).wall - days,
        },
    }
    for topic, facts in said.items():
        bank.tell(Fact(seq=bank._next(), clock=bank._clock(0), host="FRONT-PC", topic=topic, facts=facts))
    bank.until(lambda: _word(bank, "high-risk-ports") == "fail" and _word(bank, "reboot-pending") == "fail")
    bank.until(lambda: _word(bank, "antivirus-library-7") == "fail")
    return bank


def _word(bank: Any, check: str) -> str | None:
    with bank.database.read() as session:
        row = session.get(VerdictRow, (bank._ids["centre"], check))
        return row.word.value if row else None


def _look(name: str, said: str) -> None:
    if LOOK:
        (Path(LOOK) / f"{name}.txt").write_text(said, encoding="utf-8")


async def test_every_figure_leads_to_its_hosts_and_a_host_to_what_decides(
    judged: Any, console: MakeConsole, until: Until, text: Text
) -> None:
    app = console(judged.token("li", Role.HEAD))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "病毒库过期" in text(pilot) and "补丁未核查" in text(pilot))
        _look("home", text(pilot))
        await pilot.press("f8")
        await until(pilot, lambda: "共 1 台主机，其中 1 台上报过" in text(pilot) and "高危端口" in text(pilot))
        _look("checks", text(pilot))
        await pilot.press("1")
        await until(pilot, lambda: "最差在前" in text(pilot) and "总行: 共 1 台主机" in text(pilot))
        _look("matrix", text(pilot))
        await pilot.press("enter")
        await until(pilot, lambda: "1 台主机" in text(pilot) and "445" in text(pilot))
        _look("hosts", text(pilot))
        await pilot.press("enter")
        await until(pilot, lambda: "主机 centre" in text(pilot) and "1. " in text(pilot))
        _look("host", text(pilot))


async def test_what_is_wrong_with_the_banks_files_stands_above_the_checks_for_head_office(
    bank: Any, console: MakeConsole, until: Until, text: Text, tmp_path: Path
) -> None:
    bank.close()
    bank.checks = tmp_path / "checks"
    bank.checks.write_text("", encoding="utf-8")  # no folder: it cannot be listed
    bank.open()
    app = console(bank.token("li", Role.HEAD))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.person)
        app.open("checks")
        await until(pilot, lambda: "无法列出" in text(pilot) and "checks/bank.toml" in text(pilot).replace("\n", ""))
        _look("wrong", text(pilot))
    app = console(bank.token("shen", Role.AUDITOR))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.person)
        app.open("checks")
        await until(pilot, lambda: "高危端口" in text(pilot))
        assert "无法列出" not in text(pilot)


async def test_head_office_lets_a_host_be_and_withdraws_it(
    judged: Any, console: MakeConsole, until: Until, text: Text
) -> None:
    app = console(judged.token("li", Role.HEAD))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.person)
        app.open("hosts/centre")
        await until(pilot, lambda: "1. " in text(pilot))
        await pilot.press("1")
        await until(pilot, lambda: isinstance(app.screen, Exempt))
        await pilot.press(*"abc", "down", *"wl", "enter")
        await until(pilot, lambda: "豁免：wl；批准人 abc" in text(pilot))
        app.open("exemptions")
        await until(pilot, lambda: "1 项豁免" in text(pilot) and "abc" in text(pilot))
        _look("exemptions", text(pilot))
        await pilot.press("2")
        await until(pilot, lambda: "撤销 总行采集 的豁免" in text(pilot))
        await pilot.press(*"done", "enter")
        await until(pilot, lambda: "没有豁免" in text(pilot))
        await pilot.press("1")
        await until(pilot, lambda: isinstance(app.screen, Exempt))
        _look("exempt", text(pilot))


async def test_a_check_is_plotted_day_by_day_and_a_day_nobody_counted_has_no_row(
    judged: Any, console: MakeConsole, until: Until, text: Text
) -> None:
    today = local(judged._clock(0).wall).date()
    with judged.database.write() as session:
        for ago in (9, 8, 7, 3, 2, 1):
            day = (today - timedelta(days=ago)).isoformat()
            words = {"passes": 9 - ago, "fails": ago, "unknown": 1, "not_applicable": 0, "exempt": 0}
            session.add(VerdictDay(day=day, check_id="high-risk-ports", branch_id=judged._ids["0001"], **words))
    app = console(judged.token("shen", Role.AUDITOR))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "未核查（台）" in text(pilot))
        _look("home-auditor", text(pilot))
        app.open("trend/high-risk-ports")
        nine = (today - timedelta(days=9)).isoformat()
        await until(pilot, lambda: f"自 {nine} 起统计" in text(pilot) and nine in text(pilot))
        assert (today - timedelta(days=5)).isoformat() not in text(pilot)
        _look("trend", text(pilot))


async def test_a_branch_sees_its_library_and_exempts_nobody(
    judged: Any, console: MakeConsole, until: Until, text: Text
) -> None:
    app = console(judged.token("wang", Role.BRANCH, ["0001"]))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "0/1" in text(pilot) and "病毒库" in text(pilot))
        _look("home-branch", text(pilot))
        app.open("hosts/centre")
        await until(pilot, lambda: "主机 centre" in text(pilot) and "1. " in text(pilot))
        assert "豁免此项" not in text(pilot)


def test_the_commands_say_who_stands_how(judged: Any, run: Callable[..., Any], tmp_path: Path) -> None:
    token = judged.token("li", Role.HEAD)
    said = run("check", "hosts", "--check", "high-risk-ports", "--word", "fail", token=token)
    assert (said.returncode, "■ 不合格" in said.stdout.decode(), "centre" in said.stdout.decode()) == (0, True, True)
    _look("cli-hosts", said.stdout.decode() + said.stderr.decode())
    for words in (["matrix"], ["trend", "high-risk-ports"]):
        done = run("check", *words, token=token)
        assert done.returncode == 0, done.stderr.decode()
        _look(f"cli-{words[0]}", done.stdout.decode() + done.stderr.decode())
    file = tmp_path / "out.xlsx"
    assert run("check", "hosts", "--xlsx", str(file), token=token).returncode == 0
    assert file.read_bytes()[:2] == b"PK"
    until = (local(judged._clock(0).wall).date() + timedelta(days=9)).isoformat()
    granted = ["exempt", "licence", "centre", "--approver", "李某", "--control", "Linux"]
    assert run(*granted, "--until", "soon", token=token).returncode == 2
    done = run(*granted, "--until", until, token=token)
    assert done.returncode == 0, done.stderr.decode()
    listed = run("exemptions", token=token)
    assert "李某" in listed.stdout.decode()
    _look("cli-exemptions", listed.stdout.decode() + listed.stderr.decode())
    assert run("end-exemption", done.stdout.decode().strip(), "--reason", "x", token=token).returncode == 0
    assert run("exempt", "licence", "9999", *granted[3:], "--until", until, token=token).returncode == 4
