"""One campaign: how far it is as it goes on, and every host with its verdict or the reason why there is none.

```
 ◇ 进行中  高危端口未开放   全行
 [############........] 37/60  合格 30 · 不合格 7 · 等待 23（关机 20）
 li，11-30 10:39 · 12-03 10:39 前有效
  ■ 不合格  1001-pc  城关支行  高危端口：端口 445 正在监听
  ○ 等待    1002-pc  滨河支行  11-24（周二）起关机或断网，下次开机执行，12-03（周四）到期
```
"""

from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import on, work
from textual.binding import Binding, BindingType
from textual.widget import Widget
from textual.widgets import Static

from server.schemas.campaigns import BranchTally, CampaignHost, CampaignOut, Part
from server.schemas.people import Role
from tui.cells import said
from tui.client import Download
from tui.plain import plain
from tui.screens.campaign_result import CampaignResult
from tui.screens.choose import Choice, Choose
from tui.screens.export import Export
from tui.screens.frame import Frame
from tui.shell import Changed, Link
from tui.texts import N_, _
from tui.widgets.columns import Column
from tui.widgets.table import Slice, Table
from tui.words.campaign import (
    bar,
    campaign_mark,
    campaign_width,
    counts,
    host_mark,
    part_title,
    parts_of,
    reasons,
    short,
    ticked,
    told_of,
    when,
)

LOOK = 3.0  # seconds between looks while it goes on and nobody tells of changes


