"""What the data says, in words: coverage, parts, numbers. No drawing: scripts use these too."""

from server.schemas.base import Coverage
from server.schemas.catalogue import CatalogueOut
from server.schemas.conditions import ConditionOut
from server.schemas.coverage import MinutesOut, Missing
from server.schemas.positions import PositionRow, SelfTestOut
from server.schemas.standing import Standing
from tui.texts import N_, _
from tui.words.times import SECOND, moment, span


def coverage(coverage: Coverage | None) -> str:
    """有效数据覆盖 36/38 台，2 台无数据: what a list says of itself, so that silence never reads as health."""
    if coverage is None:
        return ""
    line = _("valid data {fresh}/{due}").format(fresh=coverage.fresh, due=coverage.due)
    old = coverage.due - coverage.fresh - coverage.never - coverage.unknown - coverage.closed
    if coverage.never:
        line += _(", {n} without data").format(n=coverage.never)
    if coverage.unknown:
        line += _(", {n} cannot be told").format(n=coverage.unknown)
    if coverage.closed:
        line += _(", {n} closed").format(n=coverage.closed)
    if old > 0:
        line += _(", {n} out of date").format(n=old)
    return line


def watched(rows: str, watched: str) -> str:
    """Of an export, which holds what people registered: how much of it is watched at all."""
    return _("{watched} of {rows} machines stand at polled positions.").format(watched=watched or "?", rows=rows or "?")


MISSING = {
    Missing.CLOSED: N_("shut down or closed"),
    Missing.LOST: N_("records lost"),
    Missing.LOST_STREAM: N_("spool broken off"),
    Missing.KEPT_OUT: N_("quarantined or revoked"),
    Missing.POWER: N_("power cut"),
    Missing.LINE: N_("line cut"),
    Missing.WAITING: N_("still to come"),
    Missing.UNREADABLE: N_("answers unreadable"),
    Missing.UNKNOWN: N_("cause unknown"),
}


def percent(one: MinutesOut) -> str:
    """Never rounded up: 100% is all of it."""
    if not one.due:
        return "—"
    tenths = one.attested * 1000 // one.due
    return "100%" if tenths == 1000 else f"{tenths // 10}.{tenths % 10}%"


def missing_minutes(one: MinutesOut) -> int:
    return one.due - one.attested


def missing(one: MinutesOut) -> str:
    """线路中断 350，原因不明 20: the reasons that count for something, the most minutes first."""
    found = sorted(((n, reason) for reason, n in one.missing.items() if n), key=lambda pair: -pair[0])
    return _(", ").join(f"{_(MISSING[reason])} {n:,}" for n, reason in found)


def minutes(one: MinutesOut) -> str:
    """What a period says of itself: due, attested, missing and why."""
    line = _("due {due}, attested {percent}").format(due=f"{one.due:,}", percent=percent(one))
    if missing_minutes(one):
        line += _(", missing {n}: {why}").format(n=f"{missing_minutes(one):,}", why=missing(one))
    return line


def what(row: PositionRow, now: int) -> str:
    """What a list says beside the standing: the detail, or of a device in use its last self-test."""
    if row.tested is not None and row.standing is Standing.IN_USE:
        return self_test(row.tested, now)
    return row.detail


def problem(condition: ConditionOut) -> str:
    """采集程序离线 (线路中断): what is wrong, and why where that is known."""
    if not condition.cause:
        return condition.title
    return _("{what} ({why})").format(what=condition.title, why=condition.cause)


def self_test(tested: SelfTestOut, now: int) -> str:
    """07:52 自检正常 today, 11-24 07:52 自检正常 before."""
    return _("self-test {word} at {when}").format(word=tested.word, when=moment(tested.at, now))


def part_title(words: CatalogueOut | None, key: str) -> str:
    """ "2号钞箱" for "cassette.2"; a key the catalogue does not know is shown as it is."""
    if words is None:
        return key
    if key in words.parts:
        return words.parts[key]
    stem, _dot, instance = key.rpartition(".")
    return f"{words.parts[stem]} {instance}" if stem in words.parts else key


def part_word(words: CatalogueOut | None, key: str, word: str) -> tuple[str, str]:
    """Level and title of a part's word; what is not known is shown as it is and judged unknown."""
    known = words.words.get(key) or words.words.get(key.rpartition(".")[0]) if words else None
    found = known.get(word) if known else None
    return (found.level, found.title) if found else ("unknown", word)


def number_title(words: CatalogueOut | None, key: str) -> tuple[str, str]:
    """Title and unit of a number."""
    if words is None:
        return key, ""
    if key in words.numbers:
        return words.numbers[key]
    stem, _dot, instance = key.rpartition(".")
    if stem in words.numbers:
        title, unit = words.numbers[stem]
        return f"{title} {instance}", unit
    return key, ""


def figure(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:,.2f}"


# Words of the ledger and the journal that are keys on the wire. One this console does not know is shown as it is.
KEYS = {
    "in-use": N_("in use (ledger)"),
    "spare": N_("spare"),
    "repair": N_("in repair"),
    "stopped": N_("stopped"),
    "to-scrap": N_("to be scrapped"),
    "scrapped": N_("scrapped"),
    "production": N_("production network"),
    "office": N_("office network"),
    "internet": N_("internet side"),
    "system": N_("the system"),
    "console": N_("console"),
    "cli": N_("command line"),
    "health": N_("judgement"),
    "inventory": N_("inventory"),
    "branch-pc": N_("branch PC, while the server was away; not signed in"),
}


def keyword(key: str) -> str:
    return _(KEYS[key]) if key in KEYS else key


def field_title(words: CatalogueOut | None, key: str) -> str:
    """What a reading's identity or text is called; one about a part or a number, as that is: "port.1"."""
    if words is None:
        return key
    stem, _dot, instance = key.rpartition(".")
    if key in words.texts or key in words.parts:
        return words.texts.get(key) or words.parts[key]
    if stem in words.texts:
        return f"{words.texts[stem]} {instance}"
    return part_title(words, key) if stem in words.parts else number_title(words, key)[0]


def clock_off(off: int, unsure: int) -> str:
    """How far a clock is ahead, and how sure that is; only the latter where it is right to that: 快 8 小时 ± 1 秒."""
    unsure = max(unsure, SECOND)
    if abs(off) <= unsure:
        return f"± {span(abs(off) + unsure)}"
    words = _("{span} fast") if off > 0 else _("{span} slow")
    return f"{words.format(span=span(abs(off)))} ± {span(unsure)}"
