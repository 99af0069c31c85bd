"""Whatever answers SNMP 1, 2c or 3: hosts, routers and switches, network printers, UPSes, NCR's terminals.

Which objects are which metrics is data: `profiles/*.toml`, from HOST-RESOURCES-MIB (RFC 2790), IF-MIB (RFC 2863),
Printer-MIB (RFC 3805), UPS-MIB (RFC 1628), ENTITY-MIB (RFC 6933) and the makers' own MIBs. Nothing is ever written to a
device. What a device has is looked for once; then only that is asked, in as few messages as fit. Cases:
tests/drivers/cases/snmp.
"""

import asyncio
import re
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import msgspec

from drivers.base import DriverOptions, FactSheet, Found, Reading, Shared, Turn
from drivers.options import SECRET
from drivers.registry import SNMP_HOSTS

if TYPE_CHECKING:
    from drivers.snmp.device import Device

PORT = 161
PASSWORD_LEAST = 8  # RFC 3414 A.2

_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9.])?")
_IPV6 = re.compile(r"[0-9A-Fa-f:.]+(%[A-Za-z0-9_.-]+)?")


class SnmpOptions(DriverOptions):
    """How a device is asked, and what it is. Passwords and the community may be `secret:NAME` in an inventory."""

    # "ups" looks which of the UPSes it is, "auto" which of all
    profile: Literal["auto", "host", "network", "windows", "printer", "ups", "ups-apc", "ups-huawei", "atm-ncr"] = (
        "auto"
    )
    version: Literal["1", "2c", "3"] = "2c"
    community: Annotated[str, msgspec.Meta(min_length=1, max_length=255), SECRET] = "public"
    user: Annotated[str, msgspec.Meta(max_length=32)] = ""
    auth: Literal["", "MD5", "SHA", "SHA-224", "SHA-256", "SHA-384", "SHA-512"] = ""
    auth_password: Annotated[str, SECRET] = ""
    priv: Literal["", "DES", "AES", "AES-192", "AES-256", "AES-192-C", "AES-256-C"] = ""
    priv_password: Annotated[str, SECRET] = ""
    context: Annotated[str, msgspec.Meta(max_length=32)] = ""
    wait: Annotated[float, msgspec.Meta(ge=0.05, le=5.0)] = 3.0  # seconds for each answer
    low: Annotated[int, msgspec.Meta(ge=0)] = 200  # notes in a cassette, below which it is low
    full: Annotated[int, msgspec.Meta(ge=0)] = 0  # notes at which it is full; 0: nobody says
    engine: Literal["auto", "own"] = "auto"  # "own": never by gufo-snmp, where that is installed
    ports: list[str] | None = None  # the ports that matter, by number or name; all if not said

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.version == "3":
            if not self.user:
                raise ValueError('version "3" needs a `user`')
            for protocol, password, word in (
                (self.auth, self.auth_password, "auth"),
                (self.priv, self.priv_password, "priv"),
            ):
                if bool(protocol) != bool(password):
                    raise ValueError(f"`{word}` and `{word}_password` go together")
                if password and len(password.encode()) < PASSWORD_LEAST:
                    raise ValueError(f"`{word}_password` has fewer than {PASSWORD_LEAST} characters")
            if self.priv and not self.auth:
                raise ValueError("`priv` needs `auth` as well")
        elif self.user or self.auth or self.priv or self.auth_password or self.priv_password or self.context:
            raise ValueError(f'a user, passwords and a context are for version "3", not "{self.version}"')


WIRED = ("auto", "network", "host")


class Snmp:
    Options: ClassVar[type[SnmpOptions]] = SnmpOptions
    timeout: ClassVar[float] = 20.0  # a first look takes some twenty messages, on a slow line 0.3 s each

    def __init__(self, address: str, options: SnmpOptions, shared: Shared) -> None:
        self._host, self._port = split_address(address)
        self._options = options
        self._shared = shared
        self.device: Device | None = None  # once it was opened

    @staticmethod
    def check_address(address: str) -> str | None:
        try:
            split_address(address)
        except ValueError:
            return "is not HOST, HOST:PORT or [IPV6]:PORT"
        return None

    async def open(self) -> None:
        if self.device is None:
            await asyncio.to_thread(_load)
        from drivers.snmp.device import Device
        from drivers.snmp.engine import pick, resolve

        address = await resolve(self._host, self._port)
        if self.device is None or self.device.address != address:
            self.device = Device(await self._shared.get(pick(self._options.engine)), address, self._options)

    async def poll(self) -> Reading:
        if self.device is None:
            raise RuntimeError("poll before open")
        return await self.device.poll()

    async def facts(self) -> list[FactSheet]:
        """What a PC or server says of itself, and whom a router or switch has on its wires; nothing where the profile
        says that it is none."""
        if self.device is None:
            raise RuntimeError("facts before open")
        profile = self._options.profile
        return await self.device.facts(families=SNMP_HOSTS.get(profile, ()), wires=profile in WIRED)

    async def close(self) -> None:
        """Nothing is held between polls: the sockets are the engine's."""

    @classmethod
    async def look(cls, address: str, options: SnmpOptions, shared: Shared, turn: Turn) -> Found | None:
        look_at = (await asyncio.to_thread(import_module, "drivers.snmp.looking")).look
        found: Found | None = await look_at(address, options, shared, turn)
        return found


def _load() -> None:
    """pysnmp and gufo-snmp come with the first device that is polled: options are checked without them."""
    import_module("drivers.snmp.device")
    import_module("drivers.snmp.engine").pick("auto")


def split_address(address: str) -> tuple[str, int]:
    """Host and port; ValueError if it is neither HOST, HOST:PORT nor [IPV6]:PORT."""
    if address.startswith("["):
        host, bracket, port = address[1:].partition("]")
        if not bracket or (port and not port.startswith(":")):
            raise ValueError(address)
        port = port[1:]
    elif address.count(":") > 1:
        host, port = address, ""
    else:
        host, colon, port = address.partition(":")
        if colon and not port:
            raise ValueError(address)
    valid = _IPV6 if ":" in host else _HOST
    number = int(port) if re.fullmatch(r"[0-9]{1,5}", port) else 0 if port else PORT
    if not valid.fullmatch(host) or not 1 <= number <= 65535:
        raise ValueError(address)
    return host, number
