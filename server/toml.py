"""TOML that a person writes: read, and what is wrong with it in our own words, with its place, so it can be translated.

What the libraries say is English; the usual of it is told here, and the rest as what it comes to.
"""

import re
import tomllib
from typing import Any, Final, TypeVar

import msgspec

from server.errors import Told

T = TypeVar("T")
_AT: Final = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
_WHY: Final = {  # how tomllib begins
    "Expected newline or end of document after a statement": "something is left over behind the value",
    "Invalid value": "a value is missing, or is none: a text stands in quotation marks",
    "Invalid statement": "this is neither a key nor the head of a table",
    "Illegal character": "a character that may not stand there; is a quotation mark missing?",
    "Expected ']' at the end of a table declaration": "the bracket ] is missing",
    "Unclosed array": "the bracket ] is missing",
    "Unclosed inline table": "the bracket } is missing",
    "Unterminated string": "the quotation mark at the end is missing",
    'Expected "\'"': "the quotation mark at the end is missing",
    "Cannot overwrite a value": "a key stands there twice",
    "Cannot declare": "a table stands there twice",
    "Duplicate inline table key": "a key stands there twice",
    "Unescaped '\\' in a string": "write \\\\ for a backslash, or put the text in single quotation marks",
    "Invalid hex value": "write \\\\ for a backslash, or put the text in single quotation marks",
    "Expected '=' after a key": "the sign = is missing behind the key",
    "Invalid initial character for a key part": "this is no key: letters, digits, _ and -, else in quotation marks",
}
_WIDE: Final = re.compile("[“”‘’＝，［］：]")
_OTHER: Final = "it is not written as TOML is"
_PATH: Final = re.compile(r" - at `\$\.?(.*)`$")
_FIELD: Final = re.compile(r"Object (contains unknown|missing required) field `(.*)`")
_KIND: Final = re.compile(r"Expected `([a-z]+)[^`]*`, got")
_KINDS: Final = {
    "int": "must be a whole number",
    "str": "must be a text",
    "array": "must be a list",
    "object": "must be a table",
    "date": "must be a day like 2026-11-30",
    "bool": "must be true or false",
}


class BadToml(Told):
    """What is wrong, and where."""


def loads(text: str) -> dict[str, Any]:
    """BadToml."""
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise BadToml("too many brackets stand within each other") from error
    except tomllib.TOMLDecodeError as error:
        raise _wrong(str(error), text) from error


def convert(said: Any, kind: type[T]) -> T:
    """As msgspec has it. BadToml names the key."""
    try:
        return msgspec.convert(said, kind)
    except msgspec.ValidationError as error:
        raise _misfit(str(error)) from error


def _wrong(said: str, text: str) -> BadToml:
    why = Told(next((ours for theirs, ours in _WHY.items() if said.startswith(theirs)), _OTHER))
    at = _AT.search(said)
    if at and at[1]:
        there = text.splitlines()[int(at[1]) - 1 : int(at[1])]
        if wide := _WIDE.match(there[0][int(at[2]) - 1 :] if there else ""):
            why = Told("{wide} was typed with the Chinese input method on; write it plain", wide=wide[0])
        return BadToml("line {line}, column {column}: {why}", line=at[1], column=at[2], why=why)
    return BadToml("at the end of the file: {why}", why=why) if at else BadToml("{why}", why=why)


def _misfit(said: str) -> BadToml:
    path = _PATH.search(said)
    where = path[1] if path else ""
    if field := _FIELD.match(said):
        key = f"{where}.{field[2]}" if where else field[2]
        unknown = field[1] == "contains unknown"
        return BadToml("there is no key {key}" if unknown else "{key} is missing", key=key)
    kind = _KIND.match(said)
    why = _KINDS.get(kind[1], "") if kind else ""
    return BadToml("{key}: {why}", key=where or "?", why=Told(why or "this is no value for it"))
