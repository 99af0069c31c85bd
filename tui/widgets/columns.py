"""Fitting columns of Chinese and Latin text into a given number of cells."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from rich.text import Text

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
    """One row of cells, each cut or padded to its column."""
    row = Text(no_wrap=True, end="")
    for place, ((column, width), text) in enumerate(zip(widths, texts, strict=True)):
        cell = text.copy()
        cell.truncate(width, overflow="ellipsis")
        blank = width - cell.cell_len
        row.append(" " * blank if column.right else "")
        row.append_text(cell)
        row.append("" if column.right else " " * blank)
        if place < len(widths) - 1:
            row.append(" " * GAP)
    return row


def _needed(columns: Sequence[Column[T]]) -> int:
    return sum(column.width for column in columns) + GAP * (len(columns) - 1)
