"""A sheet as it is kept, bounded and cleaned, and how it differs from the one before. Pure."""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from server.facts.tables import NAME, WHY, Value
from server.plain import clean

MOST: Final = 300  # facts of a topic
TEXT: Final = 300  # characters
LISTED: Final = 5000  # texts of a list
SHOWN: Final = 200  # of what came or went of a list in one change
# What differs each time, and tells nothing by that.
RESTLESS: Final = re.compile(
    r"(memory\.free|disk\.\d+\.free|boot\.id|clock\.offset_ms|neighbours|stations|sweep(\..*)?)"
)
STARTED: Final = "boot.at"  # moves with the PC's clock
MOVES: Final = 60_000_000  # µs

Difference = tuple[str, Value | None, Value | None]


def cleaned(facts: Mapping[str, Value]) -> dict[str, Value]:
    return {text(name, NAME): _value(value) for name, value in sorted(facts.items())[:MOST]}


def reasons(unread: Mapping[str, str]) -> dict[str, str]:
    return {text(name, NAME): text(why, WHY) for name, why in sorted(unread.items())[:MOST]}


def text(said: str, longest: int = TEXT) -> str:
    return clean(said[:longest]).replace("\n", " ")


def _value(value: Value) -> Value:
    if isinstance(value, int):  # and true or false
        return value
    return text(value) if isinstance(value, str) else [_item(one) for one in value[:LISTED]]


def _item(said: str) -> str:
    """A name and a version have a tab between them."""
    return "\t".join(text(part) for part in said.split("\t", 1))


def differences(before: Mapping[str, Value], after: Mapping[str, Value]) -> Iterator[Difference]:
    """By name. Lists in another order are the same; of others only what went and what came is given."""
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name), after.get(name)
        if RESTLESS.fullmatch(name) or _same(name, old, new):
            continue
        if isinstance(old, list) and isinstance(new, list):
            went, came = sorted(set(old) - set(new)), sorted(set(new) - set(old))
            if went or came:
                yield name, went[:SHOWN], came[:SHOWN]
        else:
            yield name, _short(old), _short(new)


def _same(name: str, old: Value | None, new: Value | None) -> bool:
    if name == STARTED and isinstance(old, int) and isinstance(new, int):
        return abs(new - old) <= MOVES
    return type(old) is type(new) and old == new  # true is not 1


def _short(value: Value | None) -> Value | None:
    return value[:SHOWN] if isinstance(value, list) else value
