"""Rows of the register of security checks in words: marks, lines that line up, and one row in full."""

from collections.abc import Sequence
from typing import Final

from rich.cells import cell_len
from rich.text import Text

from server.schemas.registers import Category, Entry, Outcome, RegisterCoverage, SecurityRowOut, Source
from tui.plain import plain
from tui.texts import N_, _
from tui.words.marks import Mark
from tui.words.times import day, full, moment
from tui.words.values import keyword

FOUND: Final = 60  # cells of what was found
SOURCES: Final[dict[Source, str]] = {
    Source.HAND: N_("by hand"),
    Source.REMOTE: N_("remotely"),
    Source.IMPORT: N_("imported"),
}
KINDS: Final[dict[Entry, str]] = {
    Entry.CHECK: N_("Check"),
    Entry.ANTIVIRUS: N_("Antivirus update"),
    Entry.PATCH: N_("Patch"),
    Entry.MEND: N_("Mending"),
    Entry.REVIEW: N_("Looked at again"),
}
CATEGORIES: Final[dict[Category, str]] = {
    Category.DAILY: N_("daily"),
    Category.SPECIAL: N_("special"),
    Category.SELF: N_("own check"),
    Category.SPOT: N_("spot check"),
}
OUTCOMES: Final[dict[Outcome, Mark]] = {
    Outcome.NONE: Mark("·", N_("noted"), "dim"),
    Outcome.PASS: Mark("●", N_("pass"), "good"),
    Outcome.FAIL: Mark("■", N_("fail"), "fault"),
    Outcome.UNKNOWN: Mark("○", N_("not known"), "unknown"),
    Outcome.EXEMPT: Mark("◇", N_("exempt"), "idle"),
    Outcome.NOT_APPLICABLE: Mark("◇", N_("does not apply"), "idle"),
    Outcome.UNDONE: Mark("▲", N_("unanswered"), "attention"),
    Outcome.UPDATED: Mark("◇", N_("updated"), "plain"),
    Outcome.REVERTED: Mark("▲", N_("older than before"), "attention"),
    Outcome.CHANGED: Mark("◇", N_("changed"), "plain"),
}


def width() -> int:
    return 2 + max(cell_len(mark.title) for mark in OUTCOMES.values())


def covered(told: RegisterCoverage) -> str:
    said = _("{written} of {hosts} hosts have a row").format(written=f"{told.written:,}", hosts=f"{told.hosts:,}")
    if told.never:
        said += _("; {never} never told anything, nothing writes itself of them").format(never=f"{told.never:,}")
    return said


def when(row: SecurityRowOut, now: int) -> str:
    """A person says the day, a machine the minute."""
    return day(row.at) if row.source is Source.HAND else moment(row.at, now)


def sort(row: SecurityRowOut) -> str:
    """What kind of row, with a check's category."""
    return _(CATEGORIES[row.category]) if row.category else _(KINDS[row.kind])


def what(row: SecurityRowOut) -> str:
    """Its item, with what was found or done."""
    more = row.found or row.patch or row.library
    if row.kind is Entry.MEND:
        more = f"{row.measure} {row.due}".strip()
    return f"{row.item}: {more}" if more else row.item


def standing(row: SecurityRowOut) -> str:
    """What became of it, in a few words."""
    if row.corrected_by is not None:
        return _("corrected by {no}").format(no=row.corrected_by)
    if row.overdue:
        return _("overdue since {day}").format(day=row.due)
    if row.corrects is not None:
        return _("corrects {no}").format(no=row.corrects)
    if row.follows is not None:
        return _("of row {no}").format(no=row.follows)
    if row.review:
        return _("looked at again: {word}").format(word=OUTCOMES[row.review].title)
    return _("to be mended by {day}").format(day=row.due) if row.due else ""


def lines(rows: Sequence[SecurityRowOut], now: int) -> list[list[str]]:
    """For a list: one long finding would make every line as long, so it is cut."""
    head = [_("Row"), _("Date"), _("Branch"), _("Checked"), _("Kind"), _("Result"), _("Item and what was found")]
    head += [_("What became of it"), _("Source"), _("Checked by")]
    return [
        head,
        *(
            [
                str(row.no),
                when(row, now),
                row.branch_name,
                row.asset or row.about,
                sort(row),
                f"{OUTCOMES[row.outcome].shape} {OUTCOMES[row.outcome].title}",
                _cut(what(row)),
                standing(row),
                _(SOURCES[row.source]),
                keyword(row.by),
            ]
            for row in rows
        ),
    ]


def _cut(text: str) -> str:
    cut = Text(plain(text))
    cut.truncate(FOUND, overflow="ellipsis")
    return cut.plain


def in_full(row: SecurityRowOut) -> list[str]:
    """All a row says, a line each."""
    mark = OUTCOMES[row.outcome]
    library_at = day(row.library_at) if row.library_at is not None else ""
    told = [
        (_("What was found"), row.found),
        (_("Patch"), row.patch),
        (_("Antivirus library"), f"{row.library} {library_at}".strip()),
        (_("Mending"), f"{row.measure} {_('until {day}').format(day=row.due) if row.due else ''}".strip()),
        (_("Looked at again"), OUTCOMES[row.review].title if row.review else ""),
        (_("Reason of the correction"), row.reason),
        (_("Between"), f"{full(row.since)} → {full(row.at)}" if row.since is not None else ""),
    ]
    first = f"{row.no}  {mark.shape} {mark.title}  {row.item}  {row.about} {row.name}"
    last = [_(SOURCES[row.source]), keyword(row.by), full(row.written), standing(row)]
    return [
        first,
        *(f"{title}: {text}" for title, text in told if text),
        " · ".join(part for part in last if part),
    ]
