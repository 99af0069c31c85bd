"""Recorded conversations and files, a folder a case: what a driver reads from them.

    cases/DRIVER/CASE/case.toml          options, and the reading or error expected
    cases/DRIVER/CASE/conversation.txt   of a serial device: "> 1b 6a" is asked, "< 1b 72 30" is answered; # a comment
    cases/file/CASE/drop/                of the file driver: the folder as it was found

A case from a real device says so in its comment: which model, and the state it was in. Today none is.
"""

import tomllib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from drivers.base import Driver, Reading
from drivers.errors import DeviceError
from drivers.sim.serial_end import Answer, SerialSimulator

HERE = Path(__file__).parent / "cases"
SERIAL = {
    "passbook": "passbook",
    "card_reader": "card_reader/crt",
    "omron": "card_reader/omron",
    "ups": "ups/megatec",
    "escpos": "escpos",
    "zvt": "pos/zvt",
    "ecr": "pos/ecr",
}
CONVERSATIONS = sorted(case.parent for case in HERE.glob("*/*/conversation.txt"))
DROPS = sorted(case for case in HERE.glob("file/*") if case.is_dir())

Make = Callable[..., Driver]
Poll = Callable[[Driver], Awaitable[Reading]]
Until = Callable[[Callable[[], bool]], Awaitable[None]]


class Recorded:
    """Answers each question as it was answered then, and says nothing to any other."""

    def __init__(self, conversation: str) -> None:
        self._pairs: list[tuple[bytes, bytes]] = []
        for line in conversation.splitlines():
            mark, _, told = line.partition("#")[0].strip().partition(" ")
            if mark == ">":
                self._pairs.append((bytes.fromhex(told), b""))
            elif mark == "<":
                question, answer = self._pairs[-1]
                self._pairs[-1] = question, answer + bytes.fromhex(told)
        self.unheard = [question for question, _ in self._pairs]

    def take(self, heard: bytearray, state: dict[str, str]) -> Answer | None:
        if not heard or not self._pairs:
            return None
        question, answer = self._pairs[0]
        if not heard.startswith(question):
            return None
        del heard[: len(question)]
        del self._pairs[0]
        self.unheard.remove(question)
        return Answer(answer)


@pytest.fixture
async def play(tmp_path: Path) -> AsyncIterator[Callable[[Recorded], Awaitable[str]]]:
    playing: list[SerialSimulator] = []

    async def begin(recorded: Recorded) -> str:
        simulator = SerialSimulator("recorded", recorded, {}, tmp_path, tcp=False)
        playing.append(simulator)
        return await simulator.start()

    yield begin
    for simulator in playing:
        await simulator.close()


def _name(case: Path) -> str:
    return f"{case.parent.name}/{case.name}"


@pytest.mark.parametrize("case", CONVERSATIONS, ids=_name)
async def test_a_recorded_conversation_reads_as_expected(
    case: Path, play: Callable[[Recorded], Awaitable[str]], driver: Make, poll: Poll, until: Until
) -> None:
    expected = tomllib.loads((case / "case.toml").read_text(encoding="utf-8"))
    recorded = Recorded((case / "conversation.txt").read_text(encoding="utf-8"))
    port = await play(recorded)
    await _compare(poll(driver(SERIAL[case.parent.name], port, **expected["options"])), expected)
    await until(lambda: not recorded.unheard)


@pytest.mark.parametrize("case", DROPS, ids=_name)
async def test_a_dropped_folder_reads_as_expected(case: Path, driver: Make, poll: Poll) -> None:
    expected = tomllib.loads((case / "case.toml").read_text(encoding="utf-8"))
    await _compare(poll(driver("file", str(case / "drop"), **expected["options"])), expected)


async def _compare(polled: Awaitable[Reading], expected: dict[str, Any]) -> None:
    if "error" in expected:
        with pytest.raises(DeviceError) as error:
            await polled
        assert {"kind": error.value.kind, "reason": str(error.value.reason)} == expected["error"]
        return
    reading = await polled
    seen = {
        "device": str(reading.device),
        "parts": reading.parts,
        "numbers": reading.numbers,
        "identity": reading.identity,
    }
    wanted = {"parts": {}, "numbers": {}, "identity": {}, **expected["reading"]}
    assert seen == wanted


def test_every_serial_driver_has_cases() -> None:
    assert {case.parent.name for case in CONVERSATIONS} == set(SERIAL)
    assert DROPS
