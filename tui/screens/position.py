"""A position: what stands there, what it says, the last 24 hours, who is mending it, which machines stood here.

```
 ■ 故障  1号窗口 存折打印机   正午支行 · 存折打印机
 设备状态 硬件故障 · 12 秒前 (每 60 秒) · 10.20.1.9:9100 · centre · passbook
 1 现状  2 异常与报修  3 设备卡片  4 原始数据        5 现在读一次
 前盖    ■ 未关        │ 应答时间 (ms) …
```
"""

from collections.abc import Iterable
from typing import ClassVar

from textual import on, work
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.widget import Widget
from textual.widgets import ContentSwitcher, Static

from server.schemas.conditions import ConditionOut
from server.schemas.facts import FactsOut
from server.schemas.ledger import CardVersionOut
from server.schemas.positions import History, PositionDetail
from server.schemas.tickets import TicketOut
from tui.cells import said
from tui.plain import plain
from tui.screens.facts_text import facts_text
from tui.screens.frame import Frame
from tui.screens.read_now import ask_facts, may_push, read_now
from tui.screens.told import card_text, head_text, reading_text
from tui.shell import Changed
from tui.texts import N_, _
from tui.widgets.columns import Column
from tui.widgets.hexes import dump
from tui.widgets.menu import Menu
from tui.widgets.plot import Plot
from tui.widgets.table import Table, listed
from tui.words.security import TOPICS
from tui.words.times import DAY, HOUR, day
from tui.words.values import keyword

WINDOWS = (7 * DAY, 30 * DAY, HOUR, DAY)  # in the order F4 goes through them
VIEWS = (
    ("1", "now", N_("Now")),
    ("2", "cases", N_("Conditions and tickets")),
    ("3", "machine", N_("Machine")),
    ("4", "raw", N_("Raw data")),
)


