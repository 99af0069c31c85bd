"""How much of what was due is attested, and why the rest is missing: day by day, or branch by branch.

```
 1 7天  2 31天  3 92天
 应采 11,520 · 有效 96.8% · 缺失 370: 线路中断 350，原因不明 20 · 待补传 128 条
  日期        应采    有效    缺失   缺失原因                    丢失记录  合并记录
  11-04       2,880   87.1%   370   线路中断 350，原因不明 20
```
"""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget

from server.schemas.base import Page
from server.schemas.coverage import AgentCoverage, BranchCoverage, CoverageDay, CoverageReport, MinutesOut
from tui.cells import said
from tui.screens.listing import Listing, T
from tui.shell import Changed
from tui.texts import N_, _
from tui.widgets.columns import Column
from tui.widgets.menu import Menu
from tui.words.times import MINUTE, local
from tui.words.values import minutes, missing, missing_minutes, percent

EVERY = 5 * MINUTE  # between two countings, but for F5
SPANS = ((N_("7 days"), 7), (N_("31 days"), 31), (N_("92 days"), 92))


class _Period(Listing[T]):
    """Either list: the days asked for by a digit, and the sum above the rows."""

    SEARCHED = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(str(digit), f"days({digit})", show=False) for digit in range(1, len(SPANS) + 1)
    ]

    def __init__(self, agent: str | None = None, branch: str | None = None) -> None:
        super().__init__()
        self._agent, self._branch = agent, branch
        self._span = 1
        self._report: CoverageReport | None = None
        self._counted = 0  # when, by the server's clock
        self._total: MinutesOut | None = None

    def above(self) -> Iterable[Widget]:
        yield Menu([(str(n), _(title), f"screen.days({n})") for n, (title, _d) in enumerate(SPANS, 1)], chosen="1")

    async def _ask(self, offset: int) -> CoverageReport | None:
        """The report; for rows further down the one that is here already."""
        if offset and self._report is not None:
            return self._report
        last = local(self.app.client.now()).date()
        first = last - timedelta(days=SPANS[self._span - 1][1] - 1)
        report = await self.app.ask(
            self.app.client.coverage(agent=self._agent, branch=self._branch, first=first, last=last)
        )
        self._report = report or self._report
        self._counted = report.at if report is not None else 0
        return report

    def on_changed(self, message: Changed) -> None:
        """Not at every change of the bank: counting a period costs the server more than a list of the present."""
        message.prevent_default()

    def reload(self) -> None:
        if self.app.client.now() - self._counted >= EVERY:
            super().reload()

    def action_reload(self) -> None:
        self._counted = 0
        super().action_reload()

    def _columns(self) -> "list[Column[MinutesOut]]":
        """Of any row that counts minutes."""
        ink = self.cells.ink
        return [
            Column(_("Due"), lambda one: said(f"{one.due:,}"), 9, right=True, drop=2),
            Column(_("Attested"), lambda one: ink(percent(one), _level(one)), 7, right=True),
            Column(_("Missing"), lambda one: said(_figure(missing_minutes(one))), 8, right=True),
            Column(_("Why"), lambda one: said(missing(one)), 20, grow=3),
        ]

    def told(self, page: Page) -> list[str]:
        return [_("position-minutes"), minutes(self._total)] if self._total else []

    def action_days(self, digit: int) -> None:
        self._span = digit
        self.query_one(Menu).choose(str(digit))
        self.ask_anew()


class Days(_Period[CoverageDay]):
    """The days of one agent or one branch, the newest first."""

    EMPTY = N_("Nothing was due.")
    _to_come = ""

    def columns(self) -> list[Column[CoverageDay]]:
        return [
            Column(_("Day"), lambda row: said(row.day if row.over else _("{day} so far").format(day=row.day)), 15),
            *self._columns(),  # type: ignore[list-item]
            Column(
                _("Lost records"), lambda row: self.cells.ink(_figure(row.lost), "attention"), 8, right=True, drop=3
            ),
            Column(_("Merged records"), lambda row: self.cells.dim(_figure(row.thinned)), 8, right=True, drop=4),
        ]

    def key(self, row: CoverageDay) -> object:
        return row.day

    async def page(self, offset: int, limit: int) -> tuple[Sequence[CoverageDay], Page] | None:
        answer = await self._ask(offset)
        if answer is None:
            return None
        listed: Sequence[AgentCoverage | BranchCoverage] = answer.agents if self._agent else answer.branches
        days: list[CoverageDay] = []
        for one in listed:
            self.place(_("{name}: data coverage").format(name=one.name))
            self._total, self._to_come = one.total, _to_come(one)
            days = [day for day in reversed(one.days) if day.due]
        return days[offset : offset + limit], Page(total=len(days), offset=offset, at=answer.at)

    def told(self, page: Page) -> list[str]:
        return [*super().told(page), self._to_come]

    def open_row(self, row: CoverageDay) -> None:
        """A day has nothing behind it."""


class Coverages(_Period[BranchCoverage]):
    """Every branch of a period, the least attested first."""

    TITLE_TEXT = N_("Data coverage")
    EMPTY = N_("Nothing was due.")

    def columns(self) -> list[Column[BranchCoverage]]:
        def of_total(column: Column[MinutesOut]) -> Column[BranchCoverage]:
            cell = column.cell
            return Column(
                column.title, lambda row: cell(row.total), column.width, column.grow, column.drop, column.right
            )

        return [
            Column(_("Code"), lambda row: self.cells.dim(row.code), 6, drop=5),
            Column(_("Branch"), lambda row: said(row.name), 14, grow=1),
            *map(of_total, self._columns()),
        ]

    def key(self, row: BranchCoverage) -> object:
        return row.code

    async def page(self, offset: int, limit: int) -> tuple[Sequence[BranchCoverage], Page] | None:
        answer = await self._ask(offset)
        if answer is None:
            return None
        self._total = answer.total
        rows = sorted(answer.branches, key=lambda row: row.total.attested / row.total.due if row.total.due else 1)
        return rows[offset : offset + limit], Page(total=len(rows), offset=offset, at=answer.at)

    def open_row(self, row: BranchCoverage) -> None:
        self.app.open(f"coverage?branch={row.code}")


def _level(one: MinutesOut) -> str:
    return "good" if one.attested == one.due else "attention"


def _figure(value: int) -> str:
    return f"{value:,}" if value else ""


def _to_come(one: AgentCoverage | BranchCoverage) -> str:
    """What is still to come of an agent."""
    if not isinstance(one, AgentCoverage) or not one.waiting + one.outstanding:
        return ""
    return _("{n} records still to come").format(n=f"{one.waiting + one.outstanding:,}")
