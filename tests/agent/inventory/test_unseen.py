"""Letters nobody sees are refused where people type names, and are gone from whatever is kept or shown."""

import shutil
import subprocess
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agent.inventory.unseen import UNSEEN
from agent.tidy import tidy_text
from server.agents.enrolling import said
from server.plain import clean, has_controls
from server.plain import plain as server_plain
from tui.plain import plain, to_json

ATTACKS = "\u180e\u034f\ufe0f\u200b\u202e\u2066\u115f\u3164\uffa0\u00ad\U000e0101\U000e0041\u2800\u17b4\u180b"
EACH = [pytest.param(letter, id=f"U+{ord(letter):04X}") for letter in ATTACKS]
HOSTILE = st.text(st.sampled_from(ATTACKS + "正1aé❤\u3000 ") | st.characters(exclude_categories=["Cs"]))
ALL_OF_A_PROPERTY = r"""for my $c (0..0x10FFFF) {
    next if $c >= 0xD800 && $c <= 0xDFFF; no warnings;
    print "$c\n" if chr($c) =~ /\p{Default_Ignorable_Code_Point}/ }"""


@pytest.mark.skipif(shutil.which("perl") is None, reason="needs Perl's Unicode tables: apt-get install -y perl")
def test_all_that_unicode_calls_ignorable_is_unseen() -> None:
    told = subprocess.run(["perl", "-e", ALL_OF_A_PROPERTY], capture_output=True, text=True, check=True).stdout
    ignorable = [chr(int(number)) for number in told.split()]
    assert len(ignorable) > 4000
    assert [f"{ord(letter):04X}" for letter in ignorable if not UNSEEN.search(f"a{letter}b")] == []


def test_every_mark_that_turns_text_is_unseen_and_no_letter_of_a_name_is() -> None:
    turns = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
    letters = [chr(number) for number in range(0x11_0000)]
    assert all(UNSEEN.search(one) for one in letters if unicodedata.bidirectional(one) in turns)
    assert not UNSEEN.search("青禾支行　王·建国 ATM-1（大堂） é ñ ü ß ❤ 🏧 ㊣ ﾊﾞﾝｸ Ελλάδα")
    seen = [one for one in letters if unicodedata.name(one, "").startswith("CJK UNIFIED IDEOGRAPH")]
    assert len(seen) > 90_000
    assert not UNSEEN.search("".join(seen))


@pytest.mark.parametrize("text", ["葛\U000e0100城支行", "❤\ufe0f", "🏧\ufe0e", "神\ufe00"])
def test_a_selector_behind_what_it_selects_a_form_of_is_part_of_the_text(text: str) -> None:
    assert not UNSEEN.search(text)
    assert clean(text) == text
    assert not has_controls(text)
    assert plain(text) == "".join(letter for letter in text if unicodedata.category(letter) != "Mn")


@pytest.mark.parametrize(
    "text", ["1\ufe0f", "a\ufe0f", "\ufe0f", "葛\ufe0f", "❤\U000e0100", "❤\ufe0f\ufe0f", "葛\U000e0100\U000e0101"]
)
def test_a_selector_elsewhere_is_unseen(text: str) -> None:
    assert UNSEEN.search(text)
    assert has_controls(text)


@pytest.mark.parametrize("letter", EACH)
def test_what_was_typed_is_kept_and_shown_without_it(letter: str) -> None:
    text = f"a{letter}b"
    assert clean(text) == "a b"
    assert said(text) == "a?b"
    assert tidy_text(text) == "a b"
    assert plain(text) in ("ab", "a b")
    assert letter not in server_plain(text)
    assert letter not in to_json({"text": text})


@given(HOSTILE)
@example("❤\u034f\ufe0f")  # what stands between is gone, and the selector would stand behind its emoji after all
def test_nothing_unseen_is_left_of_any_text(text: str) -> None:
    assert not UNSEEN.search(clean(text))
    assert not UNSEEN.search(tidy_text(text))
    assert not UNSEEN.search(said(text))
    assert not UNSEEN.search(server_plain(text))
    assert not UNSEEN.search(to_json(text))
    assert not UNSEEN.search(plain(text))
    assert all(letter.isprintable() or letter == "\u3000" for letter in plain(text))
