"""F1: the keys of the screen it was pressed on, and what the marks mean."""

from typing import ClassVar

from rich.text import Text
from textual import getters
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen, Screen
from textual.widgets import Static

from tui.cells import Cells
from tui.shell import Shell
from tui.texts import N_, _
from tui.widgets.frame import KeyLine, key_name
from tui.words.marks import STANDINGS

ALWAYS = (
    ("↑ ↓ PgUp PgDn Home End", N_("move in a list")),
    ("Enter", N_("open the row or the figure")),
    ("Tab", N_("to the next part of the screen")),
    ("Esc", N_("back")),
)
# What Textual binds of itself: scrolling a line by keys, copying, its own palette key.
TEXTUALS = ("scroll_", "page_", "screen.copy", "command_palette", "app.focus", "help_quit", "copy_", "app.copy")
MEANINGS = {
    "good": N_("fresh data, and all is well"),
    "attention": N_("serves, but somebody should look"),
    "fault": N_("does not serve"),
    "inUse": N_("the teller's program holds it: neither fault nor good"),
    "closed": N_("closed by the calendar, or announced"),
    "unknown": N_("asked, but nothing can be said"),
    "stale": N_("was reported, but too long ago"),
    "never": N_("has never reported"),
    "unpolled": N_("is in the ledger, but nobody asks it"),
}


class Help(ModalScreen[None]):
    CSS_PATH = "help.tcss"
    app = getters.app(Shell)
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,f1,enter", "dismiss", N_("Back"))]

    def __init__(self, screen: Screen[object]) -> None:
        super().__init__()
        self._keys = [
            (key_name(active.binding.key), active.binding.description)
            for active in screen.active_bindings.values()
            if active.binding.description and active.enabled and not active.binding.action.startswith(TEXTUALS)
        ]

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="box") as box:
            box.border_title = _("Help")
            yield Static(self._text())
        yield KeyLine()

    def _text(self) -> Text:
        cells = Cells(self.app)
        text = Text(_("Keys here") + "\n", style="bold")
        seen: set[str] = set()
        for key, told in (*self._keys, *((key, told) for key, told in ALWAYS)):
            if told not in seen:
                seen.add(told)
                text.append_text(Text.assemble("  ", (key.ljust(24), f"bold {self.app.ink('plain')}"), _(told), "\n"))
        text.append("\n" + _("Marks") + "\n", style="bold")
        for standing, mark in STANDINGS.items():
            word = cells.mark(mark)
            word.pad_right(24 - word.cell_len)
            text.append_text(Text.assemble("  ", word, _(MEANINGS[standing.value]), "\n"))
        text.append("\n" + _("The age in the title line is that of what is shown; each row shows its own.") + "\n")
        return text
