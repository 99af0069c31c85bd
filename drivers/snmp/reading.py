"""What a device said, made into a Reading by its profile. Pure: no device, no time, no protocol.

A value outside its enumeration is `unknown`, with the value kept in `raw`; one the device never had is not mentioned,
and one it had and does not say now makes its part `unknown`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from statistics import fmean

from drivers.base import DeviceWord, Reading, cut_raw
from drivers.snmp.formula import Formula
from drivers.snmp.profile import Asked, Identity, Number, Oid, Part, Profile, Table, Text, When
from drivers.snmp.text import decode_text

Value = int | bytes | Oid  # an octet string is bytes, an object id a tuple, everything else a number
Fact = int | float | bytes | Oid | frozenset[int]
Facts = Mapping[str, Fact]

_ENTERPRISES = (1, 3, 6, 1, 4, 1)
_JOIN = " · "


@dataclass(frozen=True)
class Said:
    """One value, and the object it was the answer for."""

    oid: Oid
    value: Value


@dataclass(frozen=True)
class Row:
    """One row of a table: its index below the column, and what its columns said. `lost` are those that said something
    when the device was looked at, and nothing now."""

    index: Oid
    said: Mapping[str, Said]
    lost: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Walked:
    """How far a table was gone through. `found` rows count, as far as the walk came; `whole` if it came to the end."""

    read: int
    found: int
    whole: bool

    def __str__(self) -> str:
        return f"{self.read} / {self.found}{'' if self.whole else '+'}"


@dataclass(frozen=True)
class Heard:
    """All a device said in one poll. `rows` has a table that was walked, even if it had no rows."""

    scalars: Mapping[str, Said] = field(default_factory=dict)
    rows: Mapping[str, list[Row]] = field(default_factory=dict)
    walked: Mapping[str, Walked] = field(default_factory=dict)  # by table, as it was when the device was looked at
    lost: frozenset[str] = frozenset()  # scalars, as of a row


@dataclass(frozen=True)
class _Labelled:
    """A row and the number behind its keys: "" for a lone one."""

    label: str
    facts: Facts
    said: Mapping[str, Said]
    lost: frozenset[str] = frozenset()


def read(profile: Profile, heard: Heard, *, limits: Mapping[str, int] | None = None) -> Reading:
    """The reading. `limits` say what the bank calls `low` and `full`."""
    whole, said = facts_of(profile, heard)
    tables = {table.name: _label(table, _real(table, heard.rows.get(table.name, []), whole)) for table in profile.table}
    parts: dict[str, str] = {}
    raw: dict[str, bytes] = {}
    for part in profile.part:
        rows = tables[part.table] if part.table else [_Labelled("", whole, said, heard.lost)]
        _add_part(part, rows, limits or {}, parts)
    for part in profile.part:
        _keep_raw(part, said, tables, parts, raw)
    numbers: dict[str, float] = {}
    for number in profile.number:
        if number.count:
            _add_count(number, heard, numbers)
        else:
            _add_number(number, whole, tables, numbers)
    texts: dict[str, str] = {}
    for text in profile.text:
        _add_text(text, whole, tables, texts)
    texts.update(_left_out(profile, heard))
    device, looked_at = _device(profile, whole)
    for name in looked_at & said.keys():
        raw.setdefault(_dotted(said[name].oid), as_octets(said[name].value))
    for name, asked in profile.scalars.items():
        if asked.keep_raw and name in heard.scalars:
            raw[name] = as_octets(heard.scalars[name].value)
    return Reading(
        device=device,
        parts=parts,
        numbers=numbers,
        texts=texts,
        identity=_identity(profile.identity, whole),
        raw=cut_raw(raw),
    )


def facts_of(profile: Profile, heard: Heard) -> tuple[dict[str, Fact], dict[str, Said]]:
    """What the scalars, lone rows and sets of a device come to, by name, and where each was said."""
    facts: dict[str, Fact] = {}
    said: dict[str, Said] = {}
    for name, one in heard.scalars.items():
        fact = _fact(profile.scalars[name], one.value)
        if fact is not None:
            facts[name] = fact
            said[name] = one
    for table in profile.table:
        rows = heard.rows.get(table.name)
        if table.lone and rows:
            for name, one in rows[0].said.items():
                fact = _fact(table.columns[name], one.value)
                if fact is not None:
                    facts[name] = fact
                    said[name] = one
        if table.set_ is not None and rows is not None:
            facts[table.set_.name] = _set(rows, table.set_.of, table.set_.under)
    return facts, said


def holds(when: When, facts: Facts) -> bool:
    """Whether every name has one of its values; a name nothing is known of does not."""
    return all(name in facts and any(_is(facts[name], value) for value in values) for name, values in when.items())


def _is(fact: Fact, value: int | str) -> bool:
    if isinstance(fact, frozenset):
        return value in fact
    if value == "+":
        return isinstance(fact, int | float) and fact > 0
    if isinstance(value, str):
        return isinstance(fact, tuple) and _dotted(fact) == value
    return fact == value


def _fact(asked: Asked, value: Value) -> Fact | None:
    """None where the device says that it does not know, or says nothing usable."""
    if asked.keep_raw:
        return None
    if asked.bits:
        return _bits(value) if isinstance(value, bytes) else None
    if asked.means:
        return asked.means.get(str(value))
    return None if value in asked.not_given else value


def _bits(octets: bytes) -> frozenset[int]:
    """The set bits, counted from the highest of the first octet. No octets: no bits."""
    return frozenset(
        place * 8 + bit for place, octet in enumerate(octets[:8]) for bit in range(8) if octet & (0x80 >> bit)
    )


def _set(rows: Iterable[Row], column: str, under: Oid) -> frozenset[int]:
    values = [row.said[column].value for row in rows if column in row.said]
    below = (value for value in values if isinstance(value, tuple) and value[: len(under)] == under)
    return frozenset(value[len(under)] for value in below if len(value) > len(under))


def keep_row(table: Table, said: Mapping[str, Said]) -> bool:
    """Whether a row counts, by the columns `keep`, `drop` and `skip` look at."""
    facts = {name: one.value for name, one in said.items()}
    if not holds(table.keep, facts) or (table.drop and holds(table.drop, facts)):
        return False
    for name, pattern in table.skip.items():
        value = facts.get(name)
        if isinstance(value, bytes) and pattern.search(decode_text(value)):
            return False
    return True


def is_wanted(row: Row, ports: frozenset[str]) -> bool:
    """Whether an operator named this port, by its number or one of its names."""
    texts = (one.value for one in row.said.values())
    names = {decode_text(value) for value in texts if isinstance(value, bytes)}
    return not ports.isdisjoint({str(row.index[-1]), *names})


def _real(table: Table, rows: list[Row], facts: Facts) -> list[Row]:
    """The rows there are lines for: Phoenixtec's cards have three rows whatever the UPS has."""
    lines = facts.get(table.lines)
    return rows[:lines] if isinstance(lines, int) and lines > 0 else rows


