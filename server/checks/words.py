"""What checks call things: facts by their names, and the sentences of a verdict in both languages."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import msgspec

from server.plain import clean

Kind = Literal["text", "int", "bool", "list", "time"]
LONGEST = 120  # characters of a value in a sentence


class Text(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    zh: str
    en: str

    def of(self, lang: str) -> str:
        return self.en if lang == "en" else self.zh


class Named(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A fact a check may read."""

    kind: Kind
    zh: str
    en: str
    topic: str = ""
    words: list[str] = []  # what a text may be; none: anything


class Phrase(msgspec.Struct, frozen=True):
    """A sentence of says.toml, or a fact by its name; what fills its blanks comes from devices and is data."""

    key: str
    values: tuple[tuple[str, "str | int | Phrase"], ...] = ()

    def of(self, lang: str) -> str:
        text = says().get(self.key) or name_of(self.key)
        said = text.of(lang) if isinstance(text, Text) else (text.en if lang == "en" else text.zh)
        values = {blank: value.of(lang) if isinstance(value, Phrase) else shown(value) for blank, value in self.values}
        return said.format(**values) if values else said


def phrase(key: str, **values: "str | int | Phrase") -> Phrase:
    return Phrase(key, tuple(values.items()))


def shown(value: str | int) -> str:
    """A value as one short line that gives no terminal an order."""
    text = clean(str(value)[: LONGEST + 1]).replace("\n", " ")
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


@cache
def says() -> Mapping[str, Text]:
    return msgspec.convert(_data("says.toml"), dict[str, Text])


@cache
def names() -> Mapping[str, Named]:
    topics = msgspec.convert(_data("facts.toml"), dict[str, dict[str, Named]])
    return {
        name: msgspec.structs.replace(named, topic=topic)
        for topic, named_here in topics.items()
        for name, named in named_here.items()
    }


@cache
def name_of(fact: str) -> Named:
    """KeyError if no check may read it."""
    parts = ("*" if part.isdigit() and part[0] != "0" and part.isascii() else part for part in fact.split("."))
    return names()[fact] if fact in names() else names()[".".join(parts)]


def _data(file: str) -> dict[str, Any]:
    return tomllib.loads(files("server.checks").joinpath(file).read_text(encoding="utf-8"))
