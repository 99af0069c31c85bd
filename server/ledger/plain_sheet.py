"""Any list as an Excel workbook: a heading, a line of what it is of, the columns, the rows. Every cell is text."""

import io
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import xlsxwriter

from server.ledger.cells import clean
from server.ledger.sheet import A4, FONT, Sheet

TYPE: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
HEADING: Final = 3  # rows


class List(NamedTuple):
    """One sheet. `columns` are titles and widths in characters; `line` says of when and of what it is."""

    name: str
    title: str
    line: str
    columns: Sequence[tuple[str, float]]
    rows: Iterable[Sequence[str]]


def workbook(*lists: List) -> bytes:
    """A sheet of each, on A4 across. Nothing in it is a formula, whatever a device calls itself."""
    file = io.BytesIO()
    usual = {"font_name": FONT, "font_size": 11}
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(file, {**options, "default_format_properties": usual}) as book:
        for one in lists:
            _fill(Sheet(book, one.name), one)
    return file.getvalue()


def _fill(made: Sheet, one: List) -> None:
    sheet = made.sheet
    sheet.write_string(0, 0, clean(one.title), made.title)
    sheet.write_string(1, 0, clean(one.line), made.line)
    for place, (title, width) in enumerate(one.columns):
        sheet.write_string(HEADING - 1, place, title, made.head)
        sheet.set_column(place, place, width)
    last = HEADING - 1
    for last, row in enumerate(one.rows, HEADING):
        for place, text in enumerate(row):
            sheet.write_string(last, place, clean(text), made.text)
    sheet.freeze_panes(HEADING, 0)
    sheet.autofilter(HEADING - 1, 0, last, len(one.columns) - 1)
    sheet.set_landscape()
    sheet.set_paper(A4)
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(HEADING - 1)
