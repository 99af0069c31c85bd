"""A number over a day, with the conditions shaded behind it.

Drawn by hand because of what must not be got wrong: a hole is where nothing was attested and is never bridged, and the
shade of a condition begins and ends at its own times.
"""

from collections.abc import Iterator, Sequence

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

from server.schemas.positions import History, Point
from tui.plain import plain
from tui.shell import Shell
from tui.texts import _
from tui.words.times import HOUR, brief, clock, span
from tui.words.values import figure

AXIS = 9  # cells left of the plot
DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))  # braille dots by row and column


class Plot(Widget):
    DEFAULT_CSS = """
    Plot { width: 1fr; height: 1fr; min-height: 5; max-height: 24; }
    """

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self._history: History | None = None
        self._start = self._end = 0
        self._said = ""

    def show(self, history: History | None, start: int, end: int, said: str = "") -> None:
        """`start` and `end` in µs. Without a history, `said` stands in its place."""
        self._history, self._start, self._end, self._said = history, start, end, said
        self.refresh()

    @property
    def columns(self) -> int:
        """Points worth asking for: two a cell."""
        return max(20, (self.size.width - AXIS) * 2)

    def render_line(self, y: int) -> Strip:
        return self._line(y).apply_style(self.rich_style)  # else its background would be the terminal's own

    def _line(self, y: int) -> Strip:
        shell, width, height = self.app, self.size.width, self.size.height
        if not isinstance(shell, Shell) or self._history is None or not self._history.points:
            said = self._said or _("No data in this time.")
            return Strip([Segment(said if y == height // 2 else "")]).adjust_cell_length(width)
        dim = Style.parse(shell.ink("dim"))
        rows, cells = height - 2, width - AXIS
        low, high = bounds(self._history.points)
        if y == 0:
            return self._heading(width)
        if y == height - 1:
            return Strip([Segment(self._times(cells), dim)]).adjust_cell_length(width)
        label = {1: figure(high), rows: figure(low)}.get(y, "")
        line = [Segment(label.rjust(AXIS - 1) + "│", dim)]
        bits = self._bits(rows, cells, low, high)
        shades = self._shades(cells)
        ink = Style.parse(shell.ink("plain"))
        for x in range(cells):
            shade = shades[x]
            style = ink + Style.parse(f"on {shell.theme_variables[f'shade-{shade}']}") if shade else ink
            line.append(Segment(chr(0x2800 + bits[y - 1][x]) if bits[y - 1][x] else " ", style))
        return Strip(line).adjust_cell_length(width)

    def _heading(self, width: int) -> Strip:
        history = self._history
        if history is None:
            return Strip.blank(width)
        low, high = min(point.low for point in history.points), max(point.high for point in history.points)
        reach = figure(low) if low == high else f"{figure(low)}–{figure(high)}"
        unit = f" {history.unit}" if history.unit else ""
        last = _("last {value}").format(value=figure(history.points[-1].mean) + unit)
        text = f" {plain(history.title)}   {last}   {span(self._end - self._start)}: {reach}{unit}"
        return Strip([Segment(text, Style(bold=True))]).adjust_cell_length(width)

    def _times(self, cells: int) -> str:
        line = [" "] * (AXIS + cells)
        marks = 4 if cells >= 36 else 2
        for part in range(marks + 1):
            at = self._start + (self._end - self._start) * part // marks
            text = clock(at) if self._end - self._start <= 25 * HOUR else brief(at, self._end)
            left = min(AXIS + cells * part // marks - (len(text) // 2 if part else 0), AXIS + cells - len(text))
            line[left : left + len(text)] = text
        return "".join(line)

    def _shades(self, cells: int) -> list[str]:
        """For each cell the severity of the gravest condition that stood then, or ""."""
        shades = [""] * cells
        length = max(1, self._end - self._start)
        conditions = self._history.conditions if self._history else []
        for condition in sorted(conditions, key=lambda one: one.severity == "fault"):
            first = (condition.opened_at - self._start) * cells // length
            ended = self._end if condition.closed_at is None else condition.closed_at
            last = (ended - self._start) * cells // length
            for x in range(max(0, first), min(cells, last + 1)):
                shades[x] = condition.severity
        return shades

    def _bits(self, rows: int, cells: int, low: float, high: float) -> list[list[int]]:
        """Braille bits by row and cell: each point a bar from its low to its high, neighbours joined by their means."""
        bits = [[0] * cells for _row in range(rows)]
        history = self._history
        if history is None:
            return bits
        dots, spread = rows * 4 - 1, (high - low) or 1.0

        def down(value: float) -> int:
            return max(0, min(dots, round((high - value) / spread * dots)))

        for x, top, bottom in _bars(history.points, history.step, self._start, self._end, cells * 2):
            for y in range(down(top), down(bottom) + 1):
                bits[y // 4][x // 2] |= DOTS[y % 4][x % 2]
        return bits


def bounds(points: Sequence[Point]) -> tuple[float, float]:
    """The lowest and highest seen, apart enough to draw a level line; of what is never below nought nor is the axis."""
    low, high = min(point.low for point in points), max(point.high for point in points)
    if high > low:
        return low, high
    return (low - 1 if low < 0 else max(0.0, low - 1)), high + 1


def _bars(points: Sequence[Point], step: int, start: int, end: int, columns: int) -> Iterator[tuple[int, float, float]]:
    """(column, top, bottom) of each column that has data; between two points more than a step apart lies nothing."""
    length = max(1, end - start)
    before: tuple[int, Point] | None = None
    for point in points:
        x = (point.at - start) * columns // length
        if 0 <= x < columns:
            yield x, point.high, point.low
        if before is not None and point.at - before[1].at <= step * 3 // 2:
            last, mean = before[0], before[1].mean
            for between in range(last + 1, x):
                share = (between - last) / (x - last)
                level = mean + (point.mean - mean) * share
                if 0 <= between < columns:
                    yield between, level, level
        before = (x, point)
