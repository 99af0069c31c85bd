"""Lists: searched, filtered, entered; and one position, one ticket, one card."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from server.schemas.people import Role
from server.schemas.tickets import TicketCreate, TicketDetail
from tui.app import ConsoleApp
from tui.screens.devices import Devices
from tui.screens.position import Position
from tui.screens.ticket import Ticket
from tui.widgets.plot import Plot
from tui.widgets.table import Table

MakeConsole = Callable[..., ConsoleApp]
Until = Callable[[Pilot[Any], Callable[[], object]], Awaitable[None]]
Text = Callable[[Pilot[Any]], str]


def head(bank: Any) -> str:
    token: str = bank.token("li", Role.HEAD)
    return token


async def test_typing_searches_and_digits_filter(bank: Any, console: MakeConsole, until: Until, text: Text) -> None:
    app = console(head(bank))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.person)
        app.open("devices")
        await until(pilot, lambda: "5 台 · 有效数据覆盖 3/4 台" in text(pilot))
        await pilot.press("f3", *"ZC00003")
        await until(pilot, lambda: " 1 台" in text(pilot) and "1号窗口 存折打印机" in text(pilot))
        await pilot.press("escape", "4")
        await until(pilot, lambda: " 2 台" in text(pilot))
        assert "滨河支行" in text(pilot)
        assert "正午支行" not in text(pilot)


async def test_pinyin_initials_find_a_branchs_devices(
    bank: Any, console: MakeConsole, until: Until, text: Text
) -> None:
    app = console(head(bank))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.person)
        app.open("devices")
        await until(pilot, lambda: "5 台" in text(pilot))
        await pilot.press("f3", *"bhzh")
        await until(pilot, lambda: " 2 台" in text(pilot))
        assert "正午支行" not in text(pilot)


async def test_what_a_device_says_is_shown_and_does_nothing(
    bank: Any, console: MakeConsole, until: Until, text: Text
) -> None:
    app = console(head(bank))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.person)
        app.open("devices/1001/atm-2")
        await until(pilot, lambda: "[/x] ^[[2J 坏^G" in text(pilot))
        assert "\x1b" not in text(pilot)


async def test_a_position_shows_parts_plot_raw_bytes_and_its_machine(
    bank: Any, console: MakeConsole, until: Until, text: Text
) -> None:
    app = console(head(bank))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.person)
        app.open("devices/1001/atm-1")
        await until(pilot, lambda: "钞空" in text(pilot))
        assert isinstance(app.screen, Position)
        assert "■ 故障" in text(pilot)
        assert app.screen.query_one(Plot).region.width > 60
        await pilot.press("4")
        await until(pilot, lambda: "1b 5b 30 31 52 b3 ae" in text(pilot))
        assert "GBK: ^[[01R钞" in text(pilot)
        await pilot.press("3")
        await until(pilot, lambda: "SN00001" in text(pilot))
        await pilot.press("2")
        await until(pilot, lambda: "未恢复" in text(pilot))


async def test_a_report_takes_one_key_and_enter_from_a_device(
    bank: Any, console: MakeConsole, until: Until, text: Text
) -> None:
    app = console(bank.token("wang", Role.BRANCH, ["1001"]))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "处理提示" in text(pilot))
        await pilot.press("f7")
        await until(pilot, lambda: "报修：大堂 ATM-1" in text(pilot))
        assert app.screen.query_one("#title", Input).value == "2号钞箱 钞空"
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, Ticket) and "新建" in text(pilot))
        assert "2号钞箱 钞空" in text(pilot)
    tickets = bank.ask(bank.token("li", Role.HEAD), "/api/tickets?branch=1001")
    assert [ticket["source"] for ticket in tickets["rows"]] == ["hand", "condition"]


async def test_a_second_enter_while_a_report_is_on_its_way_makes_no_second_ticket(
    bank: Any, console: MakeConsole, until: Until, text: Text, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server has the report, and its answer is slow to come."""
    app = console(bank.token("wang", Role.BRANCH, ["1001"]))
    li, answers = head(bank), asyncio.Event()
    report = app.client.report

    async def slow(ticket: TicketCreate) -> TicketDetail:
        taken = await report(ticket)
        await answers.wait()
        return taken

    monkeypatch.setattr(app.client, "report", slow)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "处理提示" in text(pilot))
        await pilot.press("f7")
        await until(pilot, lambda: "报修：大堂 ATM-1" in text(pilot))
        await pilot.press("enter", "enter")
        await until(pilot, lambda: hand_made(bank, li))
        await pilot.press("enter", "f7")
        answers.set()
        await until(pilot, lambda: isinstance(app.screen, Ticket) and "新建" in text(pilot))
    assert len(hand_made(bank, li)) == 1


