"""A table of any length: rows are asked for a page at a time and drawn a line at a time.

Nothing is kept a row, so the first line of 100,000 rows shows as soon as that of 100. A page that gets old is shown
until the new one is here; when the source has no answer, what was shown stays. A row that changed while it is looked at
is asked for alone: on a slow line it is drawn after one round trip, and where it belongs now comes with its page.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

from rich.text import Text
from textual import events, work
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui.shell import Link, Shell
from tui.texts import N_, _
from tui.widgets.columns import Column, fit, line

T = TypeVar("T")
PAGE = 100  # rows asked for at once
KEPT = 50  # pages
TOGETHER = 0.05  # seconds within which rows that changed are asked for by one question
NOTHING_KNOWN = N_("The server does not answer; nothing is known here yet.")
NOTHING_THEN = N_("There was nothing here when the server last answered.")


class Slice(NamedTuple, Generic[T]):
    rows: Sequence[T]
    total: int


Source = Callable[[int, int], Awaitable[Slice[T] | None]]
"""(offset, limit) -> a slice, or None when there is no answer just now."""
Anew = Callable[[Sequence[Any]], Awaitable[Sequence[T] | None]]
"""Keys -> the rows that have them, or None when there is no answer just now."""


def listed(rows: Sequence[T]) -> Source[T]:
    """A source over rows already here."""

    async def source(offset: int, limit: int) -> Slice[T]:
        return Slice(rows[offset : offset + limit], len(rows))

    return source


class Table(ScrollView, Generic[T], can_focus=True):
    DEFAULT_CSS = """
    Table {
        height: 1fr; background: $background; overflow-x: hidden;
        & > .table--header { color: $text-muted; text-style: bold; background: $background; }
        & > .table--cursor { background: $panel-lighten-1; }
        &:focus > .table--cursor { background: $primary 45%; text-style: bold; }
        & > .table--waiting { color: $text-disabled; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"table--header", "table--cursor", "table--waiting"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", show=False),
        Binding("down", "move(1)", show=False),
        Binding("pageup", "turn(-1)", show=False),
        Binding("pagedown", "turn(1)", show=False),
        Binding("home", "go(0)", show=False),
        Binding("end", "go(-1)", show=False),
        Binding("enter", "open", N_("Open")),
    ]

    class Opened(Message):
        """Enter or a second click on a row."""

        def __init__(self, table: "Table[Any]", row: Any) -> None:
            super().__init__()
            self.table = table
            self.row = row

        @property
        def control(self) -> "Table[Any]":
            return self.table

    class Moved(Message):
        """The cursor is on another row, or the row under it is new; None when there is none."""

        def __init__(self, table: "Table[Any]", row: Any) -> None:
            super().__init__()
            self.table = table
            self.row = row

        @property
        def control(self) -> "Table[Any]":
            return self.table

    class Loaded(Message):
        """Rows have come; None: none came of a new question."""

        def __init__(self, table: "Table[Any]", total: int | None) -> None:
            super().__init__()
            self.table = table
            self.total = total

        @property
        def control(self) -> "Table[Any]":
            return self.table

    def __init__(
        self,
        columns: Sequence[Column[T]],
        key: Callable[[T], object],
        *,
        empty: str = "",
        here: bool = False,
        anew: Anew[T] | None = None,
        id: str | None = None,
    ) -> None:
        """`here`: the rows are this PC's own, whether the server answers or not. `anew` gives single rows."""
        super().__init__(id=id)
        self._here = here
        self.total: int | None = None  # None until the first answer
        self.cursor = 0
        self._columns = columns
        self._key = key
        self._empty = empty
        self._source: Source[T] | None = None
        self._pages: OrderedDict[int, tuple[int, Sequence[T]]] = OrderedDict()  # page -> generation, rows
        self._question = 0  # of `show`
        self._generation = 0
        self._asking = False
        self._anew = anew
        self._changed: set[object] = set()  # keys of rows that are not as they are shown
        self._renewing = False
        self._still = asyncio.Event()
        self._still.set()
        self._unanswered = True  # nothing has come of this question yet
        self._under: object = None  # key of the row under the cursor
        self._widths: list[tuple[Column[T], int]] = []

    # what is shown

    def show(self, source: Source[T], *, empty: str | None = None) -> None:
        """Other rows from the top. The old ones stay until the first of the new are here, or none will be: rows of one
        question are not left standing under another."""
        self._source = source
        self._empty = self._empty if empty is None else empty
        self._question += 1
        self._generation += 1
        self._unanswered = True
        self._under = None
        self.cursor = 0
        self.scroll_to(y=0, animate=False)
        self._ask()

    def have(self, columns: Sequence[Column[T]]) -> None:
        """Other columns. Rows that were asked for before may not fill them, and are not drawn any more."""
        self._columns = columns
        self._pages.clear()
        self._measure()
        self.refresh()

    def reload(self, source: Source[T] | None = None) -> None:
        """The same rows anew: cursor and scrolling stay with the row they are on."""
        self._source = source or self._source
        self._generation += 1
        self._ask()

    @property
    def row(self) -> T | None:
        """The row under the cursor, if it is here."""
        return self._row(self.cursor)

    def _row(self, index: int) -> T | None:
        page, place = divmod(index, PAGE)
        rows = self._pages.get(page, (0, ()))[1]
        return rows[place] if 0 <= place < len(rows) else None

    # asking for pages

    def _ask(self) -> None:
        if not self._asking and self._source is not None and self.is_mounted:
            self._asking = True
            self._still.clear()
            self._fetch()

    @work(group="pages")
    async def _fetch(self) -> None:
        try:
            await self._fetch_in_view()
        finally:
            self._asking = False
        self._rest()

    async def _fetch_in_view(self) -> None:
        """Until all of it is of this generation; scrolling meanwhile only moves the aim."""
        while (page := self._wanted()) is not None and self._source is not None:
            question, generation = self._question, self._generation
            answer = await self._source(page * PAGE, PAGE)
            if answer is None:
                self._none_came()
                return
            if question == self._question:  # older than the last reload, it is newer than what is shown
                self._take(page, generation, answer)

    def _none_came(self) -> None:
        if self._unanswered:
            self._pages.clear()
            self.total = None
            self._measure()
            self._note_row()
            self.post_message(self.Loaded(self, None))
        self.refresh()

    def _wanted(self) -> int | None:
        top = self.scroll_offset.y
        bottom = top + max(1, self.size.height - 2)
        if self.total is not None:
            bottom = min(bottom, max(0, self.total - 1))
        for page in range(min(top, bottom) // PAGE, bottom // PAGE + 1):
            if self._pages.get(page, (-1, ()))[0] != self._generation:
                return page
        return None

    def _take(self, page: int, generation: int, answer: Slice[T]) -> None:
        self._unanswered = False
        self._pages[page] = (generation, answer.rows)
        self._pages.move_to_end(page)
        while len(self._pages) > KEPT:
            self._pages.popitem(last=False)
        if answer.total != self.total:
            self.total = answer.total
            self._measure()
        self._follow(page, answer.rows)
        self.cursor = max(0, min(self.cursor, answer.total - 1))
        self.refresh()
        self._note_row()
        self.post_message(self.Loaded(self, answer.total))

    # single rows

    def changed(self, key: object) -> None:
        """The row of this key, if it is here, is another now."""
        self._changed.add(key)
        if not self._renewing and self._anew is not None:
            self._renewing = True
            self._still.clear()
            self._renew(self._anew)

    @work(group="rows")
    async def _renew(self, anew: Anew[T]) -> None:
        """One question at a time; what changes meanwhile is in the next."""
        try:
            await asyncio.sleep(TOGETHER)
            while keys := [key for key in map(self._key, self._in_view()) if key in self._changed]:
                self._changed.clear()  # what is not in view is asked for with its page
                rows = await anew(keys)
                if rows is None:
                    break
                self._put_in({self._key(row): row for row in rows})
        finally:
            self._renewing = False
            self._changed.clear()
        self._rest()

    async def still(self) -> None:
        """Returns once nothing is asked for any more; whoever waits while the table goes away goes with it."""
        await self._still.wait()

    def _rest(self) -> None:
        if not self._asking and not self._renewing:
            self._still.set()

    def _in_view(self) -> list[T]:
        top = self.scroll_offset.y
        rows = (self._row(index) for index in range(top, top + self.size.height - 1))
        return [row for row in rows if row is not None]

    def _put_in(self, anew: dict[object, T]) -> None:
        for page, (generation, rows) in self._pages.items():
            self._pages[page] = (generation, [anew.get(self._key(row), row) for row in rows])
        self.refresh()
        self._note_row()

    def _follow(self, page: int, rows: Sequence[T]) -> None:
        """A row that moved takes the cursor along: Enter opens what was under the eye, not what slid beneath it."""
        here = self._row(self.cursor)
        if self._under is None or (here is not None and self._key(here) == self._under):
            return
        if self.cursor == 0 and not self.has_focus:
            return  # nobody is at a row: a list that is only looked at shows its newest
        for place, row in enumerate(rows):
            if self._key(row) == self._under:
                moved = page * PAGE + place - self.cursor
                self.cursor += moved
                self.scroll_to(y=self.scroll_offset.y + moved, animate=False)
                return

    def _note_row(self) -> None:
        row = self.row
        self._under = None if row is None else self._key(row)
        self.post_message(self.Moved(self, row))

    # drawing

    def _measure(self) -> None:
        self._widths = fit(self._columns, self.size.width - 2)
        self.virtual_size = Size(self.size.width, (self.total or 0) + 1)  # the header is a line too
        self.refresh()

    def on_resize(self, event: events.Resize) -> None:
        self._measure()
        self._ask()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        self._ask()

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        if y == 0:
            style = self.get_component_rich_style("table--header")
            return self._strip(
                line(self._widths, [Text(column.title) for column, _width in self._widths]), style, width
            )
        index = self.scroll_offset.y + y - 1
        if not self.total:
            said = self._nothing() if y == 2 else ""
            return self._strip(Text(said), self.get_component_rich_style("table--waiting"), width)
        if index >= self.total:
            return Strip.blank(width, self.rich_style)
        row = self._row(index)
        style = self.get_component_rich_style("table--cursor") if index == self.cursor else self.rich_style
        if row is None:
            return self._strip(Text("…"), self.get_component_rich_style("table--waiting"), width)
        return self._strip(line(self._widths, [column.cell(row) for column, _width in self._widths]), style, width)

    def _nothing(self) -> str:
        """Why there are no rows; an answer that did not come is no empty list."""
        away = isinstance(self.app, Shell) and self.app.link is Link.AWAY and not self._here
        if self.total == 0:
            return _(NOTHING_THEN) if away else self._empty
        return _(NOTHING_KNOWN) if away else ""

    def _strip(self, text: Text, style: object, width: int) -> Strip:
        text.style = style  # type: ignore[assignment]
        padded = Text(" ", end="", style=style)  # type: ignore[arg-type]
        padded.append_text(text)
        return Strip(padded.render(self.app.console)).adjust_cell_length(width, style)  # type: ignore[arg-type]

    # moving

    def _put(self, index: int) -> None:
        if not self.total:
            return
        before, self.cursor = self.cursor, max(0, min(index, self.total - 1))
        page = max(1, self.size.height - 1)
        top = self.scroll_offset.y
        if self.cursor < top:
            self.scroll_to(y=self.cursor, animate=False)
        elif self.cursor >= top + page:
            self.scroll_to(y=self.cursor - page + 1, animate=False)
        for row in (before, self.cursor):  # two lines, not the screen: a held key must not fall behind
            self.refresh_line(row + 1)
        self._note_row()

    def action_move(self, by: int) -> None:
        self._put(self.cursor + by)

    def action_turn(self, by: int) -> None:
        self._put(self.cursor + by * max(1, self.size.height - 2))

    def action_go(self, to: int) -> None:
        self._put(to if to >= 0 else (self.total or 0) - 1)

    def action_open(self) -> None:
        row = self.row
        if row is not None:
            self.post_message(self.Opened(self, row))

    def on_click(self, event: events.Click) -> None:
        index = self.scroll_offset.y + event.y - 1
        if event.y == 0 or not self.total or index >= self.total:
            return
        again = index == self.cursor
        self._put(index)
        if again or event.chain == 2:
            self.action_open()
