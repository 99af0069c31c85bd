"""What is wrong with an inventory: every problem with its place and one sentence, all of them at once."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, time
from difflib import get_close_matches

from agent.inventory.unseen import UNSEEN

SHOWN = 60  # characters of a wrong value worth showing
_SENTENCES = ("wrong", "message", "reason")  # values that are sentences themselves: what a driver or the system says
MANY = 2000  # beyond this many, only keys that begin alike are looked at for the nearest


@dataclass(frozen=True)
class Problem:
    """`template` is an English sentence without its place, `values` fill it in; a server says it in Chinese."""

    file: str
    line: int | None
    path: str  # "position[1001/atm-1].options.comunity"; "" for the file as a whole
    template: str
    values: dict[str, str] = field(default_factory=dict)

    def say(self, translate: Callable[[str], str] = str) -> str:
        """One line: file, line, path and the sentence."""
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        values = {name: translate(value) if name in _SENTENCES else value for name, value in self.values.items()}
        return _spelled(
            ": ".join(part for part in (place, self.path, translate(self.template).format(**values)) if part)
        )

    def __str__(self) -> str:
        return self.say()


class InventoryError(Exception):
    """An inventory that cannot be used. `problems` is never empty; `str()` has a line each."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = list(problems)
        super().__init__(self.say())

    def say(self, translate: Callable[[str], str] = str) -> str:
        return "\n".join(problem.say(translate) for problem in self.problems)


def _spelled(text: str) -> str:
    """Harmless on a terminal: what is no letter to be seen as its number. The wide space of Chinese names stays."""
    said = UNSEEN.sub(lambda found: _number(found[0]), text)
    return "".join(char if char.isprintable() or char == "\u3000" else _number(char) for char in said)


def _number(char: str) -> str:
    return f"\\u{ord(char):04x}"


def nearest(wrong: str, right: Iterable[str]) -> str | None:
    """The one of `right` that was most likely meant."""
    candidates = list(right)
    if len(candidates) > MANY:
        candidates = [candidate for candidate in candidates if candidate[:2] == wrong[:2]]
    found = get_close_matches(wrong[:200], candidates, n=1)
    return found[0] if found else None


def shown(value: object) -> str:
    """A wrong value as the person wrote it, more or less: short, on one line, and harmless on a terminal."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        cut = value if len(value) <= SHOWN else value[:SHOWN] + "…"
        return f'"{_spelled(cut)}"'
    if isinstance(value, dict):
        return "{...}"
    if isinstance(value, list):
        return "[...]"
    if isinstance(value, int) and value.bit_length() > 64:
        return "a huge number"
    if isinstance(value, date | datetime | time):
        return value.isoformat()
    return repr(value)[:SHOWN]
