"""A list of anything: a search line, a line that says what is shown, the table. Devices, tickets, cards, ... derive.

```
 查找: zwzh▏
 38 台 · 有效数据覆盖 36/38 台，2 台无数据 · 最差在前
  状态      点位            网点 …
```
"""

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Generic, TypeVar

from rich.text import Text
from textual import on
from textual.binding import Binding, BindingType
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Input, Static

from server.schemas.base import Page
from tui.screens.frame import Frame
from tui.texts import N_, _
from tui.widgets.columns import Column
from tui.widgets.table import Slice, Source, Table

T = TypeVar("T")
TYPING = 0.25  # seconds without a key before the search is asked


class SearchLine(Input):
    """Down and Enter go to the rows, Escape clears."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,enter", "screen.to_rows", show=False),
        Binding("escape", "leave", show=False),
    ]

    def action_leave(self) -> None:
        self.value = ""
        self.screen.set_focus(self.screen.query_one(Table))


class Listing(Frame, Generic[T]):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f3", "search", N_("Search")),
        Binding("slash", "search", show=False),
    ]
    TITLE_TEXT: ClassVar[str] = ""
    EMPTY: ClassVar[str] = N_("Nothing here.")
    SEARCHED: ClassVar[bool] = True
    SEARCH: ClassVar[str] = N_("Search (F3)")

    def __init__(self, q: str = "") -> None:
        super().__init__()
        self.q = q
        self._typing: Timer | None = None
        self._last: Page | None = None

    # what a list is made of

    def columns(self) -> list[Column[T]]:
        raise NotImplementedError

    def key(self, row: T) -> object:
        raise NotImplementedError

    async def page(self, offset: int, limit: int) -> tuple[Sequence[T], Page] | None:
        """One stretch of rows, through `self.app.ask`."""
        raise NotImplementedError

    def open_row(self, row: T) -> None:
        raise NotImplementedError

    def told(self, page: Page) -> list[str]:
        """What the line above the table says."""
        return [_("{n} rows").format(n=f"{page.total:,}")]

    def above(self) -> Iterable[Widget]:
        """What stands between the search line and the rows."""
        return ()

    # the frame's

    def body(self) -> Iterable[Widget]:
        if self.SEARCHED:
            yield SearchLine(self.q, placeholder=_(self.SEARCH), select_on_focus=False)
        yield from self.above()
        yield Static(id="told", classes="line muted")
        yield self.rows()

    def rows(self) -> Table[T]:
        return Table(self.columns(), self.key, empty=_(self.EMPTY))

    @property
    def table(self) -> Table[Any]:
        return self.query_one(Table)

    def on_mount(self) -> None:
        super().on_mount()
        self.place(_(self.TITLE_TEXT))
        self.table.focus()

    async def fetch(self) -> None:
        await self.table.still()  # rows that changed come first
        self.table.reload(self._source())
        await self.table.still()

    def ask_anew(self) -> None:
        """The question is another one: from the top."""
        self.table.show(self._source())
        self.tell()

    def _source(self) -> Source[T]:
        async def source(offset: int, limit: int) -> Slice[T] | None:
            answer = await self.page(offset, limit)
            if answer is None:
                return None
            rows, page = answer
            self._last = page
            self.fetched(page.at)
            return Slice(rows, page.total)

        return source

    def tell(self) -> None:
        """What the rows are, and while nobody stands for that any more, how old it is."""
        known = self._last is not None and self.table.total is not None
        told = " · ".join(part for part in self.told(self._last) if part) if known and self._last else ""
        told = _("{ago}: {what}").format(ago=self.old, what=told) if told and self.old else told
        self.query_one("#told", Static).update(Text(told, no_wrap=True, overflow="ellipsis"))

    def age(self) -> None:
        self.tell()

    # hearing

    @on(Table.Loaded)
    def _loaded(self) -> None:
        self.tell()

    @on(Table.Opened)
    def _opened(self, message: Table.Opened) -> None:
        self.open_row(message.row)

    @on(Input.Changed)
    def _typed(self, message: Input.Changed) -> None:
        if message.value == self.q:
            return
        self.q = message.value
        if self._typing is not None:
            self._typing.stop()
        self._typing = self.set_timer(TYPING, self.ask_anew)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "search":
            return self.SEARCHED
        return super().check_action(action, parameters)

    def action_search(self) -> None:
        self.set_focus(self.query_one(SearchLine))  # at once: the next key is meant for it

    def action_to_rows(self) -> None:
        self.set_focus(self.table)
