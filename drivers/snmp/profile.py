"""The shape of a profile: which objects of a MIB are which metrics of the catalogue. They lie in `profiles/*.toml`.

`scalars` and the `columns` of tables name objects; the name is the MIB's own. Lines of one key stand in the order of
preference: the first that gives a word, number or text has it. The lines of the files a profile is `with` stand behind
its own, those of `system` last.
"""

import re
import tomllib
from collections.abc import Iterator
from functools import cache, reduce
from importlib.resources import files
from typing import Any

import msgspec

from drivers.base import DeviceWord
from drivers.snmp.formula import Formula
from drivers.words import check_number, check_part

Oid = tuple[int, ...]
When = dict[str, list[int | str]]  # name -> the values it must have; "+" is any above nought

NAMES = ("host", "network", "windows", "printer", "ups", "ups-apc", "ups-huawei", "atm-ncr")
# In which "auto" looks: the particular before the general. A Windows is no printer for having one.
ORDER = ("atm-ncr", "ups-huawei", "ups-apc", "ups", "windows", "printer", "network", "host")
UPSES = tuple(name for name in ORDER if name.startswith("ups"))


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One object: of a scalar its instance, of a column without the index."""

    oid: Oid
    once: bool = False  # asked when the device is looked at, not with every poll
    not_given: list[int] = []  # values by which devices say that they do not know
    bits: bool = False  # an octet string whose bits are numbered from the highest of the first octet
    keep_raw: bool = False  # kept as it came, made nothing of
    unless: str = ""  # not asked where this one answers
    means: dict[str, float] = {}  # a code -> the number a formula takes for it; other codes are not given


class SetOf(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A set made of a table's rows: the number each object id has just below `under`."""

    name: str
    of: str
    under: Oid


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"set_": "set"}):
    """Rows are found by walking the column `find`: those that count, `rows` of them at most."""

    name: str
    find: str
    columns: dict[str, Asked]
    rows: int
    walk: int = 0  # rows gone through to find them; as many as `rows` if not said
    keep: When = {}
    drop: When = {}  # rows for which all of this holds do not count
    skip: dict[str, re.Pattern[str]] = {}  # column -> what is found in the text of rows that do not count
    says: str = ""  # the text that says how many of how many rows are read, if that is not all
    lines: str = ""  # the scalar that says how many of the rows are real
    chosen: list[str] = []  # the option `ports` says which rows matter, by their number or what these columns say
    lone: bool = False  # a single row has no number behind its key
    order: bool = False  # rows are numbered 1, 2, 3 instead of by the last part of their index
    when: When | None = None  # rows come and go: walked with every poll in which this holds
    set_: SetOf | None = None


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`words`: the value -> the word; "+" is any above nought, "<low" below the option `low`, ">full" from the option
    `full` on. Of a set the first of `words` that is in it, else `none`. With `worst`, one word for all rows: the first
    of `words` that a row has."""

    key: str
    of: Formula
    words: dict[str, str]
    none: str | None = None
    table: str = ""
    worst: bool = False


class Number(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    key: str
    value: Formula
    least: float | None = None
    most: float | None = None
    table: str = ""
    mean: bool = False  # of all rows
    highest: bool = False  # of all rows
    count: bool = False  # how many rows there are; nothing if not all were gone through


class Text(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    key: str
    of: str
    table: str = ""
    more: list[str] = []  # columns said behind it
    join: bool = False  # one text for all rows
    names: dict[str, str] = {}  # of a set


class Identity(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    key: str
    of: str = ""
    enterprises: dict[str, str] = {}  # the number below 1.3.6.1.4.1 of an object id -> who that is
    word: str = ""  # said of every device that has this profile


class DeviceRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of `when` must hold; a set holds if one of the values is in it."""

    word: DeviceWord
    when: When


class Profile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, rename={"with_": "with"}):
    scalars: dict[str, Asked]
    device: list[DeviceRule] = []
    otherwise: DeviceWord = DeviceWord.UNKNOWN
    with_: list[str] = []  # the files whose lines stand behind these
    needs: list[str] = []  # scalars or tables, one of which a device of this profile has
    known_by: list[str] = []  # those "auto" takes it by, where these are not `needs`
    table: list[Table] = []
    part: list[Part] = []
    number: list[Number] = []
    text: list[Text] = []
    identity: list[Identity] = []


