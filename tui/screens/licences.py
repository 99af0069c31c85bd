"""Software licences: by product what was bought, is installed and in use; the hosts behind a figure; the register.

```
 1 已装  2 未激活  3 未核查  4 全部主机  5 授权登记  F8 导出
 12 个产品 · 442 台主机中 421 台在 30 天内报告了全部软件
  情况        产品                 厂商        已购   已装   在用   超用   富余   未核查   最近到期
  ■ 超用      Office 2016 专业增强版 Microsoft   300    312    312     12      0       21
```
"""

from collections.abc import Iterable, Sequence
from typing import ClassVar
from urllib.parse import quote

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.widget import Widget

from server.schemas.base import Page
from server.schemas.licences import Install, InstallOut, InstallPage, LicenceOut, LicencePage, ProductOut, ProductPage
from server.schemas.people import Role
from tui.cells import said
from tui.screens.licences_export import LicencesExport
from tui.screens.listing import Listing
from tui.texts import N_, _
from tui.widgets.columns import Column
from tui.widgets.menu import Menu
from tui.words.licence import KINDS, STANDINGS, WORDS, counted, listed, mark, number, why
from tui.words.marks import Ink

MARK = 12  # cells of a mark with its word
THERE = (Install.USED, Install.UNLICENSED, Install.GRACE, Install.UNSAID)
LISTS: dict[str, tuple[Install, ...]] = {
    N_("Installed"): THERE,
    N_("Not licensed"): (Install.UNLICENSED, Install.GRACE, Install.UNSAID),
    N_("Not known"): (Install.UNKNOWN,),
    N_("All hosts"): (),
}


class Licences(Listing[ProductOut]):
    """Every figure leads to its hosts: Enter to those that have it, a digit to the others."""

    TITLE_TEXT = N_("Software licences")
    EMPTY = N_("Nothing was bought and nothing is known to be installed.")
    SEARCHED = False
    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(str(digit), f"hosts({digit})", title) for digit, title in enumerate(LISTS, 1)),
        Binding("5", "register", N_("Register")),
        Binding("f8", "export", N_("Export")),
    ]

    def columns(self) -> list[Column[ProductOut]]:
        cells = self.cells
        return [
            Column(_("State"), lambda one: cells.mark(mark(one)), MARK),
            Column(_("Product"), lambda one: said(one.name), 22, grow=2),
            Column(_("Publisher"), lambda one: cells.dim(one.publisher), 10, grow=1, drop=3),
            Column(_("Seats bought"), lambda one: said(number(one.bought)), 7, right=True),
            Column(_("Installed"), lambda one: said(number(one.installed)), 7, right=True),
            Column(_("In use"), lambda one: said(number(one.used)), 7, right=True),
            Column(_("Over"), lambda one: self._ink(one.over, "fault"), 6, right=True),
            Column(_("Spare"), lambda one: said(number(one.spare)), 6, right=True),
            Column(_("Not known"), lambda one: self._ink(one.unknown, "unknown"), 7, right=True),
            Column(_("First end"), lambda one: said(one.next_end.isoformat() if one.next_end else ""), 10, drop=1),
            Column(_("Expired"), lambda one: self._ink(one.expired, "fault"), 7, right=True, drop=2),
        ]

    def _ink(self, count: int | None, ink: Ink) -> Text:
        """Nought is dim: only what there is has a colour."""
        return self.cells.ink(f"{count:,}", ink) if count else self.cells.dim(number(count))

    def key(self, row: ProductOut) -> object:
        return row.product

    async def page(self, offset: int, limit: int) -> tuple[Sequence[ProductOut], Page] | None:
        answer = await self.app.ask(self.app.client.licences(offset=offset, limit=limit))
        return None if answer is None else (answer.rows, answer)

    def told(self, page: Page) -> list[str]:
        counted = _("{n} products").format(n=f"{page.total:,}")
        return [counted, listed(page) if isinstance(page, ProductPage) else ""]

    def open_row(self, row: ProductOut) -> None:
        self.app.open(f"licences?product={quote(row.product)}")

    def action_hosts(self, digit: int) -> None:
        if (row := self.table.row) is not None:
            self.app.open(f"licences?product={quote(row.product)}&list={digit}")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("register", "export"):
            return self.app.person is not None and self.app.person.role is not Role.BRANCH
        return super().check_action(action, parameters)

    def action_register(self) -> None:
        self.app.open("licences/register")

    def action_export(self) -> None:
        self.app.push_screen(LicencesExport())


