"""计算机安全检查登记簿 in the console and by command: entered by a form, followed, narrowed, taken away."""

import io
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import openpyxl
from textual.pilot import Pilot
from textual.widgets import Input

from server.schemas.people import Role
from tui.app import ConsoleApp
from tui.screens.fill import Fill
from tui.screens.security import Security

MakeConsole = Callable[..., ConsoleApp]
Until = Callable[[Pilot[Any], Callable[[], object]], Awaitable[None]]
Text = Callable[[Pilot[Any]], str]


async def test_a_check_is_entered_and_its_finding_followed(
    bank: Any, console: MakeConsole, until: Until, text: Text
) -> None:
    app = console(bank.token("li", Role.HEAD))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.person and "安全检查登记簿" in text(pilot))
        await pilot.press("f6")
        await until(pilot, lambda: "登记簿中没有符合条件的登记" in text(pilot))
        await pilot.press("1")
        await until(pilot, lambda: isinstance(app.screen, Fill))
        app.screen.query_one("#about", Input).value = "1001"
        await pilot.press("enter")
        await until(pilot, lambda: "请填写“项目”" in text(pilot))
        app.screen.query_one("#item", Input).value = "[/x]机房门锁"
        app.screen.query_one("#found", Input).value = "门锁损坏"
        app.screen.query_one("#due", Input).value = "明天"
        await pilot.press("enter")
        await until(pilot, lambda: "请填写“结果”" in text(pilot))
        await pilot.press("3")
        await pilot.press("enter")
        await until(pilot, lambda: "日期请写成 2027-03-31" in text(pilot))
        app.screen.query_one("#due", Input).value = "2020-01-31"
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, Security) and "[/x]机房门锁: 门锁损坏" in text(pilot))
        assert "■ 不合格" in text(pilot)
        await until(pilot, lambda: "逾期 2020-01-31" in text(pilot) and "期限 2020-01-31" in text(pilot))
        assert "台有登记" in text(pilot)
        await pilot.press("2")
        await until(pilot, lambda: isinstance(app.screen, Fill))
        app.screen.query_one("#measure", Input).value = "换锁"
        await pilot.press("enter")
        await until(pilot, lambda: "2 行" in text(pilot) and "1 的后续" in text(pilot))
        await pilot.press("5")
        await until(pilot, lambda: "1 行 · 整改逾期" in text(pilot))
    auditor = console(bank.token("sun", Role.AUDITOR))
    async with auditor.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: auditor.person and "整改逾期" in text(pilot))
        await pilot.press("f6")
        await until(pilot, lambda: isinstance(auditor.screen, Security) and "机房门锁" in text(pilot))
        assert "登记检查" not in text(pilot)


def test_the_register_by_command(bank: Any, run: Any, tmp_path: Path) -> None:
    head, auditor = bank.token("li", Role.HEAD), bank.token("sun", Role.AUDITOR)
    security = ("register", "security")
    bad = run(*security, "enter", "1001", "--item", "门锁", "--outcome", "maybe", token=head)
    assert (bad.returncode, bad.stdout) == (2, b"")
    made = run(*security, "enter", "1001", "--item", "门锁", "--outcome", "fail", "--due", "2020-01-31", token=head)
    assert (made.returncode, made.stdout) == (0, b"1\n"), made.stderr.decode()
    fixed = run(*security, "correct", "1", "--outcome", "pass", "--reason", "看错了", token=head)
    assert fixed.stdout == b"2\n"
    refused = run(*security, "follow", "2", "--review", "pass", token=auditor)
    assert (refused.returncode, refused.stdout) != (0, b"3\n")
    listed = run(*security, "list", token=auditor)
    lines = listed.stdout.decode().splitlines()
    assert "● 合格" in lines[1]
    assert "更正 1" in lines[1]
    assert "■ 不合格" in lines[2]
    assert "已由 2 更正" in lines[2]
    assert "共 2 行，显示 2 行" in listed.stderr.decode()
    path = tmp_path / "登记簿.xlsx"
    exported = run(*security, "export", "-o", str(path), "--from", "2020-01-01", token=auditor)
    assert exported.returncode == 0, exported.stderr.decode()
    sheet = openpyxl.load_workbook(io.BytesIO(path.read_bytes())).active
    assert sheet is not None
    assert sheet.max_row == 3 + 2
