"""Removable media in words, for the screens and the command."""

from server.schemas.media import SightingOut, SightingPage, StickOut, StickPage, StickStatus, StickWord, Way
from tui.texts import N_, _
from tui.words.marks import Mark

STATUSES: dict[StickStatus, Mark] = {
    StickStatus.KEPT: Mark("●", N_("kept"), "good"),
    StickStatus.LENT: Mark("◇", N_("lent"), "idle"),
    StickStatus.LOST: Mark("■", N_("lost"), "fault"),
    StickStatus.RETIRED: Mark("○", N_("retired"), "unknown"),
}
OVERDUE = Mark("▲", N_("overdue"), "attention")
WORDS: dict[StickWord, Mark] = {
    StickWord.OWN: Mark("●", N_("the bank's"), "good"),
    StickWord.OVERDUE: OVERDUE,
    StickWord.LOST: Mark("■", N_("lost"), "fault"),
    StickWord.RETIRED: Mark("■", N_("retired"), "fault"),
    StickWord.UNKNOWN: Mark("■", N_("not registered"), "fault"),
}
WAYS: dict[Way, str] = {Way.IN: N_("put in"), Way.OUT: N_("taken out"), Way.FOUND: N_("was in at the start")}


def status(row: StickOut) -> Mark:
    return OVERDUE if row.overdue else STATUSES[row.status]


def way_word(way: Way | None) -> str:
    return _(WAYS[way]) if way else ""


def make(row: SightingOut) -> str:
    """What it calls itself, and how much goes on it."""
    size = f"{row.bytes / 1e9:,.1f} GB" if row.bytes else ""
    return " ".join(one for one in (row.vendor, row.model, size) if one)


def watched(page: StickPage | SightingPage) -> str:
    """Of a PC without an agent nothing is known, and that is no good news."""
    return _("{watched} of {agents} agents ever told of a medium").format(watched=page.watched, agents=page.agents)
