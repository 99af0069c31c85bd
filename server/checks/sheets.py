"""What a host said of itself, sheet by sheet: one a topic, as it was at a time.

A value is believed only as far as its kind goes; what is none of it is a misfit, and costs only what asks for it.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

import msgspec

from server.checks.words import Kind, Named, Phrase, name_of, phrase

DAY: Final = 86_400_000_000  # µs
SLACK: Final = 3_600_000_000  # µs a sheet may be ahead of the server's clock
ITEMS, LETTERS = 5_000, 1_000  # of a list, and of a text: an agent sends less
PRODUCTS: Final = 16  # of antivirus on one host
LARGEST: Final = 2**63 - 1

Value = str | int | bool | tuple[str, ...]
Word = Literal[
    "never",
    "old",
    "ahead_of_now",
    "unasked",
    "rights",
    "absent",
    "not_by_snmp",
    "timeout",
    "unreadable",
    "misfit",
    "contradicts",
]
_SOFTWARE: Final = ("software", "software.count", "software.left_out")
_PRODUCT: Final = re.compile(r"av\.\d")
_AGENT_SAYS: Final = ("rights", "absent", "timeout", "unreadable")
_BY_SNMP: Final = "snmp"  # facts.source of a host that was asked no other way: what is absent there nobody looked for


class Sheet(msgspec.Struct, frozen=True):
    """`unread`: fact, or the beginning of names ("av."), -> why it could not be read."""

    at: int  # corrected time, µs
    facts: Mapping[str, Any]
    unread: Mapping[str, Any] = {}


class Host(msgspec.Struct, frozen=True):
    key: str
    sheets: Mapping[str, Sheet]


class Lack(msgspec.Struct, frozen=True):
    """Why a fact is not known."""

    fact: str
    word: Word
    days: int = 0

    @property
    def said(self) -> bool:
        """The host itself told that it could not read it."""
        return self.word in (*_AGENT_SAYS, "not_by_snmp")

    def phrase(self) -> Phrase:
        name = Phrase(self.fact)
        return phrase(self.word, name=name, days=self.days) if self.word == "old" else phrase(self.word, name=name)


def fact(host: Host, name: str, now: int, fresh: int) -> Value | Lack:
    """What is known of one fact; a sheet older than `fresh` µs tells nothing any more."""
    named = name_of(name)
    sheet = host.sheets.get(named.topic)
    if sheet is None:
        return Lack(name, "never")
    age = now - sheet.at
    if age > fresh:
        return Lack(name, "old", age // DAY)
    if age < -SLACK:
        return Lack(name, "ahead_of_now")
    if name not in sheet.facts:
        word = _unread(sheet, name)
        own = host.sheets.get("host")
        by_snmp = word == "absent" and own is not None and own.facts.get("facts.source") == _BY_SNMP
        return Lack(name, "not_by_snmp" if by_snmp else word)
    if doubt := _doubt(sheet, name):
        return Lack(name, doubt)
    value = _believed(named, sheet.facts[name])
    return Lack(name, "misfit") if value is None else value


def _doubt(sheet: Sheet, name: str) -> Word | None:
    """What else the sheet says must go with the fact: a list with its length, a count with what is counted."""
    if name in sheet.unread:
        return "contradicts"
    if name in _SOFTWARE:
        listed, count, left_out = (sheet.facts.get(one) for one in _SOFTWARE)
        if isinstance(count, int) and isinstance(left_out, int) and isinstance(listed, list | tuple):
            return None if 0 <= left_out == count - len(listed) else "contradicts"
    if name == "av.count" and isinstance(count := sheet.facts[name], int):
        named = {said.split(".")[1] for said in (*sheet.facts, *sheet.unread) if _PRODUCT.match(said)}
        if count > PRODUCTS or not named.issuperset(map(str, range(1, count + 1))):
            return "contradicts"
    return None


def _unread(sheet: Sheet, name: str) -> Word:
    words = [
        why for said, why in sheet.unread.items() if name == said or (said.endswith(".") and name.startswith(said))
    ]
    for word in _AGENT_SAYS:
        if word in words:
            return word
    return "misfit" if words else "unasked"


def _believed(named: Named, value: Any) -> Value | None:
    """The value if it is of its kind, else None. bool is no int, though Python says so."""
    kind: Kind = named.kind
    if kind == "bool":
        return value if isinstance(value, bool) else None
    if kind in ("int", "time"):
        whole = isinstance(value, int) and not isinstance(value, bool)
        return value if whole and -LARGEST <= value <= LARGEST else None
    if kind == "text":
        return value if _is_text(value) and (not named.words or value in named.words) else None
    return tuple(value) if isinstance(value, list | tuple) and _are_texts(value) else None


def _are_texts(values: Sequence[Any]) -> bool:
    """Most lists are short words in ASCII: all of them at once costs a tenth of one by one."""
    if len(values) > ITEMS:
        return False
    try:
        joined = "".join(values)
    except TypeError:
        return False
    return (joined.isascii() and len(joined) <= LETTERS) or all(map(_is_text, values))


def _is_text(value: Any) -> bool:
    if not isinstance(value, str) or len(value) > LETTERS:
        return False
    return value.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in value)
