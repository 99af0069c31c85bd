"""What was due and attested, on the screen: day by day of an agent or a branch, and branch by branch."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from textual.pilot import Pilot

from server.clock import utc_now
from server.inventory.duties import note_duties
from server.schemas.coverage import MinutesOut, Missing
from server.schemas.people import Role
from tui.app import ConsoleApp
from tui.screens.branch import Branch
from tui.words.values import minutes, missing, percent

MakeConsole = Callable[..., ConsoleApp]
Until = Callable[[Pilot[Any], Callable[[], object]], Awaitable[None]]
Text = Callable[[Pilot[Any]], str]
HOUR = 3_600_000_000


@pytest.fixture
def owing(bank: Any) -> Any:
    """The agent owes its four positions since an hour; three of them told of the last ten minutes."""
    with bank.database.write() as session:
        note_duties(session, utc_now() - HOUR, 0)
    return bank


async def test_an_agents_days_are_a_key_away(owing: Any, console: MakeConsole, until: Until, text: Text) -> None:
    app = console(owing.token("li", Role.HEAD))
    async with app.run_test(size=(110, 30)) as pilot:
        await until(pilot, lambda: app.person)
        app.open("agents")
        await until(pilot, lambda: "总行采集" in text(pilot) and "7 数据覆盖" in text(pilot))
        await pilot.press("7")
        await until(pilot, lambda: "总行采集 数据覆盖" in text(pilot) and "至今" in text(pilot))
        assert "原因不明" in text(pilot)
        assert "单位：点位·分钟 · 应采 " in text(pilot)
        await pilot.press("2")
        await until(pilot, lambda: "至今" in text(pilot))


async def test_an_agents_own_page_has_its_days_under_the_same_key_and_its_branch_beside(
    owing: Any, console: MakeConsole, until: Until, text: Text
) -> None:
    app = console(owing.token("li", Role.HEAD))
    async with app.run_test(size=(120, 30)) as pilot:
        await until(pilot, lambda: app.person)
        app.open("agents/centre")
        await until(pilot, lambda: "7 数据覆盖" in text(pilot) and "8 看网点" in text(pilot))
        await pilot.press("7")
        await until(pilot, lambda: "总行采集 数据覆盖" in text(pilot))
        await pilot.press("escape", "8")
        await until(pilot, lambda: isinstance(app.screen, Branch))


async def test_a_branch_has_the_coverage_its_agents_give_it(
    owing: Any, console: MakeConsole, until: Until, text: Text
) -> None:
    app = console(owing.token("wang", Role.BRANCH, ["1002"]))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.person)
        app.open("branches/1002")
        await until(pilot, lambda: "滨河支行" in text(pilot))
        await pilot.press("7")
        await until(pilot, lambda: "滨河支行 数据覆盖" in text(pilot) and "0.0%" in text(pilot))


async def test_all_branches_are_listed_the_least_attested_first(
    owing: Any, console: MakeConsole, until: Until, text: Text
) -> None:
    app = console(owing.token("shen", Role.AUDITOR))
    async with app.run_test(size=(110, 30)) as pilot:
        await until(pilot, lambda: app.person)
        app.open("coverage")
        await until(pilot, lambda: "滨河支行" in text(pilot))
        shown = text(pilot)
        assert shown.index("滨河支行") < shown.index("正午支行")
        await pilot.press("enter")
        await until(pilot, lambda: "滨河支行 数据覆盖" in text(pilot))


def test_a_hundred_percent_is_all_of_it() -> None:
    one = MinutesOut(due=10_000, attested=9_999, missing={Missing.LINE: 1, Missing.UNKNOWN: 0})
    assert percent(one) == "99.9%"
    assert missing(one) == "线路中断 1"
    assert minutes(one) == "应采 10,000，有效 99.9%，缺失 1（线路中断 1）"
    assert percent(MinutesOut(due=0, attested=0, missing={})) == "—"
