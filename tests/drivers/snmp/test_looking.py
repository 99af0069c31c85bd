"""The first poll of a device: it finds out what it is and what it has, within bounds, and says what it left out."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from drivers.base import DeviceWord, Driver, Reading
from drivers.errors import NotSupported, Reason
from drivers.sim.snmp import SnmpSimulator
from drivers.snmp.driver import Snmp

Start = Callable[..., Awaitable[tuple[SnmpSimulator, str]]]
Make = Callable[..., Driver]
Poll = Callable[[Driver], Awaitable[Reading]]

CASES = Path(__file__).parents[1] / "cases" / "snmp"
SYSTEM = ["1.3.6.1.2.1.1.1.0|4|a device", "1.3.6.1.2.1.1.3.0|67|100", "1.3.6.1.2.1.1.5.0|4|box"]


def interfaces(ports: int, vlans: int) -> list[str]:
    """The lines of a chassis: `ports` of them, each behind a share of `vlans` VLANs without a connector."""
    lines = []
    for row in range(1, ports + vlans + 1):
        is_port = row % (1 + vlans // ports) == 0
        lines += [
            f"1.3.6.1.2.1.2.2.1.2.{row}|4|{'GE' if is_port else 'Vlan'}{row}",
            f"1.3.6.1.2.1.2.2.1.3.{row}|2|6",
            f"1.3.6.1.2.1.2.2.1.7.{row}|2|1",
            f"1.3.6.1.2.1.2.2.1.8.{row}|2|1",
            f"1.3.6.1.2.1.31.1.1.1.17.{row}|2|{1 if is_port else 2}",
        ]
    return lines


@pytest.fixture
def show(start: Start, tmp_path: Path) -> Callable[..., Awaitable[tuple[SnmpSimulator, str]]]:
    """`await show(lines)` -> a device that has these objects."""

    async def begin(lines: list[str], **options: object) -> tuple[SnmpSimulator, str]:
        recording = tmp_path / "device.snmprec"
        recording.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return await start("snmp", {"recording": str(recording), **options})

    return begin


async def test_more_ports_than_are_read_are_told(show: Start, driver: Make, poll: Poll) -> None:
    _, address = await show(SYSTEM + interfaces(ports=130, vlans=130))
    reading = await poll(driver("snmp", address))
    assert sum(key.startswith("port.") for key in reading.parts) == 96
    assert reading.texts["port"] == "96 / 130"


async def test_more_interfaces_than_are_gone_through_are_told(show: Start, driver: Make, poll: Poll) -> None:
    _, address = await show(SYSTEM + interfaces(ports=100, vlans=500))
    reading = await poll(driver("snmp", address))
    assert reading.texts["port"] == "85 / 85+"


async def test_the_ports_an_operator_names_are_found_behind_the_first_96(show: Start, driver: Make, poll: Poll) -> None:
    _, address = await show(SYSTEM + interfaces(ports=130, vlans=130))
    polled = driver("snmp", address, ports=["GE250", "252"])
    reading = await poll(polled)
    assert set(reading.parts) == {"port.250", "port.252"}
    assert "port" not in reading.texts
    assert isinstance(polled, Snmp)
    assert polled.device is not None
    assert len(polled.device.questions) == 1


# What is asked at first, of a chassis of 281 entities and 91 interfaces too, and with every poll after it.
MESSAGES = {
    "network-h3c-sr8808": (90, 16),
    "network-huawei-s5720": (45, 6),
    "network-zte-5250": (45, 8),
    "network-ruijie-s5750": (40, 5),
    "host-topsec-firewall": (30, 4),
    "windows-xp": (30, 1),
    "ups-huawei-ups5000": (10, 1),
    "host-hikvision-recorder": (10, 1),
}


@pytest.mark.parametrize("case", MESSAGES)
async def test_a_look_and_a_poll_take_few_messages(case: str, start: Start, driver: Make, poll: Poll) -> None:
    simulator, address = await start("snmp", {"recording": str(CASES / case / "device.snmprec")})
    polled = driver("snmp", address)
    await poll(polled)
    first = simulator.messages
    await poll(polled)
    look, steady = MESSAGES[case]
    assert first <= look
    assert simulator.messages - first <= steady


async def test_programs_are_known_by_their_names(start: Start, driver: Make, poll: Poll) -> None:
    _, address = await start("snmp", {"recording": str(CASES / "windows-server-2003-gbk" / "device.snmprec")})
    polled = driver("snmp", address)
    reading = await poll(polled)
    assert isinstance(polled, Snmp)
    assert polled.device is not None
    names = polled.device.software
    assert len(names) == reading.numbers["software.count"] == 31
    assert {"Windows Server 2003 安全更新 (KB4012598)", "微软拼音输入法 2003", "VMware Tools"} <= set(names)
    assert not any(name in text for name in names for text in reading.texts.values())


async def test_programs_are_not_counted_where_there_are_more_than_are_read(
    show: Start, driver: Make, poll: Poll
) -> None:
    programs = [f"1.3.6.1.2.1.25.6.3.1.2.{row}|4|Program {row}" for row in range(1, 601)]
    _, address = await show([*SYSTEM, "1.3.6.1.4.1.77.1.1.1.0|4|5", *programs])
    reading = await poll(driver("snmp", address))
    assert "software.count" not in reading.numbers
    assert reading.texts["software"] == "512 / 512+"


@pytest.mark.parametrize("version", ["1", "2c"])
async def test_a_device_that_has_the_system_group_alone_is_up(
    version: str, show: Start, driver: Make, poll: Poll
) -> None:
    _, address = await show(SYSTEM, version=version)
    reading = await poll(driver("snmp", address, version=version))
    assert reading == Reading(
        device=DeviceWord.ONLINE, numbers={"uptime": 1}, identity={"description": "a device", "name": "box"}
    )


@pytest.mark.parametrize("version", ["1", "2c"])
async def test_a_device_of_its_own_tree_alone_says_that_it_lacks_the_rest(
    version: str, show: Start, driver: Make, poll: Poll
) -> None:
    """A camera that has nothing below 1.3.6.1.2.1."""
    _, address = await show(
        ["1.3.6.1.4.1.39165.1.1.0|4|CAM-1", "1.3.6.1.4.1.39165.1.7.0|4|52 PERCENT"], version=version
    )
    with pytest.raises(NotSupported) as caught:
        await poll(driver("snmp", address, version=version))
    assert caught.value.reason is Reason.NOT_IN_DEVICE


@pytest.mark.parametrize(
    ("profile", "case"),
    [("ups", "ups-huawei-ups5000"), ("ups", "ups-east-ea9080"), ("network", "host-topsec-firewall")],
)
async def test_a_general_profile_takes_the_particular_device(
    profile: str, case: str, start: Start, driver: Make, poll: Poll
) -> None:
    _, address = await start("snmp", {"recording": str(CASES / case / "device.snmprec")})
    by_itself, told = await poll(driver("snmp", address)), await poll(driver("snmp", address, profile=profile))
    assert told == by_itself
