"""The auditor's home: read only, figures that open their rows, the check of the journal."""

from collections.abc import Iterable
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widget import Widget

from server.schemas.conditions import ConditionOut
from server.schemas.home import Home
from tui.screens.home import HomeFrame
from tui.texts import N_, _
from tui.widgets.menu import Menu
from tui.widgets.table import Table, listed

MENU = (
    ("1", N_("Ledger"), "ledger"),
    ("2", N_("Journal"), "journal"),
    ("3", N_("Devices"), "devices"),
    ("4", N_("Tickets"), "tickets"),
    ("5", N_("Branches"), "branches"),
    ("6", N_("Agents"), "agents"),
    ("7", N_("Pushes"), "pushes"),
    ("8", N_("Check campaigns"), "campaigns"),
    ("F6", N_("Security register"), "security"),
    ("F8", N_("Checks"), "checks"),
)


class AuditorHome(HomeFrame):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(key.lower(), f"go({opens!r})", title, show=False) for key, title, opens in MENU
    ]

    def below(self) -> Iterable[Widget]:
        with Vertical(id="wrong", classes="box") as box:
            box.border_title = _("Open conditions")
            yield Table[ConditionOut](
                self.condition_columns(branch=True),
                lambda condition: condition.uid,
                empty=_("Nothing is wrong."),
                id="conditions",
            )
        yield Menu([(key, _(title), f"screen.go({opens!r})") for key, title, opens in MENU])

    def show(self, home: Home) -> None:
        self.query_one("#conditions", Table).reload(listed(home.conditions))

    @on(Table.Opened, "#conditions")
    def _condition(self, message: Table.Opened) -> None:
        self.app.open(f"devices/{message.row.subject}" if message.row.subject_kind == "position" else "conditions")
