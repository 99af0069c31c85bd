"""The ledger as an Excel workbook that prints on A4 as a bank's register does.

Two sheets of paper side by side hold all columns: number and asset are repeated on the second. The bank's
heading, what the extract is of, the signatures and the page numbers are the print's header and footer.
"""

import math
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import xlsxwriter
from xlsxwriter.exceptions import FileCreateError

from server.errors import Conflict
from server.ledger.cells import clean, moment
from server.ledger.columns import ALWAYS, COLUMNS, Column, Kind
from server.ledger.extract import Extract, heading, said
from server.schemas.ledger import CardOut
from server.texts import Gettext

ROWS_LIMIT = 1_048_576  # rows of a sheet; Excel's own
HEADING_ROWS = 3
A4 = 9  # Excel's number of the paper
HEADER_LIMIT = 250  # characters of a print header; Excel's is 255
WIDE, NARROW = 1.55, 0.8  # what a character of 9 points takes of a column, whose unit is a digit of 11 points
LINE_HEIGHT = 12.0  # points
TALLEST = 409.0  # points; Excel's own limit
MONEY_DIGITS = 15  # that Excel keeps of a number
FONT = "宋体"  # every Windows at a bank has it


class Sheet:
    """The formats of one workbook, and its one sheet."""

    def __init__(self, book: Any, name: str) -> None:
        self.sheet = book.add_worksheet(name)
        cell = {"font_name": FONT, "font_size": 9, "border": 1, "valign": "vcenter"}
        self.title = book.add_format({"font_name": FONT, "font_size": 16, "bold": True})
        self.line = book.add_format({"font_name": FONT, "font_size": 9})
        self.head = book.add_format({**cell, "bold": True, "align": "center", "text_wrap": True, "bg_color": "#E7E6E6"})
        self.text = book.add_format({**cell, "num_format": "@", "text_wrap": True})
        self.number = book.add_format({**cell, "align": "center"})
        self.date = book.add_format({**cell, "num_format": "yyyy-mm-dd", "align": "center"})
        self.money = book.add_format({**cell, "num_format": "#,##0.00"})


def write_sheet(path: Path, extract: Extract, translate: Gettext) -> None:
    if extract.rows + HEADING_ROWS > ROWS_LIMIT:
        raise Conflict("{rows} machines are more than an Excel sheet holds; export CSV.", rows=extract.rows)
    usual = {"font_name": FONT, "font_size": 11}  # what Chinese Excel measures columns by
    options = {"constant_memory": True, "tmpdir": str(path.parent), "default_format_properties": usual}
    book = xlsxwriter.Workbook(str(path), options)
    try:
        _fill(book, extract, translate)
        book.close()
    except FileCreateError as error:
        raise error.args[0] if error.args and isinstance(error.args[0], OSError) else error from None


def _fill(book: Any, extract: Extract, translate: Gettext) -> None:
    title, line = heading(extract, translate)
    book.set_properties(
        {"title": title, "created": datetime.fromtimestamp(extract.at // 1_000_000, UTC).replace(tzinfo=None)}
    )
    made = Sheet(book, translate("Ledger"))
    _set_up(made, title, line, extract.rows, translate)
    made.sheet.write_string(0, 0, title, made.title)
    made.sheet.write_string(1, 0, line, made.line)
    made.sheet.write_string(2, 0, translate("No."), made.head)
    for place, column in enumerate(COLUMNS, 1):
        made.sheet.write_string(2, place, translate(column.title), made.head)
    for number, card in enumerate(extract.cards(), 1):
        _write_row(made, HEADING_ROWS + number - 1, number, card, extract, translate)


def _write_row(made: Sheet, row: int, number: int, card: CardOut, extract: Extract, translate: Gettext) -> None:
    texts = [clean(said(card, column, extract.zone, translate)) for column in COLUMNS]
    lines = max(lines_taken(text, column.width) for text, column in zip(texts, COLUMNS, strict=True))
    if lines > 1:  # neither Excel nor LibreOffice makes room for wrapped text by itself
        made.sheet.set_row(row, min(LINE_HEIGHT * lines + 3, TALLEST))
    made.sheet.write_number(row, 0, number, made.number)
    for place, (column, text) in enumerate(zip(COLUMNS, texts, strict=True), 1):
        if not _write_typed(made, row, place, column, card, extract):
            made.sheet.write_string(row, place, text, made.text)


def lines_taken(text: str, width: float) -> int:
    """How many lines a text takes in a column of `width` characters."""
    if len(text) * WIDE <= width:
        return 1
    units = sum(WIDE if char > "\u1100" else NARROW for char in text)
    return max(1, math.ceil(units / width))


def _write_typed(made: Sheet, row: int, place: int, column: Column, card: CardOut, extract: Extract) -> bool:
    """Dates as dates and money as numbers; False for what is text. Long numbers are text, or Excel would round them."""
    value = getattr(card, column.key)
    if value is None:
        return False
    if column.kind is Kind.DATE:
        made.sheet.write_datetime(row, place, date.fromisoformat(value), made.date)
    elif column.kind is Kind.TIME:
        made.sheet.write_datetime(row, place, moment(value, extract.zone).date(), made.date)
    elif column.kind is Kind.MONEY and len(value) <= MONEY_DIGITS:
        made.sheet.write_number(row, place, float(value), made.money)
    else:
        return False
    return True


def _set_up(made: Sheet, title: str, line: str, rows: int, translate: Gettext) -> None:
    sheet, last = made.sheet, HEADING_ROWS + rows - 1
    sheet.set_row(0, 24)
    sheet.set_row(2, 26)
    sheet.set_column(0, 0, 5)
    for place, column in enumerate(COLUMNS, 1):
        sheet.set_column(place, place, column.width)
    sheet.freeze_panes(HEADING_ROWS, 3)
    sheet.autofilter(2, 0, max(last, 2), len(COLUMNS))
    sheet.set_landscape()
    sheet.set_paper(A4)
    sheet.set_margins(left=0.4, right=0.4, top=1.0, bottom=0.75)
    sheet.fit_to_pages(2, 0)
    sheet.print_area(2, 0, max(last, 2), len(COLUMNS))
    sheet.repeat_rows(2)
    sheet.repeat_columns(0, ALWAYS)
    sheet.print_across()
    sheet.set_header(fitting(f'&C&"{FONT},Bold"&16{plain(title)}\n&"{FONT},Regular"&9{plain(line)}'))
    signatures = translate("Prepared by: ______________  Reviewed by: ______________  Responsible: ______________")
    pages = translate("Page {page} of {pages}").format(page="&P", pages="&N")
    sheet.set_footer(f'&L&"{FONT},Regular"&10{signatures}&R&"{FONT},Regular"&10{pages}')


def plain(text: str) -> str:
    return text.replace("&", "&&")


def fitting(header: str) -> str:
    return header if len(header) <= HEADER_LIMIT else header[:HEADER_LIMIT].rstrip("&") + "…"
