"""What people answer in an emergency: head office the boundary, each branch its own. Enter on a row answers it.

```
 勒索病毒应急处置 · 已完成 3 · 未答复 7
  ○ 未答复    三、安全意识  城关支行  已通知到每一名员工，含休假和外出人员
  ● 已完成    一、网络边界  总行科技  IPS 特征库已升级到最新，已启用拦截       li 10:39
```
"""

from collections.abc import Iterable
from typing import Final

from rich.text import Text
from textual import on, work
from textual.widget import Widget
from textual.widgets import Static

from server.schemas.campaigns import CampaignOut, ItemRow, Tick, TickAsk
from server.schemas.people import Role
from tui.cells import said
from tui.plain import plain
from tui.screens.ask_text import AskText
from tui.screens.choose import Choice, Choose
from tui.screens.frame import Frame
from tui.shell import Changed
from tui.texts import N_, _
from tui.widgets.columns import Column
from tui.widgets.table import Table, listed
from tui.words.campaign import answered_by, item_mark, item_width, part_title, ticked

ANSWERS: Final = (
    (Tick.DONE.value, N_("done by people")),
    (Tick.NOT_POSSIBLE.value, N_("not possible: say why")),
)
NOTED: Final = "noted"  # done, and something to be said of it


class CampaignItems(Frame):
    CSS_PATH = ["frame.tcss", "campaign.tcss"]  # noqa: RUF012 - Textual's own declaration

    def __init__(self, uid: str, branch: str | None = None) -> None:
        super().__init__()
        self._uid, self._branch = uid, branch
        self._campaign: CampaignOut | None = None

    def body(self) -> Iterable[Widget]:
        yield Static(id="head")
        yield Table[ItemRow](
            self._columns(), lambda row: f"{row.branch}/{row.id}", empty=_("Nobody is asked anything here.")
        )
        yield Static(id="came")

    @property
    def table(self) -> Table[ItemRow]:
        return self.query_one(Table)

    def on_mount(self) -> None:
        super().on_mount()
        self.place(_("Items to answer"))
        self.table.focus()

    def on_changed(self, message: Changed) -> None:
        event = message.event
        if event is None or event.topic == "all" or event.key == self._uid:
            super().on_changed(message)

    async def fetch(self) -> None:
        campaign = await self.app.ask(self.app.client.campaign(self._uid))
        found = await self.app.ask(self.app.client.campaign_items(self._uid, self._branch))
        if campaign is None or found is None:
            return
        self.fetched()
        self._campaign = campaign
        self.age()
        self.table.reload(listed(found.rows))
        await self.table.still()

    def age(self) -> None:
        campaign = self._campaign
        if campaign is None:
            self.query_one("#head", Static).update(self.nothing)
            return
        told = ticked(campaign.ticks)
        told = _("{ago}: {what}").format(ago=self.old, what=told) if self.old else told
        step = _("Enter answers a row; a wrong answer is answered again.")
        self.query_one("#head", Static).update(Text.assemble((plain(campaign.title), "bold"), "  ", told, "\n", step))

    def _columns(self) -> list[Column[ItemRow]]:
        cells = self.cells
        return [
            Column(_("Answer"), lambda row: cells.mark(item_mark(row)), item_width()),
            Column(_("Part"), lambda row: said(part_title(row.part)), 14, drop=2),
            Column(_("Branch"), lambda row: said(row.branch_name or _("head office")), 12, drop=1),
            Column(_("Item"), lambda row: said(row.title), 24, grow=4),
            Column(_("By"), lambda row: cells.dim(answered_by(row.newest, cells.now())), 18, drop=3),
        ]

    @on(Table.Moved)
    def _under(self, message: Table.Moved) -> None:
        """The item in full, its note, and what was answered before."""
        row: ItemRow | None = message.row
        lines = []
        if row is not None:
            lines = [row.title]
            given = [row.newest, *row.earlier] if row.newest else []
            lines += [answered_by(one, self.cells.now(), word=True) for one in given]
        told = self.query_one("#came", Static)
        told.update(Text("\n".join(plain(line) for line in lines)))
        told.display = bool(lines)

    @on(Table.Opened)
    def _answer(self, message: Table.Opened) -> None:
        row: ItemRow = message.row
        role = self.app.person.role if self.app.person is not None else None
        if role not in (Role.HEAD, Role.BRANCH):
            return
        choices = [Choice(key, _(title)) for key, title in ANSWERS]
        choices.insert(1, Choice(NOTED, _("done, with a note")))

        def chosen(key: str | None) -> None:
            if key == Tick.DONE.value:
                self._send(row)
            elif key is not None:
                word = Tick.DONE if key == NOTED else Tick.NOT_POSSIBLE
                ask = AskText(_("Note"), lambda note: self._tick(row, word, note))
                self.app.push_screen(ask, lambda done: self.reload() if done is not None else None)

        self.app.push_screen(Choose(plain(row.title), choices), chosen)

    async def _tick(self, row: ItemRow, word: Tick, note: str = "") -> CampaignOut:
        ask = TickAsk(items=[row.id], branch=row.branch, word=word, note=note)
        return await self.app.client.campaign_tick(self._uid, ask)

    @work(exclusive=True, group="deed")
    async def _send(self, row: ItemRow) -> None:
        if await self.app.do(self._tick(row, Tick.DONE)) is not None:
            self.reload()
