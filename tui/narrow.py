"""Terminals that draw ● two cells wide: find out at the start, and draw with ASCII there.

Unicode calls such characters ambiguous; old Chinese consoles give them two cells and every line after them shifts.
"""

import os
import re
import sys
import time
import unicodedata
from functools import lru_cache

from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

PROBE = "●"
PATIENCE = 0.4  # seconds; a terminal that does not answer is taken for a modern one

_SPOKEN = {
    "●": "*",
    "▲": "!",
    "■": "#",
    "○": "?",
    "◇": "-",
    "…": ".",
    "·": ".",
    "—": "-",
    "“": '"',
    "”": '"',
    "‘": "'",
    "’": "'",
}
_SPOKEN |= {
    "×": "x",
    "÷": "/",
    "°": "o",
    "±": "~",
    "→": ">",
    "←": "<",
    "↑": "^",
    "↓": "v",
    "▶": ">",
    "◀": "<",
    "▼": "v",
    "✓": "v",
}
_SPOKEN |= dict.fromkeys("─━┄┅┈┉╌╍═▔▁", "-") | dict.fromkeys("│┃┆┇┊┋║▏▕▎▌▐", "|") | dict.fromkeys("█▓▒░▇▆▅▄▃▂▀", "#")
_ALONE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@lru_cache(4096)
def ascii_of(text: str) -> str:
    """`text` with every character of ambiguous width replaced by one of one cell."""
    if text.isascii():
        return text
    return "".join(_one(character) for character in text)


def _one(character: str) -> str:
    if character in _SPOKEN:
        return _SPOKEN[character]
    if "\u2500" <= character <= "\u257f":
        return "+"
    if "\u2800" <= character <= "\u28ff":
        return " " if character == "\u2800" else ":"
    return "?" if unicodedata.east_asian_width(character) == "A" else character


class AsciiFilter(LineFilter):
    """The last step before the terminal: borders, bars, marks and plots alike."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [Segment(ascii_of(text), style, control) for text, style, control in segments]


class ControlFilter(LineFilter):
    """No control character reaches the terminal inside a text, whichever widget let it through."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        if not any(_ALONE.search(text) for text, _, control in segments if not control):
            return segments
        return [Segment(text if control else _ALONE.sub("", text), style, control) for text, style, control in segments]


def draws_wide() -> bool:
    """Ask the terminal where its cursor is after one mark. False when nobody is there to ask."""
    if not (sys.__stdin__ and sys.__stdout__ and sys.__stdin__.isatty() and sys.__stdout__.isatty()):
        return False
    if sys.platform == "win32":
        # Windows Terminal says so of itself; the old console with a Chinese code page draws them wide.
        return "WT_SESSION" not in os.environ and os.environ.get("TERM_PROGRAM") is None
    return _column_after_mark(sys.__stdin__.fileno(), sys.__stdout__.fileno()) == 3


if sys.platform != "win32":
    import select
    import termios
    import tty

    def _column_after_mark(read: int, write: int) -> int | None:
        """The column (from 1) after PROBE is written at column 1; None when the terminal does not say."""
        before = termios.tcgetattr(read)
        try:
            tty.setcbreak(read, termios.TCSANOW)
            os.write(write, f"\r{PROBE}\x1b[6n".encode())
            answer, until = b"", time.monotonic() + PATIENCE
            while not (found := re.search(rb"\x1b\[\d+;(\d+)R", answer)):
                ready, _, _ = select.select([read], [], [], max(0.0, until - time.monotonic()))
                if not ready:
                    return None
                answer += os.read(read, 64)
            return int(found[1])
        finally:
            os.write(write, b"\r\x1b[K")
            termios.tcsetattr(read, termios.TCSANOW, before)

else:

    def _column_after_mark(read: int, write: int) -> int | None:
        return None
