"""Text by the cells it takes in a terminal: a Chinese character takes two."""

import re
from collections.abc import Iterator
from unicodedata import east_asian_width

# a run of ASCII, or one character of another script; what ends a sentence or a bracket does not begin a line
_PIECE = re.compile(r"\s*(?:[!-~]+|[^!-~\s])[，。；：、！？）”》…]*")


def cells(text: str) -> int:
    return sum(2 if east_asian_width(character) in "WF" else 1 for character in text)


def broken(text: str, width: int) -> Iterator[str]:
    """`text` in lines of at most `width` cells; a longer word has a line of its own."""
    line = ""
    for piece in _PIECE.findall(text):
        if line and cells(line + piece) > width:
            yield line
            line = ""
        line += piece if line else piece.lstrip()
    yield line
