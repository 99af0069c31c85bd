"""Text of persons, agents and devices on its way to a terminal: it gives no order there, and hides nothing."""

import re
from unicodedata import east_asian_width

from agent.inventory.unseen import UNSEEN

_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f]")  # C0 and C1


def has_controls(text: str) -> bool:
    """Whether it gives orders to a terminal, or has letters that nobody sees."""
    return (_CONTROLS.search(text) or UNSEEN.search(text)) is not None


def plain(value: object) -> str:
    """The value on one line, each control and each letter nobody sees spelled as a programmer writes it: \\x1b."""
    return UNSEEN.sub(_spelled, _CONTROLS.sub(_spelled, str(value)))


def _spelled(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()


def cells(text: str) -> int:
    """How wide a terminal draws it: a Chinese character takes two cells."""
    return sum(2 if east_asian_width(letter) in "WF" else 1 for letter in text)


def clean(text: str) -> str:
    """A person's text as it is kept: no control characters but line ends, none that are not seen, no space around."""
    seen = UNSEEN.sub(" ", text.replace("\r\n", "\n"))
    return "".join(c if c.isprintable() or c == "\n" else " " for c in seen).strip()
