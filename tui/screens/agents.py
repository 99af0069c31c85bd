"""The programs that poll: heard when, how much they still hold."""

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType

from server.schemas import AgentOut, Page, Standing
from tui.cells import said, state_width
from tui.screens.listing import Listing
from tui.texts import N_, _
from tui.widgets.columns import Column


class Agents(Listing[AgentOut]):
    TITLE_TEXT = N_("Agents")
    EMPTY = N_("No agent is set up.")
    SEARCHED = False
    BINDINGS: ClassVar[list[BindingType]] = [Binding("7", "coverage", N_("Data coverage"))]
    _heard = 0

    def columns(self) -> list[Column[AgentOut]]:
        cells = self.cells
        return [
            Column(_("State"), lambda row: cells.standing(row.standing), state_width()),
            Column(_("Agent"), lambda row: said(row.name), 20, grow=2),
            Column(_("Key"), lambda row: cells.dim(row.key), 12, drop=2),
            Column(_("Branch"), lambda row: said(row.branch), 8, grow=1, drop=1),
            Column(_("Heard"), lambda row: cells.ago(row.seen_at), 12, right=True),
            Column(_("Positions"), lambda row: said(f"{row.positions:,}"), 9, right=True),
            Column(
                _("Still to send"),
                lambda row: cells.ink(f"{row.waiting:,}", "attention" if row.waiting > 1000 else "dim"),
                10,
                right=True,
            ),
            Column(_("Version"), lambda row: cells.dim(row.version), 8, drop=3),
        ]

    def key(self, row: AgentOut) -> object:
        return row.key

    async def page(self, offset: int, limit: int) -> tuple[Sequence[AgentOut], Page] | None:
        agents = await self.app.ask(self.app.client.agents())
        if agents is None:
            return None
        self._heard = sum(agent.standing is Standing.GOOD for agent in agents)
        return agents[offset : offset + limit], Page(total=len(agents), offset=offset, at=self.app.client.now())

    def told(self, page: Page) -> list[str]:
        return [_("{n} agents").format(n=page.total), _("{n} are heard").format(n=self._heard)]

    def open_row(self, row: AgentOut) -> None:
        self.app.open(f"branches/{row.branch}")

    def action_coverage(self) -> None:
        row = self.table.row
        if row is not None:
            self.app.open(f"coverage?agent={row.key}")
