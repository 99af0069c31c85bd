"""Letting a host be, or a branch's hosts: who approves it, what is done instead, until when. Enter sends it."""

from datetime import date, timedelta
from typing import ClassVar

from pydantic import ValidationError
from rich.text import Text
from textual import getters, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Label, Static

from server.schemas.exemptions import TEXT, ExemptionCreate, ExemptionOut
from tui.plain import plain
from tui.screens.ask_text import STAYS
from tui.shell import Shell
from tui.texts import N_, _
from tui.widgets.frame import KeyLine
from tui.widgets.typed import all_typed
from tui.words.times import local

USUAL = 90  # days that stand in the form


class Exempt(ModalScreen[ExemptionOut | None]):
    """Gives the exemption, or None when it was given up."""

    CSS_PATH = "report.tcss"
    app = getters.app(Shell)
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "send", N_("Exempt"), priority=True),
        Binding("down", "app.focus_next", N_("Next")),
        Binding("up", "app.focus_previous", show=False),
        Binding("escape", "dismiss(None)", N_("Give up")),
    ]

    def __init__(self, check: str = "", about: str = "") -> None:
        super().__init__()
        self._check, self._about = check, about
        self._sending = False

    def compose(self) -> ComposeResult:
        until = local(self.app.client.now()).date() + timedelta(days=USUAL)
        with Vertical(id="box") as box:
            box.border_title = _("Exempt from a check")
            yield from self._field(_("Item checked"), self._check, "check")
            yield from self._field(_("Host or branch"), self._about, "about")
            yield from self._field(
                _("Class"), "", "cls", _("of a branch: only positions of this class; may be left empty")
            )
            yield from self._field(_("Approver"), "", "approver")
            yield from self._field(_("Instead"), "", "control", _("what is done instead"))
            yield from self._field(_("Until"), until.isoformat(), "until")
            yield Static(id="said")
            yield KeyLine()

    def _field(self, title: str, value: str, id: str, hint: str = "") -> ComposeResult:
        with Horizontal(classes="field"):
            yield Label(title)
            yield Input(value, id=id, max_length=TEXT, placeholder=hint)

    def on_mount(self) -> None:
        first = "approver" if self._check and self._about else "about" if self._check else "check"
        self.set_focus(self.query_one(f"#{first}"))

    def say(self, sentence: str) -> None:
        self.query_one("#said", Static).update(Text(plain(sentence)))

    async def action_send(self) -> None:
        await all_typed(self)
        if self._sending:
            return
        said = {one.id or "": one.value.strip() for one in self.query(Input)}
        for name in ("check", "about", "approver", "control"):
            if not said[name]:
                self.say(_("Please write something."))
                self.set_focus(self.query_one(f"#{name}"))
                return
        try:
            ask = ExemptionCreate.model_validate({**said, "until": date.fromisoformat(said["until"])})
        except ValidationError as error:
            self.say(error.errors()[0]["msg"])
            return
        except ValueError:
            self.say(_("{said} is no day: write it as 2027-03-31.").format(said=said["until"]))
            self.set_focus(self.query_one("#until"))
            return
        self._sending = True
        self._send(ask)

    @work
    async def _send(self, ask: ExemptionCreate) -> None:
        self.say(_("Sending…"))
        made = await self.app.do(self.app.client.exempt(ask), lambda why: self.say(_(STAYS).format(why=why)))
        if made is None:
            self._sending = False
            return
        self.app.say(_("{n} hosts are let be until {until}.").format(n=made.hosts, until=made.until))
        self.dismiss(made)
