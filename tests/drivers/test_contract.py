"""Every driver is held to its promises, against its simulator: `drivers/sim/contract.py` says which they are.

A driver is added by one row in ROWS: its name, options for it, and options for its simulator.
"""

from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from drivers.registry import BUILT_IN, find
from drivers.sim.contract import PROMISES, Row
from drivers.sim.posted import KEY
from drivers.sim.registry import SIMULATORS
from drivers.sim.ssh import as_text, host_key

Options = dict[str, object]
PASSBOOK: Options = {"emulation": "olivetti", "profile": "simulated"}
FOUR_STATIONS: Options = {"stations": ["receipt", "journal", "slip"]}

SECURED: Options = {
    "version": "3",
    "user": "watcher",
    "auth": "SHA",
    "auth_password": "authpass123",
    "priv": "AES",
    "priv_password": "privpass123",
}

HOST: Options = {
    "user": "watcher",
    "private_key": as_text(Ed25519PrivateKey.generate()),
    "host_key": host_key("1001/simulated").fingerprint,
    "wait": 1.0,
    "run": 5.0,
}

ROWS: dict[str, tuple[str, Options, Options]] = {
    "passbook": ("passbook", PASSBOOK, {}),
    "passbook behind a terminal server": ("passbook", PASSBOOK, {"link": "tcp"}),
    "passbook of an unknown model": ("passbook", {"emulation": "olivetti"}, {}),
    "passbook in ncr 5021 emulation": ("passbook", {"emulation": "ncr-5021"}, {"emulation": "ncr-5021"}),
    "receipt printer": ("escpos", {}, {}),
    "receipt printer that speaks unasked": ("escpos", {"drawer": "high"}, {"asb": True, "drawer": "high"}),
    "four-station printer behind a terminal server": ("escpos", FOUR_STATIONS, {**FOUR_STATIONS, "link": "tcp"}),
    "slip printer": ("escpos", {"stations": ["slip"]}, {"stations": ["slip"]}),
    "crt-310": ("card_reader/crt", {"model": "crt-310"}, {"model": "crt-310"}),
    "crt-591": ("card_reader/crt", {"model": "crt-591"}, {"model": "crt-591"}),
    "crt-571 with sensors": ("card_reader/crt", {"model": "crt-571", "sensors": True}, {"model": "crt-571"}),
    "crt-591h": ("card_reader/crt", {"model": "crt-591h"}, {"model": "crt-591h"}),
    "omron": ("card_reader/omron", {}, {}),
    "omron with sensors": ("card_reader/omron", {"sensors": True}, {}),
    "pcsc": ("card_reader/pcsc", {}, {}),
    "zvt terminal": ("pos/zvt", {"timetable": "none"}, {"intermediate": True}),
    "zvt terminal on the network": ("pos/zvt", {"timetable": "none"}, {"link": "tcp"}),
    "ecr terminal": ("pos/ecr", {"dialect": "generic"}, {}),
    "ecr terminal of mellon": ("pos/ecr", {"dialect": "mellon"}, {"dialect": "mellon", "link": "tcp"}),
    "xfs4iot": ("atm/xfs4iot", {"wait": 0.4}, {}),
    "xfs4iot of 2021": ("atm/xfs4iot", {"wait": 0.4}, {"version": "2021-1"}),
    "xfs4iot without events": ("atm/xfs4iot", {"wait": 0.4, "events": False}, {}),
    "ups": ("ups/megatec", {}, {}),
    "ups behind a terminal server": ("ups/megatec", {}, {"link": "tcp", "type": "line-interactive"}),
    "ups that knows one question": ("ups/megatec", {}, {"knows": "Q1"}),
    "snmp ups": ("snmp", {"profile": "ups", "wait": 0.4}, {"profile": "ups"}),
    "snmp apc ups": ("snmp", {"profile": "ups", "wait": 0.4}, {"profile": "ups-apc"}),
    "snmp switch": ("snmp", {"wait": 0.4}, {"profile": "network"}),
    "snmp windows": ("snmp", {"wait": 0.4}, {"profile": "windows"}),
    "snmp ups by our own engine": ("snmp", {"profile": "ups", "wait": 0.4, "engine": "own"}, {"profile": "ups"}),
    "snmp printer of v1": ("snmp", {"version": "1", "wait": 0.4}, {"profile": "printer", "version": "1"}),
    "snmp atm": ("snmp", {"wait": 0.4}, {"profile": "atm-ncr"}),
    "snmp host of v3": ("snmp", {**SECURED, "wait": 0.4}, {"profile": "host", **SECURED}),
    "host by ssh": ("host/ssh", HOST, {}),
    "host that posts": ("host/posted", {"key": KEY}, {}),
    "reach": ("reach", {}, {}),
    "file of pos": ("file", {"layout": "pos-daily", "row": "62010001"}, {"layout": "pos-daily", "row": "62010001"}),
    "file of atms": ("file", {"layout": "atm-status", "row": "A0010001"}, {"layout": "atm-status", "row": "A0010001"}),
}


def test_every_driver_and_its_simulator_are_held_to_the_contract() -> None:
    held = {name for name, _, _ in ROWS.values()}
    assert held == set(BUILT_IN) == set(SIMULATORS)


@pytest.mark.parametrize("promise", PROMISES)
@pytest.mark.parametrize("row", ROWS)
async def test_a_driver_keeps_its_promises(
    row: str, promise: str, with_its_peer: Callable[[Row], Row], tmp_path: Path
) -> None:
    await PROMISES[promise](with_its_peer(Row(*ROWS[row])), tmp_path)


@pytest.mark.parametrize("name", BUILT_IN)
@pytest.mark.parametrize("address", ["", "\0", "a b", "http://x", "[", "1.2.3.4:99999999999", "；", "socket://:1"])
def test_a_bad_address_is_told_by_the_end_of_a_sentence(name: str, address: str) -> None:
    wrong = find(name).check_address(address)
    assert wrong is not None
    assert wrong.startswith("is ")
