"""One line asked for: a note, an outcome, a path. Gives the text, or None for Escape."""

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from tui.plain import plain
from tui.texts import N_, _
from tui.widgets.frame import KeyLine
from tui.widgets.typed import all_typed


class AskText(ModalScreen[str | None]):
    CSS_PATH = "report.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "done", N_("OK"), priority=True),
        Binding("escape", "dismiss(None)", N_("Give up")),
    ]

    def __init__(self, title: str, value: str = "", *, longest: int = 500) -> None:
        super().__init__()
        self._asked, self._value, self._longest = title, value, longest

    def compose(self) -> ComposeResult:
        with Vertical(id="box") as box:
            box.border_title = Text(plain(self._asked))
            yield Input(self._value, max_length=self._longest)
            yield Static(id="said")
            yield KeyLine()

    async def action_done(self) -> None:
        await all_typed(self)
        value = self.query_one(Input).value.strip()
        if value:
            self.dismiss(value)
        else:
            self.query_one("#said", Static).update(Text(_("Please write something.")))
