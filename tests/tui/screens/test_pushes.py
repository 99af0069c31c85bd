"""现在读一次: one key has agents poll, its page tells how far it is and why not all, and it is found again."""

import threading
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import httpx2
import msgspec
import pytest
from sqlmodel import col, update
from textual.pilot import Pilot

from agent.wire import Fact, Orders, Result
from server.facts.tables import FactSheet
from server.schemas.people import Role
from tui.app import ConsoleApp
from tui.screens.home_head import HeadHome
from tui.screens.position import Position
from tui.screens.push import Push
from tui.screens.pushes import Pushes
from tui.words.times import ZONE, moment

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
                bank = self._bank
                began = bank._clock(0)  # what is looked up from then on is for the order
                self.allowed.wait(90)
                state = bank.state("1001/atm-1", parts={"cassette.2": "empty", "paper": "ok"})
                bank.tell(
                    state,
                    *self.first(),
                    Result(seq=bank._next(), clock=bank._clock(0), order=order.uid, began=began, **self.answers),
                )

    def first(self) -> list[Any]:
        """What it says before it says that it was done."""
        return []

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
        await until(pilot, lambda: "1 取消下发" not in text(pilot))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, Position) and "秒前" in text(pilot))


@pytest.mark.parametrize(
    ("lang", "key", "going", "ended"),
    [
        ("zh", "9 现在读一次", "已完成 0/1 · 已下达 1", "已完成 1/1"),
        ("en", "9 Read now", "carried out 0/1 · handed over 1", "carried out 1/1"),
    ],
)
async def test_an_agent_is_read_by_one_key_on_its_page(
    bank: Any,
    console: MakeConsole,
    until: Until,
    text: Text,
    agent: Obeying,
    lang: str,
    key: str,
    going: str,
    ended: str,
) -> None:
    agent.answers = {"done": True, "polls": {"1001/atm-1": "", "1001/atm-2": "noAnswer"}}
    token = bank.token("li", Role.HEAD)
    app = console(token, lang=lang)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.person)
        app.open("agents/centre")
        await until(pilot, lambda: key in text(pilot))
        await pilot.press("9")
        await until(pilot, lambda: isinstance(app.screen, Push) and going in text(pilot))
        agent.allowed.set()
        await until(pilot, lambda: ended in text(pilot))
        assert bank.ask(token, "/api/pushes?about=centre")["total"] == 1


async def test_nobody_but_head_office_reads_by_an_agents_page(
    bank: Any, console: MakeConsole, until: Until, text: Text
) -> None:
    app = console(bank.token("shen", Role.AUDITOR))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.person)
        app.open("agents/centre")
        await until(pilot, lambda: "8 查看网点" in text(pilot) or "8 " in text(pilot).splitlines()[-1])
        assert "现在读一次" not in text(pilot)
        await pilot.press("9", "0")
        assert bank.ask(bank.token("li", Role.HEAD), "/api/pushes")["total"] == 0


async def test_a_branchs_pushes_offer_the_branch_and_not_the_bank(
    bank: Any, console: MakeConsole, until: Until, text: Text
) -> None:
    token = bank.token("wang", Role.BRANCH, ["1001"])
    app = console(token)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.person)
        app.open("pushes?about=1001")
        await until(pilot, lambda: "还没有下发过" in text(pilot))
        await pilot.press("1")
        await until(pilot, lambda: "现在读一次：1001。" in text(pilot))
        await pilot.press("1")
        await until(pilot, lambda: isinstance(app.screen, Push) and "正午支行" in text(pilot))
        (row,) = bank.ask(token, "/api/pushes")["rows"]
        assert row["about"] == "1001"


async def test_a_branchs_pushes_name_those_to_the_whole_bank_that_reached_it(
    bank: Any, console: MakeConsole, until: Until, text: Text
) -> None:
    token = bank.token("li", Role.HEAD)
    bank.post(token, "/api/pushes", {"what": "poll"})
    app = console(token)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.person)
        app.open("pushes?about=1001")
        await until(pilot, lambda: "1 次下发" in text(pilot) and "全辖" in text(pilot))


