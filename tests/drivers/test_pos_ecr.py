"""Terminals that answer a till's poll: the published frames, and any other bytes."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.base import Driver, Reading
from drivers.errors import Garbled
from drivers.options import WrongOptions
from drivers.pos.ecr import ECHO, POLL, EcrOptions, check_poll, frame, mellon_frame, read_echo

Start = Callable[..., Awaitable[tuple[Any, str]]]
Make = Callable[..., Driver]
Poll = Callable[[Driver], Awaitable[Reading]]
Overhear = Callable[[Any], bytearray]


@pytest.mark.parametrize(
    ("data", "framed"),
    [(POLL, "02 30 31 30 30 03 02"), (b"0200|123|", "02 30 32 30 30 7c 31 32 33 7c 03 31")],
)
def test_a_frame_is_transbank_s_own_example(data: bytes, framed: str) -> None:
    assert frame(data) == bytes.fromhex(framed)


@given(st.binary(max_size=8))
def test_only_an_ack_is_an_answer_to_the_poll(answer: bytes) -> None:
    if answer == b"\x06":
        check_poll(answer)
    else:
        with pytest.raises(Garbled):
            check_poll(answer)


@given(st.binary(max_size=40) | st.binary(max_size=30).map(lambda tail: mellon_frame(b"MEL0101" + ECHO + tail)))
def test_any_bytes_are_an_echo_or_garbled(answer: bytes) -> None:
    with suppress(Garbled):
        assert set(read_echo(answer)) <= {"name", "firmware"}


@pytest.mark.parametrize(
    ("tail", "identity"),
    [
        (b"/T73000123:2.5.7", {"name": "73000123", "firmware": "2.5.7"}),
        (b"/T73000123", {"name": "73000123"}),
        (b"", {}),
        (b"/E12", {}),
    ],
)
def test_an_echo_says_who_answered(tail: bytes, identity: dict[str, str]) -> None:
    assert read_echo(mellon_frame(b"MEL0101" + ECHO + tail)) == identity


def test_the_dialect_must_be_said() -> None:
    with pytest.raises(WrongOptions, match="dialect"):
        EcrOptions.model_validate({})


@pytest.mark.parametrize("link", ["pty", "tcp"])
@pytest.mark.parametrize(
    ("dialect", "question"), [("generic", frame(POLL)), ("mellon", mellon_frame(b"ECR0101" + ECHO))]
)
async def test_nothing_but_the_one_question_is_sent(
    dialect: str, question: bytes, link: str, start: Start, driver: Make, poll: Poll, overhear: Overhear
) -> None:
    terminal, address = await start("pos/ecr", {"dialect": dialect, "link": link})
    sent = overhear(terminal)
    reading = await poll(driver("pos/ecr", address, dialect=dialect))
    assert reading.device == "online"
    assert sent == question
