"""Codes as people read them out and type them, and proofs that fit one purpose only."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.proof import (
    ALPHABET,
    PUBLIC,
    SECRET,
    Code,
    WrongCode,
    enrollment_message,
    enrollment_proof,
    introduction_proof,
    read_code,
    rotation_message,
    token_message,
)


def letters(count: int) -> st.SearchStrategy[str]:
    return st.text(ALPHABET, min_size=count, max_size=count)


codes = st.builds(Code, letters(PUBLIC), letters(SECRET))


def test_a_code_has_nothing_that_is_misheard_and_cannot_be_guessed() -> None:
    assert not set("0O1IL") & set(ALPHABET)
    assert len(ALPHABET) ** SECRET > 2**80
    assert str(Code("K7QM", "4XWP9RTDH3VNCG8E2")) == "K7QM-4XWP9R-TDH3VN-CG8E2B"


@given(codes, st.sampled_from([str.lower, str.upper, str.title]), st.sampled_from(["", " ", "-", "—", "　", ". "]))
def test_what_is_printed_is_read_however_it_is_typed(code: Code, case: object, between: str) -> None:
    typed = between.join(str(code).replace("-", between))
    assert read_code(case(typed)) == code  # type: ignore[operator]
    wide = "".join(chr(ord(letter) + 0xFEE0) for letter in str(code))  # as a Chinese input method types them
    assert read_code(wide) == code


@given(codes, st.integers(0, PUBLIC + SECRET), st.sampled_from(ALPHABET))
def test_one_wrong_character_is_always_found(code: Code, place: int, other: str) -> None:
    plain = str(code).replace("-", "")
    wrong = plain[:place] + other + plain[place + 1 :]
    if wrong != plain:
        with pytest.raises(WrongCode, match="not typed as it was given"):
            read_code(wrong)


@given(codes, st.integers(0, PUBLIC + SECRET - 1))
def test_two_neighbours_that_changed_places_are_always_found(code: Code, place: int) -> None:
    plain = str(code).replace("-", "")
    wrong = plain[:place] + plain[place + 1] + plain[place] + plain[place + 2 :]
    if wrong != plain:
        with pytest.raises(WrongCode):
            read_code(wrong)


@given(st.text())
def test_whatever_is_typed_is_a_code_or_one_sentence(typed: str) -> None:
    try:
        assert str(read_code(typed)).isascii()
    except WrongCode as wrong:
        assert str(wrong).endswith("Read it again.")  # noqa: PT017


@given(
    st.lists(st.binary(max_size=40), min_size=3, max_size=3), st.lists(st.binary(max_size=40), min_size=3, max_size=3)
)
def test_no_two_different_things_are_proved_by_the_same_bytes(one: list[bytes], other: list[bytes]) -> None:
    made = {rotation_message("s", *one), rotation_message("s", *other)}
    assert (len(made) == 1) == (one == other)
    code = Code("AAAA", "B" * SECRET)
    assert introduction_proof(code, one[0], "s", "ca") != enrollment_proof(code, one[0], "s", "ca")
    assert enrollment_message("s", one[0]) != rotation_message("s", one[0], b"", b"")
    assert token_message("s", one[0], one[1], "i", "") != token_message("s", one[0], one[1], "", "i")
