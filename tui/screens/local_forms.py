"""Entering something while the server is away. It lies in the agent's box until the agent takes it.

```
 ┌ 登记: 主线路 ───────────────────────────────┐
 │ 内容   1 停电  2 断线  3 已关机  4 其他        │
 │ 说明   运营商答复光缆中断，报障单号 8812          │
 │ 登记人  王某                                 │
 └────────────────────────────────────────────┘
```
"""

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

from rich.text import Text
from textual import getters, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Input, Label, Static

from server.schemas.entries import EntryKind
from server.schemas.tickets import TicketCreate
from tui.local.folder import CannotLeave, fresh_entry, leave
from tui.local.schema import Entry
from tui.local.words import ANSWERS
from tui.plain import plain
from tui.screens.report import Report
from tui.shell import Shell
from tui.texts import N_, _
from tui.widgets.frame import KeyLine
from tui.widgets.pick import Pick
from tui.widgets.typed import all_typed

WHO = 40  # characters of a name
NOBODY = N_("Say who you are: nobody has signed in.")


def _who(name: str) -> Iterable[Widget]:
    with Horizontal(classes="field"):
        yield Label(_("Your name"))
        yield Input(plain(name, WHO), id="who", max_length=WHO)


async def _left(folder: Path, entry: Entry) -> str:
    """ "" once the entry is in the box, else why it is not."""
    try:
        await asyncio.to_thread(leave, folder, entry)
    except CannotLeave as error:
        return _("It cannot be kept: {why}").format(why=error)
    return ""


class LocalReport(Report):
    """The report form; what it gives is an entry for the box."""

    def __init__(self, folder: Path, subject: str, name: str, title: str, who: str) -> None:
        super().__init__(subject, name, title)
        self._folder, self._by = folder, who

    def more(self) -> Iterable[Widget]:
        yield from _who(self._by)

    async def action_send(self) -> None:
        await all_typed(self)
        self._by = self.query_one("#who", Input).value.strip()
        if self.query_one("#title", Input).value.strip() and not self._by:
            self.say(_(NOBODY))
            self.set_focus(self.query_one("#who"))
            return
        await super().action_send()

    async def deliver(self, ticket: TicketCreate) -> Any:
        entry = fresh_entry(
            subject=ticket.subject,
            what=EntryKind.TICKET,
            who=self._by,
            title=ticket.title,
            text=ticket.note,
            fault=ticket.fault,
            urgent=ticket.urgent,
        )
        if why := await _left(self._folder, entry):
            self.say(why)
            return None
        return entry


class Register(ModalScreen[Entry | None]):
    """What the telephone said, or anything for the day's register. Gives what was left in the box, or None."""

    CSS_PATH = "report.tcss"
    app = getters.app(Shell)
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "send", N_("Register"), priority=True),
        Binding("down", "app.focus_next", N_("Next")),
        Binding("up", "app.focus_previous", show=False),
        Binding("escape", "dismiss(None)", N_("Give up")),
    ]

    def __init__(self, folder: Path, subject: str, name: str, who: str) -> None:
        super().__init__()
        self._folder, self._subject, self._called, self._by = folder, subject, name, who
        self._leaving = False  # and for good once it was left: a second Enter must not leave it twice

    def compose(self) -> ComposeResult:
        with Vertical(id="box") as box:
            box.border_title = Text(_("Register: {name}").format(name=plain(self._called)))
            with Horizontal(classes="field"):
                yield Label(_("What"))
                yield Pick([*((key, _(title)) for key, title in ANSWERS.items()), ("", _("a note"))], id="answer")
            with Horizontal(classes="field"):
                yield Label(_("Note"))
                yield Input(id="text", max_length=2000, placeholder=_("who said so, case number, when it will be back"))
            yield from _who(self._by)
            yield Static(id="said")
            yield KeyLine()

    def say(self, sentence: str) -> None:
        self.query_one("#said", Static).update(Text(plain(sentence)))

    async def action_send(self) -> None:
        await all_typed(self)
        answer = self.query_one("#answer", Pick).value
        text = self.query_one("#text", Input).value.strip()
        who = self.query_one("#who", Input).value.strip()
        if self._leaving:
            return
        if not (answer or text):
            self.say(_("The note is empty."))
            self.set_focus(self.query_one("#text"))
        elif not who:
            self.say(_(NOBODY))
            self.set_focus(self.query_one("#who"))
        else:
            self._leaving = True
            what = EntryKind.ANSWER if answer else EntryKind.NOTE
            self._leave(fresh_entry(subject=self._subject, what=what, who=who, text=text, answer=answer))

    @work
    async def _leave(self, entry: Entry) -> None:
        if why := await _left(self._folder, entry):
            self._leaving = False
            self.say(why)
        else:
            self.dismiss(entry)
