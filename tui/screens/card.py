"""A machine's card and all its versions: what was true when, and since when it is known."""

from collections.abc import Iterable
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.widget import Widget
from textual.widgets import Static

from server.schemas.ledger import CardDetail, CardVersionOut
from tui.cells import said
from tui.plain import plain
from tui.screens.frame import Frame
from tui.screens.told import card_text
from tui.texts import N_, _
from tui.widgets.columns import Column
from tui.widgets.table import Table, listed
from tui.words.times import day, full
from tui.words.values import keyword


class Card(Frame):
    CSS_PATH = ["frame.tcss", "card.tcss"]  # noqa: RUF012 - Textual's own declaration
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("4", "position", N_("Where it stands")),
        Binding("f7", "report", N_("Report a fault")),
    ]

    def __init__(self, asset: str) -> None:
        super().__init__()
        self._asset = asset
        self._detail: CardDetail | None = None

    def body(self) -> Iterable[Widget]:
        yield Static(id="card")
        yield Table[CardVersionOut](
            self._columns(), lambda row: (row.effective_from, row.known_from), empty=_("No version."), id="versions"
        )

    def on_mount(self) -> None:
        super().on_mount()
        self.place(_("Card {asset}").format(asset=plain(self._asset)))
        self.query_one("#versions").focus()

    def _columns(self) -> list[Column[CardVersionOut]]:
        cells = self.cells
        return [
            Column(_("True from"), lambda row: said(day(row.effective_from)), 10),
            Column(_("to"), lambda row: said(day(row.effective_to) if row.effective_to else _("today")), 10),
            Column(_("Known since"), lambda row: cells.dim(full(row.known_from)), 19, drop=1),
            Column(_("replaced"), lambda row: cells.dim(full(row.known_to) if row.known_to else ""), 19, drop=3),
            Column(_("Status"), lambda row: said(keyword(row.status)), 8),
            Column(_("Position"), lambda row: said(row.position or row.branch), 16, grow=1),
            Column(_("By"), lambda row: said(keyword(row.by)), 8),
            Column(_("Reason"), lambda row: said(row.reason), 10, grow=1, drop=2),
        ]

    async def fetch(self) -> None:
        detail = await self.app.ask(self.app.client.card(self._asset))
        if detail is None:
            return
        self._detail = detail
        self.fetched()
        self.place(_("Card {asset}").format(asset=plain(detail.card.asset)))
        self.query_one("#card", Static).update(card_text(self.cells, detail.card))
        self.query_one("#versions", Table).reload(listed(detail.versions))

    @on(Table.Opened)
    def action_position(self) -> None:
        if self._detail is not None and self._detail.card.position:
            self.app.open(f"devices/{self._detail.card.position}")

    def action_report(self) -> None:
        if self._detail is not None and self._detail.card.position:
            self.app.report(self._detail.card.position, self._detail.card.name, "")
