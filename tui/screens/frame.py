"""One frame for all screens: title line, body, key line; fetching, and fetching again when something changed.

A screen says what it shows (`body`), how it gets it (`fetch`, in a worker) and how it shows it. While the server is
away the last good rows stay, and the title line tells their age.
"""

import time
from collections.abc import Iterable
from typing import ClassVar

from textual import getters, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.css.query import NoMatches
from textual.screen import Screen
from textual.timer import Timer
from textual.widget import Widget

from tui.cells import Cells
from tui.shell import Changed, Link, Shell
from tui.texts import N_, _
from tui.widgets.frame import KeyLine, TitleLine
from tui.widgets.table import NOTHING_KNOWN, Table
from tui.words.times import ago

TOGETHER = 0.05  # seconds within which changes are one
SETTLE = 0.4  # seconds between fetches because of changes; on a slow line as long as one takes
EVERY = 30.0  # seconds between fetches when nothing is heard
REDRAW = 5.0  # seconds between drawings of the ages


class Frame(Screen[None]):
    CSS_PATH = ["frame.tcss"]  # noqa: RUF012 - Textual's own declaration
    VERTICAL_BREAKPOINTS = [(0, "-low"), (16, "-high")]  # noqa: RUF012 - Textual's own declaration
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f1", "app.help", N_("Help")),
        Binding("escape", "back", N_("Back")),
        Binding("f2", "home", N_("Home")),
        Binding("f5", "reload", N_("Refresh")),
        Binding("f9", "app.command_palette", N_("Go to")),
        Binding("f10", "app.leave", N_("Quit"), show=False),
    ]

    app = getters.app(Shell)

    def __init__(self) -> None:
        super().__init__()
        self._settling: Timer | None = None
        self._asking = 0  # fetches under way
        self._due = False  # something changed since the one under way began
        self._free = 0.0  # monotonic seconds: until then the line is left to others

    @property
    def cells(self) -> Cells:
        return Cells(self.app)

    def compose(self) -> ComposeResult:
        yield TitleLine()
        yield from self.body()
        yield KeyLine()

    def body(self) -> Iterable[Widget]:
        raise NotImplementedError

    async def fetch(self) -> None:
        """Ask and show. Runs in a worker; a newer one ends an older one."""
        raise NotImplementedError

    # asking

    def on_mount(self) -> None:
        self.set_interval(EVERY, self.reload)
        self.set_interval(REDRAW, self._redraw)

    def on_screen_resume(self) -> None:
        self.reload()

    def on_changed(self, message: Changed) -> None:
        """The first change is fetched at once, what follows once what it brought is here: an answer under way is never
        thrown away, or over a slow line none would ever be whole."""
        if self._settling is None:
            self._settling = self.set_timer(max(TOGETHER, self._free - time.monotonic()), self._settled)

    def _settled(self) -> None:
        self._settling = None
        self._due = self._asking > 0
        if not self._due:
            self.reload()

    def reload(self) -> None:
        if self.is_current:
            self._fetch()

    @work(exclusive=True, group="fetch")
    async def _fetch(self) -> None:
        began = time.monotonic()
        self._asking += 1
        try:
            await self.fetch()
            self.age()
        except NoMatches:
            if self.app.is_running and self in self.app.screen_stack:
                raise
            return  # it was left, or all ends, while the answer was under way: what it would draw on goes or is gone
        finally:
            self._asking -= 1
            ended = time.monotonic()
            self._free = ended + max(SETTLE, ended - began)
        if self._due:
            self._due = False
            self.on_changed(Changed(None))

    # showing

    def place(self, title: str) -> None:
        """What the title line calls this screen."""
        line = self.query_one(TitleLine)
        line.place = title
        line.refresh()

    def fetched(self, at: int | None = None) -> None:
        """What is shown is as of now, or of an earlier moment by the server's clock."""
        line = self.query_one(TitleLine)
        line.fetched_at = self.app.client.now() if at is None else at
        line.refresh()

    def _redraw(self) -> None:
        for table in self.query(Table):
            table.refresh()
        self.age()

    def age(self) -> None:
        """Tell again, by the clock of now, what this screen tells outside its tables. Nothing is asked."""

    @property
    def old(self) -> str:
        """While the server is away: how old what is shown is, in words; else nothing."""
        at = self.query_one(TitleLine).fetched_at
        return ago(at, self.app.client.now()) if at and self.app.link is Link.AWAY else ""

    @property
    def nothing(self) -> str:
        """What a page says that was opened while the server is away."""
        return _(NOTHING_KNOWN) if self.app.link is Link.AWAY else ""

    # keys

    def action_reload(self) -> None:
        self.reload()

    def action_home(self) -> None:
        self.app.home()

    def action_back(self) -> None:
        if not self._at_home():
            self.dismiss()

    def _at_home(self) -> bool:
        return len(self.app.screen_stack) <= 2  # the app's own blank screen, and the home

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys that would lead nowhere are not shown."""
        return not (action in ("back", "home") and self._at_home())
