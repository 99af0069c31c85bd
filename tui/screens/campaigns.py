"""Checks that were pushed to hosts, newest first, and how far each is.

```
 2 次专项核查
  ◇ 进行中   10:39  高危端口  城关支行  [#########...........] 37/60  合格 30 · 不合格 7 · 等待 23（关机 20）   li
```
"""

from collections.abc import Sequence
from typing import ClassVar

from textual import work
from textual.binding import Binding, BindingType

from server.schemas.base import Page
from server.schemas.campaigns import CampaignOut
from server.schemas.people import Role
from tui.cells import said
from tui.screens.begin_campaign import BeginCampaign
from tui.screens.listing import Listing
from tui.texts import N_, _
from tui.widgets.columns import Column
from tui.words.campaign import campaign_mark, campaign_width, progress


class Campaigns(Listing[CampaignOut]):
    TITLE_TEXT = N_("Check campaigns")
    EMPTY = N_("No checks were pushed yet.")
    SEARCHED = False
    BINDINGS: ClassVar[list[BindingType]] = [Binding("1", "begin", N_("Push checks"))]

    def columns(self) -> list[Column[CampaignOut]]:
        cells = self.cells
        return [
            Column(_("State"), lambda row: cells.mark(campaign_mark(row)), campaign_width()),
            Column(_("Pushed"), lambda row: cells.moment(row.at), 11, drop=2),
            Column(_("Items checked"), lambda row: said(row.title), 12, grow=2),
            Column(_("About"), lambda row: said(row.scope), 10, grow=1, drop=3),
            Column(_("Progress"), lambda row: said(progress(row, 10)), 32, grow=3),
            Column(_("By"), lambda row: cells.dim(row.by), 8, drop=4),
        ]

    def key(self, row: CampaignOut) -> object:
        return row.uid

    async def page(self, offset: int, limit: int) -> tuple[Sequence[CampaignOut], Page] | None:
        answer = await self.app.ask(self.app.client.campaigns(offset=offset, limit=limit))
        return None if answer is None else (answer.rows, answer)

    def told(self, page: Page) -> list[str]:
        return [_("{n} check campaigns").format(n=f"{page.total:,}")]

    def open_row(self, row: CampaignOut) -> None:
        self.app.open(f"campaigns/{row.uid}")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "begin":
            return self.app.person is not None and self.app.person.role is Role.HEAD
        return super().check_action(action, parameters)

    @work(exclusive=True, group="choices")
    async def action_begin(self) -> None:
        there = await self.app.ask(self.app.client.checks())
        branches = await self.app.ask(self.app.client.branches(limit=500))
        templates = await self.app.ask(self.app.client.templates())
        if there is not None and branches is not None and templates is not None:
            self.app.push_screen(BeginCampaign(there.checks, branches.rows, templates.templates), self._begun)

    def _begun(self, uid: str | None) -> None:
        if uid:
            self.app.open(f"campaigns/{uid}")
