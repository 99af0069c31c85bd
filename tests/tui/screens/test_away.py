"""What a console shows while no server answers: the last it knew, getting older, and nothing of it as good now."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from server.schemas.people import Role
from tui.app import ConsoleApp
from tui.client import TicketQuery
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


def row(shown: str, *words: str) -> str:
    """The one line with all of these in it; LookupError until there is one."""
    found = [line for line in shown.splitlines() if all(word in line for word in words)]
    if len(found) != 1:
        raise LookupError(words)
    return found[0]


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("devices", ("存折打印机", "正午支行")),
        ("branches/1001", ("存折打印机",)),
        ("branches", ("正午支行",)),
        ("agents", ("总行采集",)),
    ],
)
async def test_a_row_stands_as_it_was_said_for_as_long_as_that_holds_and_then_is_stale(
    bank: Any, console: MakeConsole, until: Until, text: Text, page: str, words: tuple[str, ...]
) -> None:
    app = console(bank.token("li", Role.HEAD))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.person)
        app.open(page)
        await until(pilot, lambda: row(text(pilot), *words))
        before = row(text(pilot), *words)
        assert any(good in before for good in ("● 正常", "■ 故障"))
        await leave(bank, app, pilot, until, minutes=0)
        assert row(text(pilot), *words).split()[:2] == before.split()[:2]
        app.client.offset += 45 * MINUTE
        await until(pilot, lambda: "○ 过期" in row(text(pilot), *words) and "45 分钟前的数据：" in text(pilot))
        bank.open()
        await pilot.press("f5")
        await until(pilot, lambda: "○ 过期" not in row(text(pilot), *words) and "分钟前的数据" not in text(pilot))


async def test_a_page_of_a_position_shows_no_part_as_good_that_nobody_stands_for(
    bank: Any, console: MakeConsole, until: Until, text: Text
) -> None:
    app = console(bank.token("li", Role.HEAD))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.person)
        app.open("devices/1001/printer-1")
        await until(pilot, lambda: "● 正常" in text(pilot) and "● 已关" in text(pilot))
        await leave(bank, app, pilot, until, minutes=45)
        await until(pilot, lambda: "○ 过期" in text(pilot) and "○ 已关" in text(pilot))
        await until(pilot, lambda: "● " not in text(pilot))  # the title line tells it a moment later


async def test_no_figure_of_a_home_is_good_that_nobody_stands_for(
    bank: Any, console: MakeConsole, until: Until, text: Text
) -> None:
    app = console(bank.token("wang", Role.BRANCH, ["1001"]))
    async with app.run_test(size=(120, 40)) as pilot:
        # its fault stands among the problems and in the list of all devices, which is asked for by itself
        await until(pilot, lambda: "● 0" in text(pilot) and text(pilot).count("大堂 ATM-1") == 2)
        await leave(bank, app, pilot, until, minutes=45)
        await until(pilot, lambda: "○ 0" in text(pilot) and "○ 过期" in text(pilot))
        await until(pilot, lambda: "● " not in text(pilot))  # the title line tells it a moment later


async def test_an_empty_list_says_when_it_was_empty(bank: Any, console: MakeConsole, until: Until, text: Text) -> None:
    app = console(bank.token("wang", Role.BRANCH, ["1002"]))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.person)
        app.open("conditions")
        await until(pilot, lambda: "没有异常" in text(pilot))
        await leave(bank, app, pilot, until, minutes=3)
        await until(pilot, lambda: "服务器最后一次应答时，此处为空。" in text(pilot))
        assert "没有异常" not in text(pilot)


async def test_rows_of_one_question_are_not_left_standing_under_another(
    bank: Any, console: MakeConsole, until: Until, text: Text
) -> None:
    app = console(bank.token("li", Role.HEAD))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.person)
        app.open("tickets")
        await until(pilot, lambda: "钞空" in text(pilot) and "1 张" in text(pilot))
        await leave(bank, app, pilot, until, minutes=3)
        assert "钞空" in text(pilot)
        await pilot.press("5")
        await until(pilot, lambda: "服务器无应答，此处尚无任何数据。" in text(pilot))
        assert "钞空" not in text(pilot)
        assert "1 张" not in text(pilot)
        bank.open()
        await pilot.press("1")
        await until(pilot, lambda: "钞空" in text(pilot) and "1 张" in text(pilot))


@pytest.mark.parametrize("page", ["tickets/2026-0001", "agents/centre", "devices/1001/atm-1", "ledger/ZC00001"])
async def test_a_page_opened_without_a_server_says_what_it_is_and_that_nothing_is_known(
    bank: Any, console: MakeConsole, until: Until, text: Text, page: str
) -> None:
    app = console(bank.token("li", Role.HEAD))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "有效数据覆盖 3/" in text(pilot))
        await leave(bank, app, pilot, until, minutes=0)
        app.open(page)
        await until(pilot, lambda: "服务器无应答，此处尚无任何数据。" in text(pilot))
        assert page.partition("/")[2] in text(pilot).splitlines()[0]


async def ticket_page(bank: Any, app: ConsoleApp, pilot: Pilot[Any], until: Until, text: Text) -> str:
    """The page of the ticket of 1001/atm-1; gives its number."""
    await until(pilot, lambda: app.person)
    [ticket] = (await app.client.tickets(TicketQuery())).rows
    app.open(f"tickets/{ticket.number}")
    await until(pilot, lambda: "1 受理" in text(pilot))
    return ticket.number


async def test_a_step_that_nobody_took_says_that_nothing_was_changed(
    bank: Any, console: MakeConsole, until: Until, text: Text
) -> None:
    app = console(bank.token("li", Role.HEAD))
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await ticket_page(bank, app, pilot, until, text)
        bank.close()
        await pilot.press("1")
        await until(pilot, lambda: "服务器无应答，什么都没有改动。" in text(pilot))
        assert "■ 新建" in text(pilot)
        assert "1 受理" in text(pilot)
        bank.open()
        await pilot.press("1")
        await until(pilot, lambda: "▲ 已受理" in text(pilot))


async def test_an_answer_that_is_lost_is_not_told_as_nothing_changed(
    bank: Any, console: MakeConsole, until: Until, text: Text
) -> None:
    app = console(bank.token("li", Role.HEAD))
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await ticket_page(bank, app, pilot, until, text)
        bank.close()
        port = int(bank.url.rpartition(":")[2])
        async with await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", port):
            await pilot.press("1")
            await until(pilot, lambda: "不知是否已办成" in text(pilot))
        assert "什么都没有改动" not in text(pilot)


@pytest.mark.parametrize("key", ["3", "4"], ids=["outcome", "note"])
async def test_what_was_typed_for_a_ticket_stays_until_the_server_has_it(
    bank: Any, console: MakeConsole, until: Until, text: Text, key: str
) -> None:
    token = bank.token("li", Role.HEAD)
    app = console(token)
    async with app.run_test(size=(120, 40)) as pilot:
        number = await ticket_page(bank, app, pilot, until, text)
        await pilot.press("1")
        await until(pilot, lambda: "▲ 已受理" in text(pilot))
        await pilot.press("2")
        await until(pilot, lambda: "▲ 处理中" in text(pilot))
        await pilot.press(key)
        await until(pilot, lambda: isinstance(app.focused, Input))
        app.screen.query_one(Input).value = "更换钞箱"
        bank.close()
        await pilot.press("enter")
        await until(pilot, lambda: "什么都没有改动。填写的内容还在" in text(pilot))
        assert app.screen.query_one(Input).value == "更换钞箱"
        bank.open()
        await pilot.press("enter")
        await until(pilot, lambda: not isinstance(app.focused, Input) and "更换钞箱" in text(pilot))
        kept = bank.ask(token, f"/api/tickets/{number}")
        assert "更换钞箱" in (kept["ticket"]["outcome"], *(note["text"] for note in kept["notes"]))


async def test_a_report_stays_filled_in_until_the_server_has_it(
    bank: Any, console: MakeConsole, until: Until, text: Text
) -> None:
    token = bank.token("li", Role.HEAD)
    app = console(token)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.person)
        app.report("1001/printer-1", "存折打印机", "")
        await until(pilot, lambda: "故障现象" in text(pilot))
        app.screen.query_one("#title", Input).value = "不走纸"
        app.screen.query_one("#note", Input).value = "早上开始"
        bank.close()
        await pilot.press("enter")
        await until(pilot, lambda: "什么都没有改动。填写的内容还在" in text(pilot))
        assert app.screen.query_one("#note", Input).value == "早上开始"
        bank.open()
        await pilot.press("enter")
        await until(pilot, lambda: "不走纸" in text(pilot) and "早上开始" in text(pilot) and "■ 新建" in text(pilot))


async def test_a_code_that_was_not_made_says_so(bank: Any, console: MakeConsole, until: Until, text: Text) -> None:
    app = console(bank.token("li", Role.HEAD))
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await until(pilot, lambda: app.person)
        app.open("agents/centre")
        await until(pilot, lambda: "还没有电脑登记" in text(pilot))
        bank.close()
        await pilot.press("1")
        await until(pilot, lambda: "生成登记码？" in text(pilot))
        await pilot.press("1")
        await until(pilot, lambda: "服务器无应答，什么都没有改动。" in text(pilot))
        assert "branchfleet-agent enroll http" not in text(pilot)


PAGES = (
    "devices", "devices/1001/atm-1", "branches", "branches/1001", "tickets", "tickets/2026-0001", "agents",
    "agents/centre", "conditions", "ledger/ZC00001", "journal",
)  # fmt: skip


@pytest.mark.parametrize(
    ("size", "pages"), [((60, 20), PAGES[::2]), ((40, 10), PAGES[1::2])], ids=["small", "smallest"]
)
async def test_in_the_smallest_window_every_screen_says_that_nobody_answers(
    bank: Any, console: MakeConsole, until: Until, text: Text, size: tuple[int, int], pages: tuple[str, ...]
) -> None:
    app = console(bank.token("li", Role.HEAD))
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: "● 数据更新于" in text(pilot).splitlines()[0])
        for page in pages:
            app.open(page)
            await until(pilot, lambda: "● 数据更新于" in text(pilot).splitlines()[0])
        await leave(bank, app, pilot, until, minutes=45)
        while len(app.screen_stack) > 2:  # the app's own and the home below
            await until(pilot, lambda: "■ 服务器无应答，显示的是" in text(pilot).splitlines()[0])
            here, below = app.screen, app.screen_stack[-2]
            await pilot.press("f1")
            await until(pilot, lambda: "本页按键" in text(pilot))
            await pilot.press("escape")
            await until(pilot, current(app, here))
            await pilot.press("down", "escape")
            await until(pilot, current(app, below))
        await until(pilot, lambda: "■ 服务器无应答，显示的是" in text(pilot).splitlines()[0])


def current(app: ConsoleApp, screen: object) -> Callable[[], bool]:
    return lambda: app.screen is screen
