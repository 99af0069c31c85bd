"""The engine against device ends that break the rules."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from drivers.base import DeviceWord, Driver, Reading
from drivers.errors import Garbled, Reason, Refused, Unreachable
from drivers.sim.snmp_ber import GET, NEXT, TOO_BIG, encode, encode_response, parse_request
from drivers.sim.snmp_community import CommunityEnd
from drivers.sim.snmp_devices import Object, Objects, build
from drivers.sim.snmp_v3 import SecuredEnd
from drivers.sim.snmp_view import View

Device = Callable[..., Awaitable[str]]
Make = Callable[..., Driver]
Poll = Callable[[Driver], Awaitable[Reading]]


def well_behaved(profile: str = "ups", version: str = "2c") -> Callable[[bytes], bytes]:
    view = View(build(profile, "box", {}).objects)
    end = CommunityEnd(version, "public")
    return lambda request: end.answer(request, view)[0]


async def test_a_device_may_answer_from_another_address(device: Device, driver: Make, poll: Poll) -> None:
    answer = well_behaved()
    address = await device(lambda request: [answer(request)], elsewhere=True)
    assert (await poll(driver("snmp", address, profile="ups"))).parts["power"] == "mains"


async def test_garbage_before_the_answer_does_not_hide_it(device: Device, driver: Make, poll: Poll) -> None:
    answer = well_behaved()
    address = await device(lambda request: [b"\xff\xff", b"", answer(request)[:20], answer(request)])
    assert (await poll(driver("snmp", address, profile="ups"))).parts["power"] == "mains"


async def test_an_answer_to_an_earlier_question_is_not_taken_for_this_one(
    device: Device, driver: Make, poll: Poll
) -> None:
    answer = well_behaved()
    earlier: list[bytes] = []

    def late(request: bytes) -> list[bytes]:
        earlier.append(answer(request))
        return [*earlier, earlier[-1]]  # all that came before, and the right one twice

    address = await device(late)
    polled = driver("snmp", address, profile="ups")
    for _ in range(3):
        assert (await poll(polled)).parts == {"power": "mains", "battery": "ok", "alarm": "none"}


async def test_what_is_not_snmp_is_garbled_with_its_bytes(device: Device, driver: Make, poll: Poll) -> None:
    address = await device(lambda request: [b"HTTP/1.0 400 Bad Request\r\n\r\n"])
    with pytest.raises(Garbled) as caught:
        await poll(driver("snmp", address, profile="ups", wait=0.2))
    assert caught.value.raw.startswith(b"HTTP/1.0")


async def test_answers_about_something_else_are_garbled(device: Device, driver: Make, poll: Poll) -> None:
    answer = well_behaved()

    def wrong(request: bytes) -> list[bytes]:
        parsed = parse_request(request)
        if parsed.kind != GET:
            return [answer(request)]
        return [encode_response(parsed, [((1, 3, 6, 1, 9, 9), encode("integer", 1))])]

    with pytest.raises(Garbled):
        await poll(driver("snmp", await device(wrong), profile="host"))


@pytest.mark.parametrize("version", ["1", "2c"])
async def test_a_device_that_takes_three_values_at_once_is_read_in_threes(
    version: str, device: Device, driver: Make, poll: Poll
) -> None:
    answer = well_behaved(version=version)
    sizes = []

    def small(request: bytes) -> list[bytes]:
        parsed = parse_request(request)
        if parsed.kind in (GET, NEXT):
            sizes.append(len(parsed.oids))
            if len(parsed.oids) > 3:
                return [encode_response(parsed, [], TOO_BIG)]
        return [answer(request)]

    polled = driver("snmp", await device(small), profile="ups", version=version)
    first = await poll(polled)
    sizes.clear()
    second = await poll(polled)
    assert first.parts == second.parts == {"power": "mains", "battery": "ok", "alarm": "none"}
    assert max(sizes) <= 3  # it has learned


async def test_a_device_that_walks_in_circles_is_left(device: Device, driver: Make, poll: Poll) -> None:
    answer = well_behaved("host")
    port_type = (1, 3, 6, 1, 2, 1, 2, 2, 1, 3)

    def circle(request: bytes) -> list[bytes]:
        parsed = parse_request(request)
        if parsed.oids and parsed.oids[0][: len(port_type)] == port_type and parsed.kind != GET:
            return [encode_response(parsed, [((*port_type, 1), encode("integer", 6))] * 5)]
        return [answer(request)]

    reading = await poll(driver("snmp", await device(circle), profile="host"))
    assert set(reading.parts) == {"port.1"}


async def test_a_card_without_getbulk_is_walked_row_by_row(device: Device, driver: Make, poll: Poll) -> None:
    answer = well_behaved("host")

    def general_error(request: bytes) -> list[bytes]:
        parsed = parse_request(request)
        return [encode_response(parsed, [], 5, 0) if parsed.kind not in (GET, NEXT) else answer(request)]

    reading = await poll(driver("snmp", await device(general_error), profile="host"))
    assert set(reading.parts) == {"port.1", "port.2"}


async def test_an_error_nobody_expects_is_a_refusal(device: Device, driver: Make, poll: Poll) -> None:
    address = await device(lambda request: [encode_response(parse_request(request), [], 13, 1)])
    with pytest.raises(Refused) as caught:
        await poll(driver("snmp", address))
    assert caught.value.reason is Reason.NEGATIVE_ANSWER


async def test_long_names_are_asked_for_in_messages_that_fit(device: Device, driver: Make, poll: Poll) -> None:
    """64 ports whose descriptions are 200 octets: 12.8 kB of text, read by an end that says "too big" at 1,472."""
    objects: Objects = dict(build("host", "box", {"port.1": "up"}).objects)
    for row in range(1, 65):
        for column, kind, value in ((2, "octets", b"x" * 200), (3, "integer", 6), (7, "integer", 1), (8, "integer", 1)):
            objects[(1, 3, 6, 1, 2, 1, 2, 2, 1, column, row)] = Object(kind, value)
    end, view = CommunityEnd("2c", "public"), View(objects)
    reading = await poll(driver("snmp", await device(lambda request: [end.answer(request, view)[0]]), profile="host"))
    assert len(reading.parts) == 64
    assert reading.texts["port.64"] == "x" * 200


async def test_hostile_text_is_only_text(device: Device, driver: Make, poll: Poll) -> None:
    objects: Objects = dict(build("host", "box", {}).objects)
    evil = "[/x]\x1b[2J\x00=cmd|' /C calc'!A0\u202e".encode() + b"\xff\xfe" + b"A" * 1000
    objects[(1, 3, 6, 1, 2, 1, 1, 5, 0)] = Object("octets", evil)
    end, view = CommunityEnd("2c", "public"), View(objects)
    reading = await poll(driver("snmp", await device(lambda request: [end.answer(request, view)[0]]), profile="host"))
    assert reading.identity["name"].startswith("[/x] [2J =cmd|")
    assert reading.identity["name"].isprintable()
    assert len(reading.identity["name"]) <= 255


@pytest.mark.parametrize("priv", ["", "AES"])
async def test_an_answer_with_a_forged_signature_is_not_believed(
    priv: str, device: Device, driver: Make, poll: Poll
) -> None:
    """As gufo-snmp would believe it: whoever sits on the way could say that a UPS is well."""
    user: dict[str, object] = {"user": "watcher", "auth": "SHA", "auth_password": "authpass123", "priv": priv}
    user["priv_password"] = "privpass123" if priv else ""
    end, view = SecuredEnd(user), View(build("ups", "box", {}).objects)
    forging = False
    before_digest = b"\x04\x07watcher\x04\x0c"

    def answer(request: bytes) -> list[bytes]:
        octets = bytearray(end.answer(request, view)[0])
        if forging and (at := octets.find(before_digest)) > 0:
            octets[at + len(before_digest)] ^= 1
        return [bytes(octets)]

    polled = driver("snmp", await device(answer), profile="ups", version="3", wait=0.3, **user)
    assert (await poll(polled)).parts["power"] == "mains"
    forging = True
    with pytest.raises(Garbled, match="a wrong digest"):
        await poll(polled)


async def test_a_name_nobody_knows_is_told(driver: Make, poll: Poll) -> None:
    with pytest.raises(Unreachable) as caught:
        await poll(driver("snmp", "no-such-host.invalid"))
    assert caught.value.reason is Reason.NAME_UNKNOWN


async def test_the_word_of_a_host_that_has_only_the_system_group(device: Device, driver: Make, poll: Poll) -> None:
    objects: Objects = {oid: one for oid, one in build("host", "box", {}).objects.items() if oid[6] == 1}
    end, view = CommunityEnd("2c", "public"), View(objects)
    polled = driver("snmp", await device(lambda request: [end.answer(request, view)[0]]))
    for _ in range(2):
        reading: Any = await poll(polled)
        assert (reading.device, reading.parts) == (DeviceWord.ONLINE, {})


async def test_a_busy_agent_does_not_take_its_own_lateness_for_silence(
    device: Device, driver: Make, poll: Poll
) -> None:
    """Each turn of the loop takes longer than the wait: answers are there before we look, and after they were due."""
    answer = well_behaved()
    polled = driver("snmp", await device(lambda request: [answer(request)]), profile="ups", wait=0.06)

    async def hog() -> None:
        while True:
            time.sleep(0.15)  # noqa: ASYNC251  (that is the point)
            await asyncio.sleep(0)

    hogging = asyncio.create_task(hog())
    try:
        assert (await poll(polled)).parts["power"] == "mains"
    finally:
        hogging.cancel()