class Campaign(Frame):
    CSS_PATH = ["frame.tcss", "campaign.tcss"]  # noqa: RUF012 - Textual's own declaration
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("1", "branch", N_("One branch")),
        Binding("2", "result", N_("Text and QR codes")),
        Binding("3", "export", N_("Excel")),
        Binding("4", "cancel", N_("Cancel it")),
        Binding("5", "items", N_("Items to answer")),
    ]

    def __init__(self, uid: str, branch: str | None = None) -> None:
        super().__init__()
        self._uid, self._branch = uid, branch
        self._campaign: CampaignOut | None = None
        self._branches: list[BranchTally] = []

    def body(self) -> Iterable[Widget]:
        yield Static(id="head")
        yield Table[CampaignHost](self._columns(), lambda row: row.host, empty=_("No host."))
        yield Static(id="came")

    @property
    def table(self) -> Table[CampaignHost]:
        return self.query_one(Table)

    def on_mount(self) -> None:
        super().on_mount()
        self.place(_("Check campaign"))
        self.table.focus()
        self.set_interval(LOOK, self._look)

    # asking

    def on_changed(self, message: Changed) -> None:
        event = message.event
        if event is None or event.topic == "all" or event.key == self._uid:
            super().on_changed(message)

    def _look(self) -> None:
        going_on = self._campaign is not None and self._campaign.ended_at is None
        if going_on and self.app.link is not Link.LIVE:
            self.on_changed(Changed(None))

    async def fetch(self) -> None:
        campaign = await self.app.ask(self.app.client.campaign(self._uid))
        branches = await self.app.ask(self.app.client.campaign_branches(self._uid))
        if campaign is None or branches is None:
            return
        self.fetched()
        self._campaign, self._branches = campaign, branches.rows
        self.place(f"{_('Check campaign')} · {plain(campaign.title)}")
        self.age()
        self.refresh_bindings()
        self.table.reload(self._hosts)
        await self.table.still()

    async def _hosts(self, offset: int, limit: int) -> Slice[CampaignHost] | None:
        asked = self.app.client.campaign_hosts(self._uid, branch=self._branch, offset=offset, limit=limit)
        page = await self.app.ask(asked)
        return None if page is None else Slice(page.rows, page.total)

    # showing

    def age(self) -> None:
        campaign = self._campaign
        if campaign is None:
            self.query_one("#head", Static).update(self.nothing)
            return
        cells = self.cells
        mark = cells.mark(campaign_mark(campaign))
        told = f"{bar(campaign.hosts)}  {counts(campaign.hosts)}"
        if campaign.template:
            told = _("{part}: {counts}").format(part=part_title(Part.SYSTEM), counts=told)
        lines = [
            Text.assemble(mark, "  ", (plain(campaign.title), "bold"), "  ", plain(campaign.scope)),
            Text(_("{ago}: {what}").format(ago=self.old, what=told) if self.old else told),
        ]
        if self._branch:
            lines += [
                Text(plain(f"{_('Branch')} {one.branch_name}: {_of_branch(one)}"))
                for one in self._branches
                if one.branch == self._branch
            ]
        lines += [Text(plain(line)) for line in parts_of(campaign)]
        if campaign.reasons:
            lines.append(Text(plain(_("No answer: {reasons}").format(reasons=reasons(campaign)))))
        lines.append(cells.dim(" · ".join(map(plain, when(campaign, cells.now())))))
        self.query_one("#head", Static).update(Text("\n").join(lines))

    def _columns(self) -> list[Column[CampaignHost]]:
        cells = self.cells
        return [
            Column(_("Verdict"), lambda row: cells.mark(host_mark(row)), campaign_width()),
            Column(_("Host"), lambda row: said(row.name or row.host), 12, grow=1),
            Column(_("Branch"), lambda row: said(row.branch_name), 10, grow=1, drop=2),
            Column(_("Answered"), lambda row: cells.moment(row.at) if row.at else said(""), 11, drop=3),
            Column(_("What it rests on, or why there is no answer"), lambda row: said(short(row)), 20, grow=5, drop=1),
        ]

    @on(Table.Moved)
    def _under(self, message: Table.Moved) -> None:
        """All that is known of the host under the cursor, and what to do."""
        lines = told_of(message.row) if message.row is not None else []
        told = self.query_one("#came", Static)
        told.update(Text("\n".join(plain(line) for line in lines)))
        told.display = bool(lines)

    @on(Table.Opened)
    def _host(self, message: Table.Opened) -> None:
        key = message.row.host
        self.app.open(f"devices/{key}" if "/" in key else f"agents/{key}")

    # keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        campaign = self._campaign
        if action == "cancel":
            head = self.app.person is not None and self.app.person.role is Role.HEAD
            return campaign is not None and campaign.ended_at is None and head
        if action == "items":
            return campaign is not None and campaign.ticks.total > 0
        if action == "branch":
            return len(self._branches) > 1
        if action == "result":
            return self._one() is not None
        return super().check_action(action, parameters)

    def _one(self) -> str | None:
        """The branch whose result is told: the one that was chosen, that of the row, or the only one."""
        row = self.table.row
        return self._branch or (row.branch if row is not None else None)

    def action_branch(self) -> None:
        choices = [Choice("", self.app.whole)]
        choices += [Choice(one.branch, f"{one.branch_name}  {_of_branch(one)}") for one in self._branches]
        self.app.push_screen(Choose(_("Branch"), choices, self._branch or ""), self._chosen)

    def _chosen(self, branch: str | None) -> None:
        if branch is not None:
            self._branch = branch or None
            self.table.show(self._hosts)
            self.age()

    @work(exclusive=True, group="choices")
    async def action_result(self) -> None:
        branch = self._one()
        told = await self.app.ask(self.app.client.campaign_text(self._uid, branch)) if branch else None
        if told is not None:
            self.app.push_screen(CampaignResult(told))

    def action_items(self) -> None:
        named = f"?branch={self._branch}" if self._branch else ""
        self.app.open(f"campaign-items/{self._uid}{named}")

    def action_export(self) -> None:
        self.app.push_screen(ExportCampaign(self._uid, self._branch))

    def action_cancel(self) -> None:
        sure = _("Cancel it? What has answered stays.")
        self.app.push_screen(Choose(sure, [Choice("cancel", _("Yes")), Choice("", _("No"))]), self._decided)

    def _decided(self, choice: str | None) -> None:
        if choice:
            self._cancel()

    @work(exclusive=True, group="deed")
    async def _cancel(self) -> None:
        if await self.app.do(self.app.client.cancel_campaign(self._uid)) is not None:
            self.reload()


def _of_branch(one: BranchTally) -> str:
    told = counts(one.hosts)
    return f"{told}  {_('items')} {ticked(one.ticks)}" if one.ticks.total else told


class ExportCampaign(Export):
    FORMATS = (("xlsx", "Excel (.xlsx)"),)
    HEADING = N_("Export the result")
    CALLED = N_("check campaign")

    def __init__(self, uid: str, branch: str | None) -> None:
        super().__init__()
        self._uid, self._branch = uid, branch

    def download(self, kind: str) -> AbstractAsyncContextManager[Download]:
        return self.app.client.campaign_export(self._uid, self._branch)

    def written(self, path: Path, size: int, download: Download) -> str:
        return _("{path} is written: {rows} rows.").format(path=path, rows=download.rows)

    def handed(self, name: str, download: Download) -> str:
        return _("The browser has the file: {name}, {rows} rows.").format(name=name, rows=download.rows)
