"""What a host said of itself, in text: on the page of an agent, and of a position that is a host."""

from rich.text import Text

from server.schemas.facts import FactsOut
from tui.cells import Cells
from tui.plain import plain
from tui.screens.told import NAME, pair
from tui.words.host import age, pairs
from tui.words.security import security

WIDE = 60  # cells of a line of what it says of its security


def facts_text(cells: Cells, facts: FactsOut, title: str) -> Text:
    """What is old has a mark and a word, and stands dim."""
    said = plain(age(facts, cells.now()))
    head = Text.assemble((title, "bold"), "  ", cells.ink(f"○ {said}", "unknown") if facts.old else cells.dim(said))
    values = [(name, Text(plain(value))) for name, value in pairs(facts)]
    lines = [pair(cells, plain(name), cells.dim(value.plain) if facts.old else value) for name, value in values]
    lines += [pair(cells, name, cells.folded(plain(told), WIDE, NAME)) for name, told in security(facts, cells.now())]
    return Text("\n").join([Text(), head, *lines])