def _label(table: Table, rows: list[Row]) -> list[_Labelled]:
    if table.lone and len(rows) == 1:
        labels = [""]
    elif table.order or len({_last(row.index) for row in rows}) < len(rows):
        labels = [f".{number}" for number in range(1, len(rows) + 1)]
    else:
        labels = [f".{_last(row.index)}" for row in rows]
    return [
        _Labelled(label, _row_facts(table, row), row.said, row.lost) for label, row in zip(labels, rows, strict=True)
    ]


def _last(index: Oid) -> int:
    """The number a person knows a row by: the last part of its index, but for the .0 that EAST's cards add."""
    return index[-2] if len(index) > 1 and index[-1] == 0 else index[-1]


def _row_facts(table: Table, row: Row) -> dict[str, Fact]:
    found = {name: _fact(table.columns[name], one.value) for name, one in row.said.items()}
    return {name: fact for name, fact in found.items() if fact is not None}


def _add_part(part: Part, rows: list[_Labelled], limits: Mapping[str, int], parts: dict[str, str]) -> None:
    words = []
    for row in rows:
        fact = _part_fact(part.of, row.facts)
        if fact is None and part.of.names.isdisjoint(row.lost):
            continue
        word = "unknown" if fact is None else _word(part, fact, limits)
        words.append(word)
        if not part.worst:
            _settle(parts, f"{part.key}{row.label}", word)
    if part.worst and words:
        _settle(parts, part.key, next((word for word in part.words.values() if word in words), None))


def _keep_raw(
    part: Part,
    said: Mapping[str, Said],
    tables: Mapping[str, list[_Labelled]],
    parts: Mapping[str, str],
    raw: dict[str, bytes],
) -> None:
    """What a part was made of, as it came: always for the device's own, for one of several if its word is unknown."""
    for row in tables[part.table] if part.table else [_Labelled("", {}, said)]:
        if row.label and parts.get(part.key if part.worst else f"{part.key}{row.label}") != "unknown":
            continue
        for name in part.of.names & row.said.keys():
            raw.setdefault(_dotted(row.said[name].oid), as_octets(row.said[name].value))


def _settle(parts: dict[str, str], key: str, word: str | None) -> None:
    """An earlier line's word stands, unless it was that nothing is known."""
    if parts.get(key, "unknown") == "unknown":
        parts[key] = word or "unknown"


