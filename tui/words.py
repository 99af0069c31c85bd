"""What the data says, in words: coverage, parts, numbers. No drawing: scripts use these too."""

from server.schemas import CatalogueOut, Coverage, PositionRow, SelfTestOut, Standing
from tui.texts import N_, _
from tui.times import moment


def coverage(coverage: Coverage | None) -> str:
    """有效数据覆盖 36/38 台，2 台无数据: what a list says of itself, so that silence never reads as health."""
    if coverage is None:
        return ""
    line = _("valid data {fresh}/{due}").format(fresh=coverage.fresh, due=coverage.due)
    old = coverage.due - coverage.fresh - coverage.never
    if coverage.never:
        line += _(", {n} without data").format(n=coverage.never)
    if old > 0:
        line += _(", {n} out of date").format(n=old)
    return line


def what(row: PositionRow, now: int) -> str:
    """What a list says beside the standing: the detail, or of a device in use its last self-test."""
    if row.tested is not None and row.standing is Standing.IN_USE:
        return self_test(row.tested, now)
    return row.detail


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
