"""The one list of what a reading may hold: numbers with unit and deadband, parts with their words and levels.

The list itself is `catalogue.toml` beside this file. An unknown key is kept and shown, and never judged.
"""

import tomllib
from enum import StrEnum
from functools import cache
from importlib.resources import files

import msgspec


class Level(StrEnum):
    """How bad a word is. `unknown` is never good."""

    GOOD = "good"
    ATTENTION = "attention"
    FAULT = "fault"
    UNKNOWN = "unknown"


class Number(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    zh: str
    en: str
    unit: str = ""
    deadband: float = 0.0  # a change no larger than this is not news
    counter: bool = False  # only ever grows; a fall is a reset


class Word(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    level: Level
    zh: str
    en: str


class Title(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    zh: str
    en: str


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    zh: str
    en: str
    words: dict[str, Word]
    named: dict[str, Title] = {}  # of several, those that have a title of their own: "motor" of "module.motor"


class Catalogue(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    device: dict[str, Word]
    number: dict[str, Number]
    part: dict[str, Part]
    text: dict[str, Title] = {}  # what identity and texts are called that are about no part

    def find_number(self, key: str) -> Number | None:
        """The entry of "load" for "load" and for "load.2"."""
        return self.number.get(key) or self.number.get(key.rpartition(".")[0])

    def find_part(self, key: str) -> Part | None:
        """The entry of "cassette" for "cassette" and for "cassette.2"."""
        return self.part.get(key) or self.part.get(key.rpartition(".")[0])

    def find_title(self, key: str) -> tuple[Title | Part | Number, str] | None:
        """What a key of parts, numbers, texts or identity is called, and which of several it is ("" where the title
        says it): "cassette.2" -> the entry of "cassette" and "2"."""
        family, _, instance = key.rpartition(".")
        whole = self.text.get(key) or self.part.get(key) or self.number.get(key)
        named = self.part[family].named.get(instance) if family in self.part else None
        if found := whole or named:
            return found, ""
        of_several = self.text.get(family) or self.part.get(family) or self.number.get(family)
        return (of_several, instance) if of_several else None

    def level(self, part: str, word: str) -> Level:
        """How bad it is that `part` is `word`; what the catalogue does not know is unknown."""
        entry = self.find_part(part)
        known = entry.words.get(word) if entry else None
        return known.level if known else Level.UNKNOWN


@cache
def catalogue() -> Catalogue:
    """The catalogue this program was shipped with."""
    text = files("drivers").joinpath("catalogue.toml").read_text(encoding="utf-8")
    return msgspec.convert(tomllib.loads(text), Catalogue)
