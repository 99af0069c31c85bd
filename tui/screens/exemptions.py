"""Who is let be, until when: those that end soon first. Head office grants and withdraws.

```
 7 项豁免，2 项将在 30 天内到期
  状态       至          核查项          对象           台   批准人   补偿措施
  ▲ 即将到期  2026-12-10  已安装杀毒软件   1001 atm       12   李某     白名单管控
```
"""

from collections.abc import Awaitable, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType

from server.schemas.base import Page
from server.schemas.exemptions import ExemptionOut, ExemptionPage
from tui.cells import said
from tui.screens.ask_text import AskText
from tui.screens.exempt import Exempt
from tui.screens.listing import Listing
from tui.texts import N_, _
from tui.widgets.columns import Column
from tui.words.verdicts import STANDINGS


class Exemptions(Listing[ExemptionOut]):
    TITLE_TEXT = N_("Exemptions")
    EMPTY = N_("Nobody is exempt from anything.")
    SEARCHED = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("1", "exempt", N_("Exempt")),
        Binding("2", "withdraw", N_("Withdraw")),
        Binding("3", "over", N_("Also those over")),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._over = False

    def columns(self) -> list[Column[ExemptionOut]]:
        cells = self.cells
        return [
            Column(_("State"), lambda row: cells.mark(STANDINGS[row.standing]), 10),
            Column(_("Until"), lambda row: said(row.until), 10),
            Column(_("Item checked"), lambda row: said(row.title), 16, grow=2),
            Column(_("About"), lambda row: said(" ".join((row.about_name, row.cls)).strip()), 14, grow=1),
            Column(_("Hosts"), lambda row: said(f"{row.hosts:,}"), 5, right=True),
            Column(_("Approver"), lambda row: said(row.approver), 8),
            Column(_("Instead"), lambda row: said(row.control), 14, grow=2),
            Column(_("By"), lambda row: cells.dim(row.by), 9, drop=1),
        ]

    def key(self, row: ExemptionOut) -> object:
        return row.uid or (row.check, row.about)

    async def page(self, offset: int, limit: int) -> tuple[Sequence[ExemptionOut], Page] | None:
        answer = await self.app.ask(self.app.client.exemptions(over=self._over, offset=offset, limit=limit))
        return None if answer is None else (answer.rows, answer)

    def told(self, page: Page) -> list[str]:
        if not isinstance(page, ExemptionPage):
            return []
        return [_("{n} exemptions, {soon} end within 30 days.").format(n=page.total, soon=page.soon)]

    def open_row(self, row: ExemptionOut) -> None:
        branch = row.hosts != 1 or "/" not in row.about
        self.app.open(f"hosts?check={row.check}&word=exempt" if branch else f"hosts/{row.about}")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("exempt", "withdraw"):
            return self.app.head
        return super().check_action(action, parameters)

    def action_exempt(self) -> None:
        self.app.push_screen(Exempt(), lambda _done: self.reload())

    def action_over(self) -> None:
        self._over = not self._over
        self.ask_anew()

    def action_withdraw(self) -> None:
        row = self.table.row
        if row is None:
            return
        if row.uid is None:
            self.app.say(_("That is of bank.toml on the server, and ends there."), "warning")
            return
        uid = row.uid

        def deed(reason: str) -> Awaitable[ExemptionOut]:
            return self.app.client.end_exemption(uid, reason)

        asked = _("Withdraw the exemption of {about}. Why?").format(about=row.about_name)
        self.app.push_screen(AskText(asked, deed), lambda _done: self.reload())
