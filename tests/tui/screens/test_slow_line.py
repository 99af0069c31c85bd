"""Over a slow line: what changed is asked for alone, on the connection there is, and no answer is thrown away."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any
from urllib.parse import urlsplit

import pytest
from textual.pilot import Pilot
from textual.widget import Widget
from textual.widgets import Static

from server.schemas.people import Role
from tests.faults.line import line
from tui.app import ConsoleApp
from tui.screens import frame
from tui.screens.frame import Frame
from tui.settings import Settings
from tui.shell import Changed, Link

MakeConsole = Callable[..., ConsoleApp]
Until = Callable[[Pilot[Any], Callable[[], object]], Awaitable[None]]
Text = Callable[[Pilot[Any]], str]


def quiet(app: ConsoleApp) -> bool:
    """Nothing is asked for, nor about to be, by no screen: the home below asked when it was opened."""
    screens = [screen for screen in app.screen_stack if isinstance(screen, Frame)]
    return all(screen._asking == 0 and screen._settling is None for screen in screens)


@pytest.mark.parametrize(("role", "page"), [(Role.HEAD, "devices"), (Role.BRANCH, "")])
async def test_a_changed_row_is_one_short_question_on_a_connection_there_is(
    bank: Any, until: Until, text: Text, role: Role, page: str
) -> None:
    address = urlsplit(bank.url)
    token = bank.token("li", role, ["1001"] if role is Role.BRANCH else [])
    with line((address.hostname or "", address.port or 0)) as way:
        app = ConsoleApp(Settings.model_validate({"server": way.url}), token=token)
        async with app.run_test(size=(120, 40)) as pilot:
            if page:
                await until(pilot, lambda: app.person)
                app.open(page)
            await until(pilot, lambda: "1号窗口 存折打印机" in text(pilot) and app.link is Link.LIVE)
            await until(pilot, lambda: quiet(app))
            way.delay, way.rate = 0.15, 8000.0
            asked, connections = len(way.questions), way.connections
            report = bank.state("1001/printer-1", parts={"cover": "open"})
            telling = asyncio.create_task(asyncio.to_thread(bank.tell, report))
            await until(pilot, lambda: "未关" in text(pilot))
            assert way.questions[asked].startswith(b"GET /api/positions?key=1001%2Fprinter-1&")
            assert way.connections == connections
            await telling


class Slow(Frame):
    """A page whose answer comes when the test says so."""

    CSS_PATH = []  # noqa: RUF012 - Textual's own declaration

    def __init__(self) -> None:
        super().__init__()
        self.began = self.shown = 0
        self.answer = asyncio.Event()

    def body(self) -> Iterable[Widget]:
        yield Static()

    async def fetch(self) -> None:
        self.began += 1
        await self.answer.wait()
        self.query_one(Static).update("")
        self.shown += 1


async def test_changes_wait_for_the_answer_under_way_and_then_ask_once(
    bank: Any, console: MakeConsole, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frame, "SETTLE", 0.01)
    app = console(bank.token("li", Role.HEAD))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.link is Link.LIVE)
        page = Slow()
        await app.push_screen(page)
        await until(pilot, lambda: page.began == 1)
        for _ in range(3):
            page.post_message(Changed(None))
            await until(pilot, lambda: page._settling is None and page._due)
        assert (page.began, page.shown) == (1, 0)
        page.answer.set()
        await until(pilot, lambda: page.shown == 2)


async def test_a_page_that_was_left_before_its_answer_came_has_nothing_to_draw_on(
    bank: Any, console: MakeConsole, until: Until
) -> None:
    app = console(bank.token("li", Role.HEAD))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.link is Link.LIVE)
        page = Slow()
        await app.push_screen(page)
        await until(pilot, lambda: page.began == 1)
        app.pop_screen()
        await page.query_one(Static).remove()
        page.answer.set()
        await until(pilot, lambda: not page.is_running)
        assert page.shown == 0
