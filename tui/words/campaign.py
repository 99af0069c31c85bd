"""A campaign in words: a bar and counts in one line, its hosts as lines that line up, and codes a phone reads."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from rich.cells import cell_len

from server.schemas.campaigns import (
    BranchTally,
    CampaignHost,
    CampaignOut,
    HostState,
    ItemRow,
    Kind,
    Part,
    Tally,
    Tick,
    TickOut,
    TickTally,
)
from tui.texts import N_, _
from tui.words.marks import Mark
from tui.words.push import when as pushed_when
from tui.words.times import moment
from tui.words.verdicts import SHAPES, WORDS

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
CANCELLED = Mark("▲", N_("cancelled"), "attention")


PARTS = {
    Part.BOUNDARY: N_("1 Network boundary"),
    Part.SYSTEM: N_("2 Hosts"),
    Part.AWARENESS: N_("3 Awareness"),
}
ANSWERS = {
    Tick.DONE: Mark("●", N_("done by people"), "good"),
    Tick.NOT_POSSIBLE: Mark("■", N_("not possible for people"), "fault"),
}
UNANSWERED = Mark("○", N_("unanswered by people"), "unknown")


def all_pass(row: CampaignOut) -> bool:
    """Every host answered; each passes or the checks are not for it, and one passes at least. And everything that
    people are asked is done."""
    words = row.hosts.words
    hosts = row.hosts.total == words["pass"] + words["not_applicable"] and words["pass"] > 0
    return hosts and row.ticks.done == row.ticks.total


def part_title(part: Part) -> str:
    return _(PARTS[part])


def item_mark(row: ItemRow) -> Mark:
    return ANSWERS[row.newest.word] if row.newest else UNANSWERED


def item_width() -> int:
    return 2 + max(cell_len(mark.title) for mark in (*ANSWERS.values(), UNANSWERED))


def ticked(ticks: TickTally) -> str:
    """ "done 3 · not possible 1 · unanswered 2": what nobody answered is always said."""
    told = [f"{_('done by people')} {ticks.done}"]
    if ticks.not_possible:
        told.append(f"{_('not possible for people')} {ticks.not_possible}")
    return " · ".join([*told, f"{_('unanswered by people')} {ticks.unanswered}"])


def parts_of(row: CampaignOut) -> list[str]:
    """A line for each part that people answer and this person may see."""
    lines = []
    for part in (Part.BOUNDARY, Part.AWARENESS):
        of_part = [one.ticks for one in row.items if one.part is part]
        if of_part:
            added = TickTally(
                total=sum(one.total for one in of_part),
                done=sum(one.done for one in of_part),
                not_possible=sum(one.not_possible for one in of_part),
                unanswered=sum(one.unanswered for one in of_part),
            )
            lines.append(_("{part}: {counts}").format(part=part_title(part), counts=ticked(added)))
    return lines


def answered_by(said: TickOut | None, now: int, *, word: bool = False) -> str:
    if said is None:
        return ""
    told = [_(ANSWERS[said.word].title)] if word else []
    told += [f"{said.by} {moment(said.at, now)}"]
    return " · ".join([*told, said.note] if said.note else told)


def item_lines(rows: Iterable[ItemRow], now: int) -> list[list[str]]:
    head = [_("Answer"), _("Branch"), _("Item"), _("Number"), _("By")]
    return [head, *(line for row in rows for line in _item(row, now))]


def _item(row: ItemRow, now: int) -> Iterator[list[str]]:
    mark = item_mark(row)
    where = row.branch_name or _("head office")
    yield [f"{mark.shape} {mark.title}", where, row.title, row.id, answered_by(row.newest, now)]
    yield from (["", "", "", "", answered_by(one, now, word=True)] for one in row.earlier)


def campaign_mark(row: CampaignOut) -> Mark:
    if row.ended_at is None:
        return UNDER_WAY
    return ALL_PASS if all_pass(row) else CANCELLED if row.cancelled_by else NOT_ALL


def host_mark(row: CampaignHost) -> Mark:
    return VERDICTS[row.word] if row.word else STATES[row.state]


def campaign_width() -> int:
    marks = (UNDER_WAY, ALL_PASS, NOT_ALL, CANCELLED, *VERDICTS.values(), *STATES.values())
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
    told = f"{bar(row.hosts, cells)}  {counts(row.hosts)}"
    return f"{told}  {_('items')} {ticked(row.ticks)}" if row.ticks.total else told


def reasons(row: CampaignOut) -> str:
    return " · ".join(f"{one.title} {one.count}" for one in row.reasons)


def when(row: CampaignOut, now: int) -> list[str]:
    """Who began it and when, until when hosts may answer, and whether that is now."""
    if row.kind is Kind.MONTHLY:
        return [_("as it was {when}; nobody was asked anew").format(when=moment(row.at, now))]
    return pushed_when(row, now)


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
    head = [_("State"), _("When"), _("Items checked"), _("Where"), _("Who"), _("Progress"), _("Number")]
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
    head = [_("Branch"), _("Name"), _("Settled"), _("Counts"), _("Items")]
    return [head, *(_branch(row) for row in rows)]


def _branch(row: BranchTally) -> list[str]:
    ticks = ticked(row.ticks) if row.ticks.total else ""
    return [row.branch, row.branch_name, bar(row.hosts, 10), counts(row.hosts), ticks]


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
