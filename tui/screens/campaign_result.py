"""A branch's result for its chat group: the text, and the codes a phone reads it from, one to a page."""

from typing import ClassVar

from rich.text import Text
from textual import getters
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from server.schemas.campaigns import CampaignText
from tui.plain import plain
from tui.shell import Shell
from tui.texts import N_, _
from tui.widgets.frame import KeyLine
from tui.words.campaign import codes, drawn

BLACK_ON_WHITE = "bright_white on black"  # light modules are drawn, whatever the theme


class CampaignResult(ModalScreen[None]):
    CSS_PATH = "campaign.tcss"
    app = getters.app(Shell)
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right,space", "turn(1)", N_("Next page")),
        Binding("left", "turn(-1)", N_("Page before")),
        Binding("escape", "dismiss(None)", N_("Back")),
    ]

    def __init__(self, told: CampaignText) -> None:
        super().__init__()
        self._told = told
        self._page = 0  # 0 is the text, then a code each

    def compose(self) -> ComposeResult:
        with Vertical(id="box"):
            with VerticalScroll():
                yield Static(id="page")
            yield KeyLine()

    def on_mount(self) -> None:
        self._show()

    def action_turn(self, by: int) -> None:
        self._page = (self._page + by) % (1 + len(self._told.parts))
        self._show()

    def _show(self) -> None:
        pages = len(self._told.parts)
        box = self.query_one("#box")
        page = self.query_one("#page", Static)
        if self._page == 0:
            box.border_title = Text(
                _("{branch}: text, {count} QR codes").format(branch=plain(self._told.branch_name), count=pages)
            )
            page.update(Text("\n".join(plain(line) for line in self._told.text.split("\n"))))
            return
        box.border_title = _("QR code {number} of {count}").format(number=self._page, count=pages)
        [code] = codes([self._told.parts[self._page - 1]])
        page.update(Text("\n".join(drawn(code)), style=BLACK_ON_WHITE, no_wrap=True))