def _part_fact(formula: Formula, facts: Facts) -> Fact | float | None:
    if len(formula.names) == 1 and formula.text in formula.names:
        return facts.get(formula.text)
    return formula.value(facts)


def _word(part: Part, fact: Fact | float, limits: Mapping[str, int]) -> str | None:
    if isinstance(fact, frozenset):
        return next((word for value, word in part.words.items() if int(value) in fact), part.none)
    if not isinstance(fact, int | float):
        return None
    if (word := part.words.get(f"{fact:g}")) is not None:
        return word
    if fact <= 0:
        return None
    for name, limit in limits.items():
        if limit and fact < limit and (word := part.words.get(f"<{name}")) is not None:
            return word
        if limit and fact >= limit and (word := part.words.get(f">{name}")) is not None:
            return word
    return part.words.get("+")


def _add_number(number: Number, whole: Facts, tables: Mapping[str, list[_Labelled]], numbers: dict[str, float]) -> None:
    rows = tables[number.table] if number.table else [_Labelled("", whole, {})]
    values = []
    for row in rows:
        value = number.value.value(row.facts)
        if value is None or not _is_between(value, number.least, number.most):
            continue
        values.append(value)
        of_all = number.mean or number.highest
        if not of_all and not (
            row.label and number.key in numbers
        ):  # where an earlier line did not speak for the whole
            numbers.setdefault(f"{number.key}{row.label}", round(value, 3))
    if values and (number.mean or number.highest):
        numbers.setdefault(number.key, round(fmean(values) if number.mean else max(values), 3))


def _is_between(value: float, least: float | None, most: float | None) -> bool:
    return (least is None or value >= least) and (most is None or value <= most)


def _add_count(number: Number, heard: Heard, numbers: dict[str, float]) -> None:
    walked = heard.walked.get(number.table)
    if walked is not None and walked.found and walked.whole:
        numbers.setdefault(number.key, float(walked.found))


def _add_text(text: Text, whole: Facts, tables: Mapping[str, list[_Labelled]], texts: dict[str, str]) -> None:
    rows = tables[text.table] if text.table else [_Labelled("", whole, {})]
    found = []
    for row in rows:
        words = [_text(row.facts[name], text.names) for name in (text.of, *text.more) if name in row.facts]
        if not (words and words[0]):
            continue
        behind = [word for word in words[1:] if word and not word.startswith(words[0])]  # H3C: "NAME Interface"
        found.append(_JOIN.join([words[0], *behind]))
        if not text.join:
            texts.setdefault(f"{text.key}{row.label}", found[-1])
    if text.join and found:
        texts.setdefault(text.key, _JOIN.join(found))


def _left_out(profile: Profile, heard: Heard) -> dict[str, str]:
    """Of each table that is not read whole: how many of how many rows are."""
    walked = ((table.says, heard.walked.get(table.name)) for table in profile.table if table.says)
    return {says: str(one) for says, one in walked if one and (one.read < one.found or not one.whole)}


def _text(fact: Fact, names: Mapping[str, str]) -> str:
    match fact:
        case bytes():
            return decode_text(fact)
        case frozenset():
            return _JOIN.join(names.get(str(one), str(one)) for one in sorted(fact))
        case tuple():
            return _dotted(fact)
    return str(fact)


def _identity(lines: Iterable[Identity], whole: Facts) -> dict[str, str]:
    known: dict[str, str] = {}
    for line in lines:
        fact = whole.get(line.of)
        if line.word:
            text = line.word
        elif line.enterprises:
            text = line.enterprises.get(_enterprise(fact), "")
        else:
            text = "" if fact is None else _text(fact, {})
        if text:
            known.setdefault(line.key, text)
    return known


def _enterprise(fact: Fact | None) -> str:
    """The number below `enterprises` in an object id, in digits; "" if it is not one of those."""
    below = len(_ENTERPRISES)
    if isinstance(fact, tuple) and fact[:below] == _ENTERPRISES and len(fact) > below:
        return str(fact[below])
    return ""


def _device(profile: Profile, whole: Facts) -> tuple[DeviceWord, set[str]]:
    """The word of the first rule that holds, and the names the rules look at."""
    looked_at = {name for rule in profile.device for name in rule.when}
    for rule in profile.device:
        if holds(rule.when, whole):
            return rule.word, looked_at
    return profile.otherwise, looked_at


def _dotted(oid: Oid) -> str:
    return ".".join(map(str, oid))


def as_octets(value: Value) -> bytes:
    """A value as it goes into `raw`: the octets, or the number or object id in digits."""
    match value:
        case bytes():
            return value
        case tuple():
            return _dotted(value).encode()
    return str(value).encode()
