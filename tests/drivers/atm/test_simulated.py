"""The driver and the simulated ATM, in both generations: what it shows is read, and what it says is published."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from drivers.atm.message import COMMANDS
from drivers.base import Driver, Reading
from drivers.catalogue import catalogue
from drivers.errors import DeviceError, Garbled, Reason, Unreachable
from drivers.sim import xfs4iot_words as words
from drivers.sim.base import Fault
from drivers.sim.registry import make
from drivers.sim.story import StoryEvent, happen

Start = Callable[..., Awaitable[tuple[Any, str]]]
Make = Callable[..., Driver]
Poll = Callable[[Driver], Awaitable[Reading]]
Until = Callable[[Callable[[], bool]], Awaitable[None]]
Published = Mapping[str, Mapping[str, set[str]]]

ATM = "atm/xfs4iot"
BOTH = pytest.mark.parametrize("version", ["2021-1", "3.0"])
STATES = [
    {},
    {"card": "jammed", "antiFraud": "deviceDetected"},
    {"card": "entering", "exchange": "active"},
    {
        "cassette.1": "empty",
        "cassette.2": "low",
        "cassette.3": "missing",
        "retract.5": "full",
        "dispenser": "attention",
    },
    {"cassette.4": "manipulated", "cassette.1": "notConfigured", "cassette.2": "inoperative", "acceptor": "stop"},
    {"cassette.1": "high", "cassette.2": "full", "shutter.outFront": "jammed", "shutter.outRear": "open"},
    {"paper.upper": "low", "paper.lower": "out", "toner": "low", "media": "jammed"},
    {"encryptor": "notInitialized", "vendorMode": "active", "safe": "open"},
    {"cabinet.front": "open", "alarm.tamper": "present", "operatorSwitch": "maintenance"},
    {"module.Printer1": "fault", "module.CardReader1": "attention"},
]


@BOTH
@pytest.mark.parametrize("state", STATES)
async def test_what_a_simulator_shows_is_read(
    version: str, state: dict[str, str], start: Start, driver: Make, poll: Poll
) -> None:
    simulator, address = await start(ATM, {"version": version}, state)
    shown: list[dict[str, str]] = []
    simulator.showed = lambda _, told: shown.append(told)
    reading = await poll(driver(ATM, address))
    assert shown == [{**words.HEALTHY, **state}]
    assert shown[0].items() <= reading.parts.items()


@BOTH
async def test_a_healthy_machine_is_good_in_every_part(version: str, start: Start, driver: Make, poll: Poll) -> None:
    _, address = await start(ATM, {"version": version})
    reading = await poll(driver(ATM, address))
    assert reading.device == "online"
    assert {catalogue().level(key, word) for key, word in reading.parts.items()} == {"good"}
    assert reading.identity == {"maker": "Simulated"}
    assert reading.texts["cassette.1"] == "CNY 100 · Slot 1 · SIM1"


@BOTH
async def test_the_notes_are_counted(version: str, start: Start, driver: Make, poll: Poll) -> None:
    _, address = await start(ATM, {"version": version}, {"cassette.count.2": "77", "cassette.3": "empty"})
    numbers = (await poll(driver(ATM, address))).numbers
    assert (numbers["cassette.count.1"], numbers["cassette.count.2"], numbers["cassette.count.3"]) == (1200, 77, 0)


@pytest.mark.parametrize(("service", "device"), [("CardReader1", "hardwareError"), ("Printer1", "online")])
async def test_a_dead_card_reader_is_the_machine_s_fault_and_a_dead_printer_is_not(
    service: str, device: str, start: Start, driver: Make, poll: Poll
) -> None:
    _, address = await start(ATM, {}, {f"module.{service}": "fault"})
    reading = await poll(driver(ATM, address))
    assert (reading.device, reading.parts[f"module.{service}"]) == (device, "fault")
    assert reading.texts[f"module.{service}"] == "hardwareError"


# -- what is sent ---------------------------------------------------------------------------------------------------


@BOTH
async def test_only_the_three_questions_are_ever_asked(
    version: str, start: Start, driver: Make, poll: Poll, until: Until
) -> None:
    """Under every fault, with everything wrong, and while listening."""
    simulator, address = await start(ATM, {"version": version}, {"module.CashRecycler1": "fault", "card": "jammed"})
    polled = driver(ATM, address, wait=0.1)
    for fault in (Fault.NONE, *Fault, Fault.NONE):
        simulator.fault = fault
        try:
            await poll(polled)
        except DeviceError:
            assert fault is not Fault.NONE
    simulator.state["card"] = "none"
    assert await polled.news()  # type: ignore[attr-defined]
    assert {command["header"]["name"] for command in simulator.heard} == COMMANDS
    for command in simulator.heard:
        assert set(command["header"]) <= {"type", "name", "requestId", "version", "timeout"}
        assert command.get("payload", {}).keys() <= {"timeout"}


@BOTH
async def test_the_version_of_a_command_is_found_once(version: str, start: Start, driver: Make, poll: Poll) -> None:
    simulator, address = await start(ATM, {"version": version})
    polled = driver(ATM, address)
    await poll(polled)
    simulator.heard.clear()
    await poll(polled)
    wanted = "1.0" if version == "2021-1" else "2.0"
    assert [command["header"]["version"] for command in simulator.heard] == [wanted] * 8


# -- what the simulator says is in the standard ---------------------------------------------------------------------


def _texts(told: object, place: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(told, dict):
        for key, value in told.items():
            open_ended = place in ("storage", "printer.paper")
            yield from _texts(value, f"{place}.{'*' if open_ended else key}".lstrip("."))
    elif isinstance(told, list):
        for value in told:
            yield from _texts(value, f"{place}.*")
    elif isinstance(told, str):
        yield place, told


FREE = {f"storage.*.{name}" for name in ("id", "positionName", "serialNumber")}
FREE |= {f"storage.*.cash.configuration.{name}" for name in ("name", "currency")}


@BOTH
@pytest.mark.parametrize("state", STATES)
async def test_a_simulator_says_published_words_alone(
    version: str, state: dict[str, str], start: Start, published: Published
) -> None:
    simulator, _ = await start(ATM, {"version": version}, state)
    told = [words.status(service, simulator.state, version) for service in words.SERVICES]
    said = [text for payload in (*told, words.storage(simulator.state, version)) for text in _texts(payload)]
    assert said
    for place, word in said:
        known = published["later"].get(place, set())
        known |= published["old"].get(place, set()) if version == "2021-1" else set()
        assert place in FREE or word in known, (place, word)


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        ({"card": "captured"}, "cannot be said of 'card'"),
        ({"lid": "open"}, "has no 'lid'"),
        ({"module.Toaster": "ok"}, "has no 'module.Toaster'"),
        ({"cassette.count.1": "many"}, "no number of notes"),
    ],
)
def test_what_an_atm_cannot_say_is_told_at_once(state: dict[str, str], sentence: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=sentence):
        make(ATM, "a", {}, state, tmp_path)
    healthy = make(ATM, "a", {}, {}, tmp_path)
    with pytest.raises(ValueError, match=sentence):
        healthy.state.update(state)


# -- faults and news ------------------------------------------------------------------------------------------------

FAULTS: dict[Fault, tuple[type[DeviceError], Reason]] = {
    Fault.SILENT: (Unreachable, Reason.NO_ANSWER),
    Fault.SLOW: (Unreachable, Reason.NO_ANSWER),
    Fault.HALF: (Garbled, Reason.BAD_FRAME),
    Fault.GARBAGE: (Garbled, Reason.BAD_FRAME),
    Fault.HANG_UP: (Unreachable, Reason.HUNG_UP),
}


@BOTH
@pytest.mark.parametrize("fault", FAULTS)
async def test_a_fault_has_its_own_error(version: str, fault: Fault, start: Start, driver: Make, poll: Poll) -> None:
    simulator, address = await start(ATM, {"version": version})
    polled = driver(ATM, address, wait=0.2)
    await poll(polled)
    simulator.fault = fault
    kind, reason = FAULTS[fault]
    with pytest.raises(kind) as error:
        await poll(polled)
    assert error.value.reason == reason


CHANGES = [
    {"card": "present"},
    {"paper.upper": "low"},
    {"cassette.2": "low"},
    {"cassette.2": "missing"},
    {"cassette.count.1": "30"},
    {"retract.5": "full"},
    {"module.Printer1": "fault"},
    {"safe": "open"},
    {"vendorMode": "active"},
    {"encryptor": "notReady"},
]


@BOTH
@pytest.mark.parametrize("change", CHANGES, ids=lambda change: next(iter(change)))
async def test_a_change_is_told_before_the_next_poll_and_read_by_it(
    version: str, change: dict[str, str], start: Start, driver: Make, poll: Poll
) -> None:
    simulator, address = await start(ATM, {"version": version})
    polled = driver(ATM, address)
    before = await poll(polled)
    happen(StoryEvent(at=0, subject="1001/0", set_=change), simulator)
    assert await polled.news() is True  # type: ignore[attr-defined]
    after = await poll(polled)
    assert (after.parts, after.numbers) != (before.parts, before.numbers)
    for key, word in change.items():
        assert after.parts.get(key, str(int(after.numbers.get(key, 0)))) == word
