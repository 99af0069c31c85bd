"""One branch: who and where, how it stands, and its devices."""

from collections.abc import Iterable
from typing import ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.widget import Widget
from textual.widgets import Static

from server.schemas.base import Page
from server.schemas.branches import BranchOut
from server.schemas.positions import PositionRow
from tui.client import PositionQuery
from tui.plain import plain
from tui.screens.devices import Devices
from tui.screens.read_now import may_push, read_now
from tui.texts import N_, _
from tui.widgets.columns import Column

PEOPLE = {"a": N_("administrator A"), "b": N_("administrator B")}


class Branch(Devices):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f8", "tickets", N_("Tickets")),
        Binding("7", "coverage", N_("Data coverage")),
        Binding("8", "read_now", N_("Read now")),
        Binding("9", "pushes", N_("Pushes"), show=False),
    ]

    def __init__(self, code: str) -> None:
        super().__init__(PositionQuery(branch=code))
        self._code = code
        self._branch: BranchOut | None = None

    def columns(self) -> list[Column[PositionRow]]:
        return [column for column in super().columns() if column.title != _("Branch")]

    def above(self) -> Iterable[Widget]:
        yield Static(id="branch", classes="line")
        yield from super().above()

    async def fetch(self) -> None:
        branch = await self.app.ask(self.app.client.branch(self._code))
        if branch is not None:
            self._show(branch)
        await super().fetch()

    def on_mount(self) -> None:
        super().on_mount()
        self.place(self._code)

    def _show(self, branch: BranchOut) -> None:
        self._branch = branch
        self.place(branch.name)
        self.age()

    def age(self) -> None:
        super().age()
        branch = self._branch
        if branch is None:
            return
        who = " · ".join(_(PEOPLE.get(key, key)) + " " + plain(name) for key, name in branch.people.items())
        line = Text.assemble(self.cells.stands(branch), "  ", no_wrap=True, end="")
        line.append(plain(" · ".join(part for part in (branch.address, branch.phone, who) if part)))
        self.query_one("#branch", Static).update(line)

    def action_tickets(self) -> None:
        self.app.open(f"tickets?branch={self._code}")

    def action_coverage(self) -> None:
        self.app.open(f"coverage?branch={self._code}")

    def action_pushes(self) -> None:
        self.app.open(f"pushes?about={self._code}")

    def action_read_now(self) -> None:
        read_now(self.app, self._code, self._branch.name if self._branch else self._code, many=True)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "read_now":
            return may_push(self.app, self._code)
        return super().check_action(action, parameters)

    def told(self, page: Page) -> list[str]:
        return super().told(page)[:-1]  # the title says which branch

    def _many(self) -> bool:
        return False
