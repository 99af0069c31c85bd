"""What each role sees in five seconds."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlmodel import select
from textual.pilot import Pilot

from server.agents.tables import AgentIdentity, AgentKey, KeptOut, KeyStanding
from server.clock import utc_now
from server.health.tables import Condition, Severity
from server.inventory.tables import Subject
from server.schemas.agents import IdentityStanding
from server.schemas.people import Role
from tui.app import ConsoleApp
from tui.screens.agents import Agents
from tui.screens.devices import Devices
from tui.screens.home_auditor import AuditorHome
from tui.screens.home_branch import BranchHome
from tui.screens.home_head import HeadHome
from tui.screens.position import Position

MakeConsole = Callable[..., ConsoleApp]
Until = Callable[[Pilot[Any], Callable[[], object]], Awaitable[None]]
Text = Callable[[Pilot[Any]], str]


async def test_head_office_sees_the_whole_bank_and_the_worst_branch_first(
    bank: Any, console: MakeConsole, until: Until, text: Text
) -> None:
    app = console(bank.token("li", Role.HEAD))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "钞空" in text(pilot))
        assert isinstance(app.screen, HeadHome)
        shown = text(pilot)
        assert "清溪农商银行" in shown
        assert "li (总行科技)" in shown
        assert shown.index("正午支行") < shown.index("滨河支行")
        assert "有效数据覆盖 3/" in shown


async def test_a_figure_is_entered_with_enter(bank: Any, console: MakeConsole, until: Until, text: Text) -> None:
    app = console(bank.token("li", Role.HEAD))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "钞空" in text(pilot))
        await pilot.press("shift+tab", "right", "enter")
        await until(pilot, lambda: isinstance(app.screen, Devices) and "1 台" in text(pilot))
        assert "大堂 ATM-1" in text(pilot)
        assert "1号窗口" not in text(pilot)


async def test_a_branch_sees_what_is_wrong_and_what_to_do_and_nothing_of_others(
    bank: Any, console: MakeConsole, until: Until, text: Text
) -> None:
    app = console(bank.token("wang", Role.BRANCH, ["1001"]))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "处理提示" in text(pilot))
        assert isinstance(app.screen, BranchHome)
        shown = text(pilot)
        assert "1  报修" in shown
        assert "钞空" in shown
        assert "滨河" not in shown


@pytest.mark.parametrize(
    ("why", "last"),
    [("quarantined", "按 5 解除隔离"), ("revoked", "听总行安排"), ("waiting", "再看原电脑开机没有")],
)
async def test_a_branch_whose_agent_is_not_let_in_sees_all_steps_on_a_small_screen(
    why: str, last: str, bank: Any, console: MakeConsole, until: Until, text: Text
) -> None:
    with bank.database.write() as session:
        agent = session.exec(select(Subject).where(Subject.key == "centre")).one()
        home = session.exec(select(Subject).where(Subject.key == "1001")).one()
        agent.branch_id = home.id
        facts = {"subject_id": agent.id, "opened_at": utc_now(), "noticed_at": utc_now(), "cause": "unknown"}
        session.add(Condition(rule="agent.silent", word="silent", severity=Severity.FAULT, **facts))
        session.add(KeptOut(agent_id=agent.id, why=IdentityStanding(why), start=1))
    app = console(bank.token("wang", Role.BRANCH, ["1001"]))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "打电话给总行科技" in text(pilot))
        assert last in text(pilot)


async def test_a_printer_that_a_program_holds_is_grey_and_says_its_last_self_test(
    used_bank: Any, console: MakeConsole, until: Until, text: Text
) -> None:
    app = console(used_bank.token("wang", Role.BRANCH, ["1001"]))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "自检正常" in text(pilot))
        [line] = [line for line in text(pilot).splitlines() if "自检正常" in line]
        assert "◇ 占用" in line
        app.open("devices")
        await until(pilot, lambda: isinstance(app.screen, Devices) and "自检正常" in text(pilot))
        app.open("devices/1001/printer-1")
        await until(pilot, lambda: isinstance(app.screen, Position) and "自检正常" in text(pilot))
        assert "业务程序占用" in text(pilot)


async def test_an_auditor_sees_the_ledger_and_the_journal_in_figures(
    bank: Any, console: MakeConsole, until: Until, text: Text
) -> None:
    app = console(bank.token("shen", Role.AUDITOR))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "钞空" in text(pilot))
        assert isinstance(app.screen, AuditorHome)
        assert "(审计)" in text(pilot)


async def test_the_same_console_speaks_english(bank: Any, console: MakeConsole, until: Until, text: Text) -> None:
    app = console(bank.token("li", Role.HEAD), lang="en")
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "head office IT" in text(pilot))
        await until(pilot, lambda: "valid data 3/" in text(pilot))


async def test_a_change_is_seen_without_asking(bank: Any, console: MakeConsole, until: Until, text: Text) -> None:
    app = console(bank.token("li", Role.HEAD))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "● 数据更新于" in text(pilot))
        wang = bank.token("wang", Role.BRANCH, ["1002"])
        bank.post(wang, "/api/tickets", {"subject": "1002/atm-1", "title": "屏幕不亮"})
        await until(pilot, lambda: "报修 2026-0002" in text(pilot))


async def test_marks_and_frames_are_drawn_with_ascii_where_shapes_do_not_fit(
    bank: Any, console: MakeConsole, until: Until, text: Text
) -> None:
    app = console(bank.token("li", Role.HEAD), ascii_marks=True)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "# 故障" in text(pilot))
        assert "■" not in text(pilot)
        assert "─" not in text(pilot)
        await pilot.press("f9", *"txzf", "enter")
        await until(pilot, lambda: "■ 故障" in text(pilot) and "─" in text(pilot))


@pytest.mark.parametrize(
    ("why", "told"),
    [
        (IdentityStanding.QUARANTINED, "■ 1 个采集程序已隔离"),
        (IdentityStanding.WAITING, "▲ 1 台电脑等待确认为采集程序"),
    ],
)
async def test_head_office_reaches_by_a_key_who_waits_for_its_decision_and_sees_why_it_is_a_fault(
    why: IdentityStanding, told: str, bank: Any, console: MakeConsole, until: Until, text: Text
) -> None:
    with bank.database.write() as session:
        agent = session.exec(select(Subject).where(Subject.key == "centre")).one()
        facts = {"subject_id": agent.id, "opened_at": utc_now(), "noticed_at": utc_now(), "cause": "unknown"}
        session.add(Condition(rule="agent.silent", word="silent", severity=Severity.FAULT, **facts))
        session.add(Condition(rule="agent.disk", word="full", severity=Severity.FAULT, **facts | {"cause": ""}))
        session.add(KeptOut(agent_id=agent.id, why=why, start=1))
        pc = {"host": "FRONT-PC", "system": "Windows-10", "address": "10.66.1.20"}
        session.add(AgentKey(public_key="0" * 64, agent_id=agent.id, standing=KeyStanding.WAITING, made_at=1, **pc))
        if why is IdentityStanding.QUARANTINED:
            session.add(AgentIdentity(agent_id=agent.id, quarantined_at=1))
    app = console(bank.token("li", Role.HEAD))
    async with app.run_test(size=(100, 40)) as pilot:
        await until(pilot, lambda: told in text(pilot))
        await pilot.press("9")
        await until(pilot, lambda: isinstance(app.screen, Agents) and "仅显示：" in text(pilot))
        await until(pilot, lambda: "■ 采集程序的磁盘已满" in text(pilot) and "总行采集" in text(pilot))
        await pilot.press("enter")
        await until(pilot, lambda: "■ 采集程序离线（" in text(pilot))
        assert "■ 采集程序的磁盘已满" in text(pilot)
        assert "2 确认" in text(pilot)


async def test_a_list_of_agents_that_wait_has_no_others(
    bank: Any, console: MakeConsole, until: Until, text: Text
) -> None:
    app = console(bank.token("li", Role.HEAD))
    async with app.run_test(size=(100, 40)) as pilot:
        await until(pilot, lambda: "1 个采集程序未登记" in text(pilot))
        app.open("agents?identity=waiting")
        await until(pilot, lambda: "仅显示：待确认 · 0 个采集程序" in text(pilot))
        assert "总行采集" not in text(pilot)
