"""One host by every check: what it rests on, how old that is, and what to do. What fails first.

```
 不合格 2，未核查 1，合格 9 …
  结果      严重    核查项        事实时间   依据
  ■ 不合格  严重    MS17-010     3 分钟前   srv.sys 6.1.7601.17514 …
 处理步骤 1 …
```
"""

from collections.abc import Iterable, Sequence
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.binding import Binding, BindingType
from textual.widget import Widget
from textual.widgets import Static

from server.schemas.base import Page
from server.schemas.checks import HostVerdicts, VerdictOut
from tui.cells import said
from tui.plain import plain
from tui.screens.exempt import Exempt
from tui.screens.listing import Listing
from tui.screens.read_now import ask_facts
from tui.texts import N_, _
from tui.widgets.columns import Column
from tui.widgets.table import Table
from tui.words.verdicts import MARKS, SEVERITIES, WORDS

WIDE = 100  # cells of a line below the rows


class HostChecks(Listing[VerdictOut]):
    CSS_PATH = ["frame.tcss", "matrix.tcss"]  # noqa: RUF012 - Textual's own declaration
    TITLE_TEXT = N_("Host")
    SEARCHED = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("1", "exempt", N_("Exempt from this check")),
        Binding("2", "go('agents')", N_("Its page")),
        Binding("0", "ask_pc", N_("Ask its PC what it is")),
    ]

    def __init__(self, key: str) -> None:
        super().__init__()
        self._host = key
        self._told: HostVerdicts | None = None

    def body(self) -> Iterable[Widget]:
        yield from super().body()
        yield Static(id="under")

    def columns(self) -> list[Column[VerdictOut]]:
        cells = self.cells
        return [
            Column(_("Verdict"), lambda row: cells.mark(MARKS[row.word]), 10),
            Column(_("Severity"), lambda row: said(_(SEVERITIES[row.severity])), 6, drop=2),
            Column(_("Item checked"), lambda row: said(row.title), 20, grow=1),
            Column(_("Facts of"), lambda row: cells.ago(row.at), 10, drop=1, right=True),
            Column(_("What it rests on"), lambda row: said(_("; ").join(row.why)), 20, grow=3),
        ]

    def key(self, row: VerdictOut) -> object:
        return row.check

    async def page(self, offset: int, limit: int) -> tuple[Sequence[VerdictOut], Page] | None:
        told = await self.app.ask(self.app.client.verdicts(self._host))
        if told is None:
            return None
        self._told = told
        self.place(_("Host {key}").format(key=plain(self._host)))
        total = len(told.verdicts)
        return told.verdicts[offset : offset + limit], Page(total=total, offset=offset, at=self.app.client.now())

    def told(self, page: Page) -> list[str]:
        if self._told is None:
            return []
        return [_(", ").join(f"{_(word)} {self._told.counts.get(key, 0)}" for key, word in WORDS.items())]  # type: ignore[call-overload]

    def open_row(self, row: VerdictOut) -> None:
        """All of it is below already."""

    @on(Table.Moved)
    def _under(self, message: Table.Moved) -> None:
        row: VerdictOut | None = message.row
        lines: list[Text] = []
        if row is not None:
            lines.append(Text(plain(f"{row.title}  {row.clause}"), style="bold"))
            lines += [self.cells.folded(line, WIDE, 0) for line in row.why]
            lines += [Text(f"{number}. {plain(step)}") for number, step in enumerate(row.mend, 1)]
        self.query_one("#under", Static).update(Text("\n").join(lines))

    # doing

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("exempt", "ask_pc"):
            return self.app.head
        return super().check_action(action, parameters)

    def action_exempt(self) -> None:
        if (row := self.table.row) is not None:
            self.app.push_screen(Exempt(row.check, self._host), lambda _done: self.reload())

    def action_ask_pc(self) -> None:
        ask_facts(self.app, self._host)

    def action_go(self, where: str) -> None:
        self.app.open(f"{'devices' if '/' in self._host else where}/{self._host}")
