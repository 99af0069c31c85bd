"""A person at the branch PC whose line is dead: the console on the agent's files, by keys alone."""

import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from textual.pilot import Pilot

from agent.local.now import NowEntry
from server.schemas.people import Role
from tui.app import ConsoleApp
from tui.screens.home_head import HeadHome
from tui.screens.local import LocalHome
from tui.screens.local_position import LocalPosition
from tui.screens.sign_in import SignIn

if TYPE_CHECKING:
    from tests.tui.local.conftest import Agent
else:
    Agent = Any

Alone = Callable[..., ConsoleApp]
Until = Callable[[Pilot[Any], Callable[[], object]], Awaitable[None]]
Text = Callable[[Pilot[Any]], str]


def entered(digit: str, state: str) -> NowEntry:
    return NowEntry(
        uid=digit * 32,
        what="ticket",
        subject="1001/lamp",
        who="wang",
        said="不走纸",
        answer="",
        at=1,
        state=state,  # type: ignore[arg-type]
    )


async def test_without_the_server_the_console_opens_on_what_this_pc_knows(
    alone: Alone, until: Until, text: Text
) -> None:
    app = alone()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, LocalHome) and "存折打印机" in text(pilot))
        shown = text(pilot)
        assert "滨河支行 · 本机" in shown
        assert "未登录" in shown
        assert "无应答（1 小时）；1,204 条记录存在本机，不会丢失" in shown
        assert "疑似线路中断" in shown
        await until(pilot, lambda: "处理提示" in text(pilot) and "合上前盖" in text(pilot))
        rows = [line for line in text(pilot).splitlines() if "前盖 未关" in line or "机房 UPS" in line]
        assert "■ 故障" in rows[0]
        assert "● 正常" in rows[1]


async def test_whom_to_call_with_which_number_is_two_keys_away(alone: Alone, until: Until, text: Text) -> None:
    app = alone()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, LocalHome))
        await pilot.press("2")
        await until(pilot, lambda: "WH-DDN-0417" in text(pilot) and "0000-10099" in text(pilot))
        assert "0000-5551001" in text(pilot)
        assert "王某甲 赵某乙" in text(pilot)
        await pilot.press("3")
        await until(pilot, lambda: "拨打报障电话" in text(pilot))
        assert text(pilot).index("拨打报障电话") < text(pilot).index("看 UPS")


async def test_with_the_ups_on_battery_the_steps_of_a_power_cut_come_first(
    agent: Agent, alone: Alone, until: Until, text: Text
) -> None:
    from agent.poll import Seen
    from agent.wire import DeviceWord, Reading

    agent.seen["1001/ups"] = Seen(Reading(device=DeviceWord.ONLINE, parts={"power": "battery"}))
    agent.write()
    app = alone()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "疑似停电" in text(pilot))
        await pilot.press("3")
        await until(pilot, lambda: "看 UPS" in text(pilot))
        assert text(pilot).index("看 UPS") < text(pilot).index("拨打报障电话")


async def test_a_report_is_left_in_the_box_and_followed_until_it_is_delivered(
    agent: Agent, alone: Alone, until: Until, text: Text
) -> None:
    app = alone()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "前盖 未关" in text(pilot))
        await pilot.press("4")
        await until(pilot, lambda: "报修：1号窗口 存折打印机" in text(pilot))
        await pilot.press("enter")
        await until(pilot, lambda: "当前无人登录" in text(pilot))
        assert agent.left() == []
        await pilot.press(*"wang", "enter")
        await until(pilot, lambda: len(agent.left()) == 1)
        (entry,) = agent.left()
        assert (entry["subject"], entry["what"], entry["who"]) == ("1001/lamp", "ticket", "wang")
        assert (entry["title"], entry["fault"]) == ("前盖 未关", "hardware")
        await pilot.press("6")
        await until(pilot, lambda: "待采集程序取走" in text(pilot))
        agent.entries = [
            NowEntry(
                uid=entry["uid"],
                what="ticket",
                subject="1001/lamp",
                who="wang",
                said="x",
                answer="",
                at=1,
                state="waiting",
            )
        ]
        agent.write()
        await until(pilot, lambda: "已存本机，待上送" in text(pilot))
        assert "待采集程序取走" not in text(pilot)


async def test_what_the_telephone_said_is_registered_to_the_line(
    agent: Agent, alone: Alone, until: Until, text: Text
) -> None:
    app = alone()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, LocalHome) and "存折打印机" in text(pilot))
        await pilot.press("2")
        await until(pilot, lambda: "WH-DDN-0417" in text(pilot))
        await pilot.press("5")
        await until(pilot, lambda: "登记：主线路" in text(pilot))
        await pilot.press("2", "down", *"8812", "down", *"wang", "enter")
        await until(pilot, lambda: len(agent.left()) == 1)
        (entry,) = agent.left()
        assert (entry["subject"], entry["what"], entry["answer"]) == ("1001/line/main", "answer", "line")
        assert (entry["text"], entry["who"]) == ("8812", "wang")
        await pilot.press("5")
        await until(pilot, lambda: "登记：主线路" in text(pilot))
        await pilot.press("4", "enter")
        await until(pilot, lambda: "内容是空的" in text(pilot))
        await pilot.press("escape")
        assert len(agent.left()) == 1


