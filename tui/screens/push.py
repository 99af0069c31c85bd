"""One push: how far it is as it goes on, and each order that was not carried out with its reason.

```
 ◇ 进行中  现在读一次   正午支行
 已完成 37/60 · 失败 1 · 等待 22
 li · 10:39:02 下发 · 10:41:02 前有效
  ■ 失败   1001-pc  正午支行   串口被其他程序占用
  ○ 等待   1002-pc  滨河支行
 1002-pc 11-29 17:02 后没有消息
```
"""

from collections.abc import Iterable
from typing import ClassVar

from rich.text import Text
from textual import on, work
from textual.binding import Binding, BindingType
from textual.widget import Widget
from textual.widgets import Static

from server.schemas.orders import OrderOut, PushOut
from tui.cells import order_width, said
from tui.plain import plain
from tui.screens.choose import Choice, Choose
from tui.screens.frame import Frame
from tui.screens.read_now import may_push
from tui.shell import Changed, Link
from tui.texts import N_, _
from tui.widgets.columns import Column
from tui.widgets.table import Slice, Table
from tui.words.marks import order_mark, push_mark
from tui.words.push import progress, readings, told_of, what, when

LOOK = 3.0  # seconds between looks while it goes on and nobody tells of changes


class Push(Frame):
    CSS_PATH = ["frame.tcss", "push.tcss"]  # noqa: RUF012 - Textual's own declaration
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("1", "cancel", N_("Cancel the push")),
        Binding("2", "about", N_("See what it is about")),
    ]

    def __init__(self, uid: str) -> None:
        super().__init__()
        self._uid = uid
        self._push: PushOut | None = None

    def body(self) -> Iterable[Widget]:
        yield Static(id="head")
        yield Table[OrderOut](self._columns(), lambda row: row.uid, empty=_("No order."))
        yield Static(id="came")

    @property
    def table(self) -> Table[OrderOut]:
        return self.query_one(Table)

    def on_mount(self) -> None:
        super().on_mount()
        self.place(_("Push"))
        self.table.focus()
        self.set_interval(LOOK, self._look)

    # asking

    def on_changed(self, message: Changed) -> None:
        """What other pushes and devices do is none of this page's business."""
        event = message.event
        if event is None or event.topic == "all" or event.key == self._uid:
            super().on_changed(message)

    def _look(self) -> None:
        going_on = self._push is not None and self._push.ended_at is None
        if going_on and self.app.link is not Link.LIVE:
            self.on_changed(Changed(None))

    async def fetch(self) -> None:
        push = await self.app.ask(self.app.client.pushed(self._uid))
        if push is None:
            return
        self.fetched()
        self._push = push
        self.place(f"{what(push)} · {plain(push.about_name)}")
        self.age()
        self.refresh_bindings()
        self.table.reload(self._orders)
        await self.table.still()

    async def _orders(self, offset: int, limit: int) -> Slice[OrderOut] | None:
        page = await self.app.ask(self.app.client.orders(self._uid, offset=offset, limit=limit))
        return None if page is None else Slice(page.rows, page.total)

    # showing

    def age(self) -> None:
        push = self._push
        if push is None:
            self.query_one("#head", Static).update(self.nothing)
            return
        cells = self.cells
        head = Text.assemble(cells.mark(push_mark(push)), "  ", (what(push), "bold"), "  ", plain(push.about_name))
        facts = " · ".join(map(plain, when(push, cells.now())))
        told = " · ".join(one for one in (progress(push), readings(push)) if one)
        told = _("{ago}: {what}").format(ago=self.old, what=told) if self.old else told
        lines = [head, Text(told), cells.dim(facts)]
        self.query_one("#head", Static).update(Text("\n").join(lines))

    def _columns(self) -> list[Column[OrderOut]]:
        cells = self.cells
        return [
            Column(_("State"), lambda row: cells.mark(order_mark(row)), order_width()),
            Column(_("Agent"), lambda row: said(row.agent_name or row.agent), 10, grow=1),
            Column(_("Branch"), lambda row: said(row.branch_name), 10, grow=1, drop=2),
            Column(_("Ended"), lambda row: cells.moment(row.ended_at) if row.ended_at else said(""), 11, drop=3),
            Column(_("What came of it"), lambda row: said(" · ".join(self._told(row)[:1])), 14, grow=4, drop=1),
        ]

    def _told(self, row: OrderOut) -> list[str]:
        return told_of(row, self._push.what if self._push is not None else "")

    @on(Table.Moved)
    def _under(self, message: Table.Moved) -> None:
        """All that is known of the order under the cursor."""
        lines = self._told(message.row) if message.row is not None else []
        told = self.query_one("#came", Static)
        told.update(Text("\n".join(plain(line) for line in lines)))
        told.display = bool(lines)

    @on(Table.Opened)
    def _agent(self, message: Table.Opened) -> None:
        self.app.open(f"agents/{message.row.agent}")

    # keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        push = self._push
        if action == "cancel":
            return push is not None and push.ended_at is None and may_push(self.app, push.about)
        if action == "about":
            return push is not None and push.about != ""
        return super().check_action(action, parameters)

    def action_about(self) -> None:
        if self._push is not None:
            about = self._push.about
            places = {"/line/": "branches/" + about.partition("/")[0], "/": f"devices/{about}"}
            self.app.open(next((to for sign, to in places.items() if sign in about), self._whole(about)))

    def _whole(self, about: str) -> str:
        """A branch or an agent: both are one word. An agent of its own push has that very key."""
        row = self.table.row
        return f"agents/{about}" if row is not None and row.agent == about else f"branches/{about}"

    def action_cancel(self) -> None:
        sure = _("Cancel it? What was begun goes on to its end.")
        self.app.push_screen(Choose(sure, [Choice("cancel", _("Yes")), Choice("", _("No"))]), self._decided)

    def _decided(self, choice: str | None) -> None:
        if choice:
            self._cancel()

    @work(exclusive=True, group="deed")
    async def _cancel(self) -> None:
        if await self.app.do(self.app.client.cancel_push(self._uid)) is not None:
            self.reload()
