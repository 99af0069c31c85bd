"""A simulated device that answers SNMP on a UDP port of its own: a host, switch, printer, UPS or NCR terminal.

Options are the driver's: profile, version, community, user and passwords, `low`, `full`, `ports`; and its own: `port`
to answer at, and `recording`, the path of a .snmprec file that it shows instead of a state. A state takes the keys of
`snmp_devices.known_keys`. SNMPv3 is answered by pysnmp, v1 and v2c by `snmp_ber.py`.
"""

import asyncio
import socket
import time
from pathlib import Path
from typing import Protocol

from drivers.sim.base import Fault, Showed, WrongState, check_options, choice, read_port, whole
from drivers.sim.snmp_ber import Oid
from drivers.sim.snmp_community import CommunityEnd
from drivers.sim.snmp_devices import PROFILES, Limits, build, known_keys
from drivers.sim.snmp_view import View, read_recording
from drivers.snmp.driver import SnmpOptions

SLOW_SECONDS = 25.0  # longer than the driver's whole time
NOTES = 10**6  # more than any cassette holds
GARBAGE = b"\x00\xffthis is not SNMP\x00"


class End(Protocol):
    """Turns a request into the answer and the objects whose values a GET was told."""

    def answer(self, octets: bytes, view: View) -> tuple[bytes, list[Oid]]: ...


