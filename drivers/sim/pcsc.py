"""A card in the virtual reader of vsmartcard (vpcd), which a real pcscd then shows to whoever asks.

    apt-get install pcscd vsmartcard-vpcd      and pcscd has a reader "Virtual PCD 00 00" on port 35963

The card is the client: it connects to vpcd, and while it is connected it is in the reader. Every message is two bytes
of length, big-endian, and that many bytes. vpcd sends 00 power off, 01 power on, 02 reset, which have no answer, 04 for
the answer to reset, asked several times a second to see that the card is there, and longer ones that are APDUs.

State: card "none", "present", or "mute", whose answer to reset is too long to be one, so that pcscd cannot power it up.
Options: `port` of vpcd, `reader` as pcscd calls it.

Faults are the card's, not pcscd's: silent, slow and half hold vpcd up, and pcscd goes on telling what it last knew;
they end with the card pulled out and put in again. Garbage is no answer to reset; hang-up is a contact that has come
loose: the card is gone until the fault ends.
"""

import asyncio
from contextlib import suppress
from pathlib import Path

from drivers.card_reader.pcsc import SCHEME, PcscOptions
from drivers.sim.base import Fault, Showed, check_options, check_state, read_port
from drivers.sim.serial_end import GARBAGE, SLOW_SECONDS

PORT = 35963
READER = "Virtual PCD 00 00"
HEALTHY = {"card": "none"}
ATR = bytes.fromhex("3b80800101")  # of a contactless card without historical bytes (PC/SC part 3)
MUTE = bytes(40)  # an ATR has 33 bytes at most
NOT_SUPPORTED = bytes.fromhex("6d00")  # the status of an instruction a card does not have
LOOK_SECONDS = 0.05
TAKEN_SECONDS = 10.0
_POWER_ON, _ASK_ATR = b"\x01", b"\x04"


class CardSimulator:
    def __init__(self, name: str, reader: str, port: int, state: dict[str, str]) -> None:
        self.name = name
        self.fault = Fault.NONE
        self.garbage = GARBAGE
        self.state = state
        self.showed: Showed | None = None
        self.taken = asyncio.Event()  # pcscd has seen the card and tried to power it
        self.powered = 0  # times pcscd powered it up
        self.apdus = 0  # times a program spoke to it
        self._reader = reader
        self._port = port
        self._living: asyncio.Task[None] | None = None
        self._link: asyncio.Transport | None = None
        self._card = "none"  # what was put in
        self._asked = -1  # times the ATR was asked for since power on; before, -1
        self._stuck = False  # vpcd waits for an answer it will not get
        self._late: asyncio.TimerHandle | None = None

    async def start(self) -> str:
        self._living = asyncio.get_running_loop().create_task(self._live())
        if self.state["card"] != "none":
            await self.wait_until_taken()
        return f"{SCHEME}{self._reader}"

    async def wait_until_taken(self) -> None:
        """Return when pcscd tells of the card; OSError if nobody takes it."""
        try:
            async with asyncio.timeout(TAKEN_SECONDS):
                await self.taken.wait()
        except TimeoutError:
            raise OSError(
                f"no pcscd took the card at port {self._port}: apt-get install pcscd vsmartcard-vpcd"
            ) from None

    async def close(self) -> None:
        if self._living is not None:
            self._living.cancel()
            await asyncio.wait([self._living])
            self._living = None
        self.pull_out()

    async def _live(self) -> None:
        """The card goes in and comes out as the state says."""
        while True:
            cut = self._link is not None and self._link.is_closing()
            cured = self._stuck and self.fault is Fault.NONE
            loose = self.fault is Fault.HANG_UP  # also while vpcd waits for an answer that a fault before this one ate
            if cut or cured or loose or self._card != self.state["card"]:
                self.pull_out()
            if self._link is None and self.state["card"] != "none" and not loose:
                with suppress(OSError):  # vpcd may be away
                    await self._put_in()
            await asyncio.sleep(LOOK_SECONDS)

    async def _put_in(self) -> None:
        loop = asyncio.get_running_loop()
        self._link, _ = await loop.create_connection(lambda: _Contacts(self), "127.0.0.1", self._port)
        self._card = self.state["card"]

    def pull_out(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None
        if self._link is None:
            return
        self._link.abort()
        self._link = None
        self._card = "none"
        self._asked = -1
        self._stuck = False
        self.taken.clear()
        if self.showed is not None:
            self.showed(self.name, {"card": "none"})

    def hear(self, message: bytes) -> None:
        if message == _POWER_ON:
            self.powered += 1
            self._asked = 0
        elif message == _ASK_ATR:
            self._answer(MUTE if self._card == "mute" else ATR)
            self._tell()
        elif len(message) > 1:
            self.apdus += 1
            self._answer(NOT_SUPPORTED)

    def _tell(self) -> None:
        """Powering up asks for the ATR once; when it is asked for again, pcscd has told everybody of the card."""
        if self._asked < 0 or self.fault is not Fault.NONE:
            return
        self._asked += 1
        if self._asked == 2:
            self.taken.set()
            if self.showed is not None:
                self.showed(self.name, {"card": self._card})

    def _answer(self, data: bytes) -> None:
        if self._link is None:
            return
        if self.fault is Fault.HANG_UP:
            self._link.abort()
            return
        answer = self.garbage if self.fault is Fault.GARBAGE else data
        framed = len(answer).to_bytes(2, "big") + answer
        self._stuck = self.fault in (Fault.SILENT, Fault.SLOW, Fault.HALF)
        if self.fault is Fault.SLOW:
            self._late = asyncio.get_running_loop().call_later(SLOW_SECONDS, self._link.write, framed)
        elif self.fault is Fault.HALF:
            self._link.write(framed[: len(framed) // 2])
        elif self.fault is not Fault.SILENT:
            self._link.write(framed)


class _Contacts(asyncio.Protocol):
    """The card's end of the link to vpcd, cut into messages."""

    def __init__(self, card: CardSimulator) -> None:
        self._card = card
        self._buffer = bytearray()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while len(self._buffer) >= 2:
            end = 2 + int.from_bytes(self._buffer[:2], "big")
            if len(self._buffer) < end:
                return
            message = bytes(self._buffer[2:end])
            del self._buffer[:end]
            self._card.hear(message)


def make(name: str, options: dict[str, object], state: dict[str, str], folder: Path) -> CardSimulator:
    check_options("the simulated reader", options, PcscOptions, "reader")
    check_state("the simulated reader", state, {"card": ("none", "present", "mute")})
    return CardSimulator(name, str(options.get("reader", READER)), read_port(options, PORT), {**HEALTHY, **state})
