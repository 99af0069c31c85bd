"""UPSes on a serial line: what the bits and values of Q1 mean on which kind of UPS, and any other bytes."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.base import Driver, Reading
from drivers.errors import Garbled, NotSupported
from drivers.ups.megatec import Ratings, parse_identity, parse_ratings, parse_state, read, read_battery, read_power

Start = Callable[..., Awaitable[tuple[Any, str]]]
Make = Callable[..., Driver]
Poll = Callable[[Driver], Awaitable[Reading]]


def told(bits: str, volts: str = "226.0", output: str = "220.0", battery: str = "27.5") -> Reading:
    line = f"({volts} {volts} {output} 014 50.0 {battery} 30.0 {bits}\r".encode()
    return read(parse_state(line), None, {}, line)


@pytest.mark.parametrize(
    ("bits", "power"),
    [
        ("00000000", "mains"),
        ("10000000", "battery"),
        ("00100000", "bypass"),
        ("10001000", "battery"),
        ("00001001", "mains"),  # only beeps
        ("00001100", "mains"),  # tests itself
    ],
)
def test_what_feeds_the_load(bits: str, power: str) -> None:
    assert told(bits).parts["power"] == power


@pytest.mark.parametrize(
    ("volts", "output", "power"),
    [
        ("190.0", "220.0", "mains"),  # boost
        ("250.0", "220.0", "mains"),  # buck
        ("226.0", "226.0", "bypass"),
        ("---.-", "220.0", "unknown"),
        ("226.0", "---.-", "unknown"),
    ],
)
def test_the_sixth_bit_of_a_line_interactive_ups_is_told_by_its_voltages(volts: str, output: str, power: str) -> None:
    assert told("00101000", volts, output).parts["power"] == power


def test_a_ups_that_was_switched_off_is_not_on_mains() -> None:
    assert told("00000000", output="000.0").parts["power"] == "none"


@pytest.mark.parametrize(
    ("bits", "device", "parts", "alarm"),
    [
        ("11001000", "online", {"power": "battery", "battery": "low"}, "on battery, low battery"),
        ("00010000", "hardwareError", {"module.ups": "fault"}, "general fault"),
        ("00001010", "online", {}, "shutdown pending"),
        ("00000100", "online", {}, "test in progress"),
    ],
)
def test_each_bit_is_told_by_a_part_and_by_name(bits: str, device: str, parts: dict[str, str], alarm: str) -> None:
    reading = told(bits)
    assert reading.device == device
    healthy = {"power": "mains", "battery": "ok", "module.ups": "ok"}
    assert reading.parts == {**healthy, **parts, "alarm": "present"}
    assert reading.texts == {"alarm": alarm}


@pytest.mark.parametrize(
    ("bits", "battery", "rated", "numbers"),
    [
        ("00001000", "27.5", None, {"battery.voltage": 27.5}),
        ("00000000", "2.25", None, {"battery.cell.voltage": 2.25}),
        ("00000000", "2.25", 192.0, {"battery.cell.voltage": 2.25}),
        ("00000000", "82.1", 72.0, {"battery.voltage": 82.1}),
        ("00000000", "13.6", 192.0, {}),  # one block of sixteen, or what else?
        ("00000000", "82.1", None, {}),
        ("00001000", "----", 24.0, {}),
    ],
)
def test_the_voltage_of_one_cell_is_not_taken_for_the_battery_s(
    bits: str, battery: str, rated: float | None, numbers: dict[str, float]
) -> None:
    state = parse_state(f"(226.0 226.0 220.0 014 50.0 {battery} 30.0 {bits}\r".encode())
    assert read_battery(state, Ratings(220.0, 0.0, rated, 50.0) if rated else None) == numbers


def test_no_charge_is_computed() -> None:
    assert not [key for key in told("00001000").numbers if key.startswith("battery.charge")]


async def test_ratings_and_identity_are_asked_once(start: Start, driver: Make, poll: Poll) -> None:
    ups, port = await start("ups/megatec")
    polled = driver("ups/megatec", port)
    first = await poll(polled)
    assert first.identity == {
        "maker": "SIMULATED",
        "model": "UPS 6K",
        "firmware": "V1.0",
        "rating": "220 V, 27 A, battery 192 V, 50 Hz",
    }
    asked = ups.heard
    assert (await poll(polled)).identity == first.identity
    assert ups.heard - asked == len(b"Q1\r")


async def test_a_ups_that_gives_back_what_it_does_not_know_is_not_asked_again(
    start: Start, driver: Make, poll: Poll
) -> None:
    ups, port = await start("ups/megatec", {"knows": "Q1"})
    polled = driver("ups/megatec", port)
    assert (await poll(polled)).identity == {}
    asked = ups.heard
    assert (await poll(polled)).parts["power"] == "mains"
    assert ups.heard - asked == len(b"Q1\r")


async def test_an_identity_that_came_garbled_is_asked_for_again(start: Start, driver: Make, poll: Poll) -> None:
    ups, port = await start("ups/megatec", {"identity": "noise\x07"})
    polled = driver("ups/megatec", port)
    assert set((await poll(polled)).identity) == {"rating"}
    asked = ups.heard
    await poll(polled)
    assert ups.heard - asked == len(b"Q1\rI\r")


@pytest.mark.parametrize("kind", ["online", "line-interactive"])
@pytest.mark.parametrize(
    "state",
    [
        {},
        {"power": "battery", "battery": "low", "alarm": "present"},
        {"power": "none"},
        {"power": "bypass", "alarm": "present"},
        {"module.ups": "fault", "alarm": "present"},
    ],
)
async def test_the_simulator_shows_what_it_was_set_to(
    kind: str, state: dict[str, str], start: Start, driver: Make, poll: Poll
) -> None:
    ups, port = await start("ups/megatec", {"type": kind}, state)
    shown: list[dict[str, str]] = []
    ups.showed = lambda name, parts: shown.append(parts)
    reading = await poll(driver("ups/megatec", port))
    assert reading.parts == {"power": "mains", "battery": "ok", "module.ups": "ok", "alarm": "none", **state}
    assert shown == [reading.parts]


async def test_values_the_simulator_leaves_out_are_left_out(start: Start, driver: Make, poll: Poll) -> None:
    _, port = await start("ups/megatec", {}, {"load": "", "ups.temperature": "--.-"})
    assert set((await poll(driver("ups/megatec", port))).numbers) == {
        "input.voltage",
        "output.voltage",
        "input.frequency",
        "battery.cell.voltage",
    }


def test_an_identity_out_of_its_columns_is_kept_as_it_came() -> None:
    assert parse_identity(b"#MegaTec k130v12345\r") == {"description": "MegaTec k130v12345"}


# -- any bytes ------------------------------------------------------------------------------------------------------

VALUES = st.text("0123456789.- ", max_size=6) | st.floats(0, 999).map(lambda value: f"{value:05.1f}")
LINES = st.tuples(st.lists(VALUES, max_size=8), st.text("01", max_size=8)).map(
    lambda told: f"({' '.join(told[0])} {told[1]}\r".encode()
)


@given(st.binary(max_size=60) | LINES)
def test_any_bytes_are_a_state_or_an_error(answer: bytes) -> None:
    with suppress(Garbled, NotSupported):
        reading = read(parse_state(answer), None, {}, answer)
        assert reading.parts["power"] == read_power(parse_state(answer))
        assert all(value is not None for value in reading.numbers.values())


@given(st.binary(max_size=60) | st.text(max_size=40).map(lambda text: f"#{text}\r".encode()))
def test_any_bytes_are_ratings_and_identity_or_an_error(answer: bytes) -> None:
    with suppress(Garbled, NotSupported):
        assert "," in str(parse_ratings(answer))
    with suppress(Garbled, NotSupported):
        assert all(text.isprintable() and text.strip() for text in parse_identity(answer).values())
