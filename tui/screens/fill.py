"""A form of lines and choices, and the deed it is for. It stays until the server has it; Enter sends.

```
 ┌ 登记安全检查 ──────────────────┐
 │ 检查对象  1001/atm-1            │
 │ 结果      1 合格  2 不合格 …     │
 └───────────────────────────────┘
```
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import ClassVar, Generic, NamedTuple, TypeVar

from pydantic import ValidationError
from rich.text import Text
from textual import getters, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Label, Static

from tui.plain import plain
from tui.screens.ask_text import STAYS
from tui.shell import Shell
from tui.texts import N_, _
from tui.widgets.frame import KeyLine
from tui.widgets.pick import Pick
from tui.widgets.typed import all_typed

T = TypeVar("T")


class Field(NamedTuple):
    """A line to type in, or with `choices` (key, title) one of these. What is `needed` may not stay empty."""

    name: str
    title: str
    value: str = ""
    hint: str = ""
    needed: bool = False
    choices: Sequence[tuple[str, str]] = ()


class Fill(ModalScreen[T | None], Generic[T]):
    """Gives what the deed gave, or None for Escape. The deed raises ValueError for what cannot be sent."""

    CSS_PATH = "report.tcss"
    app = getters.app(Shell)
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "send", N_("Send"), priority=True),
        Binding("down", "app.focus_next", N_("Next")),
        Binding("up", "app.focus_previous", show=False),
        Binding("escape", "dismiss(None)", N_("Give up")),
    ]

    def __init__(self, title: str, fields: Sequence[Field], deed: Callable[[dict[str, str]], Awaitable[T]]) -> None:
        super().__init__()
        self._asked, self._fields, self._deed = title, fields, deed
        self._sending = False

    def compose(self) -> ComposeResult:
        with Vertical(id="box") as box:
            box.border_title = Text(plain(self._asked))
            for field in self._fields:
                with Horizontal(classes="field"):
                    yield Label(field.title)
                    if field.choices:
                        yield Pick(field.choices, id=field.name)
                    else:
                        yield Input(field.value, id=field.name, max_length=2000, placeholder=field.hint)
            yield Static(id="said")
            yield KeyLine()

    def on_mount(self) -> None:
        first = next((field for field in self._fields if not field.value), self._fields[0])
        self.set_focus(self.query_one(f"#{first.name}"))

    def say(self, sentence: str) -> None:
        self.query_one("#said", Static).update(Text(plain(sentence)))

    async def action_send(self) -> None:
        await all_typed(self)
        if self._sending:
            return
        said = {field.name: self._typed(field) for field in self._fields}
        for field in self._fields:
            if field.needed and not said[field.name]:
                self.say(_("{field}: please write something.").format(field=field.title))
                self.set_focus(self.query_one(f"#{field.name}"))
                return
        try:
            deed = self._deed(said)
        except ValidationError as error:
            wrong = error.errors()[0]
            self.say(f"{self._title(str(wrong['loc'][0]))}: {self._why(wrong['type'], wrong['msg'])}")
            return
        self._sending = True
        self._send(deed)

    def _title(self, name: str) -> str:
        return next((field.title for field in self._fields if field.name == name), name)

    def _why(self, kind: str, said: str) -> str:
        return _("write a day as 2027-03-31") if kind.startswith("date") else said

    def _typed(self, field: Field) -> str:
        if field.choices:
            return self.query_one(f"#{field.name}", Pick).value
        return self.query_one(f"#{field.name}", Input).value.strip()

    @work
    async def _send(self, deed: Awaitable[T]) -> None:
        self.say(_("Sending…"))
        done = await self.app.do(deed, lambda why: self.say(_(STAYS).format(why=why)))
        if done is None:
            self._sending = False
        else:
            self.dismiss(done)
