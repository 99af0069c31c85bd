"""Every named problem that is open, the gravest first; or those that are over."""

from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget

from server.schemas.base import Page
from server.schemas.conditions import ConditionOut
from tui.cells import said
from tui.screens.listing import Listing
from tui.texts import N_, _
from tui.widgets.columns import Column
from tui.widgets.menu import Menu
from tui.words.values import coverage

FILTERS = ((N_("open"), True), (N_("over"), False))


class Conditions(Listing[ConditionOut]):
    TITLE_TEXT = N_("Conditions")
    EMPTY = N_("Nothing is wrong.")
    SEARCHED = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("1", "open(1)", show=False),
        Binding("2", "open(2)", show=False),
        Binding("f7", "report", N_("Report a fault")),
    ]

    def __init__(self, branch: str | None = None, subject: str | None = None, open: bool = True) -> None:
        super().__init__()
        self._branch, self._subject, self._open = branch, subject, open

    def columns(self) -> list[Column[ConditionOut]]:
        cells = self.cells
        return [
            Column(_("What"), cells.condition, 22, grow=3),
            Column(_("Where"), lambda row: said(row.subject_name), 18, grow=2),
            Column(_("Branch"), lambda row: said(row.branch_name), 12, grow=1, drop=2),
            Column(_("Began"), lambda row: cells.moment(row.opened_at), 11, right=True),
            Column(_("Lasted"), cells.lasted, 8, right=True),
            Column(_("Ticket"), lambda row: said(row.ticket), 10, drop=1),
            Column(_("Cause"), lambda row: said(row.cause), 12, grow=1, drop=3),
        ]

    def key(self, row: ConditionOut) -> object:
        return row.uid

    def above(self) -> Iterable[Widget]:
        entries = [(str(n), _(title), f"screen.open({n})") for n, (title, _open) in enumerate(FILTERS, 1)]
        yield Menu(entries, chosen="1" if self._open else "2")

    async def page(self, offset: int, limit: int) -> tuple[Sequence[ConditionOut], Page] | None:
        answer = await self.app.ask(
            self.app.client.conditions(
                open=self._open, branch=self._branch, subject=self._subject, offset=offset, limit=limit
            )
        )
        return None if answer is None else (answer.rows, answer)

    def told(self, page: Page) -> list[str]:
        return [
            _("{n} conditions").format(n=f"{page.total:,}"),
            coverage(page.coverage),
            _("branch: {name}").format(name=self._branch) if self._branch else "",
        ]

    def open_row(self, row: ConditionOut) -> None:
        if row.subject_kind == "position":
            self.app.open(f"devices/{row.subject}")
        elif row.ticket:
            self.app.open(f"tickets/{row.ticket}")
        elif row.subject_kind == "agent":
            self.app.open("agents")
        else:
            self.app.open(f"branches/{row.branch}")

    def action_open(self, digit: int) -> None:
        self._open = FILTERS[digit - 1][1]
        self.query_one(Menu).choose(str(digit))
        self.ask_anew()

    def action_report(self) -> None:
        row = self.table.row
        if row is not None:
            self.app.report(row.subject, row.subject_name, row.title)
