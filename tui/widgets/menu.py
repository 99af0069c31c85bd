"""A line of digits and where they lead."""

from collections.abc import Sequence

from rich.cells import cell_len
from rich.style import Style
from rich.text import Text
from textual.widget import Widget

from tui.shell import Shell


class Menu(Widget):
    """`entries`: (key, title, action). The one that is `chosen` is underlined."""

    auto_links = False
    DEFAULT_CSS = """
    Menu { height: 1; padding: 0 1; }
    """

    def __init__(self, entries: Sequence[tuple[str, str, str]], *, chosen: str = "", id: str | None = None) -> None:
        super().__init__(id=id)
        self._entries = entries
        self._chosen = chosen

    def choose(self, key: str) -> None:
        self._chosen = key
        self.refresh()

    def render(self) -> Text:
        shell = self.app
        plain, dim = (shell.ink("plain"), shell.ink("dim")) if isinstance(shell, Shell) else ("", "")
        line = Text(no_wrap=True, end="", overflow="ellipsis")
        gap = self._gap()
        for key, title, action in self._entries:
            click = Style(meta={"@click": action})
            chosen = key == self._chosen
            line.append(f"{key} ", Style.parse(f"bold {plain}") + click)
            line.append(
                title, Style.parse(f"bold underline {plain}" if chosen else (dim if self._chosen else plain)) + click
            )
            line.append(gap)
        return line

    def _gap(self) -> str:
        """Blanks between two entries: three, or as many as leave room for all of them."""
        needed = sum(cell_len(f"{key} {title}") for key, title, _action in self._entries)
        spare = self.size.width - needed
        return " " * max(1, min(3, spare // max(1, len(self._entries) - 1)))
