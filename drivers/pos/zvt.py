"""Payment terminals that speak ZVT, the till protocol of Germany and its neighbours: CCV, Ingenico, Verifone, Feig.

The driver takes the till's side (ECR) of one exchange with the terminal (PT), the status enquiry:

    ECR 05 01 00 -> PT 80 00 00 (or 84 xx 00: no) -> PT 04 FF .. (at work), each acknowledged by 80 00 00
                 -> PT 06 0F .. status (done) or 06 1E xx (given up), acknowledged as well

How these travel over TCP (port 20007) and on a serial line is in `zvt_line.py`.

The specification lets a terminal use this enquiry to begin what it has on its own timetable, an end-of-day say, and
wants the till to print what comes of it. So it must be said that the terminal has no such timetable, and nothing but
04 FF, 06 0F and 06 1E is ever acknowledged: no receipt is taken from a till, and of what is not ours only the name is
kept, for it may hold a card's number. Registration (06 00) is never sent, nor any other command.

Sources: Wireshark's packet-zvt.c; the clients ecrterm (the terminal's status codes, blocks as recorded), Portalum.Zvt
(error codes), EVerest/zvt (what the completion holds, and the timetable), bezahl-online/zvt (an answer as recorded),
Europa-Park/zvtlib (blocks). Cases: tests/drivers/cases/zvt.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from drivers.base import DeviceWord, Reading, Shared, cut_raw
from drivers.errors import Garbled, NotSupported, Reason, Refused, Unreachable
from drivers.pos.zvt_line import BareLine, Command, Line, SerialLine
from drivers.serial_driver import SerialDriver
from drivers.serial_link import Ask, Conversation, SerialOptions

STATUS_ENQUIRY = Command(b"\x05\x01")
ACKNOWLEDGED = Command(b"\x80\x00")
_ACKNOWLEDGEMENTS = (b"\x80\x00", b"\x84\x00")
INTERMEDIATE, COMPLETION, ABORT = b"\x04\xff", b"\x06\x0f", b"\x06\x1e"
_ANSWERS = (0x80, 0x84)  # the classes of yes and no; nobody acknowledges these
_ANSWER_SECONDS = 2.0  # as long as the port may be held at all
_LIMIT = 2048
_HEAD = 4  # bytes kept of what cannot be read


class ZvtOptions(SerialOptions, kw_only=True):
    """`timetable` must be said: the terminal has no end-of-day, update or diagnosis that starts by itself.

    `framing` follows from the address unless a terminal server stands between: bare on socket://, else serial.
    """

    timetable: Literal["none"]
    framing: Literal["by address", "bare", "serial"] = "by address"
    stop_bits: Literal[1, 2] = 2

    def line(self, address: str) -> Line:
        bare = address.startswith("socket://") if self.framing == "by address" else self.framing == "bare"
        return BareLine() if bare else SerialLine()


@dataclass(frozen=True)
class Said:
    """What an answer means."""

    device: DeviceWord
    parts: Mapping[str, str] = field(default_factory=dict)
    firmware: str = ""


class Zvt(SerialDriver):
    Options = ZvtOptions

    def __init__(self, address: str, options: ZvtOptions, shared: Shared) -> None:
        super().__init__(address, options, shared)
        self._line = options.line(address)

    def talk(self) -> Conversation[Reading]:
        try:
            commands = yield from self._exchange()
        except Garbled as error:  # it may be of a till's business, with a card's number further on
            raise Garbled(error.reason, error.detail, raw=error.raw[:_HEAD]) from error
        said = [read(command) for command in commands][-1]
        identity = {"firmware": said.firmware} if said.firmware else {}
        raw = cut_raw({"05 01": b"".join(map(_keep, commands))})
        return Reading(device=said.device, parts=dict(said.parts), identity=identity, raw=raw)

    def _exchange(self) -> Conversation[list[Command]]:
        """Whatever the terminal says until it is done, or until the port must be let go while it is still at work."""
        said: list[Command] = []
        say = self._line.wrap(STATUS_ENQUIRY)
        while not said or goes_on(said[-1]):
            try:
                heard = yield Ask(say, self._whole, _ANSWER_SECONDS, _LIMIT, fresh=not said)
            except Unreachable:
                if not said:
                    raise
                return said
            commands, _ = self._line.unwrap(heard)
            said += commands
            say = b"".join(map(self._reply, commands))
        if say:
            yield Ask(say, None, fresh=False)
        return said

    def _whole(self, heard: bytes) -> bool:
        try:
            commands, rest = self._line.unwrap(heard)
        except Garbled:
            return True
        return bool(commands) and not rest

    def _reply(self, command: Command) -> bytes:
        if not of_enquiry(command):
            return b""
        acknowledged = b"" if command.control[0] in _ANSWERS else self._line.wrap(ACKNOWLEDGED)
        return self._line.took() + acknowledged


# -- answers --------------------------------------------------------------------------------------------------------

_READER = Said(DeviceWord.HARDWARE_ERROR, {"module.reader": "fault"})
_PINPAD = Said(DeviceWord.HARDWARE_ERROR, {"module.pinpad": "fault"})
_HOST = Said(DeviceWord.OFFLINE, {"module.host": "fault"})  # its own line to whoever authorises
CODES: Mapping[int, Said] = {
    0x00: Said(DeviceWord.ONLINE),
    0x51: Said(DeviceWord.USER_ERROR),  # it must be initialised
    0x62: Said(DeviceWord.USER_ERROR, {"module.clock": "fault"}),
    0x6A: Said(DeviceWord.USER_ERROR),  # turnover file full
    0x7D: Said(DeviceWord.HARDWARE_ERROR, {"module.communication": "fault"}),
    0x85: Said(DeviceWord.USER_ERROR, {"module.key": "fault"}),  # a key is missing
    0x89: _PINPAD,
    0x9B: _HOST,
    0x9C: Said(DeviceWord.DEVICE_BUSY),  # please wait, a software update for one
    0xA1: _HOST,
    0xA3: _HOST,
    0xB1: Said(DeviceWord.USER_ERROR),  # memory full
    0xB2: Said(DeviceWord.USER_ERROR),  # merchant journal full
    0xBF: Said(DeviceWord.HARDWARE_ERROR, {"module.power": "fault"}),
    0xC0: _READER,
    0xC1: Said(DeviceWord.USER_ERROR),  # the merchant's card is locked
    0xC2: Said(DeviceWord.USER_ERROR),  # a diagnosis must be run
    0xC4: Said(DeviceWord.USER_ERROR),  # card profiles must be loaded
    0xCC: Said(DeviceWord.USER_ERROR, {"module.printer": "fault"}),
    0xDC: Said(DeviceWord.ONLINE, {"card": "present"}),
    0xDD: _READER,
    0xDE: _READER,
    0xDF: Said(DeviceWord.OFFLINE, {"service": "outOfService"}),
    0xE0: Said(DeviceWord.DEVICE_BUSY),  # remote maintenance
    0xE1: Said(DeviceWord.USER_ERROR, {"card": "entering"}),  # not quite taken out
    0xE2: _READER,
    0xE4: Said(DeviceWord.USER_ERROR),  # it must be activated
    0xED: _PINPAD,
    0xF6: Said(DeviceWord.USER_ERROR),  # it must be personalised
    0xFC: Said(DeviceWord.HARDWARE_ERROR),  # a device it needs is missing or defective
}
_OPERATORS_OWN = 0x63  # in a "no", codes up to here are the network operator's
# Of 04 FF: what the terminal is doing that keeps it from answering.
AT_WORK = frozenset({0x04, 0x05, 0x06, 0x0E, 0x0F, 0x17, 0x1A, 0xC9, 0xCA, 0xD2, 0xD3})
_NOT_KNOWN = Said(DeviceWord.UNKNOWN)


def of_enquiry(command: Command) -> bool:
    """Whether this belongs to a status enquiry. What does not is of a till's business, and not answered."""
    return command.control[0] in _ANSWERS or command.control in (INTERMEDIATE, COMPLETION, ABORT)


