"""The first and the last line of every screen."""

from rich.style import Style
from rich.text import Text
from textual.widget import Widget

from server.schemas.people import Role
from tui.plain import plain
from tui.shell import Link, Shell
from tui.texts import N_, _
from tui.words.times import clock, span

ROLES = {Role.BRANCH: N_("branch administrator"), Role.HEAD: N_("head office IT"), Role.AUDITOR: N_("auditor")}
KEYS = {
    "escape": "Esc",
    "enter": "Enter",
    "space": N_("Space"),
    "tab": "Tab",
    "pageup": "PgUp",
    "pagedown": "PgDn",
    "up": "↑",
    "down": "↓",
    "left": "←",
    "right": "→",
}


DISPENSABLE = ("f5", "f2", "f9")  # the order in which keys leave a line that is too short; then the last of the others
STAYS = ("f1", "escape")  # the help lists every key


class TitleLine(Widget):
    """Place, time, state of the line, age of the data, person."""

    DEFAULT_CSS = """
    TitleLine { dock: top; height: 1; background: $panel; color: $foreground; }
    """

    def __init__(self) -> None:
        super().__init__()
        self.place = ""
        self.fetched_at: int | None = None  # server's clock, µs

    def on_mount(self) -> None:
        self.set_interval(1, self.refresh)

    def render(self) -> Text:
        shell = self.app
        if not isinstance(shell, Shell):
            return Text(self.place)
        now = shell.client.now()
        person = shell.person
        name = person.name if person else ""
        who = f"{name} ({_(ROLES[person.role])})" if person else ""
        return self.fitted(clock(now), self._link(shell, now), (who, name))

    def fitted(self, time: str, state: Text, whos: tuple[str, str]) -> Text:
        """One line. Where there is too little room the person shortens and goes, then the time, and of the place the
        end: that nobody answers is what has to be read."""
        room, place = self.size.width - 2, Text(plain(self.place), style="bold")
        for who, at in ((whos[0], time), (whos[1], time), ("", time), ("", "")):
            left, right = Text(f"   {at}   " if at else "  "), Text(plain(who))
            needed = left.cell_len + state.cell_len + right.cell_len + (2 if who else 0)
            if place.cell_len + needed <= room:
                break
        spare = room - needed
        place.truncate(max(0, spare), overflow="ellipsis")
        line = (
            Text.assemble(place, left, state) if spare > 3 or not place else state.copy()
        )  # of two letters nothing is left
        line.truncate(room, overflow="ellipsis")
        blank = " " * max(0, room - line.cell_len - right.cell_len)
        return Text.assemble(" ", line, blank, right, " ", no_wrap=True, end="")

    def _link(self, shell: Shell, now: int) -> Text:
        age = span(now - self.fetched_at) if self.fetched_at else ""
        if shell.link is Link.AWAY:
            line = _("■ no answer from the server, data of {age} ago") if age else _("■ no answer from the server")
            return Text(line.format(age=age), style=shell.ink("fault"))
        if not age:
            return Text(_("○ reading…"), style=shell.ink("dim"))
        if shell.link is Link.ASKING:
            return Text(_("▲ asked {age} ago").format(age=age), style=shell.ink("attention"))
        return Text.assemble(("● ", shell.ink("good")), _("updated {age} ago").format(age=age))


class KeyLine(Widget):
    """The keys that do something here; a click does it too."""

    auto_links = False

    DEFAULT_CSS = """
    KeyLine { dock: bottom; height: 1; background: $panel; color: $text-muted; }
    """

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, lambda _screen: self.refresh())

    def render(self) -> Text:
        shell = self.app
        key = Style.parse(f"bold {shell.ink('plain')}") if isinstance(shell, Shell) else Style(bold=True)
        pieces: dict[str, Text] = {}
        for active in sorted(self.screen.active_bindings.values(), key=lambda active: _order(active.binding.key)):
            binding = active.binding
            if binding.show and active.enabled and binding.description:
                piece = Text.assemble((key_name(binding.key), key), f" {_(binding.description)}  ")
                piece.stylize(Style(meta={"@click": f"app.press({binding.key!r})"}))
                pieces[binding.key] = piece
        for goes in (*DISPENSABLE, *reversed([key for key in pieces if key not in STAYS])):
            if sum(piece.cell_len for piece in pieces.values()) < self.size.width:
                break
            pieces.pop(goes, None)
        return Text.assemble(" ", *pieces.values(), no_wrap=True, end="")


def _order(key: str) -> tuple[int, str]:
    """Digits, Enter, F1 to F10, the rest; Escape last."""
    if key.isdigit():
        return 0, key
    if key == "enter":
        return 1, key
    if key[0] == "f" and key[1:].isdigit():
        return 2, key[1:].zfill(2)
    return (4, key) if key == "escape" else (3, key)


def key_name(key: str) -> str:
    """F5 for "f5", Esc for "escape", / for "slash"."""
    if key in KEYS:
        return _(KEYS[key])
    if key.startswith("ctrl+"):
        return "Ctrl+" + key[5:].upper()
    return {"slash": "/", "question_mark": "?"}.get(key, key.upper())
