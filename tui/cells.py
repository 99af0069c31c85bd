"""Rows and words as rich Text: outside text is never read as markup."""

from rich.text import Text

from server.schemas import CatalogueOut, ConditionOut, Coverage, Standing, TicketOut
from tui.marks import LEVELS, STANDINGS, TICKETS, Mark
from tui.plain import plain
from tui.shell import Shell
from tui.texts import _
from tui.times import ago, moment, span


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

    def mark(self, mark: Mark, word: str | None = None) -> Text:
        return self.ink(f"{mark.shape} {mark.title if word is None else word}", mark.ink)

    def standing(self, standing: Standing) -> Text:
        return self.mark(STANDINGS[standing])

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

    def lasted(self, condition: ConditionOut) -> Text:
        end = condition.closed_at or self.now()
        return said(span(end - condition.opened_at))

    def ago(self, at: int | None) -> Text:
        return self.dim(ago(at, self.now()))

    def moment(self, at: int | None) -> Text:
        return self.dim("—" if at is None else moment(at, self.now()))


def coverage(coverage: Coverage | None) -> str:
    """有效数据覆盖 36/38 台，2 台无数据: what a list says of itself, so that silence never reads as health."""
    if coverage is None:
        return ""
    line = _("valid data {fresh}/{due}").format(fresh=coverage.fresh, due=coverage.due)
    old = coverage.due - coverage.fresh - coverage.never
    if coverage.never:
        line += _(", {n} without data").format(n=coverage.never)
    if old > 0:
        line += _(", {n} out of date").format(n=old)
    return line


def part_title(words: CatalogueOut | None, key: str) -> str:
    """ "2号钞箱" for "cassette.2"; a key the catalogue does not know is shown as it is."""
    if words is None:
        return key
    if key in words.parts:
        return words.parts[key]
    stem, _dot, instance = key.rpartition(".")
    return f"{words.parts[stem]} {instance}" if stem in words.parts else key


def part_word(words: CatalogueOut | None, key: str, word: str) -> tuple[str, str]:
    """Level and title of a part's word; what is not known is shown as it is and judged unknown."""
    known = words.words.get(key) or words.words.get(key.rpartition(".")[0]) if words else None
    found = known.get(word) if known else None
    return (found.level, found.title) if found else ("unknown", word)


def number_title(words: CatalogueOut | None, key: str) -> tuple[str, str]:
    """Title and unit of a number."""
    if words is None:
        return key, ""
    if key in words.numbers:
        return words.numbers[key]
    stem, _dot, instance = key.rpartition(".")
    if stem in words.numbers:
        title, unit = words.numbers[stem]
        return f"{title} {instance}", unit
    return key, ""


def figure(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:,.2f}"
