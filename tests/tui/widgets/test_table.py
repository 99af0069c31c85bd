"""The table that asks for rows as they come into view."""

import asyncio
from collections.abc import Callable, Sequence

from rich.text import Text
from textual.app import App, ComposeResult
from textual.pilot import Pilot

from tui.widgets.columns import Column
from tui.widgets.table import PAGE, Slice, Table


class Shop(App[None]):
    """A table of numbers; `asked` is every offset that was asked for."""

    def __init__(self, total: int) -> None:
        super().__init__()
        self.rows: Callable[[int], list[int]] = lambda count: list(range(count))
        self.total = total
        self.away = False
        self.asked: list[int] = []
        self.opened: list[int] = []

    def compose(self) -> ComposeResult:
        yield Table[int]([Column("号", lambda row: Text(f"行{row}"), 10)], lambda row: row, empty="空")

    def on_mount(self) -> None:
        self.table.focus()
        self.table.show(self.source)

    async def source(self, offset: int, limit: int) -> Slice[int] | None:
        self.asked.append(offset)
        await asyncio.sleep(0)
        if self.away:
            return None
        return Slice(self.rows(self.total)[offset : offset + limit], self.total)

    @property
    def table(self) -> Table[int]:
        return self.query_one(Table)

    def on_table_opened(self, message: Table.Opened) -> None:
        self.opened.append(message.row)

    def line(self, y: int) -> str:
        return self.table.render_line(y).text.strip()


async def settle(pilot: Pilot[None]) -> None:
    await pilot.app.workers.wait_for_complete()
    await pilot.pause()


async def test_only_the_page_in_view_of_a_hundred_thousand_rows_is_asked_for() -> None:
    app = Shop(100_000)
    async with app.run_test(size=(40, 20)) as pilot:
        await settle(pilot)
        assert app.asked == [0]
        assert app.line(0) == "号"
        assert app.line(1) == "行0"


async def test_the_end_key_asks_for_the_last_page_and_shows_the_last_row() -> None:
    app = Shop(100_000)
    async with app.run_test(size=(40, 20)) as pilot:
        await settle(pilot)
        await pilot.press("end")
        await settle(pilot)
        assert app.asked[-1] == 100_000 - PAGE
        assert app.line(19) == "行99999"
        assert app.table.row == 99_999


async def test_enter_opens_the_row_under_the_cursor() -> None:
    app = Shop(30)
    async with app.run_test(size=(40, 20)) as pilot:
        await settle(pilot)
        await pilot.press("down", "down", "enter")
        assert app.opened == [2]


async def test_the_cursor_goes_with_its_row_when_the_rows_are_put_in_another_order() -> None:
    app = Shop(30)
    async with app.run_test(size=(40, 20)) as pilot:
        await settle(pilot)
        await pilot.press("down", "down", "down")
        app.rows = lambda count: [*range(20, count), *range(20)]
        app.table.reload()
        await settle(pilot)
        assert app.table.row == 3
        assert app.table.cursor == 13
        await pilot.press("enter")
        assert app.opened == [3]


async def test_without_an_answer_the_last_rows_stay() -> None:
    app = Shop(30)
    async with app.run_test(size=(40, 20)) as pilot:
        await settle(pilot)
        app.away = True
        app.table.reload()
        await settle(pilot)
        assert app.line(1) == "行0"
        app.away, app.total = False, 31
        app.table.reload()
        await settle(pilot)
        assert app.table.total == 31


async def test_a_list_that_became_shorter_leaves_the_cursor_on_its_last_row() -> None:
    app = Shop(30)
    async with app.run_test(size=(40, 20)) as pilot:
        await settle(pilot)
        await pilot.press("end")
        app.total = 5
        app.table.reload()
        await settle(pilot)
        assert app.table.cursor == 4
        assert app.table.row == 4


async def test_an_empty_list_says_so_and_enter_opens_nothing() -> None:
    app = Shop(0)
    async with app.run_test(size=(40, 20)) as pilot:
        await settle(pilot)
        assert app.line(2) == "空"
        await pilot.press("enter", "down", "end")
        assert app.opened == []


async def test_every_line_is_as_wide_as_the_table() -> None:
    app = Shop(30)
    async with app.run_test(size=(41, 20)) as pilot:
        await settle(pilot)
        width = app.table.size.width
        assert {app.table.render_line(y).cell_length for y in range(20)} == {width}


async def test_a_click_moves_the_cursor_and_a_second_one_opens() -> None:
    app = Shop(30)
    async with app.run_test(size=(40, 20)) as pilot:
        await settle(pilot)
        await pilot.click(Table, offset=(3, 5))
        assert app.table.row == 4
        assert app.opened == []
        await pilot.pause(0.6)  # longer than a double click
        await pilot.click(Table, offset=(3, 5))
        await pilot.pause()
        assert app.opened == [4]


class Stock(App[None]):
    """A table of names and what they say; `says` is how they are by now, `asked` every question for single rows."""

    def __init__(self) -> None:
        super().__init__()
        self.says = {f"r{number}": "good" for number in range(200)}
        self.asked: list[list[str]] = []
        self.pages: list[str] = []  # the first row as it was shown when a page was asked for
        self.answers = asyncio.Event()

    def compose(self) -> ComposeResult:
        columns = [Column[tuple[str, str]]("", lambda row: Text(" ".join(row)), 20)]
        yield Table[tuple[str, str]](columns, lambda row: row[0], anew=self.anew)

    async def source(self, offset: int, limit: int) -> Slice[tuple[str, str]] | None:
        rows = list(self.says.items())[offset : offset + limit]
        self.pages.append(self.line(1))
        await self.answers.wait()
        return Slice(rows, len(self.says))

    async def anew(self, keys: Sequence[str]) -> Sequence[tuple[str, str]]:
        self.asked.append(list(keys))
        return [(key, self.says[key]) for key in keys]

    @property
    def table(self) -> Table[tuple[str, str]]:
        return self.query_one(Table)

    def line(self, y: int) -> str:
        return self.table.render_line(y).text.strip()


async def test_rows_in_view_that_changed_are_asked_for_alone_and_together() -> None:
    app = Stock()
    app.answers.set()
    async with app.run_test(size=(40, 20)) as pilot:
        app.table.show(app.source)
        await settle(pilot)
        app.says.update(r2="bad", r3="bad", r150="bad")
        for key in ("r2", "r150", "r3", "r2", "no row"):
            app.table.changed(key)
        await settle(pilot)
        assert (app.asked, len(app.pages)) == ([["r2", "r3"]], 1)
        assert [app.line(y) for y in (2, 3, 4)] == ["r1 good", "r2 bad", "r3 bad"]


async def test_a_page_is_shown_when_it_comes_however_often_it_was_asked_for_anew_meanwhile() -> None:
    app = Stock()
    async with app.run_test(size=(40, 20)) as pilot:
        app.table.show(app.source)
        await pilot.pause()
        app.says["r0"] = "bad"
        app.table.reload()
        app.answers.set()
        await settle(pilot)
        assert (app.pages, app.line(1)) == (["", "r0 good"], "r0 bad")