class Installs(Listing[InstallOut]):
    """The hosts of one product, a list a digit."""

    TITLE_TEXT = N_("Hosts by licence")
    EMPTY = N_("No host stands so.")
    SEARCHED = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(str(digit), f"which({digit})", show=False) for digit in range(1, len(LISTS) + 1)
    ]

    def __init__(self, product: str, which: str | None = None, branch: str | None = None) -> None:
        super().__init__()
        self._product, self._branch = product, branch
        self._which = int(which) if which in ("1", "2", "3", "4") else 1

    def above(self) -> Iterable[Widget]:
        entries = [(str(n), _(title), f"screen.which({n})") for n, title in enumerate(LISTS, 1)]
        yield Menu(entries, chosen=str(self._which))

    def columns(self) -> list[Column[InstallOut]]:
        cells = self.cells
        return [
            Column(_("State"), lambda row: cells.mark(WORDS[row.word]), MARK + 4),
            Column(_("Branch"), lambda row: said(row.branch_name), 12, grow=1, drop=2),
            Column(_("Key"), lambda row: said(row.host), 14, grow=1),
            Column(_("Name"), lambda row: cells.dim(row.name), 12, grow=1, drop=3),
            Column(_("Program"), lambda row: said(row.program), 24, grow=2),
            Column(_("Why"), lambda row: said(why(row.why)), 16, grow=1, drop=1),
            Column(_("As of"), lambda row: cells.ago(row.at), 10, right=True),
        ]

    def key(self, row: InstallOut) -> object:
        return row.host

    async def page(self, offset: int, limit: int) -> tuple[Sequence[InstallOut], Page] | None:
        words = list(LISTS.values())[self._which - 1]
        asked = self.app.client.licence_hosts(
            self._product, words=words, branch=self._branch, offset=offset, limit=limit
        )
        answer = await self.app.ask(asked)
        return None if answer is None else (answer.rows, answer)

    def told(self, page: Page) -> list[str]:
        return [page.name, counted(page)] if isinstance(page, InstallPage) else []

    def open_row(self, row: InstallOut) -> None:
        self.app.open(f"hosts/{row.host}")

    def action_which(self, digit: int) -> None:
        self._which = digit
        self.query_one(Menu).choose(str(digit))
        self.ask_anew()


class Register(Listing[LicenceOut]):
    TITLE_TEXT = N_("Register of licences")
    EMPTY = N_("No licence is registered: branchfleet licences register.")
    SEARCHED = False

    def columns(self) -> list[Column[LicenceOut]]:
        cells = self.cells
        return [
            Column(_("State"), lambda row: cells.mark(STANDINGS[row.standing]), MARK),
            Column(_("Licence number"), lambda row: said(row.code), 10, grow=1),
            Column(_("Product"), lambda row: said(row.name), 18, grow=2),
            Column(_("Kind"), lambda row: cells.dim(_(KINDS[row.kind])), 8, drop=4),
            Column(_("Seats"), lambda row: said(number(row.seats)), 6, right=True),
            Column(_("Ends on"), lambda row: said(row.expires_on.isoformat() if row.expires_on else _("for good")), 10),
            Column(_("Contract"), lambda row: said(row.contract), 12, grow=1, drop=1),
            Column(_("Keeper"), lambda row: said(row.keeper), 8),
            Column(_("Where the key is"), lambda row: cells.dim(row.key_at), 12, grow=1, drop=2),
            Column(_("Bought on"), lambda row: cells.dim(row.bought_on.isoformat()), 10, drop=3),
            Column(_("Note"), lambda row: cells.dim(row.note), 8, grow=1, drop=5),
        ]

    def key(self, row: LicenceOut) -> object:
        return row.code

    async def page(self, offset: int, limit: int) -> tuple[Sequence[LicenceOut], Page] | None:
        answer: LicencePage | None = await self.app.ask(self.app.client.licence_register(offset=offset, limit=limit))
        return None if answer is None else (answer.rows, answer)

    def told(self, page: Page) -> list[str]:
        return [_("{n} licences").format(n=f"{page.total:,}")]

    def open_row(self, row: LicenceOut) -> None:
        self.app.open(f"licences?product={quote(row.product)}")
