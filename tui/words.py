"""What the data says, in words: coverage, parts, numbers. No drawing: scripts use these too."""

from server.schemas import CatalogueOut, Coverage
from tui.texts import _


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
