"""One check day by day: how many hosts pass, fail, are not known. A day nobody counted is a hole.

```
 1 30天  2 90天  3 1年
 不合格  最近 9 …  ⣀⣀⠤⠒
  日期        合格   不合格  未核查  不适用  豁免
```
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widget import Widget

from server.schemas.base import Page
from server.schemas.matrix import TrendDay, TrendOut
from server.schemas.positions import History, Point
from tui.cells import said
from tui.plain import plain
from tui.screens.listing import Listing
from tui.texts import N_, _
from tui.widgets.columns import Column
from tui.widgets.menu import Menu
from tui.widgets.plot import Plot
from tui.words.times import DAY, ZONE
from tui.words.verdicts import FIELDS, MARKS, WORDS

SPANS = ((N_("30 days"), 30), (N_("90 days"), 90), (N_("1 year"), 366))
PLOTTED = ("fail", "unknown", "pass")


class Trend(Listing[TrendDay]):
    CSS_PATH = ["frame.tcss", "trend.tcss"]  # noqa: RUF012 - Textual's own declaration
    TITLE_TEXT = N_("Day by day")
    EMPTY = N_("No day was counted yet.")
    SEARCHED = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(str(digit), f"days({digit})", show=False) for digit in range(1, len(SPANS) + 1)
    ]

    def __init__(self, check: str, branch: str | None = None) -> None:
        super().__init__()
        self._check, self._branch = check, branch
        self._span = 2
        self._trend: TrendOut | None = None

    def above(self) -> Iterable[Widget]:
        yield Menu([(str(n), _(title), f"screen.days({n})") for n, (title, _d) in enumerate(SPANS, 1)], chosen="2")
        with Horizontal(id="plots"):
            for word in PLOTTED:
                yield Plot(id=f"of-{word}")

    def columns(self) -> list[Column[TrendDay]]:
        return [Column(_("Day"), lambda row: said(row.day), 10), *(self._of(word) for word in WORDS)]

    def _of(self, word: str) -> Column[TrendDay]:
        def count(row: TrendDay) -> int:
            number: int = getattr(row.counts, FIELDS[word])
            return number

        mark = MARKS[word]
        return Column(_(WORDS[word]), lambda row: self.cells.ink(f"{count(row):,}", mark.ink), 9, grow=1, right=True)

    def key(self, row: TrendDay) -> object:
        return row.day

    async def page(self, offset: int, limit: int) -> tuple[Sequence[TrendDay], Page] | None:
        if offset == 0 or self._trend is None:
            asked = self.app.client.trend(self._check, branch=self._branch, days=SPANS[self._span - 1][1])
            answer = await self.app.ask(asked)
            if answer is None:
                return None
            self._trend = answer
            self._plot(answer)
        days = self._trend.days[::-1]
        return days[offset : offset + limit], Page(total=len(days), offset=offset, at=self._trend.at)

    def _plot(self, trend: TrendOut) -> None:
        start = trend.at - SPANS[self._span - 1][1] * DAY
        if trend.days:
            start = max(start, min(_noon(trend.days[0].day), trend.at - 7 * DAY))
        for word in PLOTTED:
            points = [_point(day, word) for day in trend.days]
            title = _(WORDS[word])
            history = History(position="", metric=word, title=title, unit="", step=DAY, points=points, conditions=[])
            self.query_one(f"#of-{word}", Plot).show(history, start, trend.at)

    def told(self, page: Page) -> list[str]:
        if self._trend is None:
            return []
        since = _("counted since {day}").format(day=self._trend.first) if self._trend.first else ""
        return [plain(self._trend.title), self._branch or "", since]

    def open_row(self, row: TrendDay) -> None:
        """Only today's hosts are known by name."""
        if self._trend is not None and row == self._trend.days[-1]:
            self.app.open(f"hosts?check={self._check}" + (f"&branch={self._branch}" if self._branch else ""))

    def action_days(self, digit: int) -> None:
        self._span = digit
        self.query_one(Menu).choose(str(digit))
        self.ask_anew()


def _noon(day: str) -> int:
    return int(datetime.fromisoformat(day).replace(hour=12, tzinfo=ZONE).timestamp()) * 1_000_000


def _point(day: TrendDay, word: str) -> Point:
    number = float(getattr(day.counts, FIELDS[word]))
    return Point(at=_noon(day.day), low=number, mean=number, high=number)
