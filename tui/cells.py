"""Rows and words as rich Text: outside text is never read as markup."""

from typing import Protocol

from rich.cells import cell_len
from rich.text import Text

from server.schemas.conditions import ConditionOut
from server.schemas.positions import PositionRow
from server.schemas.standing import FRESH, Standing
from server.schemas.tickets import TicketOut
from tui.plain import plain
from tui.shell import Shell
from tui.texts import _
from tui.words.marks import IDENTITIES, LEVELS, ORDERS, PUSHES, STANDINGS, TICKETS, Mark
from tui.words.times import ago, day, moment, span
from tui.words.values import problem, what


class Stands(Protocol):
    """A row that says how something stands, and until when that holds."""

    @property
    def standing(self) -> Standing: ...
    @property
    def fresh_until(self) -> int | None: ...


def said(text: str | None, style: str = "") -> Text:
    return Text(plain(text or ""), style=style, no_wrap=True, end="")


class Cells:
    """Texts in the colours of the app's theme and by the server's clock."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell

    def now(self) -> int:
        return self._shell.client.now()

    def ink(self, text: str, name: str) -> Text:
        return said(text, self._shell.ink(name))

    def dim(self, text: str | None) -> Text:
        return said(text, self._shell.ink("dim"))

    def folded(self, text: str, width: int, indent: int) -> Text:
        """`text` in lines of `width` cells, all but the first behind `indent` blanks."""
        lines = Text(plain(text)).wrap(self._shell.console, width)
        return Text("\n" + " " * indent).join(lines)

    def mark(self, mark: Mark, word: str | None = None) -> Text:
        return self.ink(f"{mark.shape} {mark.title if word is None else word}", mark.ink)

    def standing(self, standing: Standing) -> Text:
        return self.mark(STANDINGS[standing])

    def old(self, row: Stands) -> bool:
        """What it said of now holds no more: the server is away for longer than that was good for."""
        return row.standing in FRESH and not self._shell.holds(row.fresh_until)

    def stands(self, row: Stands) -> Text:
        """How it stands, as far as that is still known."""
        return self.standing(Standing.STALE if self.old(row) else row.standing)

    def what(self, row: PositionRow) -> Text:
        """What a list says beside it; of one that was well and is not known any more, why."""
        told = what(row, self.now())
        return said(_("the server does not answer") if not told and self.old(row) else told)

    def level(self, level: str, word: str) -> Text:
        return self.mark(LEVELS.get(level, LEVELS["unknown"]), word)

    def ticket(self, ticket: TicketOut) -> Text:
        return self.mark(TICKETS[ticket.status])

    def condition(self, condition: ConditionOut) -> Text:
        """Shape and title; grey once it is over."""
        mark = LEVELS[condition.severity]
        if condition.closed_at is not None:
            return self.dim(f"{mark.shape} {condition.title}")
        return self.ink(f"{mark.shape} {condition.title}", mark.ink)

    def problem(self, condition: ConditionOut) -> Text:
        """An open one, with its cause."""
        mark = LEVELS[condition.severity]
        return self.ink(f"{mark.shape} {problem(condition)}", mark.ink)

    def lasted(self, condition: ConditionOut) -> Text:
        end = self.now() if condition.closed_at is None else condition.closed_at
        return said(span(end - condition.opened_at))

    def ago(self, at: int | None) -> Text:
        return self.dim(ago(at, self.now()))

    def data(self, seen_at: int | None, as_of: int | None) -> Text:
        """How old data is: by the poll, or by the date the file itself gives."""
        return self.dim(day(as_of)) if as_of else self.ago(seen_at)

    def moment(self, at: int | None) -> Text:
        return self.dim("—" if at is None else moment(at, self.now()))


def state_width() -> int:
    """Cells the widest standing needs, mark and word."""
    return 2 + max(cell_len(mark.title) for mark in STANDINGS.values())


def identity_width() -> int:
    return 2 + max(cell_len(mark.title) for mark in IDENTITIES.values())


def ticket_width() -> int:
    return 2 + max(cell_len(mark.title) for mark in TICKETS.values())


def order_width() -> int:
    return 2 + max(cell_len(mark.title) for mark in (*ORDERS.values(), PUSHES["not all"]))


def push_width() -> int:
    return 2 + max(cell_len(mark.title) for mark in PUSHES.values())
