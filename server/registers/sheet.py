"""The register of security checks as an Excel workbook that prints on A4, oldest row first, to be signed."""

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

import xlsxwriter
from sqlalchemy import func, select
from sqlmodel import Session, col
from xlsxwriter.exceptions import FileCreateError

from server.accounts.named import branches_named
from server.errors import Conflict
from server.journal.tables import JournalRow
from server.ledger.cells import clean, moment
from server.ledger.sheet import (
    A4,
    FONT,
    HEADING_ROWS,
    LINE_HEIGHT,
    ROWS_LIMIT,
    TALLEST,
    Sheet,
    fitting,
    lines_taken,
    plain,
)
from server.queries import bank_zone, setting
from server.registers.machine import SYSTEM
from server.registers.queries import Reader, Which, coverage, every, newest
from server.registers.words import CATEGORIES, KINDS, OUTCOMES, SOURCES
from server.schemas.registers import Entry, RegisterCoverage, SecurityRowOut, Source
from server.texts import Gettext, gettext_for

COLUMNS: Final = (
    *(("Row", 6), ("Date", 16), ("Checked by", 9), ("Branch", 14), ("Checked: asset or host", 20), ("Category", 8)),
    *(
        ("Item looked at", 26),
        ("Outcome", 9),
        ("Patch", 20),
        ("Antivirus library", 20),
        ("Found", 38),
        ("Mended by", 24),
    ),
    *(("Mend until", 11), ("Second look", 9), ("Told", 8), ("Remarks", 22)),
)


class Written(NamedTuple):
    rows: int
    seq: int
    size: int
    sha256: str


