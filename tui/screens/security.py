"""The register of security checks, newest first: rows that write themselves, and those people enter.

```
 123 行 · 主机 38 台，36 台有登记；2 台从未采集，不会自动登记
  行号  日期   网点      检查对象   类别   结果       项目和发现问题             后续         来源
   41  10:39  城关支行  1001-pc   专项   ■ 不合格   端口核查（2 项）: 445 …    逾期 11-20   远程
```
"""

from collections.abc import Awaitable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.binding import Binding, BindingType
from textual.widget import Widget
from textual.widgets import Static

from server.schemas.base import Page
from server.schemas.people import Role
from server.schemas.registers import SecurityCorrection, SecurityEntry, SecurityFollow, SecurityPage, SecurityRowOut
from tui.cells import said
from tui.client import Download, SecurityQuery
from tui.plain import plain
from tui.screens.choose import Choice, Choose
from tui.screens.export import Export
from tui.screens.fill import Field, Fill
from tui.screens.listing import Listing
from tui.shell import Changed
from tui.texts import N_, _
from tui.widgets.columns import Column
from tui.widgets.table import Table
from tui.words.register import CATEGORIES, OUTCOMES, SOURCES, covered, in_full, sort, standing, what, when, width
from tui.words.times import local

CHECKED = ("pass", "fail", "unknown", "not_applicable")
AGAIN = ("", "pass", "fail", "unknown")
MINE = ("register", "all")


