"""A sweep asked for in the console by one person of head office, and approved and cancelled by another."""

from collections.abc import Awaitable, Callable
from typing import Any

from textual.pilot import Pilot
from textual.widgets import Input

from server.schemas.people import Role
from tui.app import ConsoleApp
from tui.screens.ask_text import AskText
from tui.screens.choose import Choose
from tui.screens.fill import Fill
from tui.screens.home_head import HeadHome
from tui.screens.network import Network
from tui.screens.sweeps import Sweeps

MakeConsole = Callable[..., ConsoleApp]
Until = Callable[[Pilot[Any], Callable[[], object]], Awaitable[None]]
Text = Callable[[Pilot[Any]], str]


async def open_sweeps(pilot: Pilot[Any], until: Until) -> ConsoleApp:
    app = pilot.app
    assert isinstance(app, ConsoleApp)
    await until(pilot, lambda: isinstance(app.screen, HeadHome))
    app.open("network")
    await until(pilot, lambda: isinstance(app.screen, Network))
    await pilot.press("4")
    await until(pilot, lambda: isinstance(app.screen, Sweeps))
    return app


async def test_one_asks_and_another_approves_and_cancels(
    bank: Any, console: MakeConsole, until: Until, text: Text
) -> None:
    li, wang = bank.token("li", Role.HEAD), bank.token("wang", Role.HEAD)
    async with console(li).run_test(size=(120, 40), notifications=True) as pilot:
        app = await open_sweeps(pilot, until)
        await until(pilot, lambda: "没有扫描过网段" in text(pilot))
        await pilot.press("1")
        await until(pilot, lambda: isinstance(app.screen, Fill))
        for name, said in (("prefix", "10.1.1.0/24"), ("agent", "centre"), ("reason", "查私接设备")):
            app.screen.query_one(f"#{name}", Input).value = said
        await pilot.press("enter")
        line = "1 项扫描，1 项待批准 · 申请人不能批准自己的申请"
        await until(pilot, lambda: isinstance(app.screen, Sweeps) and line in text(pilot))
        await pilot.press("2")
        await until(pilot, lambda: isinstance(app.screen, Choose))
        assert "每秒 2 个" in text(pilot)
        await pilot.press("1")
        await until(pilot, lambda: "申请人不能批准自己申请的扫描" in text(pilot))
    async with console(wang).run_test(size=(120, 40)) as pilot:
        app = await open_sweeps(pilot, until)
        await until(pilot, lambda: "li → ?" in text(pilot))
        await pilot.press("2")
        await until(pilot, lambda: isinstance(app.screen, Choose))
        await pilot.press("1")
        await until(pilot, lambda: "已批准" in text(pilot) and "li → wang" in text(pilot))
        await pilot.press("4")
        await until(pilot, lambda: isinstance(app.screen, Choose))
        await pilot.press("1")
        await until(pilot, lambda: "已取消" in text(pilot))
        bank.post(li, "/api/network/sweeps", {"prefix": "10.1.2.0/28", "agent": "centre"})
        await until(pilot, lambda: "10.1.2.0/28" in text(pilot))
        await pilot.press("home", "3")
        await until(pilot, lambda: isinstance(app.screen, AskText))
        await pilot.press(*"no")
        await pilot.press("enter")
        await until(pilot, lambda: "未批准" in text(pilot))


async def test_an_auditor_looks_and_decides_nothing(bank: Any, console: MakeConsole, until: Until, text: Text) -> None:
    li, auditor = bank.token("li", Role.HEAD), bank.token("sun", Role.AUDITOR)
    bank.post(li, "/api/network/sweeps", {"prefix": "10.1.1.0/24", "agent": "centre"})
    async with console(auditor).run_test(size=(120, 40)) as pilot:
        app = pilot.app
        assert isinstance(app, ConsoleApp)
        await until(pilot, lambda: app.person is not None)
        app.open("network/sweeps")
        await until(pilot, lambda: isinstance(app.screen, Sweeps) and "待批准" in text(pilot))
        await pilot.press("2", "1", "4")
        assert isinstance(app.screen, Sweeps)