def write(path: Path, session: Session, viewer: Reader, which: Which, now: int) -> Written:
    """At `path`: what this person may see of it. Every cell is text, so nothing in it is run."""
    _, zone = gettext_for(viewer.lang), bank_zone(session)
    seq = session.execute(select(func.max(col(JournalRow.seq)))).scalar() or 0
    last = newest(session)
    usual = {"font_name": FONT, "font_size": 11}
    options = {"constant_memory": True, "tmpdir": str(path.parent), "default_format_properties": usual}
    book = xlsxwriter.Workbook(str(path), options)
    made = Sheet(book, _("Security checks"))
    title = clean(_("{bank} register of computer security checks").format(bank=setting(session, "bank.name", "")))
    line = _line(session, viewer, which, coverage(session, viewer, which, now), seq, last, now, _, zone)
    _columns(made, title, line, _)
    row = HEADING_ROWS
    for told in every(session, viewer, which, now=now, newest=last):
        if row >= ROWS_LIMIT:
            raise Conflict("These are more rows than an Excel sheet holds; ask for a shorter time, or one branch.")
        _write(made, row, _texts(told, _, zone))
        row += 1
    _paper(made, title, line, max(row - 1, HEADING_ROWS - 1), _)
    book.set_properties({"title": title, "created": datetime.fromtimestamp(now // 1_000_000, UTC).replace(tzinfo=None)})
    try:
        book.close()
    except FileCreateError as error:
        raise error.args[0] if error.args and isinstance(error.args[0], OSError) else error from None
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Written(row - HEADING_ROWS, seq, path.stat().st_size, digest)


def covered(told: RegisterCoverage, _: Gettext) -> str:
    return _(
        "{written} of {hosts} hosts have a row; {never} never told anything, nothing writes itself of them"
    ).format(written=told.written, hosts=told.hosts, never=told.never)


def _line(
    session: Session,
    viewer: Reader,
    which: Which,
    covers: RegisterCoverage,
    seq: int,
    last: int,
    now: int,
    _: Gettext,
    zone: ZoneInfo,
) -> str:
    """What the file is an extract of."""
    first, until = which.first or _("the beginning"), which.last or _("now")
    parts = [
        _("As of {at}").format(at=f"{moment(now, zone):%Y-%m-%d %H:%M:%S}"),
        _("journal no. {seq}").format(seq=seq),
        _("rows up to no. {last}").format(last=last),
        _("From {first} to {last}").format(first=first, last=until),
        _("Scope: {scope}").format(scope=branches_named(session, viewer, which.branch, _)),
        covered(covers, _),
    ]
    if which.about:
        parts.append(which.about)
    limits = (KINDS, which.kind), (SOURCES, which.source), (OUTCOMES, which.outcome)
    parts += [_(words[limit]) for words, limit in limits if limit is not None]  # type: ignore[index]
    if which.overdue:
        parts.append(_("overdue findings"))
    return clean("　".join(parts))


def _texts(row: SecurityRowOut, _: Gettext, zone: ZoneInfo) -> list[str]:
    library_at = f"{moment(row.library_at, zone):%Y-%m-%d}" if row.library_at is not None else ""
    return [
        str(row.no),
        _day(row, zone),
        _("the system") if row.by == SYSTEM else row.by,
        row.branch_name,
        " ".join(part for part in (row.asset, row.about, row.name) if part),
        _(CATEGORIES[row.category]) if row.category else "",
        row.item if row.kind is Entry.CHECK else f"[{_(KINDS[row.kind])}] {row.item}",
        _(OUTCOMES[row.outcome]) if row.outcome else "",
        row.patch,
        " ".join(part for part in (row.library, library_at) if part),
        row.found,
        row.measure,
        row.due,
        _(OUTCOMES[row.review]) if row.review else "",
        _(SOURCES[row.source]),
        _("; ").join(remarks(row, _, zone)),
    ]


def remarks(row: SecurityRowOut, _: Gettext, zone: ZoneInfo) -> list[str]:
    said = []
    if row.corrects is not None:
        said.append(_("corrects row {no}").format(no=row.corrects) + (f": {row.reason}" if row.reason else ""))
    if row.corrected_by is not None:
        said.append(_("corrected by row {no}").format(no=row.corrected_by))
    if row.follows is not None:
        said.append(_("of row {no}").format(no=row.follows))
    if row.since is not None:
        said.append(_("since it was asked on {at}").format(at=f"{moment(row.since, zone):%Y-%m-%d %H:%M}"))
    if row.overdue:
        said.append(_("overdue"))
    return said


def _day(row: SecurityRowOut, zone: ZoneInfo) -> str:
    """A person says the day, a machine the minute."""
    return f"{moment(row.at, zone):%Y-%m-%d}" if row.source is Source.HAND else f"{moment(row.at, zone):%Y-%m-%d %H:%M}"


def _columns(made: Sheet, title: str, line: str, _: Gettext) -> None:
    """Above the rows, before the first of them: written rows are not kept in memory."""
    sheet = made.sheet
    sheet.set_row(0, 24)
    for place, (_title, width) in enumerate(COLUMNS):
        sheet.set_column(place, place, width)
    sheet.write_string(0, 0, title, made.title)
    sheet.write_string(1, 0, line, made.line)
    for place, (name, _width) in enumerate(COLUMNS):
        sheet.write_string(2, place, _(name), made.head)


def _write(made: Sheet, row: int, texts: list[str]) -> None:
    cells = [clean(text) for text in texts]
    lines = max(lines_taken(text, width) for text, (_title, width) in zip(cells, COLUMNS, strict=True))
    if lines > 1:
        made.sheet.set_row(row, min(LINE_HEIGHT * lines + 3, TALLEST))
    for place, text in enumerate(cells):
        made.sheet.write_string(row, place, text, made.text)


def _paper(made: Sheet, title: str, line: str, last: int, _: Gettext) -> None:
    sheet: Any = made.sheet
    sheet.freeze_panes(HEADING_ROWS, 2)
    sheet.autofilter(2, 0, last, len(COLUMNS) - 1)
    sheet.set_landscape()
    sheet.set_paper(A4)
    sheet.set_margins(left=0.4, right=0.4, top=1.0, bottom=0.75)
    sheet.fit_to_pages(1, 0)
    sheet.print_area(2, 0, last, len(COLUMNS) - 1)
    sheet.repeat_rows(2)
    sheet.set_header(fitting(f'&C&"{FONT},Bold"&16{plain(title)}\n&"{FONT},Regular"&9{plain(line)}'))
    signatures = _("Prepared by: ______________  Reviewed by: ______________  Responsible: ______________")
    pages = _("Page {page} of {pages}").format(page="&P", pages="&N")
    sheet.set_footer(f'&L&"{FONT},Regular"&10{signatures}&R&"{FONT},Regular"&10{pages}')
