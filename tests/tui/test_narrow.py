"""Consoles that draw ● two cells wide are asked, and then drawn to with ASCII."""

import os
import subprocess
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.segment import ControlType, Segment
from textual.color import Color

from tui.narrow import AsciiFilter, ControlFilter, ascii_of

if sys.platform == "win32":
    pytest.skip("asks a pty", allow_module_level=True)

import pty

PROBE = "from tui.narrow import draws_wide; print('wide' if draws_wide() else 'narrow')"


def ask(answer: bytes | None) -> str:
    """What the probe finds in a terminal that answers the question for the cursor with `answer`."""
    parent, child = pty.openpty()
    with subprocess.Popen([sys.executable, "-c", PROBE], stdin=child, stdout=child, stderr=child) as asked:
        os.close(child)
        said, answered = b"", False
        while True:
            try:
                said += os.read(parent, 1024)
            except OSError:  # the other end is closed
                break
            if b"\x1b[6n" in said and answer is not None and not answered:
                os.write(parent, answer)
                answered = True
        asked.wait(10)
    os.close(parent)
    return said.decode().split("\x1b[K")[-1].strip()


def test_a_modern_terminal_keeps_its_shapes() -> None:
    assert ask(b"\x1b[1;2R") == "narrow"


def test_a_terminal_whose_cursor_stands_at_the_third_column_gets_ascii() -> None:
    assert ask(b"\x1b[12;3R") == "wide"


def test_a_terminal_that_says_nothing_is_taken_for_a_modern_one() -> None:
    assert ask(None) == "narrow"


@pytest.mark.parametrize("text", ["● 正常 ▲ 注意 ■ 故障 ○ 未知 ◇ 停业", "┌─┐│└┘╭╮╯╰", "“引号”…—·×°→", "⣿⠁▁▆█"])
def test_nothing_of_ambiguous_width_is_left_and_the_width_is_kept(text: str) -> None:
    shown = ascii_of(text)
    assert cell_len(shown) == cell_len(text)
    assert not any(unicodedata.east_asian_width(character) == "A" for character in shown)


@given(st.text(alphabet=st.characters(categories=("L", "N", "P", "S"))))
def test_the_width_of_any_text_is_kept(text: str) -> None:
    assert cell_len(ascii_of(text)) == cell_len(text)


def test_the_five_marks_stay_five_different_ones() -> None:
    assert len({ascii_of(mark) for mark in "●▲■○◇"}) == 5


def test_the_filters_change_texts_and_leave_the_terminals_own_orders() -> None:
    segments = [Segment("●\x1b[2J正"), Segment("\x1b[1;1H", None, [(ControlType.HOME,)])]
    cleaned = ControlFilter().apply(segments, Color(0, 0, 0))
    assert [segment.text for segment in cleaned] == ["●[2J正", "\x1b[1;1H"]
    assert AsciiFilter().apply(cleaned, Color(0, 0, 0))[0].text == "*[2J正"
