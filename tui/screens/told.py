"""Readings, cards and positions told in text."""

import re

from rich.text import Text

from server.schemas.catalogue import CatalogueOut
from server.schemas.ledger import CardOut
from server.schemas.positions import PositionDetail, ReadingOut
from server.schemas.standing import FRESH
from tui.cells import Cells
from tui.plain import plain
from tui.texts import _
from tui.words.host import HASH
from tui.words.marks import STANDINGS
from tui.words.times import ago, day, span
from tui.words.values import field_title, figure, keyword, number_title, part_title, part_word, self_test

NAME = 16  # cells of a name in a list of names and values
VALUE = 28  # cells of a value that may be long
VALUE_LONGEST = 200  # characters of it
_HASH = re.compile(r"\b[0-9a-f]{64}\b")


def pair(cells: Cells, name: str, value: Text, width: int = NAME) -> Text:
    """A name, dim and padded, then its value."""
    title = cells.dim(name)
    title.truncate(width, overflow="ellipsis")
    title.pad_right(max(1, width - title.cell_len))
    return Text.assemble(title, value)


def head_text(cells: Cells, words: CatalogueOut | None, detail: PositionDetail) -> Text:
    """Two lines: how it stands, and how we know."""
    row = detail.row
    text = Text.assemble(cells.stands(row), "  ", (plain(row.name), "bold"), "   ")
    text.append(plain(f"{row.branch_name} · {row.cls_name}" + (f" · {row.detail}" if row.detail else "")))
    if row.ticket:
        text.append("   " + _("ticket {number}").format(number=plain(row.ticket)))
    device = words.device.get(row.device) if words else None
    told = [
        plain(self_test(row.tested, cells.now())) if row.tested else "",
        _("device says {word}").format(word=device.title if device else plain(row.device)) if row.device else "",
        ago(row.seen_at, cells.now()) if row.seen_at else STANDINGS[row.standing].title,
        _("every {span}").format(span=span(int(detail.interval * 1_000_000))) if detail.interval else "",
        _("data of {day}").format(day=day(row.as_of)) if row.as_of else "",
        plain(detail.address),
        plain(row.agent or ""),
        plain(row.driver or ""),
    ]
    text.append("\n")
    text.append_text(cells.dim(" · ".join(part for part in told if part)))
    return text


def reading_text(cells: Cells, words: CatalogueOut | None, detail: PositionDetail) -> Text:
    """Parts, numbers and texts of every view of the position, each view under its agent's name."""
    readings, known = detail.readings, detail.row.standing in FRESH and not cells.old(detail.row)
    if not readings:
        return cells.dim(_("Nothing has been reported from here yet."))
    text = Text()
    for reading in readings:
        if len(readings) > 1:
            text.append_text(Text(plain(reading.agent) + "\n", style="bold underline"))
        if reading.failure:
            text.append_text(cells.ink(f"○ {reading.failure}", "unknown"))
            text.append("\n")
        lines = [*_parts(cells, words, reading, known), *_numbers(cells, words, reading)]
        lines += [
            pair(cells, field_title(words, key), cells.folded(_shown(words, key, value), VALUE, NAME))
            for key, value in (reading.identity | reading.texts).items()
        ]
        for line in lines:
            text.append_text(line)
            text.append("\n")
        text.append_text(cells.dim(_("since {ago}").format(ago=ago(reading.at, cells.now()))))
        text.append("\n\n")
    return text


def _shown(words: CatalogueOut | None, key: str, value: str) -> str:
    """What could not be read by its names, a hash as far as people compare it, anything else as the device says it."""
    if key.startswith("unread."):
        value = _(", ").join(field_title(words, name) for name in value.split(", "))
    return _HASH.sub(lambda found: f"{found[0][:HASH]}…", value)[:VALUE_LONGEST]


def _parts(cells: Cells, words: CatalogueOut | None, reading: ReadingOut, known: bool) -> list[Text]:
    """Each part's word; where how the position stands is not known, none of them as good."""
    lines = []
    for key, word in reading.parts.items():
        level, title = part_word(words, key, word)
        shown = level if known or level != "good" else "unknown"
        lines.append(pair(cells, part_title(words, key), cells.level(shown, title)))
    return lines


def _numbers(cells: Cells, words: CatalogueOut | None, reading: ReadingOut) -> list[Text]:
    lines = []
    for key, value in reading.numbers.items():
        title, unit = number_title(words, key)
        amount = span(int(value * 1_000_000)) if unit == "s" and value >= 60 else f"{figure(value)} {unit}"
        lines.append(pair(cells, title, Text(amount.rstrip())))
    return lines


def card_pairs(card: CardOut) -> list[tuple[str, str]]:
    """The card's fields with their names, in the order of the paper register."""
    return [
        (_("Asset number"), card.asset),
        (_("Name"), card.name),
        (_("Class"), card.cls_name),
        (_("Branch"), card.branch_name),
        (_("Position"), card.position_name or "—"),
        (_("Status"), keyword(card.status)),
        (_("Maker"), card.maker),
        (_("Model"), card.model),
        (_("Serial number"), card.serial),
        (_("Terminal number"), card.terminal),
        (_("Keeper"), card.keeper or "—"),
        (_("Place"), card.place),
        (_("Zone"), keyword(card.zone)),
        (_("Bought"), card.bought or "—"),
        (_("In service"), card.in_service or "—"),
        (_("Price"), card.price or "—"),
        (_("Supplier"), card.supplier),
        (_("Maintainer"), card.maintainer),
        (_("Warranty until"), card.warranty or "—"),
        (_("Note"), card.note),
    ]


def card_text(cells: Cells, card: CardOut | None) -> Text:
    """The card in two columns."""
    if card is None:
        return cells.dim(_("No machine of the ledger stands here."))
    lines = [pair(cells, name, Text(plain(value, 80)), 14) for name, value in card_pairs(card)]
    half = -(-len(lines) // 2)
    text = Text()
    for left, right in zip(lines[:half], [*lines[half:], Text()], strict=False):
        left.truncate(38, overflow="ellipsis")
        left.pad_right(40 - left.cell_len)
        text.append_text(Text.assemble(left, right, "\n"))
    return text
