"""One line asked for, and the deed it is for: a note, an outcome, a reason. It stays until the server has it.

Gives what the deed gave, or None for Escape.
"""

from collections.abc import Awaitable, Callable
from typing import ClassVar, Generic, TypeVar

from rich.text import Text
from textual import getters, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from tui.plain import plain
from tui.shell import Shell
from tui.texts import N_, _
from tui.widgets.frame import KeyLine
from tui.widgets.typed import all_typed

T = TypeVar("T")
STAYS = N_("{why} What you typed is still here: Enter sends it again.")


class AskText(ModalScreen[T | None], Generic[T]):
    CSS_PATH = "report.tcss"
    app = getters.app(Shell)
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "done", N_("OK"), priority=True),
        Binding("escape", "dismiss(None)", N_("Give up")),
    ]

    def __init__(self, title: str, deed: Callable[[str], Awaitable[T]], *, longest: int = 500) -> None:
        super().__init__()
        self._asked, self._deed, self._longest = title, deed, longest
        self._sending = False

    def compose(self) -> ComposeResult:
        with Vertical(id="box") as box:
            box.border_title = Text(plain(self._asked))
            yield Input(max_length=self._longest)
            yield Static(id="said")
            yield KeyLine()

    def say(self, sentence: str) -> None:
        self.query_one("#said", Static).update(Text(plain(sentence)))

    async def action_done(self) -> None:
        await all_typed(self)
        value = self.query_one(Input).value.strip()
        if not value:
            self.say(_("Please write something."))
        elif not self._sending:  # a second Enter must not do it twice
            self._sending = True
            self._send(value)

    @work
    async def _send(self, value: str) -> None:
        self.say(_("Sending…"))
        done = await self.app.do(self._deed(value), lambda why: self.say(_(STAYS).format(why=why)))
        if done is None:
            self._sending = False
        else:
            self.dismiss(done)