async def test_a_push_whose_hours_have_not_begun_says_who_when_and_from_when(
    bank: Any, console: MakeConsole, until: Until, text: Text
) -> None:
    token = bank.token("li", Role.HEAD)
    opens = datetime.now(ZONE) + timedelta(hours=3)
    window = f"{opens:%H:%M}-{opens + timedelta(hours=1):%H:%M}"
    ask = {"what": "facts", "about": "centre", "seconds": 86_400, "window": window, "reason": "月度核对"}
    made = bank.post(token, "/api/pushes", ask)
    app = console(token)
    async with app.run_test(size=(140, 40)) as pilot:
        await until(pilot, lambda: app.person)
        app.open(f"pushes/{made['uid']}")
        await until(pilot, lambda: f"时段 {window}" in text(pilot))
        told = text(pilot)
        assert "li " in told
        assert "前有效" in told
        assert f"现在不在时段内，{moment(made['opens'], app.client.now())} 开始" in told
        assert "月度核对" in told


# -- what a PC said of itself -----------------------------------------------------------------------


def said(bank: Any, ago: int = 0) -> Fact:
    facts: dict[str, str | int | list[str]] = {
        "os.name": "Windows 10 [/x]\x1b[2J",
        "os.build": "19045.3930",
        "memory.bytes": 8 << 30,
        "memory.free": 3 << 30,
        "disk.1.path": "C:\\",
        "disk.1.bytes": 120 << 30,
        "disk.1.free": 12 << 30,
        "addresses": ["10.66.1.20"],
        "agent.version": "0.9.1",
    }
    return Fact(seq=bank._next(), clock=bank._clock(ago), host="FRONT-PC", facts=facts)


async def test_an_agents_page_says_what_its_pc_said_of_itself(
    bank: Any, console: MakeConsole, until: Until, text: Text
) -> None:
    bank.tell(said(bank))
    app = console(bank.token("shen", Role.AUDITOR))
    async with app.run_test(size=(120, 50)) as pilot:
        await until(pilot, lambda: app.person)
        app.open("agents/centre")
        await until(pilot, lambda: "19045.3930" in text(pilot))
        told = text(pilot)
        for shown in (
            "FRONT-PC",
            "Windows 10 [/x]",
            "可用 3.0，共 8.0 GB",
            "可用 12.0，共 120.0 GB",
            "10.66.1.20",
            "0.9.1",
        ):
            assert shown in told, told
        assert "旧信息" not in told
        assert "\x1b" not in told


async def test_what_it_said_long_ago_is_marked_old_in_words(
    bank: Any, console: MakeConsole, until: Until, text: Text
) -> None:
    bank.tell(said(bank))
    with bank.database.write() as session:  # two days later, which no test waits for
        session.execute(update(FactSheet).values(at=col(FactSheet.at) - 2 * 1440 * MINUTE))
    app = console(bank.token("shen", Role.AUDITOR))
    async with app.run_test(size=(120, 50)) as pilot:
        await until(pilot, lambda: app.person)
        app.open("agents/centre")
        await until(pilot, lambda: "○ 旧信息" in text(pilot) and "19045.3930" in text(pilot))


async def test_of_a_pc_that_never_said_anything_the_page_says_so(
    bank: Any, console: MakeConsole, until: Until, text: Text
) -> None:
    app = console(bank.token("li", Role.HEAD))
    async with app.run_test(size=(120, 50)) as pilot:
        await until(pilot, lambda: app.person)
        app.open("agents/centre")
        await until(pilot, lambda: "branchfleet push facts centre" in text(pilot))
        assert "操作系统" not in text(pilot)
        await pilot.press("0")
        await until(pilot, lambda: isinstance(app.screen, Push) and "主机信息" in text(pilot))


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
        await until(pilot, lambda: "1 取消下发" not in text(pilot))


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
