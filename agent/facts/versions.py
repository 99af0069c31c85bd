"""Which of two versions is the newer, as Debian's policy has it; a tilde comes before everything, even the end."""

import re
from itertools import zip_longest
from typing import Final

_PIECE: Final = re.compile(r"(\D*)(\d*)", re.ASCII)
_END: Final = ("", "")
Order = tuple[tuple[tuple[int, ...], int], ...]


def order(version: str, length: int = 24) -> Order:
    """Compares as the version does. Pieces beyond `length` count for nothing."""
    pieces = [found.groups() for found in _PIECE.finditer(version[:300])][:length]
    filled = zip_longest(pieces, range(length), fillvalue=_END)
    return tuple((_letters(text), int(digits or 0)) for (text, digits), _ in filled)


def _letters(text: str) -> tuple[int, ...]:
    return (*(-1 if c == "~" else ord(c) + (0 if c.isalpha() else 256) for c in text), 0)
