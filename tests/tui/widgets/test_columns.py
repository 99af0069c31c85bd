"""Chinese takes two cells a character; a table that forgets it shifts every line after."""

from hypothesis import given
from hypothesis import strategies as st
from rich.text import Text

from tui.widgets.columns import GAP, Column, fit, line

texts = st.text(alphabet="abc 正午支行■●…窗口-1", max_size=40)


def column(title: str, width: int, *, grow: int = 0, drop: int = 0, right: bool = False) -> Column[str]:
    return Column(title, Text, width, grow=grow, drop=drop, right=right)


def cells(widths: list[tuple[Column[str], int]]) -> int:
    return sum(width for _column, width in widths) + GAP * (len(widths) - 1)


def test_columns_that_find_no_room_leave_in_the_order_they_are_told_to() -> None:
    columns = [column("a", 10), column("b", 10, drop=1), column("c", 10, drop=2)]
    assert [one.title for one, _ in fit(columns, 40)] == ["a", "b", "c"]
    assert [one.title for one, _ in fit(columns, 25)] == ["a", "b"]
    assert [one.title for one, _ in fit(columns, 12)] == ["a"]


def test_what_is_left_over_goes_to_the_columns_that_grow() -> None:
    widths = fit([column("a", 10), column("b", 10, grow=1), column("c", 10, grow=3)], 74)
    assert [width for _, width in widths] == [10, 20, 40]


@given(st.lists(texts, min_size=3, max_size=3), st.integers(20, 120), st.booleans())
def test_every_line_is_as_wide_as_its_columns_whatever_is_in_it(row: list[str], room: int, right: bool) -> None:
    widths = fit([column("a", 8), column("b", 5, grow=1, right=right), column("c", 4, drop=1)], room)
    drawn = line(widths, [Text(text) for text in row[: len(widths)]])
    assert drawn.cell_len == cells(widths) <= room
