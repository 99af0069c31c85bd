"""What a console shows while no server answers: the last it knew, getting older, and nothing of it as good now."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from textual.pilot import Pilot

from server.schemas import Role
from tui.app import ConsoleApp
from tui.screens import frame
from tui.shell import Link
from tui.widgets.figures import Figures

MakeConsole = Callable[..., ConsoleApp]
Until = Callable[[Pilot[Any], Callable[[], object]], Awaitable[None]]
Text = Callable[[Pilot[Any]], str]
MINUTE = 60_000_000  # µs


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frame, "REDRAW", 0.05)


async def leave(bank: Any, app: ConsoleApp, pilot: Pilot[Any], until: Until, minutes: int) -> None:
    """The server ends, and `minutes` pass."""
    bank.close()
    await pilot.press("f5")
    await until(pilot, lambda: app.link is Link.AWAY)
    app.client.offset += minutes * MINUTE


@pytest.mark.parametrize("page", ["devices/1001/atm-1", "agents/centre"])
async def test_what_a_page_says_above_its_tables_gets_older_too(
    bank: Any, console: MakeConsole, until: Until, text: Text, page: str
) -> None:
    app = console(bank.token("li", Role.HEAD))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.person)
        app.open(page)
        await until(pilot, lambda: "秒前" in "\n".join(text(pilot).splitlines()[1:]))
        await leave(bank, app, pilot, until, minutes=45)
        await until(pilot, lambda: "45 分钟前" in "\n".join(text(pilot).splitlines()[1:]))


async def test_a_home_nobody_stands_for_says_its_age_and_shows_nothing_green(
    bank: Any, console: MakeConsole, until: Until, text: Text
) -> None:
    app = console(bank.token("li", Role.HEAD))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "有效数据覆盖 3/" in text(pilot))
        green = app.ink("good")
        await leave(bank, app, pilot, until, minutes=3)
        await until(
            pilot, lambda: "3 分钟前的数据：有效数据覆盖 3/" in text(pilot) and "今天 · ■ 3 分钟前" in text(pilot)
        )
        spans = app.screen.query_one(Figures).render().spans
        assert spans
        assert not any(green in str(span.style) for span in spans)
        bank.open()
        await pilot.press("f5")
        await until(pilot, lambda: "分钟前的数据" not in text(pilot) and "今天 · " not in text(pilot))


async def test_a_list_opened_without_a_server_says_that_nothing_is_known(
    bank: Any, console: MakeConsole, until: Until, text: Text
) -> None:
    app = console(bank.token("li", Role.HEAD))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "有效数据覆盖 3/" in text(pilot))
        await leave(bank, app, pilot, until, minutes=0)
        await pilot.press("6")
        await until(pilot, lambda: "服务器无应答，此处尚无任何数据。" in text(pilot))
        bank.open()
        await pilot.press("f5")
        await until(pilot, lambda: "总行采集" in text(pilot) and "尚无任何数据" not in text(pilot))
