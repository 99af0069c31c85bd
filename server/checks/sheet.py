"""Verdicts as an Excel workbook that prints on A4: hosts by checks, and each that is not well with its reason."""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

import xlsxwriter
from sqlmodel import Session

from server.accounts.named import branches_named
from server.accounts.scope import Scoped
from server.checks.check import Check
from server.checks.matrix import Asked, host_ids, rows_of
from server.errors import Conflict
from server.ledger.cells import clean, moment
from server.ledger.sheet import A4, FONT, LINE_HEIGHT, ROWS_LIMIT, TALLEST, Sheet, lines_taken
from server.queries import bank_zone, setting
from server.schemas.matrix import CellOut, HostRow
from server.texts import Gettext

AT_ONCE: Final = 500
HEADING: Final = 3  # rows
FIRST: Final = (16.0, 16.0, 16.0)  # widths of columns, in characters
VERDICT: Final = 11.0
LIST: Final = (18.0, 18.0, 18.0, 12.0, 16.0, 16.0, 60.0)
WORDS: Final = {
    "pass": "pass",
    "fail": "fail",
    "unknown": "not known",
    "not_applicable": "does not apply",
    "exempt": "exempt",
}
NOT_WELL: Final = ("fail", "unknown", "exempt")


class Written(NamedTuple):
    hosts: int
    not_well: int
    sha256: str


def write(
    path: Path,
    session: Session,
    viewer: Scoped,
    checks: Sequence[Check],
    asked: Asked,
    *,
    now: int,
    lang: str,
    _: Gettext,
) -> Written:
    """Conflict where it would be longer than a sheet of Excel is."""
    ids = host_ids(session, viewer, asked, [check.id for check in checks], now)
    options = {"constant_memory": True, "tmpdir": str(path.parent), "default_format_properties": {"font_name": FONT}}
    book = xlsxwriter.Workbook(str(path), options)
    zone = bank_zone(session)
    at = moment(now, zone).strftime("%Y-%m-%d %H:%M:%S")
    heads = _("Hosts by checks"), _("Not well")
    title = f"{setting(session, 'bank.name', '')} " + _("Register of security checks")
    whose = branches_named(session, viewer, asked.branch, _)
    line = "　".join([_("As of {at}").format(at=at), _("{n} hosts").format(n=len(ids)), whose]).strip()
    titles = [check.title.of(lang) for check in checks]
    widths = [*FIRST, *(VERDICT for _title in titles)]
    whole = _page(book, heads[0], title, line, [_("Branch"), _("Host"), _("Told last"), *titles], widths, _)
    columns = [_("Branch"), _("Host"), _("Item checked"), _("Verdict"), _("Since"), _("Facts of"), _("Why")]
    list_ = _page(book, heads[1], title, line, columns, LIST, _)
    row = not_well = 0
    for start in range(0, len(ids), AT_ONCE):
        for host in rows_of(session, ids[start : start + AT_ONCE], checks, now, lang):
            _line(
                whole,
                row,
                [host.branch_name, host.host, _time(host.at, zone), *(_(WORDS[one.word]) for one in host.cells)],
                widths,
            )
            row += 1
            for check, cell in _ill(host, titles):
                said = [
                    host.branch_name,
                    host.host,
                    check,
                    _(WORDS[cell.word]),
                    _time(cell.since, zone),
                    _time(cell.at, zone),
                ]
                if not_well + HEADING >= ROWS_LIMIT:
                    book.close()
                    raise Conflict("That is more than an Excel sheet holds; export branch by branch.")
                _line(list_, not_well, [*said, cell.why], LIST)
                not_well += 1
    book.close()
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Written(len(ids), not_well, digest)


def _time(at: int | None, zone: ZoneInfo) -> str:
    return moment(at, zone).strftime("%Y-%m-%d %H:%M") if at else ""


def _ill(host: HostRow, titles: Sequence[str]) -> Iterator[tuple[str, CellOut]]:
    return ((title, cell) for title, cell in zip(titles, host.cells, strict=True) if cell.word in NOT_WELL)


def _page(
    book: Any, name: str, title: str, line: str, heads: Sequence[str], widths: Sequence[float], _: Gettext
) -> Sheet:
    made = Sheet(book, name)
    sheet = made.sheet
    for place, width in enumerate(widths):
        sheet.set_column(place, place, width)
    sheet.set_row(0, 24)
    sheet.set_landscape()
    sheet.set_paper(A4)
    sheet.set_margins(left=0.4, right=0.4, top=0.6, bottom=0.75)
    sheet.fit_to_pages(1, 0)
    sheet.freeze_panes(HEADING, 2)
    sheet.repeat_rows(HEADING - 1)
    signatures = _("Prepared by: ______________  Reviewed by: ______________  Responsible: ______________")
    pages = _("Page {page} of {pages}").format(page="&P", pages="&N")
    sheet.set_footer(f'&L&"{FONT},Regular"&10{signatures}&R&"{FONT},Regular"&10{pages}')
    sheet.write_string(0, 0, clean(title), made.title)
    sheet.write_string(1, 0, clean(line), made.line)
    _make_room(made, HEADING - 1, heads, widths)
    for place, head in enumerate(heads):
        sheet.write_string(HEADING - 1, place, clean(head), made.head)
    return made


def _make_room(made: Sheet, row: int, texts: Sequence[str], widths: Sequence[float]) -> None:
    """Neither Excel nor LibreOffice does for wrapped text: it would lie over the rows beside it."""
    lines = max(lines_taken(text, width) for text, width in zip(texts, widths, strict=True))
    if lines > 1:
        made.sheet.set_row(row, min(LINE_HEIGHT * lines + 3, TALLEST))


def _line(made: Sheet, row: int, texts: Sequence[str], widths: Sequence[float]) -> None:
    _make_room(made, HEADING + row, texts, widths)
    for place, text in enumerate(texts):
        made.sheet.write_string(HEADING + row, place, clean(text), made.text)
