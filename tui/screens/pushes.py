"""What agents were asked to do, newest first, and how far each is.

```
 2 次下发
  ◇ 进行中   10:39  现在读一次  正午支行  已完成 37/60 · 失败 1 · 等待 22   li
```
"""

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType

from server.schemas.base import Page
from server.schemas.orders import PushOut
from tui.cells import push_width, said
from tui.screens.listing import Listing
from tui.screens.read_now import may_push, read_now
from tui.texts import N_, _
from tui.widgets.columns import Column
from tui.words.marks import push_mark
from tui.words.push import progress, what


class Pushes(Listing[PushOut]):
    TITLE_TEXT = N_("Pushes")
    EMPTY = N_("Nothing was pushed yet.")
    SEARCHED = False
    BINDINGS: ClassVar[list[BindingType]] = [Binding("1", "read_now", N_("Read all now"))]

    def __init__(self, about: str | None = None) -> None:
        super().__init__()
        self._about = about

    def columns(self) -> list[Column[PushOut]]:
        cells = self.cells
        return [
            Column(_("State"), lambda row: cells.mark(push_mark(row)), push_width()),
            Column(_("Pushed"), lambda row: cells.moment(row.at), 11, drop=2),
            Column(_("Order"), lambda row: said(what(row)), 10, drop=3),
            Column(_("About"), lambda row: said(row.about_name), 10, grow=2),
            Column(_("Progress"), lambda row: said(progress(row)), 12, grow=3),
            Column(_("By"), lambda row: cells.dim(row.by), 8, drop=4),
            Column(_("Reason"), lambda row: cells.dim(row.reason), 10, grow=1, drop=5),
        ]

    def key(self, row: PushOut) -> object:
        return row.uid

    async def page(self, offset: int, limit: int) -> tuple[Sequence[PushOut], Page] | None:
        answer = await self.app.ask(self.app.client.pushes(about=self._about, offset=offset, limit=limit))
        return None if answer is None else (answer.rows, answer)

    def told(self, page: Page) -> list[str]:
        return [_("{n} pushes").format(n=f"{page.total:,}"), self._about or ""]

    def open_row(self, row: PushOut) -> None:
        self.app.open(f"pushes/{row.uid}")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "read_now":
            return may_push(self.app, self._about or "")
        return super().check_action(action, parameters)

    def action_read_now(self) -> None:
        read_now(self.app, self._about or "", self._about or _("all branches"), many=True)
