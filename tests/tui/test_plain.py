"""What a device says is shown, and does nothing."""

import json

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tui.plain import LONGEST, plain, plain_lines, to_json


@given(st.text())
def test_no_control_and_no_hidden_character_gets_through(text: str) -> None:
    shown = plain(text)
    assert all(character.isprintable() or character == "\u3000" for character in shown)


@given(st.text(alphabet="正常 abc[]/x号■"))
def test_an_ordinary_text_is_left_as_it_is(text: str) -> None:
    assert plain(text) == text


def test_an_escape_sequence_is_spelled_out() -> None:
    assert plain("a\x1b[31mb\x07\x9b2J") == "a^[[31mb^G\\x9b2J"


def test_marks_that_turn_or_hide_text_are_dropped() -> None:
    assert plain("abc\u202edef\u200b\ufeff") == "abcdef"


def test_a_megabyte_is_cut_and_the_cut_is_seen() -> None:
    shown = plain("字" * 1_000_000)
    assert len(shown) == LONGEST + 1
    assert shown.endswith("…")
    assert cell_len(shown) < 2 * LONGEST + 2


def test_notes_keep_their_lines() -> None:
    assert plain_lines("第一行\r\n第二\x1b行") == "第一行\n第二^[行"


@given(
    st.recursive(
        st.text() | st.integers() | st.none(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_json_for_people_holds_the_same_and_orders_no_terminal_about(value: object) -> None:
    said = to_json(value)
    assert json.loads(said) == value
    assert not any(0x7F <= ord(character) <= 0x9F or character == "\x1b" for character in said)
