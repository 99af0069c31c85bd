"""This PC without the server: what works, what does not since when, whom to call, what to do, what was entered.

```
 滨河支行 · 本机   10:42   ● 本机数据 12 秒前                          未登录
 ■ 服务器自 09:41 起无应答 (1 小时)，待送记录 1,204 条，不会丢失
 1 设备  2 线路与报障电话  3 应急步骤  4 报修  5 登记  6 已录入
  ■ 故障  1号窗口 存折打印机  前盖 未关   2 分钟前
 处理提示  1 合上前盖 …
```
"""

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.widget import Widget
from textual.widgets import ContentSwitcher, Static

from tui.cells import said, state_width
from tui.failures import Away, ClientError
from tui.local import words
from tui.local.folder import Local, Unreadable, boxed, read, set_aside
from tui.local.schema import Entry, Line, Position
from tui.local.words import Row
from tui.plain import plain
from tui.screens.frame import Frame
from tui.screens.local_forms import LocalReport, Register
from tui.screens.local_position import LocalPosition, LocalTitle
from tui.shell import Link
from tui.texts import N_, _, language
from tui.widgets.columns import Column
from tui.widgets.frame import KeyLine
from tui.widgets.menu import Menu
from tui.widgets.table import Table, listed
from tui.words.marks import LEVELS
from tui.words.times import ago, day

LOOK = 3.0  # seconds between looks at the file
PROBE = 15.0  # and between questions to the server
VIEWS = (
    ("1", "devices", N_("Devices")),
    ("2", "lines", N_("Lines and numbers to call")),
    ("3", "plans", N_("Contingency steps")),
    ("6", "entered", N_("Entered here")),
)
DEEDS = (("4", "report", N_("Report a fault")), ("5", "register", N_("Register")))


