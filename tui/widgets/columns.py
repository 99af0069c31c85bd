"""Fitting columns of Chinese and Latin text into a given number of cells."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from rich.text import Span, Text

T = TypeVar("T")
GAP = 2  # cells between columns


@dataclass(frozen=True)
class Column(Generic[T]):
    """`width` is the least, `grow` the share of what is left; the highest `drop` goes first when it is too narrow."""

    title: str
    cell: Callable[[T], Text]
    width: int
    grow: int = 0
    drop: int = 0
    right: bool = False


def fit(columns: Sequence[Column[T]], cells: int) -> list[tuple[Column[T], int]]:
    """The columns that find room in `cells`, each with its width."""
    kept = list(columns)
    while len(kept) > 1 and _needed(kept) > cells:
        goes = max(kept, key=lambda column: column.drop)
        if goes.drop == 0:
            break
        kept.remove(goes)
    spare = max(0, cells - _needed(kept))
    shares = sum(column.grow for column in kept)
    widths = [(column, column.width + (spare * column.grow // shares if shares else 0)) for column in kept]
    over = max(0, _needed(kept) - cells)
    if over and widths:
        column, width = widths[-1]
        widths[-1] = (column, max(1, width - over))
    return widths


def line(widths: Sequence[tuple[Column[T], int]], texts: Sequence[Text]) -> Text:
    """One row of cells, each cut or padded to its column. Put together once: a page turned draws hundreds of cells."""
    said: list[str] = []
    spans: list[Span] = []
    at = 0  # characters
    for place, ((column, width), text) in enumerate(zip(widths, texts, strict=True)):
        cell, cells = _cut(text, width)
        before = width - cells if column.right else 0
        after = width - cells - before + (GAP if place < len(widths) - 1 else 0)
        begins = at + before
        ends = begins + len(cell.plain)
        if cell.style:
            spans.append(Span(begins, ends, cell.style))
        spans += (Span(span.start + begins, span.end + begins, span.style) for span in cell.spans)
        said += (" " * before, cell.plain, " " * after)
        at = ends + after
    return Text("".join(said), no_wrap=True, end="", spans=spans)


def _cut(text: Text, width: int) -> tuple[Text, int]:
    """`text` with an ellipsis where it is longer, and its cells."""
    if (cells := text.cell_len) <= width:
        return text, cells
    cut = text.copy()
    cut.truncate(width, overflow="ellipsis")
    return cut, cut.cell_len


def _needed(columns: Sequence[Column[T]]) -> int:
    return sum(column.width for column in columns) + GAP * (len(columns) - 1)
