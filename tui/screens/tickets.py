"""Tickets: those not yet done first asked for, filtered by digit.

```
 1 未结  2 ■ 新建  3 ▲ 已受理  4 ▲ 处理中  5 ● 已办结  6 全部
  2026-0017  ■ 新建  2号钞箱 钞空  大堂 ATM-1  正午支行  3 小时前
```
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.widget import Widget

from server.schemas.base import Page
from server.schemas.tickets import TicketOut, TicketStatus
from tui.cells import said, ticket_width
from tui.client import TicketQuery
from tui.opens import Place
from tui.screens.listing import Listing
from tui.texts import N_, _
from tui.widgets.columns import Column
from tui.widgets.menu import Menu
from tui.words.values import coverage

OPEN = (TicketStatus.NEW, TicketStatus.ACCEPTED, TicketStatus.IN_PROGRESS)
FILTERS: tuple[tuple[str, tuple[TicketStatus, ...]], ...] = (
    (N_("not done"), OPEN),
    (N_("■ new"), (TicketStatus.NEW,)),
    (N_("▲ accepted"), (TicketStatus.ACCEPTED,)),
    (N_("▲ in progress"), (TicketStatus.IN_PROGRESS,)),
    (N_("● done"), (TicketStatus.DONE,)),
    (N_("all"), ()),
)


def query_of(place: Place) -> TicketQuery:
    """What "tickets?status=new&branch=1001" asks; nothing said of status means those not done."""
    known = {status.value for status in TicketStatus}
    status = tuple(TicketStatus(word) for word in place.all("status") if word in known)
    return TicketQuery(
        q=place.one("q") or "", branch=place.one("branch"), subject=place.one("subject"), status=status or OPEN
    )


class Tickets(Listing[TicketOut]):
    TITLE_TEXT = N_("Tickets")
    EMPTY = N_("No ticket is like that.")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(str(digit), f"status({digit})", show=False) for digit in range(1, len(FILTERS) + 1)
    ]

    def __init__(self, query: TicketQuery | None = None) -> None:
        self.query_ = query or TicketQuery(status=OPEN)
        super().__init__(self.query_.q)

    def columns(self) -> list[Column[TicketOut]]:
        cells = self.cells

        def title(ticket: TicketOut) -> Text:
            urgent = (_("urgent") + " ", f"bold {self.app.ink('fault')}") if ticket.urgent else ""
            offline = cells.dim(_("entered offline") + " ") if ticket.offline else ""
            # A title opens with the device, which has a column of its own here.
            return Text.assemble(
                urgent, offline, said(ticket.title.removeprefix(ticket.subject_name).strip() or ticket.title)
            )

        return [
            Column(_("Ticket"), lambda ticket: said(ticket.number), 9),
            Column(_("State"), cells.ticket, ticket_width()),
            Column(_("What"), title, 18, grow=3),
            Column(_("Where"), lambda ticket: said(ticket.subject_name), 18, grow=2),
            Column(_("Branch"), lambda ticket: said(ticket.branch_name), 12, grow=1, drop=2),
            Column(_("Opened"), lambda ticket: cells.ago(ticket.opened_at), 10, right=True),
            Column(_("Handler"), lambda ticket: said(ticket.handler), 8, drop=3),
            Column(_("Reported by"), self._by, 8, drop=4),
        ]

    def _by(self, ticket: TicketOut) -> Text:
        return self.cells.dim(_("found") if ticket.source == "condition" else ticket.opened_by)

    def key(self, row: TicketOut) -> object:
        return row.number

    def above(self) -> Iterable[Widget]:
        yield Menu(
            [(str(n), _(title), f"screen.status({n})") for n, (title, _s) in enumerate(FILTERS, 1)],
            chosen=self._chosen(),
        )

    def _chosen(self) -> str:
        return next(
            (str(n) for n, (_t, statuses) in enumerate(FILTERS, 1) if set(statuses) == set(self.query_.status)), "0"
        )

    async def page(self, offset: int, limit: int) -> tuple[Sequence[TicketOut], Page] | None:
        asked = replace(self.query_, q=self.q.strip())
        answer = await self.app.ask(self.app.client.tickets(asked, offset=offset, limit=limit))
        return None if answer is None else (answer.rows, answer)

    def told(self, page: Page) -> list[str]:
        parts = [
            _("{n} tickets").format(n=f"{page.total:,}"),
            coverage(page.coverage),
            _("urgent and newest first"),
        ]
        if self.query_.branch:
            parts.append(_("branch: {name}").format(name=self.query_.branch))
        return parts

    def open_row(self, row: TicketOut) -> None:
        self.app.open(f"tickets/{row.number}")

    def action_status(self, digit: int) -> None:
        self.query_ = replace(self.query_, status=FILTERS[digit - 1][1])
        self.query_one(Menu).choose(str(digit))
        self.ask_anew()
        self.set_focus(self.table)