async def test_what_the_agent_does_not_take_is_said_with_its_reason(
    agent: Agent, alone: Alone, until: Until, text: Text
) -> None:
    app = alone()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "前盖 未关" in text(pilot))
        await pilot.press("4")
        await until(pilot, lambda: "报修：" in text(pilot))
        await pilot.press("up", *"wang", "enter")
        await until(pilot, lambda: len(agent.left()) == 1)
        uid = agent.left()[0]["uid"]
        os.replace(agent.path / "in" / f"{uid}.json", agent.path / "aside" / f"{uid}.json")
        (agent.path / "aside" / f"{uid}.json.why").write_text("no such branch \x1b[2J", encoding="utf-8")
        await pilot.press("6")
        await until(pilot, lambda: "未被接受" in text(pilot) and "no such branch" in text(pilot))


@pytest.mark.parametrize("ago", [300, 86_400])
async def test_of_an_agent_that_died_nothing_is_shown_as_good(
    agent: Agent, alone: Alone, until: Until, text: Text, ago: int
) -> None:
    agent.write(ago)
    app = alone()
    async with app.run_test(size=(100, 24)) as pilot:
        await until(pilot, lambda: "存折打印机" in text(pilot))
        assert "已过期" in text(pilot)
        assert "○ 过期" in text(pilot)
        for wrong in ("● 正常", "■ 故障", "服务器应答"):
            assert wrong not in text(pilot)


async def test_an_agent_that_dies_before_ones_eyes_takes_its_marks_along(
    agent: Agent, alone: Alone, until: Until, text: Text
) -> None:
    app = alone()
    async with app.run_test(size=(100, 24)) as pilot:
        await until(pilot, lambda: "● 正常" in text(pilot))
        (agent.path / "now.json").write_text("{")
        await until(pilot, lambda: "读不出" in text(pilot) and "● 正常" not in text(pilot))
        assert "机房 UPS" in text(pilot)


async def test_what_was_entered_stays_listed_while_the_agents_word_cannot_be_read(
    agent: Agent, alone: Alone, until: Until, text: Text
) -> None:
    agent.entries = [entered("a", "waiting"), entered("b", "delivered")]
    agent.write()
    app = alone()
    async with app.run_test(size=(100, 24)) as pilot:
        await until(pilot, lambda: "前盖 未关" in text(pilot))
        await pilot.press("6")
        await until(pilot, lambda: "已存本机，待上送" in text(pilot) and "已送达" in text(pilot))
        (agent.path / "now.json").write_text("{")
        await until(pilot, lambda: "读不出" in text(pilot))
        assert "已存本机，待上送" in text(pilot)
        assert "已送达" in text(pilot)


async def test_what_the_agent_does_not_tell_of_yet_stays_listed_when_it_took_it(
    agent: Agent, alone: Alone, until: Until, text: Text
) -> None:
    app = alone()
    async with app.run_test(size=(100, 24)) as pilot:
        await until(pilot, lambda: "前盖 未关" in text(pilot))
        await pilot.press("4")
        await until(pilot, lambda: "报修：" in text(pilot))
        await pilot.press("up", *"wang", "enter")
        await until(pilot, lambda: len(agent.left()) == 1)
        uid = agent.left()[0]["uid"]
        (agent.path / "in" / f"{uid}.json").unlink()
        agent.write()
        await pilot.press("6", "f5")
        await until(pilot, lambda: "待采集程序取走" in text(pilot))


async def test_what_waited_in_a_spool_that_is_gone_says_what_to_do(
    agent: Agent, alone: Alone, until: Until, text: Text
) -> None:
    agent.entries = [entered("a", "lost")]
    agent.write()
    app = alone()
    async with app.run_test(size=(100, 24)) as pilot:
        await until(pilot, lambda: "前盖 未关" in text(pilot))
        await pilot.press("6")
        await until(pilot, lambda: "本机已无留存" in text(pilot) and "请向总行核实，或重新录入" in text(pilot))


