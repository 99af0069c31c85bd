"""Sweeps of networks: what waits for approval first, then what runs and what came of it. Head office asks and decides.

```
 2 项扫描，1 项待批准
  状态      网络           采集程序  申请 → 批准   时间         进度               说明
  ▲ 待批准  10.1.1.0/24    1001-pc   li → ?       11-30 17:40  256 个，约 4 分钟   查私接设备
```
"""

from collections.abc import Awaitable, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType

from server.schemas.base import Page
from server.schemas.sweeps import SweepCreate, SweepOut, SweepPage, SweepRefuse, SweepState
from tui.cells import said
from tui.screens.ask_text import AskText
from tui.screens.choose import Choice, Choose
from tui.screens.fill import Field, Fill
from tui.screens.listing import Listing
from tui.texts import N_, _
from tui.widgets.columns import Column
from tui.words.sweep import RATES, STATES, plan, progress, remark, who

LASTS = ((86_400, N_("a day")), (28_800, N_("8 hours")), (259_200, N_("3 days")), (604_800, N_("a week")))
OPEN = (SweepState.ASKED, SweepState.APPROVED, SweepState.RUNNING)


class Sweeps(Listing[SweepOut]):
    TITLE_TEXT = N_("Sweeps of networks")
    EMPTY = N_("No network was swept. One of head office asks, another approves.")
    SEARCHED = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("1", "ask", N_("Ask for a sweep")),
        Binding("2", "approve", N_("Approve")),
        Binding("3", "refuse", N_("Refuse")),
        Binding("4", "cancel", N_("Cancel the sweep")),
    ]

    def __init__(self, branch: str | None = None) -> None:
        super().__init__()
        self._branch = branch

    def columns(self) -> list[Column[SweepOut]]:
        cells = self.cells
        return [
            Column(_("State"), lambda row: cells.mark(STATES[row.state]), 12),
            Column(_("Network"), lambda row: said(row.prefix), 15),
            Column(_("Branch"), lambda row: said(row.branch_name), 8, grow=1, drop=3),
            Column(_("Agent"), lambda row: said(row.agent), 10),
            Column(_("Asked → approved"), lambda row: said(who(row)), 12, grow=1),
            Column(_("Time"), lambda row: cells.moment(row.ended_at or row.decided_at or row.at), 11, drop=2),
            Column(_("Progress"), lambda row: said(progress(row)), 22),
            Column(_("Remark"), lambda row: cells.dim(remark(row, self.app.client.now())), 16, grow=4, drop=1),
        ]

    def key(self, row: SweepOut) -> object:
        return row.uid

    async def page(self, offset: int, limit: int) -> tuple[Sequence[SweepOut], Page] | None:
        answer = await self.app.ask(self.app.client.sweeps(branch=self._branch, offset=offset, limit=limit))
        return None if answer is None else (answer.rows, answer)

    def told(self, page: Page) -> list[str]:
        if not isinstance(page, SweepPage):
            return []
        counted = _("{total} sweeps, {waiting} wait for approval").format(total=page.total, waiting=page.waiting)
        return [counted, _("nobody approves what they asked for themselves") if page.waiting else ""]

    def open_row(self, row: SweepOut) -> None:
        if row.push:
            self.app.open(f"pushes/{row.push}")
        else:
            self.app.say(f"{plan(row)} · {remark(row, self.app.client.now())}")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("ask", "approve", "refuse", "cancel"):
            return self.app.head
        return super().check_action(action, parameters)

    def action_ask(self) -> None:
        fields = [
            Field("prefix", _("Network"), hint=_("10.1.1.0/24; a /22 at most"), needed=True),
            Field("agent", _("Agent"), hint=_("empty: one whose PC told of that network")),
            Field("rate", _("Rate"), choices=[(one, _("{n} a second").format(n=one)) for one in RATES]),
            Field("seconds", _("Lapses after"), choices=[(str(seconds), _(title)) for seconds, title in LASTS]),
            Field("window", _("Hours"), hint=_("17:30-08:00; empty: at once")),
            Field("reason", _("Reason"), hint=_("for who approves it"), needed=True),
        ]

        def deed(typed: dict[str, str]) -> Awaitable[SweepOut]:
            return self.app.client.ask_sweep(SweepCreate.model_validate(typed))

        self.app.push_screen(Fill(_("Ask for a sweep: another approves it"), fields, deed), lambda _done: self.reload())

    def action_approve(self) -> None:
        row = self._waiting()
        if row is None:
            return
        uid = row.uid

        def chosen(key: str | None) -> None:
            if key == "yes":
                self._do(self.app.client.approve_sweep(uid))

        choices = [
            Choice("yes", _("Approve: {plan}").format(plan=plan(row))),
            Choice("no", _("Not now ({who} asked: {reason})").format(who=row.by, reason=row.reason or "—")),
        ]
        self.app.push_screen(Choose(_("Approve the sweep?"), choices), chosen)

    def action_refuse(self) -> None:
        row = self._waiting()
        if row is None:
            return
        uid = row.uid

        def deed(reason: str) -> Awaitable[SweepOut]:
            return self.app.client.refuse_sweep(uid, SweepRefuse(reason=reason))

        asked = _("Refuse the sweep of {prefix}. Why?").format(prefix=row.prefix)
        self.app.push_screen(AskText(asked, deed), lambda _done: self.reload())

    def action_cancel(self) -> None:
        row = self.table.row
        if row is None or row.state not in OPEN:
            self.app.say(_("This sweep is over."), "warning")
            return
        uid = row.uid

        def chosen(key: str | None) -> None:
            if key == "yes":
                self._do(self.app.client.cancel_sweep(uid))

        choices = [
            Choice("yes", _("Cancel it: its agent stops within seconds of hearing it")),
            Choice("no", _("Let it be: {plan}").format(plan=plan(row))),
        ]
        self.app.push_screen(Choose(_("Cancel the sweep?"), choices), chosen)

    def _waiting(self) -> SweepOut | None:
        row: SweepOut | None = self.table.row
        if row is None or row.state is not SweepState.ASKED:
            self.app.say(_("This sweep does not wait for approval."), "warning")
            return None
        return row

    def _do(self, deed: Awaitable[SweepOut]) -> None:
        async def done() -> None:
            await self.app.do(deed)
            self.reload()

        self.run_worker(done())
