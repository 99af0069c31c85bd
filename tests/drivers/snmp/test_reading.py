"""Values made into readings: whatever a device says is a reading of the catalogue's words, or is left out."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.base import RAW_LIMIT
from drivers.catalogue import catalogue
from drivers.snmp.formula import Formula
from drivers.snmp.known import Known
from drivers.snmp.profile import NAMES, Oid, load
from drivers.snmp.reading import Heard, Row, Said, Value, Walked, read
from drivers.snmp.text import decode_text

numbers = st.integers(-(2**31), 2**64 - 1)
oids = st.lists(st.integers(0, 2**32 - 1), max_size=9).map(tuple)
known_oids = st.builds(lambda rest: (1, 3, 6, 1, 2, 1, 33, 1, 6, 3, *rest), st.lists(st.integers(0, 30), max_size=2))
values: st.SearchStrategy[Value] = st.one_of(numbers, st.integers(-4, 12), st.binary(max_size=40), oids, known_oids)


@st.composite
def heard(draw: st.DrawFn, name: str) -> Heard:
    profile = load(name)
    scalars = {one: Said(asked.oid, draw(values)) for one, asked in profile.scalars.items() if draw(st.booleans())}
    rows = {}
    for table in profile.table:
        if draw(st.booleans()):
            indexes = draw(
                st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=3).map(tuple), max_size=4, unique=True)
            )
            rows[table.name] = [
                Row(
                    index,
                    {c: Said((*a.oid, *index), draw(values)) for c, a in table.columns.items() if draw(st.booleans())},
                )
                for index in indexes
            ]
    return Heard(
        scalars,
        rows,
        {name: Walked(len(found), draw(st.integers(0, 9)), draw(st.booleans())) for name, found in rows.items()},
    )


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
def test_anything_a_device_says_is_a_reading_of_the_catalogue(name: str, data: st.DataObject) -> None:
    reading = read(
        load(name),
        data.draw(heard(name)),
        limits={"low": 200, "full": 2400},
    )
    known = catalogue()
    for key, word in reading.parts.items():
        part = known.find_part(key)
        assert part is not None
        assert word in part.words
    for key in reading.numbers:
        assert known.find_number(key) is not None
    for text in (*reading.texts.values(), *reading.identity.values()):
        assert text
        assert text.isprintable()
    assert sum(map(len, reading.raw.values())) <= RAW_LIMIT


@pytest.mark.parametrize("name", NAMES)
def test_a_profile_has_no_name_or_word_that_is_not_there(name: str) -> None:
    """`load` refuses those; here also that every table and column is of use."""
    profile = load(name)
    used: set[str] = {name for rule in profile.device for name in rule.when} | {*profile.needs, *profile.known_by}
    for table in profile.table:
        used |= {table.find, table.lines, *table.keep, *table.drop, *table.skip, *table.chosen, *(table.when or ())}
        used |= {table.set_.of} if table.set_ else set()
        used |= {one.unless for one in table.columns.values()}
    used |= {one for part in profile.part for one in part.of.names}
    used |= {one for number in profile.number for one in number.value.names}
    used |= {one for text in profile.text for one in (text.of, *text.more)} | {line.of for line in profile.identity}
    asked = {**profile.scalars, **{column: one for table in profile.table for column, one in table.columns.items()}}
    assert {one for one, how in asked.items() if one not in used and not how.keep_raw} == set()


@given(st.binary(max_size=2000))
def test_any_octets_are_a_text_on_one_line(octets: bytes) -> None:
    text = decode_text(octets)
    assert len(text) <= 255
    assert text.isprintable()
    assert text.encode("utf-8").decode("utf-8") == text  # no half of a pair


@pytest.mark.parametrize(
    ("octets", "text"),
    [
        ("安全更新程序".encode("gbk"), "安全更新程序"),
        ("安全更新程序".encode(), "安全更新程序"),
        ("安全更新".encode()[:-1], "安全更"),  # a column that ends in the middle of a character
        (b"  two\x00  words\r\n", "two words"),
        (b"\xff\xff\xff", "\ufffd\ufffd\ufffd"),
        (b"", ""),
    ],
)
def test_text_is_decoded_as_its_device_meant_it(octets: bytes, text: str) -> None:
    assert decode_text(octets) == text


@pytest.mark.parametrize(
    ("text", "given_names", "value"),
    [
        ("100 * used / size", {"used": 3, "size": 4}, 75.0),
        ("a - b - c", {"a": 9, "b": 4, "c": 2}, 3.0),
        ("-(a + 2) * 3", {"a": 1}, -9.0),
        ("a / b", {"a": 1, "b": 0}, None),
        ("a / b", {"a": 1}, None),
        ("a", {"a": b"7"}, None),
    ],
)
def test_a_formula_comes_to_a_number_or_to_nothing(text: str, given_names: dict[str, Any], value: float | None) -> None:
    assert Formula(text).value(given_names) == value


@pytest.mark.parametrize(
    "text", ["a ** 2", "f(a)", "a.b", "a if b else c", "[a]", "", "a +", "'a'", "__import__('os')"]
)
def test_a_formula_takes_nothing_but_arithmetic(text: str) -> None:
    with pytest.raises(ValueError, match=r"formula|more in it"):
        Formula(text)


POWER_SUPPLY = (1, 3, 6, 1, 2, 1, 131, 1, 1, 1, 3)  # entStateOper: 2 disabled, 3 enabled


@pytest.mark.parametrize(
    ("said", "parts"),
    [
        ({10: 3, 11: 2}, {"psu.1": "ok", "psu.2": "fault"}),
        ({11: 2}, {"psu.1": "unknown", "psu.2": "fault"}),
        ({10: 3}, {"psu.1": "ok", "psu.2": "unknown"}),
    ],
)
def test_a_power_supply_that_was_pulled_out_is_unknown_and_moves_no_number(
    said: dict[int, int], parts: dict[str, str]
) -> None:
    rows: dict[Oid, dict[str, Oid]] = {(index,): {"entStateOper": (*POWER_SUPPLY, index)} for index in (10, 11)}
    known = Known(load("network"), rows={"psu": rows}, rows_once={"psu": {index: {} for index in rows}})
    reading = read(known.profile, known.heard({(*POWER_SUPPLY, index): value for index, value in said.items()}))
    assert reading.parts == parts


def test_a_state_a_device_had_and_does_not_tell_any_more_is_unknown() -> None:
    battery = (1, 3, 6, 1, 2, 1, 33, 1, 2, 1, 0)
    known = Known(load("ups"), scalars={"upsBatteryStatus": battery})
    assert read(known.profile, known.heard({battery: 2})).parts["battery"] == "ok"
    assert read(known.profile, known.heard({})).parts["battery"] == "unknown"
