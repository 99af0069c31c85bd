"""Branches by checks, or hosts by checks: a mark a cell, and in full below what is under the cursor.

```
  网点        主机   1     2     3
  正午支行      12   ■3    ●     ○1
 1 MS17-010  2 高危端口  3 病毒库 …
 MS17-010 合格 8，不合格 3，未核查 1 …
```
"""

from collections.abc import Iterable, Sequence
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.binding import Binding, BindingType
from textual.widget import Widget
from textual.widgets import Static

from server.schemas.base import Page
from server.schemas.matrix import BranchCounts, CheckCounts, HostPage, HostRow, MatrixPage
from tui.cells import said
from tui.client import HostQuery
from tui.opens import Place
from tui.plain import plain
from tui.screens.checks import heard
from tui.screens.listing import Listing, T
from tui.screens.verdicts_export import VerdictsExport
from tui.texts import N_, _
from tui.widgets.columns import Column
from tui.widgets.table import Table
from tui.words.verdicts import MARKS, WORDS, aged, counted, worst

ILL = ("fail", "unknown", "exempt")


class _ByChecks(Listing[T]):
    """Columns by number: the titles stand below, where there is room for them."""

    CSS_PATH = ["frame.tcss", "matrix.tcss"]  # noqa: RUF012 - Textual's own declaration
    BINDINGS: ClassVar[list[BindingType]] = [Binding("f8", "export", N_("Export"))]

    def __init__(self, q: str = "") -> None:
        super().__init__(q)
        self._checks: Sequence[CheckCounts] = ()

    def body(self) -> Iterable[Widget]:
        yield from super().body()
        yield Static(id="legend")
        yield Static(id="under")

    def learn(self, checks: Sequence[CheckCounts]) -> None:
        """The checks there are: they are the columns."""
        if [one.check for one in checks] != [one.check for one in self._checks]:
            self._checks = checks
            self.table.have(self.columns())
        self._checks = checks
        self.query_one("#legend", Static).update(self._legend(self.size.width - 2))

    def _legend(self, width: int) -> Text:
        """The numbers of the columns with their checks, none torn in two."""
        lines = [Text()]
        for number, one in enumerate(self._checks, 1):
            entry = Text.assemble((f"{number} ", "bold"), self.cells.dim(f"{one.title}  "))
            if lines[-1].cell_len + entry.cell_len > width:
                lines.append(Text())
            lines[-1].append_text(entry)
        return Text("\n").join(lines)

    def under(self, row: T) -> Iterable[Text]:
        """What the row under the cursor says, in full."""
        raise NotImplementedError

    @on(Table.Moved)
    def _under(self, message: Table.Moved) -> None:
        lines = [] if message.row is None else list(self.under(message.row))
        self.query_one("#under", Static).update(Text("\n").join(lines))

    def exported(self) -> HostQuery:
        return HostQuery()

    def action_export(self) -> None:
        self.app.push_screen(VerdictsExport(self.exported()))


class Matrix(_ByChecks[BranchCounts]):
    TITLE_TEXT = N_("Branches by checks")
    EMPTY = N_("No branch has hosts.")
    SEARCHED = False

    def columns(self) -> list[Column[BranchCounts]]:
        cells = self.cells
        return [
            Column(_("Branch"), lambda row: said(row.name), 12, grow=1),
            Column(_("Hosts"), lambda row: cells.dim(f"{row.hosts:,}"), 6, right=True),
            *(self._column(place) for place in range(len(self._checks))),
        ]

    def _column(self, place: int) -> Column[BranchCounts]:
        def cell(row: BranchCounts) -> Text:
            word, number = worst(row.counts[place])
            count = f"{number:,}" if word in ILL else ""
            return self.cells.ink(f"{MARKS[word].shape}{count}", MARKS[word].ink)

        return Column(str(place + 1), cell, 4)

    def key(self, row: BranchCounts) -> object:
        return row.code

    async def page(self, offset: int, limit: int) -> tuple[Sequence[BranchCounts], Page] | None:
        answer = await self.app.ask(self.app.client.matrix(offset=offset, limit=limit))
        if answer is None:
            return None
        self.learn(answer.checks)
        return answer.rows, answer

    def told(self, page: Page) -> list[str]:
        return [_("worst first"), heard(page.hosts, page.heard)] if isinstance(page, MatrixPage) else []

    def under(self, row: BranchCounts) -> Iterable[Text]:
        yield Text(plain(f"{row.name}: {heard(row.hosts, row.heard)}"), style="bold")
        for one, counts in zip(self._checks, row.counts, strict=False):
            if counts.fails or counts.unknown or counts.exempt:
                yield Text(plain(f"{one.title}: {counted(counts)}"), no_wrap=True)

    def open_row(self, row: BranchCounts) -> None:
        self.app.open(f"hosts?branch={row.code}")


