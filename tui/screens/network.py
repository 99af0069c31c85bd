"""The wire against the ledger: three lists, a digit each, and of how many branches they speak.

```
 1 在网不在册  2 在册未见  3 在网无杀毒  4 网段扫描
 214 个网点中 198 个有数据，最旧 21 小时前 · 不在册 3 · 随机MAC 2
  情况        网点      是谁              MAC                地址        位置                 最近出现
```
"""

from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget

from server.schemas.base import Page
from server.schemas.network import NetworkList, NetworkPage, NetworkRow
from tui.cells import said
from tui.screens.listing import Listing
from tui.texts import N_, _
from tui.widgets.columns import Column
from tui.widgets.menu import Menu
from tui.words.network import LISTS, SORTS, addresses, counted, covered, pending, where, who

MARK = 12  # cells of a mark with its word


class Network(Listing[NetworkRow]):
    TITLE_TEXT = N_("Wire against ledger")
    EMPTY = N_("Nobody. The line above says of how many branches that is known.")
    SEARCHED = False
    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(str(digit), f"which({digit})", show=False) for digit in range(1, len(LISTS) + 1)),
        Binding(str(len(LISTS) + 1), "sweeps", N_("Sweeps"), show=False),
    ]

    def __init__(self, branch: str | None = None) -> None:
        super().__init__()
        self._branch = branch
        self._which = NetworkList.STRANGERS

    def above(self) -> Iterable[Widget]:
        lists = [(str(n), _(title), f"screen.which({n})") for n, title in enumerate(LISTS.values(), 1)]
        yield Menu([*lists, (str(len(lists) + 1), _("Sweeps"), "screen.sweeps")], chosen="1")

    def columns(self) -> list[Column[NetworkRow]]:
        cells = self.cells
        return [
            Column(_("What"), lambda row: cells.mark(SORTS[row.sort]), MARK),
            Column(_("Branch"), lambda row: said(row.branch_name), 12, grow=1, drop=1),
            Column(_("Who it is"), lambda row: said(who(row)), 16, grow=2),
            Column(_("MAC"), lambda row: said(row.mac), 17),
            Column(_("Address"), lambda row: said(addresses(row)), 15, grow=1),
            Column(_("Network"), lambda row: cells.dim(row.segment), 8, drop=4),
            Column(_("Where"), lambda row: said(where(row)), 14, grow=2, drop=2),
            Column(_("First seen"), lambda row: cells.moment(row.first_at), 11, drop=3),
            Column(_("Last seen"), lambda row: cells.ago(row.last_at), 10, right=True),
        ]

    def key(self, row: NetworkRow) -> object:
        return (row.sort, row.key or row.mac)

    async def page(self, offset: int, limit: int) -> tuple[Sequence[NetworkRow], Page] | None:
        asked = self.app.client.network(self._which, branch=self._branch, offset=offset, limit=limit)
        answer = await self.app.ask(asked)
        return None if answer is None else (answer.rows, answer)

    def told(self, page: Page) -> list[str]:
        if not isinstance(page, NetworkPage):
            return []
        return [covered(page), pending(page), counted(page, self._which)]  # of how many first: 80 columns cut the rest

    def open_row(self, row: NetworkRow) -> None:
        key = row.key or row.claims
        if key:
            self.app.open(f"devices/{key}" if "/" in key else f"agents/{key}")

    def action_sweeps(self) -> None:
        self.app.open(f"network/sweeps?branch={self._branch}" if self._branch else "network/sweeps")

    def action_which(self, digit: int) -> None:
        self._which = list(LISTS)[digit - 1]
        self.query_one(Menu).choose(str(digit))
        self.ask_anew()