class SnmpSimulator:
    """One device. `showed` is called when every part was told since it was called last, with the words as they were
    told: a poll may take several messages, and a half told change is none yet."""

    def __init__(self, name: str, options: dict[str, object], state: dict[str, str]) -> None:
        profile = choice(options, "profile", ("auto", *PROFILES), "host")
        self._profile = "host" if profile == "auto" else profile
        self.messages = 0  # heard so far
        recording = options.get("recording")
        self._recording = Path(str(recording)) if recording else None
        if self._recording is None:
            _check(self._profile, state)
        self._options = options
        self._limits = Limits(whole(options, "low", NOTES, 200), whole(options, "full", NOTES))
        self._ports = options.get("ports")
        self.name = name
        self.state = dict(state)
        self.showed: Showed | None = None
        self.garbage = GARBAGE
        self._fault = Fault.NONE
        self._view = self._build()
        self._seen_state = dict(self.state)
        self._began = time.monotonic()
        self._told: dict[str, str] = {}
        self._address: tuple[str, int] = ("127.0.0.1", read_port(options))
        self._transport: asyncio.DatagramTransport | None = None
        self._closed: asyncio.Future[None] | None = None
        self._settling: asyncio.Task[None] | None = None
        self._late: set[asyncio.TimerHandle] = set()
        self._end: End | None = None

    @property
    def fault(self) -> Fault:
        return self._fault

    @fault.setter
    def fault(self, fault: Fault) -> None:
        """Switched on and off at any time; with HANG_UP the port is closed, so the kernel answers in our place."""
        was, self._fault = self._fault, fault
        if (was is Fault.HANG_UP) == (fault is Fault.HANG_UP) or self._transport is None:
            return
        if fault is Fault.HANG_UP:
            self._transport.close()
        self._settling = asyncio.get_running_loop().create_task(self._settle(self._settling))

    async def _settle(self, before: asyncio.Task[None] | None) -> None:
        """Have the port open or closed as the fault is now, however often it was switched meanwhile."""
        if before is not None:
            await before
        if self._transport is None:
            return
        if self._fault is Fault.HANG_UP:
            self._transport.close()  # the one that was being opened as the fault came back
        elif self._transport.is_closing():
            await self._open()

    def switched_on(self, seconds_ago: float) -> None:
        """Its up time says so from now on."""
        self._began = time.monotonic() - seconds_ago

    async def start(self) -> str:
        if str(self._options.get("version", "2c")) == "3":
            from drivers.sim.snmp_v3 import SecuredEnd

            self._end = await asyncio.to_thread(lambda: SecuredEnd(self._options))
        else:
            community = str(self._options.get("community", "public"))
            self._end = CommunityEnd(str(self._options.get("version", "2c")), community)
        host, port = await self._open()
        return f"{host}:{port}"

    async def close(self) -> None:
        if self._settling is not None:
            await self._settling
        for handle in self._late:
            handle.cancel()
        self._late.clear()
        if self._transport is not None and self._closed is not None:
            self._transport.close()
            await self._closed

    async def _open(self) -> tuple[str, int]:
        if self._closed is not None:
            await self._closed  # a port that is just being closed
        loop = asyncio.get_running_loop()
        self._closed = loop.create_future()
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setblocking(False)
        sock.bind(self._address)
        self._address = host, port = sock.getsockname()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: _Protocol(self, self._closed), sock=sock)
        return host, port

    def heard(self, octets: bytes, address: tuple[str, int]) -> None:
        """A request: answered as the fault has it."""
        self.messages += 1
        if self._fault in (Fault.SILENT, Fault.HANG_UP) or self._end is None:
            return
        answer, told = self._end.answer(octets, self._now())
        if not answer:
            return
        match self._fault:
            case Fault.NONE:
                self._send(answer, address)
                self._tell(told)
            case Fault.HALF:
                self._send(answer[: len(answer) // 2], address)
            case Fault.GARBAGE:
                self._send(self.garbage, address)
            case Fault.SLOW:
                loop = asyncio.get_running_loop()
                self._late = {late for late in self._late if late.when() > loop.time()}
                self._late.add(loop.call_later(SLOW_SECONDS, self._send, answer, address))

    def _send(self, octets: bytes, address: tuple[str, int]) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.sendto(octets, address)

    def _now(self) -> View:
        if self._seen_state != self.state:
            self._seen_state = dict(self.state)
            self._view = self._build()
        if self._recording is None:
            self._view.up_time = int((time.monotonic() - self._began) * 100)
        return self._view

    def _build(self) -> View:
        if self._recording is not None:
            return read_recording(self._recording, version=str(self._options.get("version", "2c")))
        try:
            device = build(self._profile, self.name, self.state, self._limits)
        except KeyError as error:
            word = error.args[0]
            key = next((key for key, said in self.state.items() if said == word), "state")
            raise ValueError(f'{key} of a simulated {self._profile} cannot be "{word}"') from None
        return View(device.objects, device.words)

    def _tell(self, told: list[Oid]) -> None:
        if not self._view.words:
            return
        found = [self._view.get(oid) for oid in told]
        self._told.update({key: self._view.words[key] for one in found if one is not None for key in one.tells})
        read = {key for key in self._view.words if self._matters(key)}
        if self._told.keys() >= read and self.showed is not None:
            words, self._told = self._told, {}
            self.showed(self.name, {key: word for key, word in words.items() if key in read})

    def _matters(self, key: str) -> bool:
        """Whether the driver reads it: it may be told which ports matter."""
        kind, _, number = key.partition(".")
        if kind != "port" or not isinstance(self._ports, list):
            return True
        return number in self._ports or f"GE0/0/{number}" in self._ports


class _Protocol(asyncio.DatagramProtocol):
    def __init__(self, simulator: SnmpSimulator, closed: asyncio.Future[None] | None) -> None:
        self._simulator = simulator
        self._closed = closed

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._simulator.heard(data, addr)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._closed is not None and not self._closed.done():
            self._closed.set_result(None)


def _check(profile: str, state: dict[str, str]) -> None:
    known = known_keys(profile)
    for key in state:
        family, _, number = key.rpartition(".")
        if key not in known and not (family in known and number.isdecimal()):
            raise WrongState(f'a simulated {profile} has no "{key}"; it has {", ".join(known)}', dict.fromkeys(known))


def make(name: str, options: dict[str, object], state: dict[str, str], folder: Path) -> SnmpSimulator:
    check_options("a simulated device", options, SnmpOptions, "recording")
    said = {key: str(value) if key == "version" else value for key, value in options.items()}
    SnmpOptions.model_validate({key: value for key, value in said.items() if key in SnmpOptions.model_fields})
    return SnmpSimulator(name, options, state)
