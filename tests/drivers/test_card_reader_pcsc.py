"""Card readers by PC/SC: a virtual card in a real pcscd, which reader is meant, and what a state word says."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.base import Driver, Lists, Reading
from drivers.card_reader.pcsc import Pcsc, PcscOptions, addresses, choose, plain_name, read
from drivers.card_service import Known
from drivers.catalogue import catalogue
from drivers.errors import Reason, Refused
from drivers.registry import find
from drivers.sim.base import Fault
from drivers.sim.pcsc import CardSimulator

KIND = "card_reader/pcsc"
READER = "Virtual PCD 00 00"
Start = Callable[..., Awaitable[tuple[CardSimulator, str]]]
Make = Callable[..., Driver]
Poll = Callable[[Driver], Coroutine[Any, Any, Reading]]
Sees = Callable[..., Awaitable[Reading]]


# -- what is read ---------------------------------------------------------------------------------------------------


async def test_a_card_is_seen_in_the_reader_and_gone_again_and_each_time_is_counted(
    start: Start, driver: Make, poll: Poll, sees: Sees
) -> None:
    card, address = await start(KIND)
    polled = driver(KIND, address)
    empty = await poll(polled)
    assert (empty.device, empty.parts) == ("online", {"card": "none"})
    assert empty.numbers == {"cards.operations": 0}
    assert empty.identity == {"model": "Virtual PCD"}
    assert empty.raw == {"SCardGetStatusChange": bytes.fromhex("00000010")}
    card.state["card"] = "present"
    within = await sees(polled, card="present")
    assert (within.device, within.numbers) == ("online", {"cards.operations": 1})
    card.state["card"] = "none"
    assert (await sees(polled, card="none")).numbers == {"cards.operations": 2}


async def test_a_poll_neither_powers_a_card_nor_speaks_to_it(start: Start, driver: Make, poll: Poll) -> None:
    card, address = await start(KIND, state={"card": "present"})
    powered = card.powered  # by pcscd, when the card went in
    polled = driver(KIND, address)
    for _ in range(20):
        await poll(polled)
    assert (card.powered, card.apdus) == (powered, 0)


async def test_a_card_that_does_not_answer_is_mute(start: Start, driver: Make, poll: Poll) -> None:
    _, address = await start(KIND, state={"card": "mute"})
    reading = await poll(driver(KIND, address))
    assert (reading.device, reading.parts) == ("online", {"card": "mute"})


async def test_a_program_that_has_the_card_alone_makes_the_reader_busy_and_one_that_shares_it_does_not(
    start: Start, driver: Make, poll: Poll
) -> None:
    _, address = await start(KIND, state={"card": "present"})
    polled = driver(KIND, address)
    from smartcard import scard

    def ask(function: str, *arguments: object) -> Any:  # in a thread: the card answers from this one
        return asyncio.to_thread(getattr(scard, function), *arguments)

    _, context = await ask("SCardEstablishContext", scard.SCARD_SCOPE_USER)
    for share, device in ((scard.SCARD_SHARE_SHARED, "online"), (scard.SCARD_SHARE_EXCLUSIVE, "deviceBusy")):
        code, teller, _ = await ask("SCardConnect", context, READER, share, scard.SCARD_PROTOCOL_T1)
        assert code == scard.SCARD_S_SUCCESS
        reading = await poll(polled)
        assert (reading.device, reading.parts) == (device, {"card": "present"})
        await ask("SCardDisconnect", teller, scard.SCARD_LEAVE_CARD)
    await ask("SCardReleaseContext", context)


async def test_a_card_that_hangs_hangs_no_poll_and_pulled_out_it_is_read_again(
    start: Start, driver: Make, poll: Poll, sees: Sees
) -> None:
    card, address = await start(KIND, state={"card": "present"})
    polled = driver(KIND, address)
    for fault in (Fault.SILENT, Fault.HALF):
        card.fault = fault
        assert (await poll(polled)).parts == {"card": "present"}  # what pcscd last knew
        card.fault = Fault.NONE
        await sees(polled, card="present")
    card.fault = Fault.HANG_UP
    await sees(polled, card="none")


# -- which reader ---------------------------------------------------------------------------------------------------


async def test_an_address_without_numbers_means_the_only_reader_of_that_name(
    start: Start, driver: Make, poll: Poll
) -> None:
    _, address = await start(KIND)
    assert (await poll(driver(KIND, address))).device == "online"
    with pytest.raises(Refused, match="Virtual PCD 00 00, Virtual PCD 00 01") as refused:
        await poll(driver(KIND, "pcsc:Virtual PCD"))
    assert refused.value.reason == Reason.AMBIGUOUS
    gone = await poll(driver(KIND, "pcsc:Virtual PCD 01 00"))
    assert (gone.device, gone.parts) == ("noDevice", {})
    assert gone.raw == {"SCardListReaders": b"Virtual PCD 00 00\nVirtual PCD 00 01"}


@pytest.mark.parametrize(
    ("wanted", "names", "chosen"),
    [
        ("ACS ACR39U 00 00", ["ACS ACR39U 00 00", "ACS ACR39U 01 00"], "ACS ACR39U 00 00"),
        ("ACS ACR39U 00 00", ["ACS ACR39U 01 00"], None),  # the other of two alike is not this one
        ("ACS ACR39U", ["Alcor AU9560 00 00", "ACS ACR39U 01 00"], "ACS ACR39U 01 00"),
        ("ACS ACR39U", ["ACS ACR39U 0"], "ACS ACR39U 0"),  # as Windows says it
        ("ACS ACR39U", [], None),
    ],
)
def test_a_name_with_numbers_means_that_reader_and_one_without_whichever_there_is(
    wanted: str, names: list[str], chosen: str | None
) -> None:
    assert choose(wanted, names) == chosen


def test_numbers_are_left_out_of_an_address_where_no_other_reader_is_called_the_same() -> None:
    names = ["ACS ACR39U 01 00", "Alcor AU9560 (2021) 00 00", "Dual 02 00", "Dual 02 01", "FT SCR2000A 0"]
    assert addresses(names) == [
        "pcsc:ACS ACR39U",
        "pcsc:Alcor AU9560 (2021)",
        "pcsc:Dual 02 00",
        "pcsc:Dual 02 01",
        "pcsc:FT SCR2000A",
    ]


NUMBERED = st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=20).map(lambda text: f"R{text}R 00 0")


@given(st.lists(NUMBERED, unique=True, max_size=5), st.integers(0, 255))
def test_every_listed_address_leads_to_its_reader(names: list[str], number: int) -> None:
    names = [f"{name[:-1]}{number:02X}" for name in names]
    listed = addresses(names)
    assert [choose(address.removeprefix("pcsc:"), names) for address in listed] == names
    assert [Pcsc.check_address(address) for address in listed] == [None] * len(names)


@pytest.mark.parametrize(
    "address", ["ACS ACR39U 00 00", "pcsc:", "pcsc: ACS", "pcsc:ACS ", "pcsc:A\nB", "pcsc:" + "A" * 128]
)
def test_an_address_is_spelled_with_pcsc_and_a_name(address: str) -> None:
    assert Pcsc.check_address(address) is not None


async def test_the_agent_lists_the_addresses_the_driver_takes(start: Start, driver: Make, poll: Poll) -> None:
    await start(KIND)
    ran = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "agent.cli", "ports", "--json"],
        capture_output=True,
        text=True,
        check=True,
    )
    listed = json.loads(ran.stdout)["readers"]
    assert listed == ["pcsc:Virtual PCD 00 00", "pcsc:Virtual PCD 00 01"]
    assert (await poll(driver(KIND, listed[0]))).device == "online"


# -- any state ------------------------------------------------------------------------------------------------------


def test_there_is_nothing_to_set() -> None:
    with pytest.raises(ValueError, match="baud"):
        PcscOptions.model_validate({"baud": 9600})


def test_the_driver_lists_what_is_plugged_in() -> None:
    assert isinstance(find(KIND), Lists)


@given(st.integers(0, 2**32 - 1), st.none() | st.just(READER))
def test_any_state_word_is_a_reading_in_the_catalogues_words(state: int, reader: str | None) -> None:
    reading = read(Known((READER,), reader, state))
    for key, word in reading.parts.items():
        part = catalogue().find_part(key)
        assert part is not None
        assert word in part.words
    assert all(catalogue().find_number(key) is not None for key in reading.numbers)
    if reading.device in ("online", "deviceBusy"):
        assert reading.parts["card"] != "unknown"


@pytest.mark.parametrize(
    ("state", "device", "card"),
    [
        (0x0000_0010, "online", "none"),
        (0x0001_0020, "online", "present"),
        (0x0001_0120, "online", "present"),
        (0x0001_00A0, "deviceBusy", "present"),
        (0x0001_0220, "online", "mute"),
        (0x0000_0008, "offline", "unknown"),
        (0x0000_0000, "unknown", "unknown"),
        (0x0000_0004, "noDevice", None),
        (0x0000_000C, "noDevice", None),
    ],
)
def test_a_state_word_says(state: int, device: str, card: str | None) -> None:
    reading = read(Known((READER,), READER, state))
    assert (reading.device, reading.parts.get("card")) == (device, card)


def test_a_name_loses_its_numbers_and_nothing_else() -> None:
    assert plain_name("Alcor AU9560 [Contact] (0001) 01 0A") == "Alcor AU9560 [Contact] (0001)"
    assert plain_name("ACS ACR39U") == "ACS ACR39U"
