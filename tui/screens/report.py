"""Reporting a fault by hand, within half a minute: what is known is filled in, Enter sends it.

```
 ┌ 报修: 1号窗口 存折打印机 ────────────┐
 │ 现象   前盖未关                      │
 │ 类型   1 硬件  2 软件  3 网络  4 电源  5 其他 │
 │ 紧急   1 一般  2 紧急                 │
 │ 说明                                │
 └─────────────────────────────────────┘
```
"""

from collections.abc import Iterable
from typing import Any, ClassVar

from rich.text import Text
from textual import getters, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Input, Label, Static

from server.schemas.tickets import Fault, TicketCreate
from tui.plain import plain
from tui.screens.ask_text import STAYS
from tui.shell import Shell
from tui.texts import N_, _
from tui.widgets.frame import KeyLine
from tui.widgets.pick import Pick
from tui.widgets.typed import all_typed

FAULTS = {
    Fault.HARDWARE: N_("hardware"),
    Fault.SOFTWARE: N_("software"),
    Fault.NETWORK: N_("network"),
    Fault.POWER: N_("power"),
    Fault.OTHER: N_("other"),
}


class Report(ModalScreen[str | None]):
    """Gives the new ticket's number, or None when it was given up."""

    CSS_PATH = "report.tcss"
    app = getters.app(Shell)
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "send", N_("Send the report"), priority=True),
        Binding("f7", "send", show=False),
        Binding("down", "app.focus_next", N_("Next")),
        Binding("up", "app.focus_previous", show=False),
        Binding("escape", "dismiss(None)", N_("Give up")),
    ]

    def __init__(self, subject: str, name: str, title: str) -> None:
        super().__init__()
        self._subject, self._called, self._wrong = subject, name, title
        self._sending = False  # and for good once it was taken: a second Enter must not make a second ticket

    def compose(self) -> ComposeResult:
        with Vertical(id="box") as box:
            box.border_title = Text(_("Report a fault: {name}").format(name=plain(self._called)))
            with Horizontal(classes="field"):
                yield Label(_("What is wrong"))
                yield Input(plain(self._wrong, 200), id="title", max_length=200)
            with Horizontal(classes="field"):
                yield Label(_("Kind"))
                yield Pick([(fault.value, _(title)) for fault, title in FAULTS.items()], id="fault")
            with Horizontal(classes="field"):
                yield Label(_("Urgency"))
                yield Pick([("", _("normal")), ("urgent", _("urgent"))], id="urgent")
            with Horizontal(classes="field"):
                yield Label(_("Note"))
                yield Input(id="note", max_length=2000, placeholder=_("may be left empty"))
            yield from self.more()
            yield Static(id="said")
            yield KeyLine()

    def more(self) -> Iterable[Widget]:
        """Further fields."""
        return ()

    def say(self, sentence: str) -> None:
        self.query_one("#said", Static).update(Text(plain(sentence)))

    async def action_send(self) -> None:
        await all_typed(self)
        if self._sending:
            return
        title = self.query_one("#title", Input).value.strip()
        if not title:
            self.say(_("Say in a few words what is wrong."))
            self.set_focus(self.query_one("#title"))
            return
        self._sending = True
        self._send(
            TicketCreate(
                subject=self._subject,
                title=title,
                fault=Fault(self.query_one("#fault", Pick).value),
                urgent=self.query_one("#urgent", Pick).value == "urgent",
                note=self.query_one("#note", Input).value.strip(),
            )
        )

    @work
    async def _send(self, ticket: TicketCreate) -> None:
        """What was typed stays on the screen until it was taken."""
        self.say(_("Sending…"))
        given = await self.deliver(ticket)
        if given is None:
            self._sending = False
        else:
            self.dismiss(given)

    async def deliver(self, ticket: TicketCreate) -> Any:
        """What the screen gives, or None after saying why it was not taken."""
        answer = await self.app.do(self.app.client.report(ticket), lambda why: self.say(_(STAYS).format(why=why)))
        return answer.ticket.number if answer is not None else None