class Hosts(_ByChecks[HostRow]):
    TITLE_TEXT = N_("Hosts by checks")
    EMPTY = N_("No host is like that.")

    def __init__(self, query: HostQuery) -> None:
        super().__init__(query.q)
        self._query = query

    def columns(self) -> list[Column[HostRow]]:
        cells = self.cells
        wide = len(self._checks) == 1
        return [
            Column(_("Host"), lambda row: said(row.host), 12, grow=1),
            Column(_("Branch"), lambda row: said(row.branch_name), 10, drop=2),
            Column(_("Told"), lambda row: cells.ago(row.at), 9, drop=1, right=True),
            *(self._column(place, 10 if wide else 5) for place in range(len(self._checks))),
            *([Column(_("What it rests on"), lambda row: said(row.cells[0].why), 20, grow=4)] if wide else []),
        ]

    def _column(self, place: int, width: int) -> Column[HostRow]:
        def cell(row: HostRow) -> Text:
            one = row.cells[place]
            mark = MARKS[one.word]
            word = f" {mark.title}" if width > 5 else ""
            return self.cells.ink(f"{mark.shape}{word or aged(one, self.cells.now()).replace(' ', '')}", mark.ink)

        return Column(str(place + 1), cell, width)

    def key(self, row: HostRow) -> object:
        return row.host

    async def page(self, offset: int, limit: int) -> tuple[Sequence[HostRow], Page] | None:
        answer = await self.app.ask(self.app.client.hosts(self._asked(), offset=offset, limit=limit))
        if answer is None:
            return None
        self.learn(answer.checks)
        return answer.rows, answer

    def _asked(self) -> HostQuery:
        return HostQuery(self._query.branch, self._query.check, self._query.word, self.q.strip())

    def told(self, page: Page) -> list[str]:
        sums = counted(page.checks[0].counts) if isinstance(page, HostPage) and len(page.checks) == 1 else ""
        words = _(", ").join(_(WORDS[word]) for word in self._query.word)
        title = page.checks[0].title if isinstance(page, HostPage) and self._query.check else ""
        return [_("{n} hosts").format(n=f"{page.total:,}"), self._query.branch or "", title, words, sums]

    def under(self, row: HostRow) -> Iterable[Text]:
        never = _("Never told anything.") if row.at is None else ""
        yield Text(plain(f"{row.host}  {row.name}  {never}"), style="bold")
        for one, cell in zip(self._checks, row.cells, strict=False):
            if cell.word in ILL:
                age = aged(cell, self.cells.now())
                yield Text(plain(f"{MARKS[cell.word].shape} {one.title}  {age}  {cell.why}"), no_wrap=True)

    def open_row(self, row: HostRow) -> None:
        self.app.open(f"hosts/{row.host}")

    def exported(self) -> HostQuery:
        return self._query


def query_of(place: Place) -> HostQuery:
    return HostQuery(place.one("branch"), place.one("check"), place.all("word"), place.one("q") or "")
