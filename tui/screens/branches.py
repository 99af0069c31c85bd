"""Every branch, the worst first."""

from collections.abc import Sequence

from server.schemas.base import Page
from server.schemas.branches import BranchOut
from server.schemas.standing import Standing
from tui.cells import said, state_width
from tui.screens.listing import Listing
from tui.texts import N_, _
from tui.widgets.columns import Column
from tui.words.values import coverage


class Branches(Listing[BranchOut]):
    TITLE_TEXT = N_("Branches")
    SEARCHED = False

    def columns(self) -> list[Column[BranchOut]]:
        cells = self.cells

        def count(branch: BranchOut, *standings: Standing) -> int:
            return sum(branch.counts.by.get(standing, 0) for standing in standings)

        def number(value: int, ink: str = "plain") -> object:
            return cells.ink(f"{value:,}" if value else "", ink)

        return [
            Column(_("State"), cells.stands, state_width()),
            Column(_("Code"), lambda b: cells.dim(b.code), 6, drop=5),
            Column(_("Branch"), lambda b: said(b.name), 16, grow=1),
            Column(_("What"), lambda b: said(b.worst), 16, grow=3, drop=1),
            Column(_("Devices"), lambda b: said(f"{b.counts.total:,}"), 6, right=True),
            Column(_("fault"), lambda b: cells.ink(str(count(b, Standing.FAULT) or ""), "fault"), 4, right=True),
            Column(
                _("attention"), lambda b: cells.ink(str(count(b, Standing.ATTENTION) or ""), "attention"), 4, right=True
            ),
            Column(
                _("without data"),
                lambda b: cells.ink(str(b.coverage.due - b.coverage.fresh or ""), "unknown"),
                6,
                drop=3,
                right=True,
            ),
            Column(_("Tickets"), lambda b: said(str(b.tickets or "")), 6, right=True, drop=2),
            Column(_("Telephone"), lambda b: cells.dim(b.phone), 14, drop=6),
        ]

    def key(self, row: BranchOut) -> object:
        return row.code

    async def page(self, offset: int, limit: int) -> tuple[Sequence[BranchOut], Page] | None:
        answer = await self.app.ask(self.app.client.branches(offset=offset, limit=limit))
        return None if answer is None else (answer.rows, answer)

    def told(self, page: Page) -> list[str]:
        return [_("{n} branches").format(n=f"{page.total:,}"), coverage(page.coverage), _("worst first")]

    def open_row(self, row: BranchOut) -> None:
        self.app.open(f"branches/{row.code}")
