"""One position as the agent of this PC knows it, without the server.

```
 ■ 故障  1号窗口 存折打印机   存折打印机 · passbook COM3
 前盖 ■ 未关 …
 处理提示  1 合上前盖 …
```
"""

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widget import Widget
from textual.widgets import Static

from tui.local import words
from tui.local.folder import Local, Unreadable, read
from tui.local.schema import Position
from tui.plain import plain
from tui.screens.frame import Frame
from tui.screens.told import pair
from tui.shell import Shell
from tui.texts import N_, _, language
from tui.widgets.frame import KeyLine, TitleLine
from tui.words.marks import LEVELS
from tui.words.times import ago, clock, day

LOOK = 3.0  # seconds between looks at the file


class LocalTitle(TitleLine):
    """Place, time, and how old the agent's word is."""

    def __init__(self) -> None:
        super().__init__()
        self._level, self._told = "unknown", ""

    def show(self, place: str, told: tuple[str, str]) -> None:
        self.place = place
        self._level, self._told = told
        self.refresh()

    def render(self) -> Text:
        shell = self.app
        if not isinstance(shell, Shell):
            return Text(self.place)
        mark = LEVELS[self._level]
        state = Text(f"{mark.shape} {plain(self._told)}", style=shell.ink(mark.ink))
        who = shell.person.name if shell.person else _("not signed in")
        return self.fitted(clock(shell.client.now()), state, (who, who))


class LocalPosition(Frame, inherit_bindings=False):
    CSS_PATH = ["frame.tcss", "local.tcss"]  # noqa: RUF012 - Textual's own declaration
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f1", "app.help", N_("Help")),
        Binding("f5", "reload", N_("Refresh")),
        Binding("escape", "back", N_("Back")),
        Binding("f10", "app.leave", N_("Quit"), show=False),
    ]

    def __init__(self, folder: Path, key: str) -> None:
        super().__init__()
        self._folder, self._key = folder, key
        self._local: Local | None = None

    def compose(self) -> ComposeResult:
        yield LocalTitle()
        yield from self.body()
        yield KeyLine()

    def body(self) -> Iterable[Widget]:
        with VerticalScroll(id="says"):
            yield Static(id="reading")

    def on_mount(self) -> None:
        self.set_interval(LOOK, self.reload)
        self.reload()

    async def fetch(self) -> None:
        try:
            local = await asyncio.to_thread(read, self._folder)
        except Unreadable as error:
            self._local = self._local and Local(self._local.now, self._local.read, None)
            self._show(self._local, ("unknown", str(error)))
        else:
            self._local = local
            self._show(local, words.agent_line(local))

    def _show(self, local: Local | None, told: tuple[str, str]) -> None:
        if not self.query("#reading"):
            return  # the file is read more quickly than the screen is put up or taken down
        title = self.query_one(LocalTitle)
        if local is None:
            title.show(self._key, told)
            return
        found = next((one for one in local.now.positions if one.key == self._key), None)
        name = found.name if found else self._key
        title.show(f"{words.place(local.now)} · {name}", told)
        if found is not None:
            self.query_one("#reading", Static).update(self._text(local, found))

    def _text(self, local: Local, one: Position) -> Text:
        cells, lang = self.cells, language()
        text = Text.assemble(cells.standing(local.standing(one.standing)), "  ", (plain(one.name), "bold"), "  ")
        text.append_text(cells.dim(" · ".join(filter(None, (one.cls, one.key, one.driver, one.address)))))
        at = local.now.written.wall + (local.age or 0)
        known = local.age is not None
        rows = [
            (_("Says"), Text(plain(one.word.of(lang)))),
            *([(_("No reading"), Text(plain(one.why.of(lang))))] if one.why else []),
            (_("Since"), Text(ago(one.since, at) if known else "—")),
            (_("Asked"), Text(ago(one.asked, at) if known else "—")),
            *([(_("Data of"), Text(day(one.as_of)))] if one.as_of else []),
            *(
                (plain(part.title.of(lang)), cells.level(part.level if local.fresh else "unknown", part.word.of(lang)))
                for part in one.parts
            ),
            *((plain(title), Text(plain(value))) for title, value in words.numbers(one)),
        ]
        for title, value in rows:
            text.append("\n").append_text(pair(cells, title, value))
        if one.card:
            text.append("\n\n" + _("What to do") + "\n", style=f"bold {self.app.ink('attention')}")
            for place, step in enumerate(one.card, 1):
                text.append(f"  {place}  ", style="bold").append(plain(step.of(lang)) + "\n")
        return text
