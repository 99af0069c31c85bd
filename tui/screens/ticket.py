"""One ticket: what is wrong, who has it, the conditions behind it, the notes. A digit takes the next step.

```
 ■ 新建  2号钞箱 钞空      大堂 ATM-1 · 正午支行
 10:39 开单 (系统) → 10:45 受理 (李某) → …
 1 受理  4 备注  5 看设备
```
"""

from collections.abc import Awaitable, Iterable
from typing import ClassVar, Literal

from rich.text import Text
from textual import work
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widget import Widget
from textual.widgets import Static

from server.schemas.tickets import TicketDetail, TicketOut, TicketStatus, TicketStep
from tui.cells import Cells
from tui.plain import plain, plain_lines
from tui.screens.ask_text import AskText
from tui.screens.frame import Frame
from tui.screens.report import FAULTS
from tui.screens.told import pair
from tui.texts import N_, _
from tui.words.times import full, span
from tui.words.values import keyword

Step = Literal["accept", "start", "finish"]
NEXT: dict[TicketStatus, Step] = {
    TicketStatus.NEW: "accept",
    TicketStatus.ACCEPTED: "start",
    TicketStatus.IN_PROGRESS: "finish",
}


class Ticket(Frame):
    CSS_PATH = ["frame.tcss", "ticket.tcss"]  # noqa: RUF012 - Textual's own declaration
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("1", "step('accept')", N_("Accept")),
        Binding("2", "step('start')", N_("Start work")),
        Binding("3", "step('finish')", N_("Finish")),
        Binding("4", "note", N_("Write a note")),
        Binding("5", "subject", N_("See the device")),
    ]

    def __init__(self, number: str) -> None:
        super().__init__()
        self._number = number
        self._detail: TicketDetail | None = None

    def body(self) -> Iterable[Widget]:
        with VerticalScroll():
            yield Static(id="ticket")
            yield Static(id="conditions")
            yield Static(id="notes")

    async def fetch(self) -> None:
        detail = await self.app.ask(self.app.client.ticket(self._number))
        if detail is not None:
            self._show(detail)

    def on_mount(self) -> None:
        super().on_mount()
        self.place(_("Ticket {number}").format(number=self._number))

    def _show(self, detail: TicketDetail) -> None:
        self._detail = detail
        self.fetched()
        self.age()
        self.refresh_bindings()

    def age(self) -> None:
        cells, detail = self.cells, self._detail
        if detail is None:
            self.query_one("#ticket", Static).update(self.nothing)
            return
        self.query_one("#ticket", Static).update(_ticket_text(cells, detail.ticket))
        self.query_one("#conditions", Static).update(_conditions_text(cells, detail))
        self.query_one("#notes", Static).update(_notes_text(cells, detail))

    # steps

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "step":
            return self._detail is not None and NEXT.get(self._detail.ticket.status) == parameters[0]
        return super().check_action(action, parameters)

    def action_step(self, step: Step) -> None:
        client = self.app.client
        if step != "finish":
            self._do(client.step(self._number, TicketStep(step=step)))
            return

        def finish(outcome: str) -> Awaitable[TicketDetail]:
            return client.step(self._number, TicketStep(step="finish", outcome=outcome))

        self.app.push_screen(AskText(_("What was done? (the outcome of the ticket)"), finish), self._done)

    def action_note(self) -> None:
        def write(text: str) -> Awaitable[TicketDetail]:
            return self.app.client.note(self._number, text)

        self.app.push_screen(AskText(_("A note"), write, longest=2000), self._done)

    @work(exclusive=True, group="deed")
    async def _do(self, deed: Awaitable[TicketDetail]) -> None:
        self._done(await self.app.do(deed))

    def _done(self, detail: TicketDetail | None) -> None:
        if detail is not None:
            self._show(detail)

    def action_subject(self) -> None:
        if self._detail is not None:
            ticket = self._detail.ticket
            self.app.open(
                f"devices/{ticket.subject}" if ticket.subject_kind == "position" else f"branches/{ticket.branch}"
            )


def _ticket_text(cells: Cells, ticket: TicketOut) -> Text:
    text = Text.assemble(cells.ticket(ticket), "  ", (plain(ticket.title), "bold"))
    if ticket.urgent:
        text.append_text(Text.assemble("  ", cells.ink(_("urgent"), "fault")))
    if ticket.offline:
        mark = _("entered at the branch PC while the server was away; nobody had signed in")
        text.append_text(Text.assemble("\n", cells.ink(mark, "attention")))
    steps = [
        (_("Opened"), ticket.opened_at, _("found by itself") if ticket.source == "condition" else ticket.opened_by),
        (_("Accepted"), ticket.accepted_at, ""),
        (_("Started"), ticket.started_at, ""),
        (_("Done"), ticket.done_at, ticket.done_by or ""),
    ]
    lines = [
        pair(cells, _("Where"), Text(f"{plain(ticket.subject_name)} · {plain(ticket.branch_name)}")),
        pair(cells, _("Kind"), Text(_(FAULTS[ticket.fault]))),
        *(pair(cells, name, Text(f"{full(at)}  {plain(who)}")) for name, at, who in steps if at is not None),
        pair(cells, _("Handler"), Text(plain(ticket.handler) or "—")),
    ]
    end = ticket.done_at or cells.now()
    lines.append(pair(cells, _("Lasted"), Text(span(end - ticket.opened_at))))
    if ticket.outcome:
        lines.append(pair(cells, _("Outcome"), Text(plain(ticket.outcome))))
    for line in lines:
        text.append("\n")
        text.append_text(line)
    return text


def _conditions_text(cells: Cells, detail: TicketDetail) -> Text:
    text = Text().append(_("Conditions behind it") + "\n", "bold")
    if not detail.conditions:
        return text.append_text(cells.dim(_("None: it was reported by hand.")))
    for condition in detail.conditions:
        text.append_text(
            Text.assemble(
                cells.condition(condition), "  ", plain(condition.subject_name), "  ", cells.lasted(condition)
            )
        )
        if condition.closed_at is not None:
            text.append_text(cells.dim(" " + _("(over)")))
        for place, step in enumerate(condition.fix_card if condition.closed_at is None else [], 1):
            text.append_text(Text.assemble("\n   ", (f"{place} ", "bold"), plain(step)))
        text.append("\n")
    return text


def _notes_text(cells: Cells, detail: TicketDetail) -> Text:
    text = Text().append(_("Notes") + "\n", "bold")
    if not detail.notes:
        return text.append_text(cells.dim(_("None yet. 4 writes one.")))
    for note in detail.notes:
        text.append_text(
            Text.assemble(
                cells.moment(note.at), "  ", (plain(keyword(note.author)), "bold"), "  ", plain_lines(note.text), "\n"
            )
        )
    return text
