"""The register of machines: search, and export to a file."""

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from textual.binding import Binding, BindingType

from server.schemas.base import Page
from server.schemas.ledger import CardOut, CardPage
from tui.cells import said
from tui.client import LedgerQuery
from tui.opens import Place
from tui.screens.export import Export
from tui.screens.listing import Listing
from tui.texts import N_, _
from tui.widgets.columns import Column
from tui.words.values import coverage, keyword


def query_of(place: Place) -> LedgerQuery:
    return LedgerQuery(
        q=place.one("q") or "",
        branch=place.one("branch"),
        cls=place.one("cls"),
        status=place.one("status"),
        keeper=place.one("keeper"),
    )


class Ledger(Listing[CardOut]):
    TITLE_TEXT = N_("Ledger of electronic equipment")
    EMPTY = N_("No card is like that.")
    BINDINGS: ClassVar[list[BindingType]] = [Binding("f8", "export", N_("Export"))]

    def __init__(self, query: LedgerQuery | None = None) -> None:
        self.query_ = query or LedgerQuery()
        super().__init__(self.query_.q)

    def columns(self) -> list[Column[CardOut]]:
        cells = self.cells
        return [
            Column(_("Asset number"), lambda card: said(card.asset), 13),
            Column(_("Name"), lambda card: said(card.name), 20, grow=2),
            Column(_("Class"), lambda card: said(card.cls_name), 12, drop=4),
            Column(_("Branch"), lambda card: said(card.branch_name), 12, grow=1),
            Column(_("Status"), lambda card: said(keyword(card.status)), 8),
            Column(
                _("Keeper"), lambda card: said(card.keeper) if card.keeper else cells.ink(_("nobody"), "attention"), 8
            ),
            Column(_("Model"), lambda card: cells.dim(card.model), 14, grow=1, drop=3),
            Column(_("Serial number"), lambda card: cells.dim(card.serial), 14, drop=5),
            Column(_("Warranty until"), lambda card: cells.dim(card.warranty), 10, drop=6),
        ]

    def key(self, row: CardOut) -> object:
        return row.asset

    async def page(self, offset: int, limit: int) -> tuple[Sequence[CardOut], Page] | None:
        answer = await self.app.ask(self.app.client.ledger(self._asked(), offset=offset, limit=limit))
        return None if answer is None else (answer.rows, answer)

    def _asked(self) -> LedgerQuery:
        return replace(self.query_, q=self.q.strip())

    def told(self, page: Page) -> list[str]:
        parts = [_("{n} machines").format(n=f"{page.total:,}"), coverage(page.coverage)]
        if isinstance(page, CardPage):
            parts.append(_("as of journal no. {n}").format(n=f"{page.journal_seq:,}"))
        return parts

    def open_row(self, row: CardOut) -> None:
        self.app.open(f"ledger/{row.asset}")

    def action_export(self) -> None:
        self.app.push_screen(Export(self._asked()))
