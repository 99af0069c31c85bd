"""One of several, chosen by digit, arrow or mouse. Gives the choice's key, or None for Escape."""

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from tui.plain import plain


class Choice(NamedTuple):
    key: str
    title: str


class Choose(ModalScreen[str | None]):
    CSS_PATH = "choose.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", show=False),
        *(Binding(str(digit), f"pick({digit})", show=False) for digit in range(1, 10)),
    ]

    def __init__(self, title: str, choices: Sequence[Choice], chosen: str | None = None) -> None:
        super().__init__()
        self._heading = title
        self._choices = choices
        self._chosen = chosen

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = self._heading
            yield OptionList(*(Option(self._line(place, choice)) for place, choice in enumerate(self._choices, 1)))

    def _line(self, place: int, choice: Choice) -> Text:
        digit = str(place) if place < 10 else " "
        return Text.assemble(
            (f" {digit} ", "bold"), " ", plain(choice.title), "  ✓" if choice.key == self._chosen else ""
        )

    def on_mount(self) -> None:
        places = [choice.key for choice in self._choices]
        if self._chosen in places:
            self.query_one(OptionList).highlighted = places.index(self._chosen)

    @on(OptionList.OptionSelected)
    def _selected(self, message: OptionList.OptionSelected) -> None:
        self.dismiss(self._choices[message.option_index].key)

    def action_pick(self, digit: int) -> None:
        if digit <= len(self._choices):
            self.dismiss(self._choices[digit - 1].key)
