"""What all homes have: the five-second line in a box, and rows that can be entered."""

from collections.abc import Iterable
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.binding import BindingType
from textual.containers import Vertical
from textual.widget import Widget
from textual.widgets import Static

from server.schemas.base import Coverage
from server.schemas.conditions import ConditionOut
from server.schemas.home import EventOut, Home
from tui.cells import said
from tui.marks import LEVELS
from tui.screens.frame import Frame
from tui.texts import _
from tui.times import brief
from tui.widgets.columns import Column
from tui.widgets.figures import Figures
from tui.widgets.table import Table
from tui.words import coverage


class HomeFrame(Frame):
    CSS_PATH = ["frame.tcss", "home.tcss"]  # noqa: RUF012 - Textual's own declaration
    HORIZONTAL_BREAKPOINTS = [(0, "-slim"), (110, "-broad")]  # noqa: RUF012 - Textual's own declaration
    BINDINGS: ClassVar[list[BindingType]] = []

    def __init__(self) -> None:
        super().__init__()
        self._coverage: Coverage | None = None

    def body(self) -> Iterable[Widget]:
        with Vertical(id="today", classes="box") as box:
            box.border_title = _("Today")
            yield Figures()
            yield Static(id="coverage", classes="line muted")
            step = Static(id="step")
            step.display = False
            yield step
        yield from self.below()

    def below(self) -> Iterable[Widget]:
        raise NotImplementedError

    async def fetch(self) -> None:
        home = await self.app.ask(self.app.client.home())
        if home is None:
            return
        self.fetched()
        both = home.bank != home.place and self.size.width >= 100
        self.place(f"{home.bank} · {home.place}" if both else home.place)
        self.query_one(Figures).show(home.figures, home.fresh_until)
        self._coverage = home.coverage
        self._tell_step(next((one.value for one in home.figures if one.key == "unenrolled"), ""))
        self.age()
        self.show(home)

    def age(self) -> None:
        """Figures that nobody stands for any more say so: their box and their coverage carry the age, and no green."""
        title = _("Today")
        self.query_one("#today").border_title = f"{title} · ■ {self.old}" if self.old else title
        self.query_one(Figures).refresh()
        if self._coverage is not None:
            told = coverage(self._coverage)
            told = _("{ago}: {what}").format(ago=self.old, what=told) if self.old else told
            self.query_one("#coverage", Static).update(Text(told, no_wrap=True))

    def _tell_step(self, missing: str) -> None:
        """Agents nobody enrolled poll nothing, and nothing else will say so."""
        step = _(
            "{n} agents are not enrolled: what they should poll is not known. Agents, Enter on one, 1 makes its code."
        )
        told = self.query_one("#step", Static)
        told.update(self.cells.ink("▲ " + step.format(n=missing), "attention") if missing else "")
        told.display = bool(missing)

    def show(self, home: Home) -> None:
        raise NotImplementedError

    def event_columns(self) -> list[Column[EventOut]]:
        cells = self.cells

        def text(event: EventOut) -> Text:
            mark = LEVELS[event.level]
            return Text.assemble((f"{mark.shape} ", self.app.ink(mark.ink)), said(f"{event.branch_name} {event.text}"))

        return [
            Column(_("Time"), lambda event: cells.dim(brief(event.at, cells.now())), 5),
            Column(_("Event"), text, 20, grow=1),
        ]

    def condition_columns(self, *, branch: bool) -> list[Column[ConditionOut]]:
        cells = self.cells
        columns: list[Column[ConditionOut]] = [
            Column(_("What"), cells.condition, 20, grow=3),
            Column(_("Where"), lambda condition: said(condition.subject_name), 18, grow=2),
        ]
        if branch:
            columns.append(Column(_("Branch"), lambda condition: said(condition.branch_name), 12, grow=1, drop=1))
        return [
            *columns,
            Column(_("For"), cells.lasted, 8, right=True),
            Column(_("Ticket"), lambda condition: said(condition.ticket), 10, drop=2),
        ]

    @on(Figures.Opened)
    def _figure(self, message: Figures.Opened) -> None:
        if message.figure.opens:
            self.app.open(message.figure.opens)

    @on(Table.Opened, "#events")
    def _event(self, message: Table.Opened) -> None:
        if message.row.opens:
            self.app.open(message.row.opens)

    def action_go(self, opens: str) -> None:
        self.app.open(opens)
