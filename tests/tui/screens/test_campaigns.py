"""专项核查 in the console: begun by a form, live while hosts answer, and a branch's result as text and codes."""

from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, SelectionList

from agent.wire import Fact
from server.schemas.people import Role
from tests.tui.screens.test_pushes import Obeying
from tui.app import ConsoleApp
from tui.screens.ask_text import AskText
from tui.screens.begin_campaign import BeginCampaign
from tui.screens.campaign import Campaign
from tui.screens.campaign_items import CampaignItems
from tui.screens.campaign_result import CampaignResult

MakeConsole = Callable[..., ConsoleApp]
Until = Callable[[Pilot[Any], Callable[[], object]], Awaitable[None]]
Text = Callable[[Pilot[Any]], str]


class Telling(Obeying):
    """The agent `centre`: its host is Linux and listens on 445, which it tells once the test `allows` it."""

    def first(self) -> list[Any]:
        bank = self._bank
        said: dict[str, Any] = {"host": {"os.family": "linux"}, "network": {"ports.tcp": ["445"], "ports.udp": []}}
        return [
            Fact(seq=bank._next(), clock=bank._clock(0), topic=topic, host="PC", facts=facts)
            for topic, facts in said.items()
        ]


@pytest.fixture
def agent(bank: Any) -> Iterator[Telling]:
    made = Telling(bank)
    yield made
    made.end()


async def test_checks_are_pushed_by_a_form_and_each_host_comes_in_live(
    bank: Any, console: MakeConsole, until: Until, text: Text, agent: Telling
) -> None:
    app = console(bank.token("li", Role.HEAD))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.person and "0 专项核查" in text(pilot))
        await pilot.press("0")
        await until(pilot, lambda: "还没有发起过专项核查" in text(pilot) and "1 发起专项核查" in text(pilot))
        await pilot.press("1")
        await until(pilot, lambda: isinstance(app.screen, BeginCampaign))
        await pilot.press("enter")
        await until(pilot, lambda: "请选检查项" in text(pilot))
        app.screen.query_one(SelectionList).select("high-risk-ports")
        await until(pilot, lambda: "已选 1 项：高危端口" in text(pilot))
        app.screen.query_one("#reason", Input).value = "护网"
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, Campaign) and "[....................] 0/1" in text(pilot))
        await until(pilot, lambda: "已下达，等待答复" in text(pilot))
        agent.allowed.set()
        await until(pilot, lambda: "[####################] 1/1" in text(pilot) and "▲ 未全合格" in text(pilot))
        await until(pilot, lambda: "■ 不合格" in text(pilot) and "端口 445 正在监听" in text(pilot))
        await pilot.press("2")
        await until(pilot, lambda: isinstance(app.screen, CampaignResult) and "应查 1 台：合格 0" in text(pilot))
        await pilot.press("right")
        await until(pilot, lambda: "二维码 1/" in text(pilot) and "▄▄▄▄▄ █" in text(pilot))
        await pilot.press("escape", "escape")
        await until(pilot, lambda: "1 次专项核查" in text(pilot))


async def test_an_emergency_is_begun_from_its_template_and_its_items_are_answered(
    bank: Any, console: MakeConsole, until: Until, text: Text
) -> None:
    app = console(bank.token("li", Role.HEAD))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.person and "0 专项核查" in text(pilot))
        await pilot.press("0")
        await until(pilot, lambda: "1 发起专项核查" in text(pilot))
        await pilot.press("1")
        await until(pilot, lambda: isinstance(app.screen, BeginCampaign) and "2 勒索病毒应急处置" in text(pilot))
        app.screen.query_one("#template").focus()
        await pilot.press("2")
        await until(pilot, lambda: "已选 5 项" in text(pilot) and "135,137-139,445" in text(pilot))
        app.screen.query_one("#ports", Input).value = "445"
        await pilot.press("enter")
        await until(
            pilot, lambda: isinstance(app.screen, Campaign) and "一、网络边界：已完成 0 · 未答复 4" in text(pilot)
        )
        await until(pilot, lambda: "三、安全意识：已完成 0" in text(pilot) and "二、系统加固：" in text(pilot))
        await pilot.press("5")
        await until(pilot, lambda: isinstance(app.screen, CampaignItems) and "已禁止 445 端口" in text(pilot))
        await pilot.press("enter")
        await until(pilot, lambda: "3 无法完成：写明原因" in text(pilot).replace("  ", " "))
        await pilot.press("1")
        await until(pilot, lambda: "已完成 1 · 未答复" in text(pilot) and "● 已完成" in text(pilot))
        await pilot.press("enter")
        await until(pilot, lambda: "无法完成：写明原因" in text(pilot))
        await pilot.press("3")
        await until(pilot, lambda: isinstance(app.screen, AskText))
        app.screen.query_one(Input).value = "省联社统一管理"
        await pilot.press("enter")
        await until(pilot, lambda: "无法完成 1" in text(pilot) and "省联社统一管理" in text(pilot))
        assert "已完成 · li" in text(pilot)  # the answer before is still told
