"""Text of persons, agents and devices on its way to a terminal: it gives no order there, and hides nothing."""

import re
from unicodedata import east_asian_width

# C0 and C1 controls, the marks that turn, break or hide text without being seen, and halves of characters.
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")


def has_controls(text: str) -> bool:
    return _CONTROLS.search(text) is not None


def plain(value: object) -> str:
    """The value on one line, each control spelled as a programmer writes it: \\x1b."""
    return _CONTROLS.sub(lambda found: found[0].encode("unicode_escape").decode(), str(value))


def cells(text: str) -> int:
    """How wide a terminal draws it: a Chinese character takes two cells."""
    return sum(2 if east_asian_width(letter) in "WF" else 1 for letter in text)


def clean(text: str) -> str:
    """A person's text as it is kept: no control characters but line ends, none that are not seen, no space around."""
    return "".join(c if c.isprintable() or c == "\n" else " " for c in text.replace("\r\n", "\n")).strip()