class LocalHome(Frame, inherit_bindings=False):
    CSS_PATH = ["frame.tcss", "local.tcss"]  # noqa: RUF012 - Textual's own declaration
    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(key, f"view({view!r})", title, show=False) for key, view, title in VIEWS),
        *(Binding(key, action, title) for key, action, title in DEEDS),
        Binding("f7", "report", N_("Report a fault"), show=False),
        Binding("f1", "app.help", N_("Help")),
        Binding("f5", "reload", N_("Refresh")),
        Binding("escape", "back", N_("Back")),
        Binding("f10", "app.leave", N_("Quit"), show=False),
    ]

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder
        self._local: Local | None = None
        self._left: dict[str, Entry] = {}  # what this console left in the box
        self._who = ""
        self._back = False  # the server answers again

    def compose(self) -> ComposeResult:
        yield LocalTitle()
        yield from self.body()
        yield KeyLine()

    def body(self) -> Iterable[Widget]:
        yield Static(id="server")
        entries = [(key, f"screen.view({view!r})", title) for key, view, title in VIEWS]
        entries += [(key, f"screen.{action}", title) for key, action, title in DEEDS]
        yield Menu([(key, _(title), action) for key, action, title in sorted(entries)], chosen="1")
        with ContentSwitcher(initial="devices"):
            with Vertical(id="devices"):
                yield Table[Position](self._device_columns(), lambda row: row.key, here=True, id="positions")
                yield Static(id="card")
            with Vertical(id="lines"):
                yield Table[Line](
                    self._line_columns(),
                    lambda row: row.key,
                    empty=_("No line is registered."),
                    here=True,
                    id="circuits",
                )
                yield Static(id="numbers")
            with VerticalScroll(id="plans"):
                yield Static(id="steps")
            with Vertical(id="entered"):
                yield Table[Row](
                    self._entered_columns(),
                    lambda row: row.uid,
                    empty=_("Nothing was entered here."),
                    here=True,
                    id="entries",
                )
                yield Static(id="refusal")

    # asking

    def on_mount(self) -> None:
        self.set_interval(LOOK, self.reload)
        self.reload()
        self.set_interval(PROBE, self._probe)
        self._probe()
        self.query_one("#positions").focus()

    async def fetch(self) -> None:
        try:
            # The box first: what the agent takes meanwhile, its file has then.
            waiting, local = await asyncio.to_thread(lambda: (boxed(self._folder), read(self._folder)))
        except Unreadable as error:
            self._show_nothing(str(error))
            return
        self._show(local, self._rows(local, waiting), words.agent_line(local))

    def _rows(self, local: Local, waiting: list[Entry]) -> list[Row]:
        """What this console left in the box is listed whatever became of it; the agent's word on that goes before."""
        refused = {uid: (entry, why) for uid, entry in self._left.items() if (why := set_aside(self._folder, uid))}
        return words.entered(local.now, [*self._left.values(), *waiting], refused)

    @work(exclusive=True, group="probe")
    async def _probe(self) -> None:
        """Ask the server itself: this console may reach it when the agent does not, and the other way round."""
        try:
            await self.app.client.me()
        except Away:
            self.app.heard(Link.AWAY)
            self._back = False
        except ClientError:  # it answers, if only that nobody is signed in
            self._answers()
        else:
            self._answers()

    def _answers(self) -> None:
        if not self._back:
            self.app.say(_("The server answers: Esc goes back to it."))
        self._back = True
        if self.app.link is Link.AWAY:
            self.app.heard(Link.ASKING)
        self.reload()

    # showing

    def _show(self, local: Local, rows: list[Row], told: tuple[str, str]) -> None:
        if not self.query("#server"):
            return  # the file is read more quickly than the screen is put up or taken down
        self._local, now = local, local.now
        self.query_one(LocalTitle).show(_("{place} · this PC").format(place=words.place(now)), told)
        self.query_one("#server", Static).update(self._server_text(local))
        self.query_one("#positions", Table).reload(listed(now.positions))
        self.query_one("#circuits", Table).reload(listed(now.lines))
        self.query_one("#entries", Table).reload(listed(rows))
        self.query_one("#numbers", Static).update(_numbers_text(local))
        self.query_one("#steps", Static).update(self._steps_text(local))

    def _show_nothing(self, why: str) -> None:
        """What was read before stays, and is old."""
        told = "unknown", _("What this PC's agent says cannot be read: {why}").format(why=plain(why))
        if self._local is not None:
            old = Local(self._local.now, self._local.read, None)
            self._show(old, self._rows(old, boxed(self._folder)), told)
        elif self.query("#server"):
            self.query_one(LocalTitle).show(_("This PC"), ("unknown", _("no data")))
            self.query_one("#server", Static).update(self.cells.mark(LEVELS["unknown"], told[1]))

    def _server_text(self, local: Local) -> Text:
        level, sentence = words.server_line(local)
        text = Text(no_wrap=False).append_text(self.cells.mark(LEVELS[level], sentence))
        if self._back:
            text.append("\n")
            text.append_text(
                self.cells.mark(LEVELS["good"], _("The server answers this console: Esc goes back to it."))
            )
        if suspect := words.suspect_line(local):
            text.append("\n")
            text.append_text(self.cells.mark(LEVELS["attention"], suspect))
        if local.now.left_out:
            told = _("{n} more positions are not shown here.").format(n=local.now.left_out)
            text.append("\n").append_text(self.cells.dim(told))
        return text

    def _steps_text(self, local: Local) -> Text:
        text = Text(no_wrap=False)
        for plan in words.plans(local.now):
            suspected = local.fresh and plan.key == local.now.suspect
            style = f"bold {self.app.ink('attention')}" if suspected else "bold"
            text.append(plain(words.plan_title(plan.key)) + "\n", style=style)
            for place, step in enumerate(plan.of(language()), 1):
                text.append(f"  {place}  ", style="bold").append(plain(step) + "\n")
            text.append("\n")
        return text if text else Text(_("The server has not told this PC any steps."))

    def _device_columns(self) -> list[Column[Position]]:
        cells = self.cells

        def standing(row: Position) -> Text:
            return cells.standing(self._local.standing(row.standing) if self._local else row.standing)

        return [
            Column(_("State"), standing, state_width()),
            Column(_("Device"), lambda row: said(row.name), 18, grow=2),
            Column(_("What"), lambda row: said(words.detail(row)), 14, grow=3),
            Column(_("Since"), lambda row: cells.dim(self._ago(row.since)), 9, drop=1, right=True),
            Column(
                _("Data"), lambda row: cells.dim(day(row.as_of) if row.as_of else self._ago(row.asked)), 10, right=True
            ),
        ]

    def _ago(self, at: int | None) -> str:
        """A moment of the file: its distance from the writing, and the age of that."""
        if at is None or self._local is None or self._local.age is None:
            return "—"
        return ago(at, self._local.now.written.wall + self._local.age)

    def _line_columns(self) -> list[Column[Line]]:
        cells = self.cells

        def standing(row: Line) -> Text:
            return cells.standing(self._local.standing(row.standing) if self._local else row.standing)

        return [
            Column(_("Line"), lambda row: said(row.name), 12, grow=1),
            Column(_("Role"), lambda row: said(words.role(row)), 6),
            Column(_("Carrier"), lambda row: said(row.carrier), 8, grow=1),
            Column(_("Circuit number"), lambda row: said(row.circuit, "bold"), 14, grow=1),
            Column(_("To report a fault call"), lambda row: said(row.fault_phone, "bold"), 14, grow=1),
            Column(_("Bandwidth"), lambda row: said(row.bandwidth), 6, drop=2),
            Column(_("State"), standing, state_width(), drop=1),
        ]

    def _entered_columns(self) -> list[Column[Row]]:
        cells = self.cells
        return [
            Column(_("When"), lambda row: cells.moment(row.at), 11),
            Column(_("Kind"), lambda row: said(_(words.WHATS[row.what])), 8),
            Column(_("Where"), lambda row: said(self._called(row.subject)), 14, grow=1),
            Column(_("What"), lambda row: said(row.said), 14, grow=3),
            Column(_("By"), lambda row: said(row.who), 8, drop=1),
            Column(_("How far"), lambda row: said(_(words.STATES[row.state])), 16, grow=1),
        ]

    def _called(self, key: str) -> str:
        return words.names(self._local.now).get(key, key) if self._local else key

    @on(Table.Moved, "#positions")
    def _under(self, message: Table.Moved) -> None:
        card = Text(no_wrap=False)
        if message.row is not None and message.row.card:
            card.append(_("What to do") + " ", style=f"bold {self.app.ink('attention')}")
            for place, step in enumerate(message.row.card, 1):
                card.append(f" {place} ", style="bold").append(plain(step.of(language())) + " ")
        told = self.query_one("#card", Static)
        told.update(card)
        told.display = bool(card)

    @on(Table.Moved, "#entries")
    def _under_entry(self, message: Table.Moved) -> None:
        why = message.row.why if message.row is not None else ""
        self.query_one("#refusal", Static).update(Text(plain(why)))

    @on(Table.Opened, "#positions")
    def _opened(self, message: Table.Opened) -> None:
        self.app.push_screen(LocalPosition(self._folder, message.row.key))

    # keys

    def action_view(self, view: str) -> None:
        self.query_one(ContentSwitcher).current = view
        self.query_one(Menu).choose(next(key for key, name, _title in VIEWS if name == view))
        focus = {"devices": "#positions", "lines": "#circuits", "plans": "#plans", "entered": "#entries"}[view]
        self.query_one(focus).focus()

    def _subject(self) -> tuple[str, str, str] | None:
        """Key, name, and what is wrong with it: the row the cursor is on, else the branch."""
        view = self.query_one(ContentSwitcher).current
        if view == "devices" and isinstance(row := self.query_one("#positions", Table).row, Position):
            return row.key, row.name, words.detail(row) if row.standing != "good" else ""
        if view == "lines" and isinstance(line := self.query_one("#circuits", Table).row, Line):
            return line.key, line.name, ""
        branch = self._local.now.branch if self._local else None
        return (branch.key, branch.name, "") if branch else None

    def action_report(self) -> None:
        if subject := self._subject():
            self.app.push_screen(LocalReport(self._folder, *subject, self._who), self._entered)  # type: ignore[arg-type]

    def action_register(self) -> None:
        if subject := self._subject():
            key, name, _wrong = subject
            self.app.push_screen(Register(self._folder, key, name, self._who), self._entered)

    def _entered(self, entry: Entry | None) -> None:
        if entry is not None:
            self._who = entry.who
            self._left[entry.uid] = entry
            self.app.say(_("Entered. It is delivered by itself once the server answers; 6 shows how far it is."))
            self.reload()


def _numbers_text(local: Local) -> Text:
    """The people of the branch and its own number, under the lines."""
    branch = local.now.branch
    if branch is None:
        return Text("")
    keepers = " ".join(plain(name) for _key, name in sorted(branch.people.items()) if name)
    pairs = ((_("Branch"), branch.name), (_("Address"), branch.address), (_("Telephone"), branch.phone))
    told = [f"{title} {plain(value)}" for title, value in pairs if value]
    return Text("   ".join([*told, *([_("Keepers {names}").format(names=keepers)] if keepers else [])]))
