"""What all homes have: the five-second line in a box, and rows that can be entered."""

from collections.abc import Iterable
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widget import Widget
from textual.widgets import Static

from server.schemas.base import Coverage
from server.schemas.conditions import ConditionOut
from server.schemas.home import EventOut, Figure, Home
from tui.cells import said
from tui.screens.frame import Frame
from tui.texts import N_, _
from tui.widgets.columns import Column
from tui.widgets.figures import Figures
from tui.widgets.table import Table
from tui.words.marks import LEVELS
from tui.words.times import brief
from tui.words.values import coverage

# What nothing else will say, by the figure that counts it, the gravest first
STEPS = {
    "quarantined": N_("{n} agents are in quarantine: two programs spoke as one, and neither is let in. 9 shows them."),
    "waiting": N_("{n} PCs wait to be confirmed as agents, and are not let in before. 9 shows them."),
    "unenrolled": N_(
        "{n} agents are not enrolled: what they should poll is not known. 9 shows them; Enter on one, 1 makes its code."
    ),
}


class HomeFrame(Frame):
    CSS_PATH = ["frame.tcss", "home.tcss"]  # noqa: RUF012 - Textual's own declaration
    HORIZONTAL_BREAKPOINTS = [(0, "-slim"), (110, "-broad")]  # noqa: RUF012 - Textual's own declaration
    BINDINGS: ClassVar[list[BindingType]] = [Binding("9", "step", show=False)]

    def __init__(self) -> None:
        super().__init__()
        self._step: Figure | None = None
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
        self._tell_step({one.key: one for one in home.figures})
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

    def _tell_step(self, figures: dict[str, Figure]) -> None:
        """Agents that nobody let in poll nothing, and nothing else will say so."""
        self._step = next((figures[key] for key in STEPS if key in figures), None)
        told = self.query_one("#step", Static)
        told.display = self._step is not None
        if self._step is not None:
            mark = LEVELS[self._step.level]
            told.update(
                self.cells.ink(f"{mark.shape} " + _(STEPS[self._step.key]).format(n=self._step.value), mark.ink)
            )

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

    def action_step(self) -> None:
        if self._step is not None:
            self.app.open(self._step.opens)

    def action_go(self, opens: str) -> None:
        self.app.open(opens)