class Security(Listing[SecurityRowOut]):
    CSS_PATH = ["frame.tcss", "security.tcss"]  # noqa: RUF012 - Textual's own declaration
    TITLE_TEXT = N_("Security register")
    EMPTY = N_("Nothing is in the register for this.")
    SEARCHED = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("1", "enter", N_("Enter a check")),
        Binding("2", "follow", N_("Mending, second look")),
        Binding("3", "correct", N_("Correct")),
        Binding("4", "period", N_("Period")),
        Binding("5", "overdue", N_("Overdue")),
        Binding("f8", "export", N_("Export")),
    ]

    def __init__(self, branch: str | None = None, about: str | None = None, *, overdue: bool = False) -> None:
        super().__init__()
        self._query = SecurityQuery(branch, about, overdue=overdue)
        self._told: SecurityPage | None = None

    def columns(self) -> list[Column[SecurityRowOut]]:
        cells = self.cells
        return [
            Column(_("Row"), lambda row: cells.dim(str(row.no)), 6, right=True),
            Column(_("Date"), lambda row: said(when(row, cells.now())), 11),
            Column(_("Branch"), lambda row: said(row.branch_name), 10, drop=3),
            Column(_("Checked"), lambda row: said(row.asset or row.about), 12, grow=1),
            Column(_("Kind"), lambda row: said(sort(row)), 10, drop=2),
            Column(_("Result"), lambda row: cells.mark(OUTCOMES[row.outcome]), width()),
            Column(_("Item and what was found"), lambda row: said(what(row).replace("\n", " ")), 20, grow=4),
            Column(_("What became of it"), self._standing, 16, drop=1),
            Column(_("Source"), lambda row: cells.dim(_(SOURCES[row.source])), 4, drop=4),
        ]

    def _standing(self, row: SecurityRowOut) -> Text:
        return self.cells.ink(standing(row), "fault") if row.overdue else said(standing(row))

    def key(self, row: SecurityRowOut) -> object:
        return row.no

    def body(self) -> Iterable[Widget]:
        yield from super().body()
        yield Static(id="row")

    def on_changed(self, message: Changed) -> None:
        """Rows of machines come with campaigns and facts; the next look shows them."""
        if message.event is None or message.event.topic in MINE:
            super().on_changed(message)

    async def page(self, offset: int, limit: int) -> tuple[Sequence[SecurityRowOut], Page] | None:
        answer = await self.app.ask(self.app.client.security(self._query, offset=offset, limit=limit))
        if answer is None:
            return None
        self._told = answer
        return answer.rows, answer

    def told(self, page: Page) -> list[str]:
        query = self._query
        period = f"{query.first or ''}—{query.last or ''}" if query.first or query.last else ""
        return [
            _("{n} rows").format(n=f"{page.total:,}"),
            _("findings overdue") if query.overdue else "",
            period,
            plain(" ".join(part for part in (query.branch, query.about) if part)),
            covered(self._told.covers) if self._told else "",
        ]

    def open_row(self, row: SecurityRowOut) -> None:
        if row.campaign:
            self.app.open(f"campaigns/{row.campaign}")
        elif "/" in row.about:
            self.app.open(f"devices/{row.about}")
        else:
            self.app.open(f"branches/{row.branch}" if row.about == row.branch else f"agents/{row.about}")

    @on(Table.Moved)
    def _under(self, message: Table.Moved) -> None:
        """The row under the cursor in full."""
        lines = in_full(message.row) if message.row is not None else []
        told = self.query_one("#row", Static)
        told.update(Text("\n".join(plain(line) for line in lines)))
        told.display = bool(lines)

    # keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("enter", "follow", "correct"):
            return self.app.person is not None and self.app.person.role is not Role.AUDITOR
        return super().check_action(action, parameters)

    def action_enter(self) -> None:
        row = self.table.row
        about = self._query.about or (row.about if row is not None else "") or self._query.branch or ""
        fields = [
            Field("about", _("Checked"), about, _("key of a device, an agent or a branch"), needed=True),
            Field("category", _("Category"), choices=[(key.value, _(title)) for key, title in CATEGORIES.items()]),
            Field("item", _("Item looked at"), "", _("what was looked at"), needed=True),
            Field("outcome", _("Result"), needed=True, choices=_words(("", *CHECKED))),  # no pass by accident
            Field("found", _("Found"), "", _("may be left empty")),
            Field("measure", _("Mending"), "", _("may be left empty")),
            Field("due", _("Mend until"), "", "2027-03-31"),
            Field("day", _("Day"), "", _("empty: today")),
        ]
        self.app.push_screen(Fill(_("Enter a check"), fields, self._enter), self._written)

    def _enter(self, said: dict[str, str]) -> Awaitable[SecurityRowOut]:
        return self.app.client.enter_security(SecurityEntry.model_validate(_days(said)))

    def action_follow(self) -> None:
        row = self.table.row
        if row is None:
            return
        no = row.follows or row.no

        def follow(said: dict[str, str]) -> Awaitable[SecurityRowOut]:
            return self.app.client.follow_security(no, SecurityFollow.model_validate(_days(said)))

        fields = [
            Field("measure", _("Mending"), "", _("what is done; empty for a second look")),
            Field("due", _("Mend until"), "", "2027-03-31"),
            Field("review", _("Second look"), choices=_words(AGAIN)),
            Field("found", _("Found"), "", _("may be left empty")),
            Field("day", _("Day"), "", _("empty: today")),
        ]
        title = _("Of row {no}: {item}").format(no=no, item=row.item)
        self.app.push_screen(Fill(title, fields, follow), self._written)

    def action_correct(self) -> None:
        row = self.table.row
        if row is None:
            return

        def correct(said: dict[str, str]) -> Awaitable[SecurityRowOut]:
            changed = {name: value for name, value in said.items() if value != before.get(name)}
            changed = {name: value for name, value in changed.items() if value or name == "found"}
            return self.app.client.correct_security(row.no, SecurityCorrection.model_validate(changed))

        before = {"found": row.found, "outcome": ""}
        fields = [
            Field("outcome", _("Result"), choices=[("", _("as it is")), *_words(CHECKED)]),
            Field("found", _("Found"), row.found),
            Field("reason", _("Reason"), "", needed=True),
        ]
        if not row.category:
            fields = fields[1:]  # of a check alone a person says the outcome
        self.app.push_screen(Fill(_("Correct row {no}").format(no=row.no), fields, correct), self._written)

    def _written(self, row: SecurityRowOut | None) -> None:
        if row is not None:
            self.app.say(_("Row {no} is in the register.").format(no=row.no))
            self.reload()

    def action_overdue(self) -> None:
        self._query = replace(self._query, overdue=not self._query.overdue)
        self.ask_anew()

    def action_period(self) -> None:
        today = local(self.app.client.now()).date()
        month = today.replace(day=1)
        before = month - timedelta(days=1)
        choices = [
            Choice("/", _("all of it")),
            Choice(f"{month}/", _("this month")),
            Choice(f"{before.replace(day=1)}/{before}", _("the month before")),
            Choice(f"{today.replace(month=1, day=1)}/", _("this year")),
        ]
        chosen = f"{self._query.first or ''}/{self._query.last or ''}"
        self.app.push_screen(Choose(_("Period"), choices, chosen), self._chosen)

    def _chosen(self, period: str | None) -> None:
        if period is not None:
            first, _slash, last = period.partition("/")
            self._query = replace(self._query, first=first or None, last=last or None)
            self.ask_anew()

    def action_export(self) -> None:
        self.app.push_screen(ExportSecurity(self._query))


class ExportSecurity(Export):
    CSS_PATH = "export.tcss"
    FORMATS = (("xlsx", "Excel (.xlsx)"),)
    HEADING = N_("Export the register")
    CALLED = N_("security checks")

    def __init__(self, query: SecurityQuery) -> None:
        super().__init__()
        self._register = query

    def download(self, kind: str) -> AbstractAsyncContextManager[Download]:
        return self.app.client.security_export(self._register)

    def written(self, path: Path, size: int, download: Download) -> str:
        return _("{path} is written: {rows} rows.").format(path=path, rows=download.rows)

    def handed(self, name: str, download: Download) -> str:
        return _("The browser has the file: {name}, {rows} rows.").format(name=name, rows=download.rows)


def _words(outcomes: Sequence[str]) -> list[tuple[str, str]]:
    marks = {outcome.value: mark for outcome, mark in OUTCOMES.items()}
    return [(word, marks[word].title if word else _("none")) for word in outcomes]


def _days(said: dict[str, str]) -> dict[str, str]:
    """Without days that were left empty."""
    return {name: value for name, value in said.items() if value or name not in ("day", "due")}
