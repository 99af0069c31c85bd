"""Head office: the whole bank in five seconds, the worst branches, what happened last.

```
┌ 今天 ───────────────────────────────────────────┐
│ ■ 4   ■ 7   ▲ 12 …                              │
├ 网点 (最差在前) ──────┬ 事件 ──────────────────────┤
│ ■ 滨河支行  疑似停电   │ 10:39 滨河支行 停电          │
└ 1 网点  2 设备  3 报修单  4 台账  5 异常  6 采集程序  7 日志  8 下发  0 专项核查  F6 登记簿  F8 核查
```
"""

from collections.abc import Iterable
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widget import Widget

from server.schemas.branches import BranchOut
from server.schemas.home import EventOut, Home
from tui.cells import said, state_width
from tui.screens.home import HomeFrame
from tui.texts import N_, _
from tui.widgets.columns import Column
from tui.widgets.menu import Menu
from tui.widgets.table import Table, listed

MENU = (
    ("1", N_("Branches"), "branches"),
    ("2", N_("Devices"), "devices"),
    ("3", N_("Tickets"), "tickets"),
    ("4", N_("Ledger"), "ledger"),
    ("5", N_("Conditions"), "conditions"),
    ("6", N_("Agents"), "agents"),
    ("7", N_("Journal"), "journal"),
    ("8", N_("Pushes"), "pushes"),
    ("0", N_("Check campaigns"), "campaigns"),
    ("F6", N_("Security register"), "security"),
    ("F8", N_("Checks"), "checks"),
)


class HeadHome(HomeFrame):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(key.lower(), f"go({opens!r})", title, show=False) for key, title, opens in MENU
    ]

    def below(self) -> Iterable[Widget]:
        with Horizontal(id="lists"):
            with Vertical(id="worst", classes="box") as box:
                box.border_title = _("Branches, worst first")
                yield Table[BranchOut](self._branch_columns(), lambda branch: branch.code, id="branches")
            with Vertical(id="happened", classes="box") as box:
                box.border_title = _("Events")
                yield Table[EventOut](
                    self.event_columns(),
                    lambda event: (event.at, event.text),
                    empty=_("Nothing happened."),
                    id="events",
                )
        yield Menu([(key, _(title), f"screen.go({opens!r})") for key, title, opens in MENU])

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one("#branches").focus()

    def _branch_columns(self) -> list[Column[BranchOut]]:
        cells = self.cells
        return [
            Column(_("State"), cells.stands, state_width()),
            Column(_("Branch"), lambda branch: said(branch.name), 14, grow=1),
            Column(_("What"), lambda branch: said(branch.worst), 16, grow=3, drop=1),
            Column(_("Conditions"), lambda branch: said(str(branch.conditions or "")), 4, right=True),
            Column(_("Tickets"), lambda branch: said(str(branch.tickets or "")), 6, right=True),
        ]

    def show(self, home: Home) -> None:
        self.query_one("#branches", Table).reload(listed(home.branches))
        self.query_one("#events", Table).reload(listed(home.events))

    @on(Table.Opened, "#branches")
    def _branch(self, message: Table.Opened) -> None:
        self.app.open(f"branches/{message.row.code}")
