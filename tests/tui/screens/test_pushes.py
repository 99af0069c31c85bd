"""现在读一次: one key has agents poll, its page tells how far it is and why not all, and it is found again."""

import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import httpx2
import msgspec
import pytest
from textual.pilot import Pilot

from agent.wire import Orders, Result
from server.schemas.people import Role
from tui.app import ConsoleApp
from tui.screens.home_head import HeadHome
from tui.screens.position import Position
from tui.screens.push import Push
from tui.screens.pushes import Pushes

MakeConsole = Callable[..., ConsoleApp]
Until = Callable[[Pilot[Any], Callable[[], object]], Awaitable[None]]
Text = Callable[[Pilot[Any]], str]
MINUTE = 60_000_000  # µs


class Obeying:
    """The agent `centre`: it takes orders, and answers each once the test `allows` it."""

    def __init__(self, bank: Any) -> None:
        self.answers: dict[str, Any] = {"done": True}
        self.allowed = threading.Event()
        self._bank = bank
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        headers = {"Authorization": f"Bearer {self._bank._agent_token}"}
        have: list[str] = []
        while not self._ended.is_set():
            asked = {"wait": "1", "have": ",".join(have)}
            answer = httpx2.get(f"{self._bank.url}/api/agent/orders", params=asked, headers=headers, timeout=30)
            for order in msgspec.msgpack.decode(answer.content, type=Orders).orders:
                have.append(order.uid)
                self.allowed.wait(90)
                bank = self._bank
                state = bank.state("1001/atm-1", parts={"cassette.2": "empty", "paper": "ok"})
                bank.tell(state, Result(seq=bank._next(), clock=bank._clock(0), order=order.uid, **self.answers))

    def end(self) -> None:
        self._ended.set()
        self.allowed.set()
        self._thread.join()


@pytest.fixture
def agent(bank: Any) -> Iterator[Obeying]:
    made = Obeying(bank)
    yield made
    made.end()


async def test_a_position_is_read_by_one_key_and_its_data_is_new_then(
    bank: Any, console: MakeConsole, until: Until, text: Text, agent: Obeying
) -> None:
    agent.answers = {"done": True, "polls": {"1001/atm-1": ""}}
    app = console(bank.token("wang", Role.BRANCH, ["1001"]))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.person)
        app.open("devices/1001/atm-1")
        await until(pilot, lambda: "5 现在读一次" in text(pilot) and "钞空" in text(pilot))
        await pilot.press("5")
        await until(pilot, lambda: "◇ 进行中" in text(pilot) and "已完成 0/1 · 已下达 1" in text(pilot))
        agent.allowed.set()
        await until(pilot, lambda: "● 全部完成" in text(pilot) and "已完成 1/1" in text(pilot))
        assert "已采集 1 个设备位置，其中 0 个没有读数" in text(pilot)
        assert "1 取消下发" not in text(pilot)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, Position) and "秒前" in text(pilot))


async def test_what_was_not_done_says_why_and_is_found_again(
    bank: Any, console: MakeConsole, until: Until, text: Text, agent: Obeying
) -> None:
    agent.allowed.set()
    agent.answers = {"done": False, "why": "error", "said": "no [/x]\x1b[2J room"}
    app = console(bank.token("li", Role.HEAD))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, HeadHome) and "8 下发" in text(pilot))
        await pilot.press("8")
        await until(pilot, lambda: "还没有下发过" in text(pilot))
        await pilot.press("1")
        await until(pilot, lambda: "多久内有效" in text(pilot))
        await pilot.press("2")
        await until(pilot, lambda: "▲ 未全完成" in text(pilot) and "no [/x]" in text(pilot))
        assert "失败 1" in text(pilot)
        assert "\x1b" not in text(pilot)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, Pushes) and "全辖" in text(pilot))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, Push) and "■ 失败" in text(pilot))


async def test_a_push_can_be_cancelled_until_it_has_ended(
    bank: Any, console: MakeConsole, until: Until, text: Text
) -> None:
    app = console(bank.token("li", Role.HEAD))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.person)
        app.open("branches/1001")
        await until(pilot, lambda: "8 现在读一次" in text(pilot))
        await pilot.press("8")
        await until(pilot, lambda: "多久内有效" in text(pilot))
        await pilot.press("3")
        await until(pilot, lambda: "等待 1" in text(pilot) and "1 取消下发" in text(pilot))
        await pilot.press("1")
        await until(pilot, lambda: "取消这次下发？" in text(pilot))
        await pilot.press("1")
        await until(pilot, lambda: "li 已取消" in text(pilot) and "◇ 已取消" in text(pilot))
        assert "1 取消下发" not in text(pilot)


async def test_an_auditor_looks_and_pushes_nothing(bank: Any, console: MakeConsole, until: Until, text: Text) -> None:
    bank.post(bank.token("li", Role.HEAD), "/api/pushes", {"what": "poll", "about": "1001"})
    app = console(bank.token("shen", Role.AUDITOR))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "7 下发" in text(pilot))
        await pilot.press("7")
        await until(pilot, lambda: "正午支行" in text(pilot))
        assert "全部现在读一次" not in text(pilot)
        await pilot.press("1", "enter")
        await until(pilot, lambda: isinstance(app.screen, Push) and "等待" in text(pilot))
        assert "取消下发" not in text(pilot)


@pytest.mark.parametrize("lang", ["zh", "en"])
async def test_on_a_small_screen_without_the_server_progress_and_its_age_are_read(
    bank: Any, console: MakeConsole, until: Until, text: Text, lang: str
) -> None:
    token = bank.token("li", Role.HEAD)
    made = bank.post(token, "/api/pushes", {"what": "poll", "about": "", "seconds": 3600})
    app = console(token, lang=lang, ascii_marks=True)
    words = {"zh": ("已完成 0/1", "等待", "服务器无应答"), "en": ("carried out 0/1", "waiting", "no answer")}[lang]
    async with app.run_test(size=(40, 10)) as pilot:
        await until(pilot, lambda: app.person)
        app.open(f"pushes/{made['uid']}")
        await until(pilot, lambda: words[0] in text(pilot) and words[1] in text(pilot))
        bank.close()
        app.client.offset += 45 * MINUTE
        await pilot.press("f5")
        await until(pilot, lambda: words[2] in text(pilot))
        assert words[0] in text(pilot)