@cache
def load(name: str) -> Profile:
    """The shipped profile called `name`, the system group with it."""
    whole = _join(_whole(name), _read("system"))
    if wrong := list(_wrong(whole)):
        raise ValueError(f"profile {name}: {'; '.join(wrong)}")
    return whole


def _whole(name: str) -> Profile:
    own = _read(name)
    return reduce(_join, map(_whole, own.with_), own)


def _join(own: Profile, other: Profile) -> Profile:
    """`own` with the lines of `other` behind it. What a device of it needs, and its word, are its own."""
    return msgspec.structs.replace(
        own,
        scalars={**other.scalars, **own.scalars},
        device=[*own.device, *other.device],
        table=[*own.table, *other.table],
        part=[*own.part, *other.part],
        number=[*own.number, *other.number],
        text=[*own.text, *other.text],
        identity=[*own.identity, *other.identity],
    )


def _read(name: str) -> Profile:
    text = files("drivers.snmp").joinpath("profiles", f"{name}.toml").read_text(encoding="utf-8")
    return msgspec.convert(_unfold(tomllib.loads(text)), Profile, dec_hook=_convert)


def _unfold(tables: dict[str, Any]) -> dict[str, Any]:
    """`name = "1.3.6"` is short for `name = { oid = "1.3.6" }`, and an object id is a list of numbers."""
    for holder in (tables.setdefault("scalars", {}), *(table["columns"] for table in tables.get("table", ()))):
        for name, asked in holder.items():
            asked = {"oid": asked} if isinstance(asked, str) else asked
            holder[name] = {**asked, "oid": _numbers(asked["oid"])}
    for table in tables.get("table", ()):
        if "set" in table:
            table["set"]["under"] = _numbers(table["set"]["under"])
    return tables


def _numbers(dotted: str) -> list[int]:
    return [int(number) for number in dotted.split(".")]


def _convert(kind: type, text: object) -> object:
    if not isinstance(text, str):
        raise TypeError(f"{text!r} is not text")
    return Formula(text) if kind is Formula else re.compile(text)


def _wrong(profile: Profile) -> Iterator[str]:
    """What does not fit together, or is not in the catalogue."""
    tables = {table.name: table for table in profile.table}
    sets = {table.set_.name for table in profile.table if table.set_}
    lone = {name for table in profile.table if table.lone for name in table.columns}
    every = set(profile.scalars) | sets | lone
    for need in (*profile.needs, *profile.known_by):
        if need not in profile.scalars and need not in tables:
            yield f"`needs` names {need}, which is neither scalar nor table"
    for table in profile.table:
        used = {
            table.find,
            *table.keep,
            *table.drop,
            *table.skip,
            *table.chosen,
            *([table.set_.of] if table.set_ else []),
        }
        if table.lines and table.lines not in profile.scalars:
            yield f"table {table.name} has its lines counted by {table.lines}, which is not asked"
        if lacking := used - set(table.columns):
            yield f"table {table.name} has no column {', '.join(lacking)}"
    for key, of, in_table in _lines(profile):
        if missing := of - every - set(tables[in_table].columns if in_table else ()):
            yield f"{key} is made of {', '.join(missing)}, which is not asked"
    for part in profile.part:
        check_part(part.key, {*part.words.values(), *([part.none] if part.none else [])})
    for number in profile.number:
        check_number(number.key)
    for when in (*(rule.when for rule in profile.device), *(table.when or {} for table in profile.table)):
        if unknown := set(when) - every:
            yield f"a `when` looks at {', '.join(unknown)}, which is not asked"


def _lines(profile: Profile) -> Iterator[tuple[str, frozenset[str], str]]:
    yield from ((part.key, part.of.names, part.table) for part in profile.part)
    yield from ((number.key, number.value.names, number.table) for number in profile.number)
    yield from ((text.key, frozenset({text.of, *text.more}), text.table) for text in profile.text)
    yield from ((line.key, frozenset({line.of}), "") for line in profile.identity if line.of)