class Position(Frame):
    CSS_PATH = ["frame.tcss", "position.tcss"]  # noqa: RUF012 - Textual's own declaration
    HORIZONTAL_BREAKPOINTS = [(0, "-slim"), (100, "-broad")]  # noqa: RUF012 - Textual's own declaration
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("5", "read_now", N_("Read now")),
        Binding("0", "ask_pc", N_("Ask its PC what it is")),
        Binding("f7", "report", N_("Report a fault")),
        Binding("f6", "metric(1)", N_("Next figure")),
        Binding("f4", "window", N_("Time span")),
        *(Binding(key, f"view({view!r})", title, show=False) for key, view, title in VIEWS),
    ]

    def __init__(self, key: str) -> None:
        super().__init__()
        self._key = key
        self._detail: PositionDetail | None = None
        self._facts: FactsOut | None = None
        self._metric = 0
        self._window: int | None = None  # place in WINDOWS; None until somebody chose

    def body(self) -> Iterable[Widget]:
        yield Static(id="head")
        yield Menu([(key, _(title), f"screen.view({view!r})") for key, view, title in VIEWS], chosen="1")
        with ContentSwitcher(initial="now"):
            with Horizontal(id="now"):
                with VerticalScroll(id="says"):
                    yield Static(id="reading")
                    yield Static(id="facts")
                yield Plot()
            with Widget(id="cases"):
                yield Table[ConditionOut](
                    self._condition_columns(),
                    lambda row: row.uid,
                    empty=_("No condition in 24 hours."),
                    id="conditions",
                )
                yield Table[TicketOut](
                    self._ticket_columns(), lambda row: row.number, empty=_("No ticket."), id="tickets"
                )
            with Widget(id="machine"):
                yield Static(id="card")
                yield Table[CardVersionOut](
                    self._machine_columns(),
                    lambda row: row.known_from,
                    empty=_("No machine in the ledger."),
                    id="machines",
                )
            with VerticalScroll(id="raw"):
                yield Static(id="bytes")

    # asking

    def on_mount(self) -> None:
        super().on_mount()
        self.place(plain(self._key))

    def on_changed(self, message: Changed) -> None:
        """Other positions are none of this page's business."""
        event = message.event
        if event is None or event.topic not in ("position", "condition") or event.key == self._key:
            super().on_changed(message)

    async def fetch(self) -> None:
        detail = await self.app.ask(self.app.client.position(self._key))
        if detail is not None:
            self.fetched()
            self._detail = detail
            self._show(detail)
            self._draw()
            if detail.host:
                self._facts = await self.app.ask(self.app.client.facts(self._key, *TOPICS)) or self._facts
                self.age()

    @work(exclusive=True, group="plot")
    async def _draw(self) -> None:
        detail, plot = self._detail, self.query_one(Plot)
        end = self.app.client.now()
        if detail is None or not detail.metrics:
            plot.show(None, end - DAY, end, _("No figure of this device has a history."))
            return
        metric = detail.metrics[self._metric % len(detail.metrics)]
        window = WINDOWS[self._window % len(WINDOWS)] if self._window is not None else DAY
        history = await self._history(metric, end - window, end, plot.columns)
        if history is not None and self._window is None and history.points and history.points[0].at > end - HOUR:
            window = HOUR  # what began within the hour is a dot in a day
            history = await self._history(metric, end - window, end, plot.columns)
        if history is not None:
            plot.show(history, end - window, end)

    async def _history(self, metric: str, start: int, end: int, points: int) -> History | None:
        return await self.app.ask(self.app.client.history(self._key, metric, start=start, end=end, points=points))

    # showing

    def _show(self, detail: PositionDetail) -> None:
        self.place(f"{detail.row.branch_name} · {plain(detail.row.name)}")
        self.age()
        self.query_one("#conditions", Table).reload(listed(detail.conditions))
        self.query_one("#conditions").styles.height = min(max(2, len(detail.conditions)) + 1, self.size.height // 2)
        self.query_one("#tickets", Table).reload(listed(detail.tickets))
        self.query_one("#card", Static).update(card_text(self.cells, detail.card))
        self.query_one("#machines", Table).reload(listed(detail.machines))
        raw = {
            f"{reading.agent}: {question}": answer
            for reading in detail.readings
            for question, answer in reading.raw.items()
        }
        self.query_one("#bytes", Static).update(dump(raw, self.app.ink("dim")))
        self.refresh_bindings()

    def age(self) -> None:
        if self._detail is None:
            self.query_one("#head", Static).update(self.nothing)
            return
        cells, words = self.cells, self.app.words
        self.query_one("#head", Static).update(head_text(cells, words, self._detail))
        self.query_one("#reading", Static).update(reading_text(cells, words, self._detail))
        if self._facts is not None:
            self.query_one("#facts", Static).update(facts_text(cells, self._facts, _("What it says of itself")))

    def _condition_columns(self) -> list[Column[ConditionOut]]:
        cells = self.cells
        return [
            Column(_("What"), cells.condition, 24, grow=2),
            Column(_("Began"), lambda row: cells.moment(row.opened_at), 11),
            Column(_("Ended"), lambda row: cells.moment(row.closed_at) if row.closed_at else cells.dim(_("open")), 11),
            Column(_("Lasted"), cells.lasted, 8, right=True),
            Column(_("Ticket"), lambda row: said(row.ticket), 10),
            Column(_("Cause"), lambda row: said(row.cause), 10, grow=2, drop=1),
        ]

    def _ticket_columns(self) -> list[Column[TicketOut]]:
        cells = self.cells
        return [
            Column(_("Ticket"), lambda row: said(row.number), 10),
            Column(_("State"), cells.ticket, 10),
            Column(_("What"), lambda row: said(row.title), 20, grow=2),
            Column(_("Opened"), lambda row: cells.moment(row.opened_at), 11),
            Column(_("Handler"), lambda row: said(row.handler), 8, drop=1),
        ]

    def _machine_columns(self) -> list[Column[CardVersionOut]]:
        cells = self.cells
        return [
            Column(_("From"), lambda row: said(day(row.effective_from)), 10),
            Column(_("To"), lambda row: said(day(row.effective_to) if row.effective_to else _("today")), 10),
            Column(_("Asset number"), lambda row: said(str(row.fields.get("asset", ""))), 14),
            Column(_("Model"), lambda row: said(str(row.fields.get("model", ""))), 14, grow=1),
            Column(_("Serial number"), lambda row: said(str(row.fields.get("serial", ""))), 16, drop=2),
            Column(_("Status"), lambda row: said(keyword(row.status)), 8),
            Column(_("By"), lambda row: said(keyword(row.by)), 8, drop=1),
            Column(_("Reason"), lambda row: cells.dim(row.reason), 8, grow=1, drop=3),
        ]

    # keys

    def action_view(self, view: str) -> None:
        self.query_one(ContentSwitcher).current = view
        self.query_one(Menu).choose(next(key for key, name, _title in VIEWS if name == view))
        focus = {"cases": "#conditions", "machine": "#machines", "now": "#says", "raw": "#raw"}[view]
        self.query_one(focus).focus()
        self.refresh_bindings()

    def action_metric(self, by: int) -> None:
        self._metric += by
        self._draw()

    def action_window(self) -> None:
        self._window = 0 if self._window is None else self._window + 1
        self._draw()

    def action_read_now(self) -> None:
        read_now(self.app, self._key, self._key, many=False)

    def action_ask_pc(self) -> None:
        ask_facts(self.app, self._key)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "ask_pc":
            return self.app.head and self._detail is not None and self._detail.host
        if action == "read_now":
            return may_push(self.app, self._key)
        if action == "metric":
            return (
                self.query_one(ContentSwitcher).current == "now"
                and self._detail is not None
                and len(self._detail.metrics) > 1
            )
        return super().check_action(action, parameters)

    def action_report(self) -> None:
        if self._detail is not None:
            row = self._detail.row
            self.app.report(row.key, row.name, row.detail)

    @on(Table.Opened, "#tickets")
    def _ticket(self, message: Table.Opened) -> None:
        self.app.open(f"tickets/{message.row.number}")

    @on(Table.Opened, "#conditions")
    def _condition(self, message: Table.Opened) -> None:
        if message.row.ticket:
            self.app.open(f"tickets/{message.row.ticket}")

    @on(Table.Opened, "#machines")
    def _machine(self, message: Table.Opened) -> None:
        if message.row.fields.get("asset"):
            self.app.open(f"ledger/{message.row.fields['asset']}")