def hand_made(bank: Any, token: str) -> list[Any]:
    tickets = bank.ask(token, "/api/tickets?branch=1001")
    return [ticket for ticket in tickets["rows"] if ticket["source"] == "hand"]


async def test_a_report_without_a_word_is_not_sent(bank: Any, console: MakeConsole, until: Until, text: Text) -> None:
    app = console(bank.token("wang", Role.BRANCH, ["1001"]))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "处理提示" in text(pilot))
        app.report("1001/printer-1", "打印机", "")
        await until(pilot, lambda: "故障现象" in text(pilot))
        await pilot.press("enter")
        await until(pilot, lambda: "请用几个字" in text(pilot))
        await pilot.press("escape")
        await until(pilot, lambda: "处理提示" in text(pilot))


async def test_a_ticket_goes_from_new_to_done_by_digits(
    bank: Any, console: MakeConsole, until: Until, text: Text
) -> None:
    app = console(head(bank))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.person)
        app.open("tickets")
        await until(pilot, lambda: "1 张" in text(pilot))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, Ticket) and "1 受理" in text(pilot))
        await pilot.press("1")
        await until(pilot, lambda: "▲ 已受理" in text(pilot))
        await pilot.press("2")
        await until(pilot, lambda: "▲ 处理中" in text(pilot))
        await pilot.press("4")
        await until(pilot, lambda: "备注" in text(pilot) and isinstance(app.focused, Input))
        app.screen.query_one(Input).value = "已联系厂商 [/x]"
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, Ticket) and "已联系厂商 [/x]" in text(pilot))
        await pilot.press("3")
        await until(pilot, lambda: isinstance(app.focused, Input))
        app.screen.query_one(Input).value = "更换钞箱"
        await pilot.press("enter")
        await until(pilot, lambda: "● 已办结" in text(pilot) and "更换钞箱" in text(pilot))
        assert "1 受理" not in text(pilot)


async def test_what_the_server_refuses_is_said_in_its_own_sentence(
    bank: Any, console: MakeConsole, until: Until, text: Text
) -> None:
    app = console(bank.token("wang", Role.BRANCH, ["1001"]))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "处理提示" in text(pilot))
        app.open("devices/1002/atm-1")
        await until(pilot, lambda: "没有" in text(pilot))


async def test_the_ledger_is_exported_to_a_file(
    bank: Any, console: MakeConsole, until: Until, text: Text, tmp_path: Path
) -> None:
    app = console(head(bank))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.person)
        app.open("ledger")
        await until(pilot, lambda: "4 台设备" in text(pilot))
        await pilot.press("f8")
        await until(pilot, lambda: "导出台账" in text(pilot))
        await pilot.press("2")
        app.screen.query_one("#path", Input).value = str(tmp_path / "台账")
        await pilot.press("enter")
        await until(pilot, lambda: "已写入" in text(pilot))
        assert "SN00003" in (tmp_path / "台账.csv").read_text(encoding="utf-8-sig")


async def test_a_card_leads_to_where_its_machine_stands(
    bank: Any, console: MakeConsole, until: Until, text: Text
) -> None:
    app = console(head(bank))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.person)
        app.open("ledger/ZC00003")
        await until(pilot, lambda: "SN00003" in text(pilot))
        await pilot.press("4")
        await until(pilot, lambda: isinstance(app.screen, Position))


async def test_the_journal_is_checked(bank: Any, console: MakeConsole, until: Until, text: Text) -> None:
    app = console(bank.token("shen", Role.AUDITOR))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.person)
        app.open("journal")
        await until(pilot, lambda: "最新在前" in text(pilot) and "SHA-256" in text(pilot))
        await pilot.press("f8")
        await until(pilot, lambda: "全部校验通过" in text(pilot))


