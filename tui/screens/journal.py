"""Every deed, newest first, and the check that none was changed. The row under the cursor is told in full below.

Rows are numbered without holes, so the newest first is asked for by number.
"""

from collections.abc import Iterable, Sequence
from typing import ClassVar

from rich.text import Text
from textual import on, work
from textual.binding import Binding, BindingType
from textual.widget import Widget
from textual.widgets import Static

from server.schemas.base import Page
from server.schemas.journal import JournalOut
from tui.cells import said
from tui.plain import plain, to_json
from tui.screens.listing import Listing
from tui.texts import N_, _
from tui.widgets.columns import Column
from tui.widgets.table import Table
from tui.words.times import full
from tui.words.values import keyword


class Journal(Listing[JournalOut]):
    CSS_PATH = ["frame.tcss", "journal.tcss"]  # noqa: RUF012 - Textual's own declaration
    TITLE_TEXT = N_("Journal")
    EMPTY = N_("No deed yet.")
    SEARCHED = False
    BINDINGS: ClassVar[list[BindingType]] = [Binding("f8", "check", N_("Check"))]

    def __init__(self, about: str = "") -> None:
        super().__init__()
        self._about = about
        self._rows = 0

    def columns(self) -> list[Column[JournalOut]]:
        cells = self.cells
        return [
            Column(_("No."), lambda row: cells.dim(f"{row.seq:,}"), 7, right=True),
            Column(_("Time"), lambda row: said(full(row.at)), 19),
            Column(_("Person"), lambda row: said(keyword(row.actor)), 10, grow=1),
            Column(_("Deed"), lambda row: said(row.title), 18, grow=2),
            Column(_("About"), lambda row: said(row.about), 16, grow=2),
            Column(_("By way of"), lambda row: cells.dim(keyword(row.via)), 8, drop=2),
            Column(_("Hash"), lambda row: cells.dim(row.hash[:12]), 12, drop=1),
        ]

    def key(self, row: JournalOut) -> object:
        return row.seq

    def above(self) -> Iterable[Widget]:
        yield Static(id="verdict", classes="line")

    def body(self) -> Iterable[Widget]:
        yield from super().body()
        yield Static(id="deed")

    async def page(self, offset: int, limit: int) -> tuple[Sequence[JournalOut], Page] | None:
        if self._about or offset == 0:
            newest = await self.app.ask(
                self.app.client.journal(about=self._about or None, limit=1000 if self._about else limit)
            )
            if newest is None:
                return None
            self._rows = newest.total
            return newest.rows[offset : offset + limit], newest
        last = self._rows - offset
        after = max(0, last - limit)
        older = await self.app.ask(self.app.client.journal(after=after, limit=last - after))
        return None if older is None else (older.rows[::-1], older)

    def told(self, page: Page) -> list[str]:
        return [_("{n} deeds").format(n=f"{page.total:,}"), _("newest first"), self._about]

    def open_row(self, row: JournalOut) -> None:
        """All of it is below already."""

    @on(Table.Moved)
    def _under(self, message: Table.Moved) -> None:
        row: JournalOut | None = message.row
        text = Text(no_wrap=False)
        if row is not None:
            for name, value in ((_("before"), row.before), (_("after"), row.after)):
                if value is not None:
                    text.append(f"{name} ", style=self.app.ink("dim"))
                    text.append(plain(to_json(value, indent=None), 600) + "\n")
            if row.reason:
                text.append(_("reason") + " ", style=self.app.ink("dim"))
                text.append(plain(row.reason, 300) + "\n")
            text.append(f"SHA-256 {row.hash}", style=self.app.ink("dim"))
        self.query_one("#deed", Static).update(text)

    def action_check(self) -> None:
        self.query_one("#verdict", Static).update(Text(_("Checking every row…")))
        self._check()

    @work(exclusive=True, group="check")
    async def _check(self) -> None:
        check = await self.app.ask(self.app.client.check_journal())
        verdict = Text()
        if check is None:
            verdict = Text(_("The check did not end."))
        elif check.ok:
            verdict = self.cells.ink(
                "● " + _("{n} rows hold. Head {hash}").format(n=f"{check.rows:,}", hash=check.head), "good"
            )
        else:
            verdict = self.cells.ink(
                "■ " + _("Row {n} does not hold: it was changed after it was written.").format(n=check.broken_at),
                "fault",
            )
        self.query_one("#verdict", Static).update(verdict)
