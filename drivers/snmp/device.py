"""One device polled again and again: looked at once, asked for what it has, and looked at anew if it may differ."""

import asyncio
from collections.abc import Collection
from dataclasses import replace

from drivers.base import FactSheet, Reading
from drivers.snmp.asking import Asking
from drivers.snmp.driver import SnmpOptions
from drivers.snmp.engine import Asks, Peer
from drivers.snmp.host import read_host
from drivers.snmp.known import Known, choose, look, walk_what_comes_and_goes
from drivers.snmp.message import Question
from drivers.snmp.profile import ORDER, UPSES, Oid
from drivers.snmp.reading import Value, read
from drivers.snmp.tables import read_tables
from drivers.snmp.text import decode_text
from drivers.snmp.usm import User

# Polls after which new rows are looked for: an hour of 300 s (net-snmp knows its processors only a minute after it
# began), then a day.
LOOK_SOON, LOOK_AGAIN = 12, 288
HOST_SECONDS, SECONDS = 12.0, 16.0  # of the driver's 20, until a host is read, and all
_SYSTEM: Oid = (1, 3, 6, 1, 2, 1, 1)  # every device has something of this group
_UP_TIME = "sysUpTime"
_CHOICES = {"auto": ORDER, "ups": UPSES}


class Device:
    def __init__(self, engine: Asks, address: tuple[object, ...], options: SnmpOptions) -> None:
        self.address = address
        self._options = options
        self._peer = peer_of(address, options)
        self._asking = Asking(engine, self._peer, options.wait)
        self._ports = None if options.ports is None else frozenset(options.ports)
        self._known: Known | None = None
        self._left = 0  # polls until it is looked at again
        self._up_time = 0

    @property
    def questions(self) -> list[Question]:
        """What one poll asks, as far as the device is known."""
        return self._known.messages if self._known is not None else []

    async def facts(self, *, families: Collection[str], wires: bool) -> list[FactSheet]:
        """What it says of itself if its system is one of `families`, and whom it has on its wires."""
        now = asyncio.get_running_loop().time()
        told = await read_host(self._asking, now + HOST_SECONDS, families) if families else []
        return told + (await read_tables(self._asking, now + SECONDS) if wires else [])

    @property
    def software(self) -> list[str]:
        """The names of what is installed, as the device said when it was looked at. No part of a reading, which crosses
        a branch's line: there is only their number."""
        rows = self._known.rows_once.get("software", {}) if self._known is not None else {}
        return [decode_text(one.value) for row in rows.values() for one in row.values() if isinstance(one.value, bytes)]

    async def poll(self) -> Reading:
        answered = False
        try:
            reading = await self._poll()
            answered = True
        finally:
            if not answered:  # what comes back may be another device
                self._known = None
                self._peer.forget()
        return reading

    async def _poll(self) -> Reading:
        known = self._known
        if known is None:
            known = await self._look(LOOK_SOON)
            values = await self._ask(known)
        elif not self._left:
            known = await self._look(LOOK_AGAIN)
            values = await self._ask(known)
        else:
            values = await self._ask(known)
            if self._is_other(known, values):
                known = await self._look(LOOK_SOON)
                values = await self._ask(known)
        self._left -= 1
        self._up_time = _up_time(known, values)
        heard = known.heard(values)
        passing = await walk_what_comes_and_goes(self._asking, known.profile, heard)
        heard = replace(heard, rows={**heard.rows, **passing})
        limits = {"low": self._options.low, "full": self._options.full}
        return read(known.profile, heard, limits=limits)

    async def _look(self, again_after: int) -> Known:
        name: str = self._options.profile
        if among := _CHOICES.get(name):
            name = await choose(self._asking, among)
        self._known = await look(self._asking, name, self._ports)
        self._left = again_after
        return self._known

    async def _ask(self, known: Known) -> dict[Oid, Value]:
        known.pack(self._asking.most)
        values: dict[Oid, Value] = {}
        for message in known.messages:
            values.update(await self._asking.get_packed(message))
        return values

    def _is_other(self, known: Known, values: dict[Oid, Value]) -> bool:
        """Whether the device began anew since the last poll, or has nothing left of what it had."""
        if _up_time(known, values) < self._up_time:
            return True
        own = [oid for message in known.messages for oid in message.oids if oid[: len(_SYSTEM)] != _SYSTEM]
        return not any(oid in values for oid in own) if own else not values


def _up_time(known: Known, values: dict[Oid, Value]) -> int:
    value = values.get(known.scalars.get(_UP_TIME, ()))
    return value if isinstance(value, int) else 0


def peer_of(address: tuple[object, ...], options: SnmpOptions) -> Peer:
    return Peer.of(address, options.version, options.community, _user(options))


def _user(options: SnmpOptions) -> User | None:
    if options.version != "3":
        return None
    return User(options.user, options.auth, options.auth_password, options.priv, options.priv_password, options.context)
