"""A campaign's result as an Excel workbook: a row for each check of each host, and one for a host without an answer."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

import xlsxwriter
from sqlmodel import Session
from xlsxwriter.exceptions import FileCreateError

from server.accounts.named import branches_named
from server.campaigns import ticks
from server.campaigns.queries import Reader, out
from server.campaigns.tables import Campaign
from server.campaigns.telling import PARTS, TICKS, UNANSWERED, UNDONE, WORDS, as_of, counted, every_host, ticked
from server.ledger.cells import clean
from server.ledger.sheet import FONT, LINE_HEIGHT, TALLEST, Sheet, lines_taken
from server.queries import bank_zone
from server.schemas.campaigns import BranchTally, CampaignHost, HostState, Tally
from server.texts import Gettext, gettext_for

COLUMNS: Final = (
    *(("Branch", 16), ("Host", 16), ("Name", 16), ("Check", 24), ("Verdict", 9)),
    *(("What it rests on", 44), ("As of", 16), ("What to do", 44)),
)
ITEMS: Final = (
    *(("Part", 14), ("Branch", 16), ("Item", 44), ("Answer", 12), ("Note", 36)),
    *(("By", 12), ("When", 16)),
)
Columns = tuple[tuple[str, int], ...]
HEADING: Final = 3  # rows
A4: Final = 9


class Written(NamedTuple):
    rows: int
    hosts: int


def write(
    path: Path, session: Session, campaign: Campaign, viewer: Reader, branch: BranchTally | None, now: int
) -> Written:
    """At `path`, of one branch or of all this person may see. Every cell is text, so nothing in it is run."""
    _, zone = gettext_for(viewer.lang), bank_zone(session)
    tally = branch.hosts if branch else out(session, campaign, viewer, now).hosts
    usual = {"font_name": FONT, "font_size": 11}
    options = {"constant_memory": True, "tmpdir": str(path.parent), "default_format_properties": usual}
    book = xlsxwriter.Workbook(str(path), options)
    made = Sheet(book, _("Check campaign"))
    whose = branches_named(session, viewer, branch.branch if branch else None, _)
    _head(made, campaign, whose, tally, now, _, zone)
    row = HEADING
    for host in every_host(session, campaign, viewer, branch.branch if branch else None, now):
        for texts in _rows(host, _, zone):
            _write(made, row, texts, COLUMNS)
            row += 1
    made.sheet.autofilter(2, 0, max(row - 1, 2), len(COLUMNS) - 1)
    if campaign.template:
        row += _people(book, session, campaign, viewer, branch, _, zone)
    try:
        book.close()
    except FileCreateError as error:
        raise error.args[0] if error.args and isinstance(error.args[0], OSError) else error from None
    return Written(row - HEADING, tally.total)


def _people(
    book: Any,
    session: Session,
    campaign: Campaign,
    viewer: Reader,
    branch: BranchTally | None,
    _: Gettext,
    zone: ZoneInfo,
) -> int:
    """A sheet of its own: a row for each answer, and one for each item nobody answered. How many rows."""
    made = Sheet(book, _("Items"))
    found = ticks.rows(session, campaign, viewer, branch.branch if branch else None, viewer.lang).rows
    words = [one.newest.word.value if one.newest else "" for one in found]
    counts = ticks.tally({word: words.count(word) for word in words})
    whose = branches_named(session, viewer, branch.branch if branch else None, _)
    _title_lines(made, campaign, [whose, ticked(counts, _)], ITEMS, _)
    row = HEADING
    for one in found:
        where = [_(PARTS[one.part]), one.branch_name or _("head office"), one.title]
        if one.newest is None:
            _write(made, row, [*where, _(UNANSWERED), "", "", ""], ITEMS)
            row += 1
            continue
        for place, said in enumerate([one.newest, *one.earlier]):
            word = _(TICKS[said.word]) + (_(" (earlier)") if place else "")
            _write(made, row, [*where, word, said.note, said.by, _at(said.at, zone)], ITEMS)
            row += 1
    made.sheet.autofilter(2, 0, max(row - 1, 2), len(ITEMS) - 1)
    return row - HEADING


def _head(made: Sheet, campaign: Campaign, whose: str, tally: Tally, now: int, _: Gettext, zone: ZoneInfo) -> None:
    at = f"{datetime.fromtimestamp(as_of(campaign, now) // 1_000_000, zone):%Y-%m-%d %H:%M}"
    _title_lines(made, campaign, [whose, counted(tally, _), _("As of {at}").format(at=at)], COLUMNS, _)


def _title_lines(made: Sheet, campaign: Campaign, told: list[str], columns: Columns, _: Gettext) -> None:
    sheet = made.sheet
    for place, (_title, width) in enumerate(columns):
        sheet.set_column(place, place, width)
    sheet.set_row(0, 24)
    sheet.write_string(0, 0, clean(_("[Check] {title}").format(title=campaign.title)), made.title)
    sheet.write_string(1, 0, clean("　".join(told)), made.line)
    for place, (title, _width) in enumerate(columns):
        sheet.write_string(2, place, _(title), made.head)
    sheet.freeze_panes(HEADING, 2)
    sheet.set_landscape()
    sheet.set_paper(A4)
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(2)


def _rows(host: CampaignHost, _: Gettext, zone: ZoneInfo) -> Iterator[list[str]]:
    where = [host.branch_name, host.host, host.name]
    if host.state is not HostState.ANSWERED:
        word = _("still waiting") if host.state is HostState.WAITING else _(UNDONE)
        yield [*where, "", word, host.why, "", ""]
        return
    for verdict in host.verdicts:
        why, mend = _("; ").join(verdict.why), _("; ").join(verdict.mend)
        yield [*where, verdict.title, _(WORDS[verdict.word]), why, _at(verdict.at, zone), mend]


def _at(micros: int | None, zone: ZoneInfo) -> str:
    return f"{datetime.fromtimestamp(micros // 1_000_000, zone):%Y-%m-%d %H:%M}" if micros is not None else ""


def _write(made: Any, row: int, texts: list[str], columns: Columns) -> None:
    cells = [clean(text) for text in texts]
    lines = max(lines_taken(text, width) for text, (_title, width) in zip(cells, columns, strict=True))
    if lines > 1:
        made.sheet.set_row(row, min(LINE_HEIGHT * lines + 3, TALLEST))
    for place, text in enumerate(cells):
        made.sheet.write_string(row, place, text, made.text)
