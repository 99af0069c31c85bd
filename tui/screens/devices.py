"""Every position in scope: search as you type, filter by standing, class and branch, sort.

```
 查找: …
 1 全部  2 ■ 故障  3 ▲ 注意  4 ○ 无数据  5 ◇ 占用/停业  6 ● 正常
 38 台 · 有效数据覆盖 36/38 台，2 台无数据 · 最差在前
  ■ 故障  2号窗口 存折打印机  正午支行  前盖未关  2 分钟  12 秒前
```
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import ClassVar

from textual import work
from textual.binding import Binding, BindingType
from textual.widget import Widget

from server.schemas.base import Page
from server.schemas.branches import BranchPage
from server.schemas.positions import PositionPage, PositionRow
from server.schemas.standing import Standing
from tui.cells import said, state_width
from tui.client import PositionQuery
from tui.opens import Place
from tui.pinyin import is_initials
from tui.screens.choose import Choice, Choose
from tui.screens.initials import Initials
from tui.screens.listing import Listing
from tui.shell import Changed
from tui.texts import N_, _
from tui.widgets.columns import Column
from tui.widgets.menu import Menu
from tui.widgets.table import Table
from tui.words.times import span
from tui.words.values import coverage

NO_DATA = (Standing.UNKNOWN, Standing.STALE, Standing.NEVER, Standing.UNPOLLED)
FILTERS: tuple[tuple[str, tuple[Standing, ...]], ...] = (
    (N_("all"), ()),
    (N_("■ fault"), (Standing.FAULT,)),
    (N_("▲ attention"), (Standing.ATTENTION,)),
    (N_("○ no data"), NO_DATA),
    (N_("◇ in use or closed"), (Standing.IN_USE, Standing.CLOSED)),
    (N_("● good"), (Standing.GOOD,)),
)
SORTS = {
    "worst": N_("worst first"),
    "name": N_("by name"),
    "branch": N_("by branch"),
    "since": N_("longest first"),
    "seen": N_("oldest data first"),
}


def query_of(place: Place) -> PositionQuery:
    """What a figure's "devices?standing=fault&branch=1001" asks. A word this program does not know is left out."""
    known = {standing.value for standing in Standing}
    return PositionQuery(
        q=place.one("q") or "",
        branch=place.one("branch"),
        standing=tuple(Standing(word) for word in place.all("standing") if word in known),
        device=place.one("device"),
        cls=place.one("cls"),
        sort=place.one("sort") if place.one("sort") in SORTS else "worst",  # type: ignore[arg-type]
    )


