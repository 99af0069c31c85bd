"""A branch's own home: what is wrong, what to do about it, and three keys. A teller understands it at once.

```
┌ 今天 ─────────────────────────────────────┐
│ 设备 38   ■ 异常 2   ▲ 未结报修 3            │
│ [1 报修]   [2 我的网点设备]   [3 报修单]      │
├ 当前异常 ──────────────────────────────────┤
│ ■ 前盖未关   1号窗口 存折打印机   2 分钟       │
│ 处理提示  1 合上前盖  2 …                     │
├ 全部设备 ──────────────────────────────────┤
```
"""

from collections.abc import Iterable
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widget import Widget
from textual.widgets import Button, Static

from server.schemas.conditions import ConditionOut
from server.schemas.home import Home
from server.schemas.positions import PositionRow
from tui.cells import said, state_width
from tui.client import PositionQuery
from tui.plain import plain
from tui.screens.home import HomeFrame
from tui.shell import Changed
from tui.texts import N_, _
from tui.widgets.columns import Column
from tui.widgets.table import Slice, Table, listed

KEYS = (
    ("1", N_("Report a fault"), "go('report')"),
    ("2", N_("My branch's devices"), "go('devices')"),
    ("3", N_("Tickets"), "go('tickets')"),
    ("4", N_("Check campaigns"), "go('campaigns')"),
    ("5", N_("Security register"), "go('security')"),
)


class BranchHome(HomeFrame):
    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(key, action, title, show=False) for key, title, action in KEYS),
        Binding("f7", "report", N_("Report a fault")),
    ]

    def below(self) -> Iterable[Widget]:
        with Horizontal(id="keys"):
            for key, title, action in KEYS:
                yield Button(Text(key + "  " + _(title)), action=f"screen.{action}")
        with Vertical(id="wrong", classes="box") as box:
            box.border_title = _("Open conditions")
            yield Table[ConditionOut](
                self.condition_columns(branch=False),
                lambda condition: condition.uid,
                empty=_("Nothing is wrong."),
                id="conditions",
            )
            yield Static(id="card")
        with Vertical(id="all", classes="box") as box:
            box.border_title = _("All devices")
            yield Table[PositionRow](
                self._device_columns(), lambda row: row.key, anew=self.app.position_rows, id="devices"
            )

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one("#conditions").focus()

    def _device_columns(self) -> list[Column[PositionRow]]:
        cells = self.cells
        return [
            Column(_("State"), cells.stands, state_width()),
            Column(_("Device"), lambda row: said(row.name), 20, grow=2),
            Column(_("Branch"), lambda row: said(row.branch_name), 12, drop=2),
            Column(_("What"), cells.what, 14, grow=3),
            Column(_("Data"), lambda row: cells.data(row.seen_at, row.as_of), 10, right=True),
            Column(_("Ticket"), lambda row: said(row.ticket), 10, drop=1),
        ]

    def show(self, home: Home) -> None:
        self.query_one("#conditions", Table).reload(listed(home.conditions))
        self.query_one("#devices", Table).reload(self._devices)
        self.query_one("#wrong").border_title = _("Open conditions ({n})").format(n=len(home.conditions))
        # As tall as it needs to be, up to half the screen: on a calm day the devices have the room.
        self.query_one("#conditions").styles.height = min(max(2, len(home.conditions)) + 1, self.size.height // 3)

    async def fetch(self) -> None:
        await self.query_one("#devices", Table).still()  # rows that changed come first
        await super().fetch()
        await self.query_one("#devices", Table).still()

    def on_changed(self, message: Changed) -> None:
        if message.event is not None:
            self.query_one("#devices", Table).changed(message.event.key)
        super().on_changed(message)

    async def _devices(self, offset: int, limit: int) -> Slice[PositionRow] | None:
        page = await self.app.ask(self.app.client.positions(PositionQuery(), offset=offset, limit=limit))
        return None if page is None else Slice(page.rows, page.total)

    @on(Table.Moved, "#conditions")
    def _under(self, message: Table.Moved) -> None:
        """The fix card of the condition under the cursor: up to three steps a teller can do."""
        card = Text(no_wrap=False)
        if message.row is not None and message.row.fix_card:
            card.append(_("What to do") + " ", style=f"bold {self.app.ink('attention')}")
            for place, step in enumerate(message.row.fix_card, 1):
                card.append(f" {place} ", style="bold")
                card.append(plain(step) + " ")
        told = self.query_one("#card", Static)
        told.update(card)
        told.display = bool(card)

    @on(Table.Opened, "#conditions")
    def _condition(self, message: Table.Opened) -> None:
        condition: ConditionOut = message.row
        self.app.open(
            f"devices/{condition.subject}" if condition.subject_kind == "position" else f"branches/{condition.branch}"
        )

    @on(Table.Opened, "#devices")
    def _device(self, message: Table.Opened) -> None:
        self.app.open(f"devices/{message.row.key}")

    def action_report(self) -> None:
        """Of the row the cursor is on."""
        devices = self.query_one("#devices", Table)
        row = devices.row if devices.has_focus else self.query_one("#conditions", Table).row
        if isinstance(row, ConditionOut):
            self.app.report(row.subject, row.subject_name, row.title)
        elif isinstance(row, PositionRow):
            self.app.report(row.key, row.name, row.detail)
        else:
            self.app.open("report")
