"""A campaign in words: a bar and counts in one line, its hosts as lines that line up, and codes a phone reads."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from rich.cells import cell_len

from server.schemas.campaigns import BranchTally, CampaignHost, CampaignOut, HostState, Tally
from tui.marks import Mark
from tui.texts import N_, _
from tui.times import moment
from tui.verdicts import SHAPES, WORDS

if TYPE_CHECKING:
    import segno

BAR = 20  # cells
STATES = {
    HostState.WAITING: Mark("○", N_("waiting"), "unknown"),
    HostState.UNDONE: Mark("▲", N_("unanswered"), "attention"),
}
VERDICTS: dict[str, Mark] = {
    "pass": Mark(SHAPES["pass"], WORDS["pass"], "good"),
    "fail": Mark(SHAPES["fail"], WORDS["fail"], "fault"),
    "unknown": Mark("○", WORDS["unknown"], "unknown"),
    "not_applicable": Mark("◇", WORDS["not_applicable"], "idle"),
    "exempt": Mark("◇", WORDS["exempt"], "idle"),
}
UNDER_WAY = Mark("◇", N_("under way"), "idle")
ALL_PASS = Mark("●", N_("all pass"), "good")
NOT_ALL = Mark("▲", N_("not all pass"), "attention")


def all_pass(tally: Tally) -> bool:
    """Every host answered; each passes or the checks are not for it, and one passes at least."""
    words = tally.words
    return tally.total == words["pass"] + words["not_applicable"] and words["pass"] > 0


def campaign_mark(row: CampaignOut) -> Mark:
    return UNDER_WAY if row.ended_at is None else ALL_PASS if all_pass(row.hosts) else NOT_ALL


def host_mark(row: CampaignHost) -> Mark:
    return VERDICTS[row.word] if row.word else STATES[row.state]


def campaign_width() -> int:
    marks = (UNDER_WAY, ALL_PASS, NOT_ALL, *VERDICTS.values(), *STATES.values())
    return 2 + max(cell_len(mark.title) for mark in marks)


def bar(tally: Tally, cells: int = BAR) -> str:
    """How many hosts are settled, one way or another; it is full only when all are."""
    settled = tally.answered + tally.undone
    full = settled * cells // tally.total if tally.total else cells
    return f"[{'#' * full}{'.' * (cells - full)}] {settled}/{tally.total}"


def counts(tally: Tally) -> str:
    """ "pass 8 · fail 2 · not done 1 · waiting 4 (off 3)": every host is in it."""
    said = [f"{_(WORDS['pass'])} {tally.words['pass']}"]
    said += [f"{_(WORDS[word])} {count}" for word, count in tally.words.items() if word != "pass" and count]
    if tally.undone:
        said.append(f"{_('unanswered')} {tally.undone}")
    if tally.waiting:
        off = _(" (off {count})").format(count=tally.off) if tally.off else ""
        said.append(f"{_('waiting')} {tally.waiting}{off}")
    return " · ".join(said)


def progress(row: CampaignOut, cells: int = BAR) -> str:
    return f"{bar(row.hosts, cells)}  {counts(row.hosts)}"


def reasons(row: CampaignOut) -> str:
    return " · ".join(f"{one.title} {one.count}" for one in row.reasons)


def when(row: CampaignOut, now: int) -> list[str]:
    """Who began it and when, until when hosts may answer, and whether that is now."""
    said = [_("{who}, {when}").format(who=row.by, when=moment(row.at, now))]
    if row.starts > row.at:
        said.append(_("from {when}").format(when=moment(row.starts, now)))
    if row.window:
        said.append(_("only {window}").format(window=row.window))
    if row.ended_at is not None:
        said.append(_("ended {when}").format(when=moment(row.ended_at, now)))
    else:
        said.append(_("until {when}").format(when=moment(row.expires, now)))
        if row.opens is not None and row.opens > now:
            said.append(_("closed now, opens {when}").format(when=moment(row.opens, now)))
    if row.cancelled_by:
        said.append(_("cancelled by {who}").format(who=row.cancelled_by))
    return [*said, row.reason] if row.reason else said


def told_of(host: CampaignHost) -> list[str]:
    """All that is known of a host, a line each: why there is no answer, or each verdict with what to do."""
    lines = [host.why] if host.why else []
    for one in host.verdicts:
        lines.append(f"{SHAPES[one.word]} {_(WORDS[one.word])} {one.title}: {_('; ').join(one.why)}")
        lines += [f"   {number}. {step}" for number, step in enumerate(one.mend, 1)]
    return lines


def short(host: CampaignHost) -> str:
    """The same in one cell: the worst that was found."""
    if host.why:
        return host.why
    bad = [one for one in host.verdicts if one.word == host.word and one.word != "pass"]
    return _("; ").join(f"{one.title}: {_('; ').join(one.why)}" for one in bad)


def campaign_lines(rows: Sequence[CampaignOut], now: int) -> list[list[str]]:
    head = [_("State"), _("When"), _("Checks"), _("Where"), _("Who"), _("Progress"), _("Number")]
    return [head, *(_campaign(row, now) for row in rows)]


def _campaign(row: CampaignOut, now: int) -> list[str]:
    mark = campaign_mark(row)
    said = [moment(row.at, now), row.title, row.scope, row.by, progress(row), row.uid]
    return [f"{mark.shape} {mark.title}", *said]


def host_lines(rows: Iterable[CampaignHost]) -> list[list[str]]:
    head = [_("State"), _("Host"), _("Name"), _("Branch"), _("What it rests on, or why there is no answer")]
    return [head, *(line for row in rows for line in _host(row))]


def _host(row: CampaignHost) -> Iterator[list[str]]:
    mark = host_mark(row)
    lines = told_of(row)
    yield [f"{mark.shape} {mark.title}", row.host, row.name, row.branch_name, lines[0] if lines else ""]
    yield from (["", "", "", "", line] for line in lines[1:])


def branch_lines(rows: Iterable[BranchTally]) -> list[list[str]]:
    head = [_("Branch"), _("Name"), _("Settled"), _("Counts")]
    return [head, *([row.branch, row.branch_name, bar(row.hosts, 10), counts(row.hosts)] for row in rows)]


def codes(parts: Iterable[str]) -> "list[segno.QRCode]":
    import segno

    return [segno.make(part, error="l", micro=False, encoding="utf-8") for part in parts]


def drawn(code: "segno.QRCode") -> list[str]:
    """Two rows of the code in a line of half blocks, light where a terminal is dark."""
    rows = [list(row) for row in code.matrix_iter(border=2)]
    rows += [[0] * len(rows[0])] * (len(rows) % 2)
    shapes = {(0, 0): "█", (0, 1): "▀", (1, 0): "▄", (1, 1): " "}
    pairs = zip(rows[::2], rows[1::2], strict=True)
    return ["".join(shapes[bool(upper), bool(lower)] for upper, lower in zip(*pair, strict=True)) for pair in pairs]