@pytest.mark.parametrize("size", [(60, 20), (40, 10)])
async def test_in_the_smallest_window_this_pc_is_read_and_a_report_is_made(
    agent: Agent, alone: Alone, until: Until, text: Text, size: tuple[int, int]
) -> None:
    app = alone()
    async with app.run_test(size=size) as pilot:

        def shows(words: str) -> Callable[[], bool]:
            return lambda: words in text(pilot)

        await until(pilot, lambda: "■ 故障" in text(pilot))
        assert "本机数据" in text(pilot).splitlines()[0]
        assert "无应答" in text(pilot)
        for key, shown in (("2", "主线路"), ("3", "拨打报障电话"), ("6", "没有录入过"), ("1", "■ 故障")):
            await pilot.press(key)
            await until(pilot, shows(shown))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, LocalPosition) and "■ 未关" in text(pilot))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, LocalHome))
        await pilot.press("4")
        await until(pilot, lambda: "报修：" in text(pilot))
        await pilot.press("enter")
        await until(pilot, lambda: "当前无人登录" in text(pilot))
        await pilot.press(*"wang", "enter")
        await until(pilot, lambda: len(agent.left()) == 1)


async def test_what_devices_and_files_say_is_text(alone: Alone, agent: Agent, until: Until, text: Text) -> None:
    app = alone()
    async with app.run_test(size=(120, 30)) as pilot:
        await until(pilot, lambda: "^[[2J" in text(pilot))
        assert "\x1b" not in text(pilot)
        await pilot.press("end", "up", "up", "enter")
        await until(pilot, lambda: isinstance(app.screen, LocalPosition) and "[/x]" in text(pilot))
        assert "\x1b" not in text(pilot)


async def test_a_position_shows_its_parts_figures_and_card(alone: Alone, until: Until, text: Text) -> None:
    app = alone()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "前盖 未关" in text(pilot))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, LocalPosition) and "■ 未关" in text(pilot))
        for shown in ("打印页数", "812", "COM3", "1  合上前盖"):
            assert shown in text(pilot)
        await pilot.press("escape")
        assert isinstance(app.screen, LocalHome)


async def test_in_english_everything_is_english(alone: Alone, until: Until, text: Text) -> None:
    app = alone(lang="en")
    async with app.run_test(size=(110, 24)) as pilot:
        await until(pilot, lambda: "Cover: open" in text(pilot))
        assert "The server has not answered since" in text(pilot)
        await pilot.press("3")
        await until(pilot, lambda: "Call the carrier" in text(pilot))


async def test_when_the_server_is_back_the_console_says_so(
    bank: Any, alone: Alone, until: Until, text: Text, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.screens.local.PROBE", 0.2)
    bank.close()
    app = alone(bank.url)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, LocalHome) and "存折打印机" in text(pilot))
        assert "服务器已有应答" not in text(pilot)
        bank.open()
        await until(pilot, lambda: "服务器已有应答" in text(pilot))
        await pilot.press("escape")
        assert isinstance(app.screen, SignIn)


async def test_with_a_server_the_console_signs_in_as_ever_and_f6_shows_this_pc(
    bank: Any, alone: Alone, until: Until, text: Text
) -> None:
    app = alone(bank.url)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, SignIn) and "F6" in text(pilot))
        await pilot.press("f6")
        await until(pilot, lambda: isinstance(app.screen, LocalHome))


async def test_a_person_whose_sign_in_was_kept_is_led_to_this_pc_too(alone: Alone, until: Until, text: Text) -> None:
    app = alone(token="bfp_x")
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, LocalHome) and "本机" in text(pilot))


async def test_in_the_middle_of_work_f9_leads_there(bank: Any, alone: Alone, until: Until, text: Text) -> None:
    app = alone(bank.url, token=bank.token("li", Role.HEAD))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, HeadHome) and "钞空" in text(pilot))
        await pilot.press("f9", *"bj", "enter")
        await until(pilot, lambda: isinstance(app.screen, LocalHome) and "本机" in text(pilot))
        await pilot.press("escape")
        assert isinstance(app.screen, HeadHome)


async def test_on_a_pc_without_an_agent_nothing_of_it_is_offered(
    bank: Any, console: Callable[..., ConsoleApp], until: Until, text: Text
) -> None:
    bank.close()
    app = console()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, SignIn))
        await pilot.press(*"wang", "enter", *"long-enough-1", "enter")
        await until(pilot, lambda: "没有应答" in text(pilot))
        assert "F6" not in text(pilot)


def test_the_command_prints_it(agent: Agent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import json

    from typer.testing import CliRunner

    from tui.cli import app

    monkeypatch.setenv("BRANCHFLEET_CONFIG", str(tmp_path / "config"))
    said = CliRunner().invoke(app, ["--local", str(agent.path), "local"])
    assert said.exit_code == 0, said.output
    assert "■ 故障" in said.stdout
    assert "0000-10099" in said.stdout
    assert "\x1b" not in said.stdout
    agent.write(86_400)
    old = json.loads(CliRunner().invoke(app, ["--local", str(agent.path), "local", "--json"]).stdout)
    assert old["fresh"] is False
    assert {one["standing"] for one in old["positions"]} <= {"stale", "unknown", "unpolled"}
    (agent.path / "now.json").unlink()
    missing = CliRunner().invoke(app, ["--local", str(agent.path), "local"])
    assert missing.exit_code == 3
    assert "now.json" in missing.stderr
