"""One of a few, on one line: a digit or ←/→ chooses."""

from collections.abc import Sequence
from typing import ClassVar

from rich.style import Style
from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widget import Widget

from tui.shell import Shell


class Pick(Widget, can_focus=True):
    DEFAULT_CSS = """
    Pick { height: 1; width: 1fr; padding: 0 1; }
    Pick:focus { background: $primary 35%; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "move(-1)", show=False),
        Binding("right", "move(1)", show=False),
        *(Binding(str(digit), f"take({digit})", show=False) for digit in range(1, 10)),
    ]

    class Changed(Message):
        """Another one is chosen."""

        def __init__(self, pick: "Pick") -> None:
            super().__init__()
            self.pick = pick

        @property
        def control(self) -> "Pick":
            return self.pick

    def __init__(self, choices: Sequence[tuple[str, str]], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._choices = choices
        self._place = 0

    @property
    def value(self) -> str:
        return self._choices[self._place][0]

    def render(self) -> Text:
        line = Text(no_wrap=True, end="")
        dim = self.app.ink("dim") if isinstance(self.app, Shell) else ""
        for place, (_key, title) in enumerate(self._choices):
            style = Style.parse("bold reverse" if place == self._place else dim) + Style(meta={"place": place})
            line.append(f" {place + 1} {title} ", style)
            line.append(" ")
        return line

    def action_move(self, by: int) -> None:
        self._choose((self._place + by) % len(self._choices))

    def action_take(self, digit: int) -> None:
        if digit <= len(self._choices):
            self._choose(digit - 1)

    def choose(self, key: str) -> None:
        self._choose([one for one, _title in self._choices].index(key))

    def _choose(self, place: int) -> None:
        self._place = place
        self.refresh()
        self.post_message(self.Changed(self))

    def on_click(self, event: events.Click) -> None:
        place = event.style.meta.get("place")
        if isinstance(place, int):
            self.action_take(place + 1)
