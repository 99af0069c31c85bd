"""Removable media: the bank's own, and what agents saw put into PCs and taken out.

```
 1 全部出现记录
 12 个移动介质 · 214 个采集程序中 198 个报告过移动介质
  状态      编号    序列号        网点      保管人   归还期限     最近出现
  ▲ 逾期    U-001   E0D55EA573    正午支行  王小兰   2026-11-01   3 天 1001-pc
```
"""

from collections.abc import Iterable, Sequence
from typing import ClassVar
from urllib.parse import quote

from textual.binding import Binding, BindingType
from textual.widget import Widget

from server.schemas.base import Page
from server.schemas.media import SightingOut, SightingPage, StickOut, StickPage
from tui.cells import said
from tui.screens.listing import Listing
from tui.texts import N_, _
from tui.widgets.columns import Column
from tui.widgets.menu import Menu
from tui.words.media import WORDS, make, status, watched, way_word

MARK = 10  # cells of a mark with its word


class Sticks(Listing[StickOut]):
    TITLE_TEXT = N_("Removable media")
    EMPTY = N_("No medium is registered: branchfleet media register.")
    SEARCHED = False
    BINDINGS: ClassVar[list[BindingType]] = [Binding("1", "seen", N_("Everything seen"), show=False)]

    def above(self) -> Iterable[Widget]:
        yield Menu([("1", _("Everything seen"), "screen.seen")])

    def columns(self) -> list[Column[StickOut]]:
        cells = self.cells
        return [
            Column(_("State"), lambda row: cells.mark(status(row)), MARK),
            Column(_("Label"), lambda row: said(row.label), 12, grow=1),
            Column(_("Serial number"), lambda row: cells.dim(row.serial), 16, grow=1, drop=3),
            Column(_("Branch"), lambda row: said(row.branch_name), 12, grow=1),
            Column(_("Keeper"), lambda row: said(row.keeper), 10),
            Column(_("Back by"), lambda row: said(row.due.isoformat() if row.due else ""), 10, drop=1),
            Column(_("Last seen"), lambda row: cells.ago(row.seen_at), 12, right=True),
            Column(_("Seen by"), lambda row: cells.dim(row.seen_by), 12, drop=2),
            Column(_("Note"), lambda row: cells.dim(row.note), 10, grow=1, drop=4),
        ]

    def key(self, row: StickOut) -> object:
        return row.label

    async def page(self, offset: int, limit: int) -> tuple[Sequence[StickOut], Page] | None:
        answer = await self.app.ask(self.app.client.media(offset=offset, limit=limit))
        return None if answer is None else (answer.rows, answer)

    def told(self, page: Page) -> list[str]:
        counted = _("{n} media").format(n=f"{page.total:,}")
        return [counted, watched(page) if isinstance(page, StickPage) else ""]

    def open_row(self, row: StickOut) -> None:
        self.app.open(f"media?serial={quote(row.serial)}")

    def action_seen(self) -> None:
        self.app.open("media/seen")


class Sightings(Listing[SightingOut]):
    """Of everything, or of one medium."""

    TITLE_TEXT = N_("Removable media seen")
    EMPTY = N_("No agent told of a medium.")
    SEARCHED = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("1", "odd(False)", show=False),
        Binding("2", "odd(True)", show=False),
    ]

    def __init__(self, serial: str = "", branch: str | None = None) -> None:
        super().__init__()
        self._serial, self._branch, self._strange = serial, branch, False

    def above(self) -> Iterable[Widget]:
        titles = (N_("Everything"), N_("Only what should not have been in"))
        yield Menu([(str(n), _(title), f"screen.odd({n == 2})") for n, title in enumerate(titles, 1)], chosen="1")

    def columns(self) -> list[Column[SightingOut]]:
        cells = self.cells
        return [
            Column(_("By the register"), lambda row: cells.mark(WORDS[row.word]), MARK),
            Column(_("Time"), lambda row: cells.moment(row.at), 11),
            Column(_("Agent"), lambda row: said(row.agent), 12, grow=1),
            Column(_("Branch"), lambda row: said(row.branch_name), 12, grow=1, drop=2),
            Column(_("What"), lambda row: said(way_word(row.way)), 12),
            Column(_("Label"), lambda row: said(row.label), 10, drop=3),
            Column(_("Serial number"), lambda row: said(row.serial or "—"), 16, grow=2),
            Column(_("Maker and model"), lambda row: cells.dim(make(row)), 16, grow=2, drop=4),
            Column(_("Ticket"), lambda row: said(row.ticket), 10, drop=1),
        ]

    def key(self, row: SightingOut) -> object:
        return (row.at, row.agent, row.serial, row.way)

    async def page(self, offset: int, limit: int) -> tuple[Sequence[SightingOut], Page] | None:
        asked = self.app.client.sightings(
            branch=self._branch, serial=self._serial, odd=self._strange, offset=offset, limit=limit
        )
        answer = await self.app.ask(asked)
        return None if answer is None else (answer.rows, answer)

    def told(self, page: Page) -> list[str]:
        counted = _("{n} sightings").format(n=f"{page.total:,}")
        return [self._serial, counted, watched(page) if isinstance(page, SightingPage) else ""]

    def open_row(self, row: SightingOut) -> None:
        self.app.open(f"tickets/{row.ticket}" if row.ticket else f"agents/{row.agent}")

    def action_odd(self, odd: bool) -> None:
        self._strange = odd
        self.query_one(Menu).choose("2" if odd else "1")
        self.ask_anew()
