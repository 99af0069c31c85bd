"""What the bank asks of every host, and how many stand how: the five words apart, each with its hosts behind it.

```
 442 台主机，其中 421 台上报过
  核查项              严重   合格   不合格   未核查   不适用   豁免
  MS17-010 …          严重    412      9      21       0      0
 1 网点×核查项  2 走势  3 豁免  4 不合格  5 未核查
```
"""

from collections.abc import Iterable, Sequence
from typing import ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.widget import Widget
from textual.widgets import Static

from server.schemas.base import Page
from server.schemas.matrix import CheckCounts, MatrixPage
from tui.cells import said
from tui.client import HostQuery
from tui.plain import plain
from tui.screens.listing import Listing
from tui.screens.verdicts_export import VerdictsExport
from tui.texts import N_, _
from tui.widgets.columns import Column
from tui.words.verdicts import FIELDS, MARKS, SEVERITIES, WORDS

SHOWN = 3  # sentences about files; `branchfleet checks` has all


class Checks(Listing[CheckCounts]):
    TITLE_TEXT = N_("Checks")
    SEARCHED = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("1", "go('matrix')", N_("Branches by checks")),
        Binding("2", "trend", N_("Day by day")),
        Binding("3", "go('exemptions')", N_("Exemptions")),
        Binding("4", "stand('fail')", N_("Hosts that fail")),
        Binding("5", "stand('unknown')", N_("Not known")),
        Binding("6", "stand('exempt')", N_("Exempt")),
        Binding("f8", "export", N_("Export")),
    ]

    def above(self) -> Iterable[Widget]:
        """What is wrong with the bank's files, whole: what rests on them is not known."""
        wrong = Static(id="wrong", classes="wrong")
        wrong.display = False
        yield wrong

    def _tell_wrong(self, sentences: Sequence[str]) -> None:
        wrong = self.query_one("#wrong", Static)
        wrong.display = bool(sentences)
        shown = [plain(one) for one in sentences[:SHOWN]]
        if len(sentences) > SHOWN:
            shown.append(_("... and {n} more: branchfleet checks").format(n=len(sentences) - SHOWN))
        wrong.update(Text("\n").join(self.cells.ink(one, MARKS["fail"].ink) for one in shown))

    def columns(self) -> list[Column[CheckCounts]]:
        return [
            Column(_("Item checked"), lambda one: said(one.title), 24, grow=1),
            Column(_("Severity"), lambda one: said(_(SEVERITIES[one.severity])), 8, drop=1),
            *(self._of(word) for word in WORDS),
        ]

    def _of(self, word: str) -> Column[CheckCounts]:
        """Nought is dim: only what there is has a colour."""
        cells = self.cells

        def cell(one: CheckCounts) -> object:
            count = getattr(one.counts, FIELDS[word])
            return cells.ink(f"{MARKS[word].shape} {count:,}", MARKS[word].ink) if count else cells.dim("0")

        return Column(_(WORDS[word]), cell, 9, right=True)  # type: ignore[arg-type]

    def key(self, row: CheckCounts) -> object:
        return row.check

    async def page(self, offset: int, limit: int) -> tuple[Sequence[CheckCounts], Page] | None:
        answer = await self.app.ask(self.app.client.matrix(limit=1))
        if answer is None:
            return None
        self._tell_wrong(answer.wrong)
        page = answer.model_copy(update={"total": len(answer.checks)})
        return answer.checks[offset : offset + limit], page

    def told(self, page: Page) -> list[str]:
        return [heard(page.hosts, page.heard)] if isinstance(page, MatrixPage) else []

    def open_row(self, row: CheckCounts) -> None:
        self.app.open(f"hosts?check={row.check}")

    def action_stand(self, word: str) -> None:
        if (row := self.table.row) is not None:
            self.app.open(f"hosts?check={row.check}&word={word}")

    def action_trend(self) -> None:
        if (row := self.table.row) is not None:
            self.app.open(f"trend/{row.check}")

    def action_go(self, opens: str) -> None:
        self.app.open(opens)

    def action_export(self) -> None:
        self.app.push_screen(VerdictsExport(HostQuery()))


def heard(hosts: int, heard: int) -> str:
    """Coverage: who never told anything is in every row as not known."""
    told = _("{hosts} hosts, {heard} of them ever told anything.")
    return told.format(hosts=f"{hosts:,}", heard=f"{heard:,}")