def _keep(command: Command) -> bytes:
    return bytes(command) if of_enquiry(command) else command.control


def goes_on(command: Command) -> bool:
    return command.control in _ACKNOWLEDGEMENTS or command.control == INTERMEDIATE


def read(command: Command) -> Said:
    """What one command of the terminal means in answer to a status enquiry; an error where it means "no"."""
    if command.control in _ACKNOWLEDGEMENTS:
        return _NOT_KNOWN
    if command.control[0] == 0x84:
        return _read_no(command.control[1], bytes(command))
    if command.control == ABORT:
        return _read_no(command.data[0], bytes(command)) if command.data else _NOT_KNOWN
    if command.control == COMPLETION:
        return read_completion(command.data)
    if command.control == INTERMEDIATE:
        at_work = bool(command.data) and command.data[0] in AT_WORK
        return Said(DeviceWord.DEVICE_BUSY) if at_work else _NOT_KNOWN
    if command.control[0] in (0x04, 0x06):
        return Said(DeviceWord.DEVICE_BUSY)  # it has begun something of its own, and wants a till for it
    raise Garbled(Reason.BAD_FRAME, "the answer is not of ZVT", raw=command.control)  # the rest may be a card's number


def _read_no(code: int, raw: bytes) -> Said:
    if code == 0x83:
        raise NotSupported(Reason.NOT_IN_DEVICE, "this terminal does not know the status enquiry", raw=raw)
    if code == 0x6B:
        raise Refused(Reason.NEGATIVE_ANSWER, "the terminal answers only a till that is registered", raw=raw)
    if code == 0x9A:
        raise Garbled(Reason.BAD_FRAME, "the terminal did not understand the question", raw=raw)
    known = CODES.get(code, _NOT_KNOWN)
    return _NOT_KNOWN if code <= _OPERATORS_OWN or known.device is DeviceWord.ONLINE else known


def read_completion(data: bytes) -> Said:
    """`[version] status [06 TLV]`; the version is text after three bytes Fx whose low digits are its length."""
    version = b""
    if len(data) > 3 and all(0xF0 <= byte <= 0xF9 for byte in data[:3]):
        size = sum((byte & 0x0F) * ten for byte, ten in zip(data[:3], (100, 10, 1), strict=True))
        version, data = data[3 : 3 + size], data[3 + size :]
    known = CODES.get(data[0], _NOT_KNOWN) if data else _NOT_KNOWN
    text = version.decode("ascii", errors="replace").strip()
    return Said(known.device, known.parts, text if text.isprintable() else "")
