"""The programs that poll: heard when, how much they still hold, and who may speak as each."""

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType

from server.schemas.agents import AgentOut, IdentityStanding
from server.schemas.base import Page
from server.schemas.standing import Standing
from tui.cells import identity_width, said, state_width
from tui.screens.listing import Listing
from tui.texts import N_, _
from tui.widgets.columns import Column
from tui.words.marks import IDENTITIES
from tui.words.times import MINUTE
from tui.words.values import clock_off

CLOCK_LIMIT = 5 * MINUTE  # as the rule clock.off has it


class Agents(Listing[AgentOut]):
    TITLE_TEXT = N_("Agents")
    EMPTY = N_("No agent is set up.")
    SEARCHED = False
    BINDINGS: ClassVar[list[BindingType]] = [Binding("7", "coverage", N_("Data coverage"))]

    def __init__(self, identities: Sequence[str] = ()) -> None:
        """`identities`: only agents of which one of these is so (an IdentityStanding); none: all."""
        super().__init__()
        self._only = [IdentityStanding(one) for one in identities if one in list(IdentityStanding)]
        self._agents: list[AgentOut] = []

    def columns(self) -> list[Column[AgentOut]]:
        cells = self.cells
        return [
            Column(_("State"), cells.stands, state_width()),
            Column(_("Identity"), lambda row: cells.mark(IDENTITIES[row.identity]), identity_width()),
            Column(_("Agent"), lambda row: said(row.name), 20, grow=2),
            Column(_("What"), lambda row: cells.problem(row.problems[0]) if row.problems else said(""), 20, grow=3),
            Column(_("Key"), lambda row: cells.dim(row.key), 12, drop=2),
            Column(_("Branch"), lambda row: said(row.branch), 8, grow=1, drop=1),
            Column(_("Heard"), lambda row: cells.ago(row.seen_at), 12, right=True),
            Column(_("Positions"), lambda row: said(f"{row.positions:,}"), 9, right=True, drop=1),
            Column(
                _("Still to send"),
                lambda row: cells.ink(f"{row.waiting:,}", "attention" if row.waiting > 1000 else "dim"),
                10,
                right=True,
            ),
            Column(_("Clock"), self.clock, 16, drop=2),
            Column(_("Version"), lambda row: cells.dim(row.version), 8, drop=3),
        ]

    def clock(self, row: AgentOut) -> Text:
        if row.clock_off is None or row.clock_unsure is None:
            return self.cells.dim("—")
        wrong = abs(row.clock_off) - row.clock_unsure > CLOCK_LIMIT
        return self.cells.ink(clock_off(row.clock_off, row.clock_unsure), "attention" if wrong else "dim")

    def key(self, row: AgentOut) -> object:
        return row.key

    async def page(self, offset: int, limit: int) -> tuple[Sequence[AgentOut], Page] | None:
        agents = await self.app.ask(self.app.client.agents())
        if agents is None:
            return None
        agents = [one for one in agents if not self._only or one.identity in self._only]
        self._agents = agents
        return agents[offset : offset + limit], Page(total=len(agents), offset=offset, at=self.app.client.now())

    def told(self, page: Page) -> list[str]:
        odd = (IdentityStanding.WAITING, IdentityStanding.QUARANTINED)
        waiting = sum(row.identity in odd for row in self._agents)
        heard = sum(row.standing is Standing.GOOD for row in self._agents)
        asked = _("{n} wait for a decision: Enter shows which").format(n=waiting) if waiting else ""
        only = _("only: {what}").format(what=_(", ").join(IDENTITIES[one].title for one in self._only))
        counted = _("{n} agents").format(n=page.total)
        return [only if self._only else "", counted, _("{n} are heard").format(n=heard), asked]

    def open_row(self, row: AgentOut) -> None:
        self.app.open(f"agents/{row.key}")

    def action_coverage(self) -> None:
        row = self.table.row
        if row is not None:
            self.app.open(f"coverage?agent={row.key}")
