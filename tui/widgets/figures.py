"""The five-second line: numbers with their names, each of which can be entered.

```
  ■ 4      ■ 7      ▲ 12        412
  离线     故障     未结报修    台账设备
```
"""

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len
from rich.style import Style
from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.widget import Widget

from server.schemas.home import Figure
from tui.plain import plain
from tui.shell import Shell
from tui.texts import N_
from tui.words.marks import LEVELS, Mark

LEAST = 10  # cells of one figure


class Figures(Widget, can_focus=True):
    DEFAULT_CSS = """
    Figures { height: auto; padding: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "move(-1)", show=False),
        Binding("right", "move(1)", show=False),
        Binding("down", "app.focus_next", show=False),
        Binding("up", "app.focus_previous", show=False),
        Binding("enter", "open", N_("Open")),
    ]

    class Opened(Message):
        def __init__(self, figure: Figure) -> None:
            super().__init__()
            self.figure = figure

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self._figures: Sequence[Figure] = ()
        self._fresh_until: int | None = None
        self._cursor = 0

    def show(self, figures: Sequence[Figure], fresh_until: int | None) -> None:
        """Those that are good are so until `fresh_until`, if the server does not say more."""
        self._figures, self._fresh_until = figures, fresh_until
        self._cursor = min(self._cursor, max(0, len(figures) - 1))
        self.refresh(layout=True)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        rows = -(-len(self._figures) // self._a_row(width)) if self._figures else 1
        return rows * 2

    def _mark(self, figure: Figure) -> Mark:
        known = figure.level != "good" or not isinstance(self.app, Shell) or self.app.holds(self._fresh_until)
        return LEVELS[figure.level if known else "unknown"]

    def _texts(self) -> list[tuple[str, str]]:
        return [(f"{self._mark(one).shape} {plain(one.value)}".strip(), plain(one.title)) for one in self._figures]

    def _cells(self, width: int) -> list[int]:
        """The width of each figure: its own where all fit on one line, else the same for all, in lines."""
        own = [max(LEAST, *(cell_len(text) + 3 for text in pair)) for pair in self._texts()]
        return own if sum(own) <= width else [max(own)] * len(own)

    def _a_row(self, width: int) -> int:
        cells = self._cells(width)
        return len(cells) if sum(cells) <= width else max(1, width // cells[0])

    def render(self) -> Text:
        shell = self.app
        lines: list[Text] = []
        at = (
            Style.parse(f"on {shell.theme_variables['primary-muted']}")
            if isinstance(shell, Shell)
            else Style(reverse=True)
        )
        cells, a_row = self._cells(self.size.width), self._a_row(self.size.width)
        for place, (value, title) in enumerate(self._texts()):
            if place % a_row == 0:
                lines += [Text(end="", no_wrap=True), Text(end="", no_wrap=True)]
            figure = self._figures[place]
            ink = shell.ink(self._mark(figure).ink) if isinstance(shell, Shell) else ""
            dim = shell.ink("dim") if isinstance(shell, Shell) else ""
            here = at if self.has_focus and place == self._cursor else Style()
            meta = Style(meta={"place": place})
            for line, text, style in ((lines[-2], value, f"bold {ink}"), (lines[-1], title, dim)):
                piece = Text(text, style=Style.parse(style) + here)
                piece.pad_right(cells[place] - piece.cell_len)
                piece.stylize(meta)
                line.append_text(piece)
        return Text("\n").join(lines)

    def action_move(self, by: int) -> None:
        if self._figures:
            self._cursor = (self._cursor + by) % len(self._figures)
            self.refresh()

    def action_open(self) -> None:
        if self._figures:
            self.post_message(self.Opened(self._figures[self._cursor]))

    def on_click(self, event: events.Click) -> None:
        place = event.style.meta.get("place")
        if isinstance(place, int):
            self._cursor = place
            self.refresh()
            self.action_open()

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()
