"""Against net-snmp's own agent: the protocol is right where somebody else wrote the other end."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from drivers.base import DeviceWord, Driver, Reading
from drivers.errors import DeviceError, NotSupported, Reason, Refused, Unreachable

Make = Callable[..., Driver]
Poll = Callable[[Driver], Awaitable[Reading]]
Options = dict[str, Any]

AUTH_PRIV: Options = {
    "version": "3",
    "user": "all",
    "auth": "SHA",
    "auth_password": "authpass123",
    "priv": "AES",
    "priv_password": "privpass123",
}
WAYS: dict[str, Options] = {
    "v1": {"version": "1"},
    "v2c": {},
    "v3 SHA AES": AUTH_PRIV,
    "v3 SHA-256": {"version": "3", "user": "signed", "auth": "SHA-256", "auth_password": "authpass123"},
    "v3 MD5 DES": {**AUTH_PRIV, "user": "old", "auth": "MD5", "priv": "DES"},
    "v3 without a password": {"version": "3", "user": "open"},
}


@pytest.mark.parametrize("way", WAYS)
async def test_a_host_is_read_in_every_version(way: str, snmpd: str, driver: Make, poll: Poll) -> None:
    polled = driver("snmp", snmpd, profile="host", **WAYS[way])
    first, second = await poll(polled), await poll(polled)
    assert first.device is DeviceWord.ONLINE
    assert first.identity["name"] == "snmpd-under-test"
    assert first.identity["description"].startswith("Linux ")
    assert second.numbers["uptime"] >= first.numbers["uptime"] > 0
    assert 0 < first.numbers["memory.used"] < 100
    assert second.parts == first.parts
    assert second.identity == first.identity


async def test_auto_takes_a_host_for_a_host(snmpd: str, driver: Make, poll: Poll) -> None:
    reading = await poll(driver("snmp", snmpd))
    assert "memory.size" in reading.numbers


async def test_a_host_has_nothing_of_a_ups(snmpd: str, driver: Make, poll: Poll) -> None:
    with pytest.raises(NotSupported) as caught:
        await poll(driver("snmp", snmpd, profile="ups"))
    assert caught.value.reason is Reason.NOT_IN_DEVICE


REFUSALS: dict[str, tuple[Options, type[DeviceError], Reason, str]] = {
    "wrong community": ({"community": "nobody"}, Unreachable, Reason.NO_ANSWER, "the community is wrong"),
    "unknown user": ({**AUTH_PRIV, "user": "nobody"}, Refused, Reason.WRONG_SECRET, "does not know this user"),
    "wrong password": (
        {**AUTH_PRIV, "auth_password": "x" * 9},
        Refused,
        Reason.WRONG_SECRET,
        "authentication password",
    ),
    "wrong protocol": ({**AUTH_PRIV, "auth": "SHA-512"}, Refused, Reason.WRONG_SECRET, "or its protocol, is wrong"),
    "wrong privacy": ({**AUTH_PRIV, "priv_password": "x" * 9}, Unreachable, Reason.NO_ANSWER, "privacy password"),
    "no signature": ({"version": "3", "user": "all"}, Refused, Reason.WRONG_SECRET, "does not let this user"),
}


@pytest.mark.parametrize("why", REFUSALS)
async def test_a_refusal_says_what_is_wrong(why: str, snmpd: str, driver: Make, poll: Poll) -> None:
    options, kind, reason, said = REFUSALS[why]
    with pytest.raises(DeviceError) as caught:
        await poll(driver("snmp", snmpd, profile="host", wait=0.5, **options))
    assert type(caught.value) is kind
    assert caught.value.reason is reason
    assert said in caught.value.detail


async def test_two_passwords_of_one_user_name_do_not_mix(snmpd: str, driver: Make, poll: Poll) -> None:
    """pysnmp's engine keeps one row for both."""
    right, wrong = driver("snmp", snmpd, **AUTH_PRIV), driver("snmp", snmpd, **{**AUTH_PRIV, "auth_password": "x" * 9})
    for _ in range(2):
        assert (await poll(right)).device is DeviceWord.ONLINE
        with pytest.raises(Refused):
            await poll(wrong)


async def test_the_agents_ipv6_side_and_its_name_are_reached(driver: Make, poll: Poll, snmpd: str) -> None:
    port = snmpd.rpartition(":")[2]
    assert (await poll(driver("snmp", f"localhost:{port}"))).device is DeviceWord.ONLINE