async def test_f9_goes_anywhere_by_initials_and_f1_lists_the_keys(
    bank: Any, console: MakeConsole, until: Until, text: Text
) -> None:
    app = console(head(bank))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.person)
        await pilot.press("f9", *"cjcx")
        await until(pilot, lambda: "负责轮询设备的程序" in text(pilot) and "修改密码" not in text(pilot))
        await pilot.press("enter")
        await until(pilot, lambda: "总行采集" in text(pilot) and "1 个采集程序" in text(pilot))
        await pilot.press("f1")
        await until(pilot, lambda: "本页按键" in text(pilot) and "业务程序占用" in text(pilot))
        await pilot.press("escape", "f2")
        await until(pilot, lambda: "网点（最差在前）" in text(pilot))
        await pilot.press("f9", *"ckdyj")
        await until(pilot, lambda: "在设备中查找“ckdyj”" in text(pilot))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, Devices) and "0 台" in text(pilot))


async def test_f4_narrows_to_a_branch_and_f6_sorts(bank: Any, console: MakeConsole, until: Until, text: Text) -> None:
    app = console(head(bank))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.person)
        app.open("devices")
        await until(pilot, lambda: "5 台" in text(pilot))
        await pilot.press("f4")
        await until(pilot, lambda: "1002 滨河支行" in text(pilot))
        await pilot.press("6")
        await until(pilot, lambda: isinstance(app.screen, Devices) and "网点：" in text(pilot))
        await pilot.press("f6", "2")
        await until(pilot, lambda: "按名称" in text(pilot))
        assert isinstance(app.screen.query_one(Table), Table)


async def test_head_office_gives_out_a_code_and_decides_who_is_an_agent(
    bank: Any, console: MakeConsole, until: Until, text: Text
) -> None:
    app = console(head(bank))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.person)
        app.open("agents")
        await until(pilot, lambda: "○ 未登记" in text(pilot) and "总行采集" in text(pilot))
        await pilot.press("enter")
        await until(pilot, lambda: "还没有电脑登记" in text(pilot))
        assert "4 吊销" not in text(pilot)
        await pilot.press("1")
        await until(pilot, lambda: "为 centre 生成登记码？之前的登记码将作废。" in text(pilot))
        await pilot.press("2", "1")
        await until(pilot, lambda: "为 centre 生成登记码？" in text(pilot))
        await pilot.press("1")
        await until(pilot, lambda: f"branchfleet-agent enroll {bank.url} " in text(pilot) and "○ 已发码" in text(pilot))
        assert "请换成网点电脑访问服务器所用的地址" in text(pilot)  # this console's own address is a loopback
        await pilot.press("3")
        await until(pilot, lambda: "撤回登记码和待确认的电脑" in text(pilot))
        await pilot.press("1")
        await until(pilot, lambda: "○ 未登记" in text(pilot) and "branchfleet-agent enroll http" not in text(pilot))


@pytest.mark.parametrize(
    ("named", "told", "beside"),
    [
        (["https://bf.bank.example:8088", "https://10.66.0.10:8088"], "https://bf.bank.example:8088", "10.66.0.10"),
        (["https://10.66.0.10:8088", "https://127.0.0.1:8443"], "", "请换成网点电脑"),
    ],
    ids=["as people named it", "as this console reaches it"],
)
async def test_the_command_to_enrol_has_an_address_of_the_server_that_people_named(
    bank: Any, console: MakeConsole, until: Until, text: Text, named: list[str], told: str, beside: str
) -> None:
    bank.addresses = named
    app = console(head(bank))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.person)
        app.open("agents/centre")
        await until(pilot, lambda: "还没有电脑登记" in text(pilot))
        await pilot.press("1")
        await until(pilot, lambda: "生成登记码？" in text(pilot))
        await pilot.press("1")
        await until(pilot, lambda: f"branchfleet-agent enroll {told or bank.url} " in text(pilot))
        assert beside in text(pilot)


async def test_an_auditor_sees_who_an_agent_is_and_decides_nothing(
    bank: Any, console: MakeConsole, until: Until, text: Text
) -> None:
    app = console(bank.token("shen", Role.AUDITOR))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.person)
        app.open("agents/centre")
        await until(pilot, lambda: "未登记" in text(pilot))
        assert "生成登记码" not in text(pilot).splitlines()[-1]
        await pilot.press("1")
        await pilot.pause()
        assert "branchfleet-agent enroll http" not in text(pilot)