class Devices(Listing[PositionRow]):
    TITLE_TEXT = N_("Devices")
    EMPTY = N_("No device is like that.")
    SEARCH = N_("Search: name, pinyin initials, number (F3)")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f4", "filter", N_("Class, branch")),
        Binding("f6", "sort", N_("Sort")),
        Binding("f7", "report", N_("Report a fault")),
        *(Binding(str(digit), f"standing({digit})", show=False) for digit in range(1, len(FILTERS) + 1)),
    ]

    def __init__(self, query: PositionQuery | None = None) -> None:
        self.query_ = query or PositionQuery()
        super().__init__(self.query_.q)
        self._initials = Initials(self.app)

    def columns(self) -> list[Column[PositionRow]]:
        cells = self.cells
        columns: list[Column[PositionRow]] = [
            Column(_("State"), cells.stands, state_width()),
            Column(_("Device"), lambda row: said(row.name), 22, grow=2),
            Column(_("Branch"), lambda row: said(row.branch_name), 12, grow=1, drop=4),
            Column(_("What"), cells.what, 16, grow=3),
            Column(
                _("For"),
                lambda row: cells.dim(span(cells.now() - row.since) if row.since else ""),
                8,
                drop=5,
                right=True,
            ),
            Column(_("Data"), lambda row: cells.data(row.seen_at, row.as_of), 10, right=True),
            Column(_("Ticket"), lambda row: said(row.ticket), 9, drop=6),
            Column(_("Model"), lambda row: cells.dim(row.model), 14, drop=7),
            Column(_("Asset number"), lambda row: cells.dim(row.asset), 12, drop=8),
        ]
        return columns

    def key(self, row: PositionRow) -> object:
        return row.key

    def rows(self) -> Table[PositionRow]:
        return Table(self.columns(), self.key, empty=_(self.EMPTY), anew=self.app.position_rows)

    def on_changed(self, message: Changed) -> None:
        if message.event is not None:
            self.table.changed(message.event.key)
        super().on_changed(message)

    def above(self) -> Iterable[Widget]:
        yield Menu(
            [(str(n), _(title), f"screen.standing({n})") for n, (title, _s) in enumerate(FILTERS, 1)],
            chosen=self._chosen(),
        )

    def reload(self) -> None:
        self._initials.forget()
        super().reload()

    async def page(self, offset: int, limit: int) -> tuple[Sequence[PositionRow], Page] | None:
        asked = replace(self.query_, q=self.q.strip())
        if is_initials(asked.q):
            found = await self._initials.find(asked)
            if found is not None:
                return found.rows[offset : offset + limit], found
        answer: PositionPage | None = await self.app.ask(self.app.client.positions(asked, offset=offset, limit=limit))
        return None if answer is None else (answer.rows, answer)

    def told(self, page: Page) -> list[str]:
        words = self.app.words
        parts = [_("{n} devices").format(n=f"{page.total:,}"), coverage(page.coverage), _(SORTS[self.query_.sort])]
        if self.query_.cls:
            parts.append(
                _("class: {name}").format(name=words.classes.get(self.query_.cls, "") if words else self.query_.cls)
            )
        if self.query_.device:
            word = words.device.get(self.query_.device) if words else None
            parts.append(_("device says {word}").format(word=word.title if word else self.query_.device))
        if self.query_.branch:
            parts.append(_("branch: {name}").format(name=self.query_.branch))
        return parts

    def open_row(self, row: PositionRow) -> None:
        self.app.open(f"devices/{row.key}")

    def _chosen(self) -> str:
        return next(
            (str(n) for n, (_t, words) in enumerate(FILTERS, 1) if set(words) == set(self.query_.standing)), "0"
        )

    def _ask(self, query: PositionQuery) -> None:
        self.query_ = query
        self.query_one(Menu).choose(self._chosen())
        self.ask_anew()

    # keys

    def action_standing(self, digit: int) -> None:
        self._ask(replace(self.query_, standing=FILTERS[digit - 1][1], device=None))
        self.set_focus(self.table)

    def action_sort(self) -> None:
        def chosen(sort: str | None) -> None:
            if sort is not None:
                self._ask(replace(self.query_, sort=sort))

        choices = [Choice(key, _(title)) for key, title in SORTS.items()]
        self.app.push_screen(Choose(_("Sort"), choices, self.query_.sort), chosen)

    def action_report(self) -> None:
        row = self.table.row
        if row is not None:
            self.app.report(row.key, row.name, row.detail)

    @work(exclusive=True, group="choices")
    async def action_filter(self) -> None:
        branches = await self.app.ask(self.app.client.branches(limit=500)) if self._many() else None

        def chosen(which: str | None) -> None:
            if which is not None:
                kind, _sep, key = which.partition("=")
                self._ask(replace(self.query_, **{kind: key or None}))  # type: ignore[arg-type]

        self.app.push_screen(
            Choose(_("Class, branch"), self._choices(branches), f"cls={self.query_.cls or ''}"), chosen
        )

    def _many(self) -> bool:
        """Whether this person sees more than one branch."""
        return self.app.person is not None and len(self.app.person.branches) != 1

    def _choices(self, branches: BranchPage | None) -> list[Choice]:
        words = self.app.words
        classes = sorted(words.classes.items(), key=lambda one: one[1]) if words else []
        return [
            Choice("cls=", _("all classes")),
            *([Choice("branch=", self.app.whole)] if branches else []),
            *(Choice(f"cls={key}", title) for key, title in classes),
            *(
                Choice(f"branch={branch.code}", f"{branch.code} {branch.name}")
                for branch in (branches.rows if branches else [])
            ),
        ]


class ReportWhich(Devices):
    """The first step of a report that was not begun at a device: Enter says which."""

    TITLE_TEXT = N_("Report a fault: which device?")

    def open_row(self, row: PositionRow) -> None:
        self.app.report(row.key, row.name, row.detail)
