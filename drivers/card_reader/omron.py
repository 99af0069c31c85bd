"""OMRON motor card readers 3S4YR-MVFW on RS-232.

    host DLE STX text DLE ETX BCC -> reader DLE ACK (or DLE NAK) -> host DLE ENQ -> reader DLE STX text DLE ETX BCC

DLE (10) within the text is sent twice; BCC is the exclusive or of the text, each DLE once, and ETX. 8 bits, even
parity; the reader finds the speed by itself at its first initial reset. A question is `C` and two characters, an answer
`P` or `N`, the same two characters, two digits and data.

Only the status ("10") or the sensors ("11") are asked, neither of which moves a card. An initial reset ("00") is never
sent, though a reader that was just powered answers nothing else: it returns or captures the card inside. Source:
OMRON's "Data Transmission Specifications 3S4YR-MVFW(DL)-0** Series", Rev. A4 of 1999. Recordings:
tests/drivers/cases/omron.
"""

from collections.abc import Mapping

from drivers.base import DeviceWord, Reading, Shared
from drivers.card_reader.frame import ACK, DLE, ENQ, ETX, NAK, STX, Said, bcc
from drivers.errors import Garbled, NotSupported, Reason, Refused
from drivers.serial_driver import SerialDriver
from drivers.serial_link import Ask, Conversation, Parity, SerialOptions

STATUS, SENSORS = b"C10", b"C11"
_SHUTTER_AT = 5 + 5  # the sixth of twelve sensors, after `P11` and the place of the card
_SENSORS_SIZE = 5 + 12

CARD: Mapping[str, str] = {
    "00": "none",
    "01": "entering",  # where the customer takes it
    "02": "present",
    "04": "present",  # where the stripe is read from
    "10": "present",  # the contacts pressed on its chip
    "11": "present",  # its chip powered
}
SHUTTER: Mapping[int, str] = {0x30: "closed", 0x31: "open"}
_JAM = Said(DeviceWord.HARDWARE_ERROR, {"card": "jammed"})
_MOTOR = Said(DeviceWord.HARDWARE_ERROR, {"module.motor": "fault"})
_CHIP = Said(DeviceWord.HARDWARE_ERROR, {"module.chip": "fault"})
ERRORS: Mapping[str, Said] = {
    "10": _JAM,
    "11": Said(DeviceWord.HARDWARE_ERROR, {"module.shutter": "fault"}),  # it, or the sensor that watches it
    "12": Said(DeviceWord.HARDWARE_ERROR, {"module.sensor": "fault"}),
    "13": _MOTOR,
    "14": Said(DeviceWord.USER_ERROR, {"card": "unknown"}),  # pulled out by hand
    "15": _JAM,  # on the way back in
    "16": _JAM,  # at the rear
    "17": _MOTOR,  # its second encoder
    "20": Said(DeviceWord.USER_ERROR, {"card": "present"}),  # too long
    "21": Said(DeviceWord.USER_ERROR, {"card": "present"}),  # too short, or with a hole
    "32": Said(DeviceWord.USER_ERROR, {"card": "unknown"}),  # moved by hand
    "33": Said(DeviceWord.ONLINE, {"module.memory": "attention"}),  # its settings and counters are lost
    "70": Said(DeviceWord.HARDWARE_ERROR, {"module.firmware": "fault"}),  # to be loaded anew
    "81": _CHIP,  # the contacts do not press, or do not let go
    "88": _CHIP,  # the card moved under the contacts
}
_NOT_RESET = ("18", "19", "71")  # the power failed; was just switched on; the firmware was just loaded


class OmronOptions(SerialOptions):
    """`sensors` asks for the sensors, which tell the shutter too; they are kept raw."""

    parity: Parity = "even"
    sensors: bool = False


class Omron(SerialDriver):
    Options = OmronOptions

    def __init__(self, address: str, options: OmronOptions, shared: Shared) -> None:
        super().__init__(address, options, shared)
        self._question = SENSORS if options.sensors else STATUS

    def talk(self) -> Conversation[Reading]:
        check_ack((yield Ask(frame(self._question), lambda heard: len(heard) >= 2, seconds=0.2)))
        answer = yield Ask(bytes([DLE, ENQ]), _whole, fresh=False)
        said = read(parse(answer), self._question)
        return Reading(device=said.device, parts=dict(said.parts), raw={self._question.decode(): answer})


# -- frames ---------------------------------------------------------------------------------------------------------


def frame(text: bytes) -> bytes:
    doubled = text.replace(bytes([DLE]), bytes([DLE, DLE]))
    return bytes([DLE, STX]) + doubled + bytes([DLE, ETX, bcc(text + bytes([ETX]))])


def check_ack(answer: bytes) -> None:
    if answer == bytes([DLE, NAK]):
        raise Garbled(Reason.BAD_CHECKSUM, "the reader did not understand the question (NAK)", raw=answer)
    if answer != bytes([DLE, ACK]):
        raise Garbled(Reason.BAD_FRAME, "the reader did not acknowledge the question", raw=answer)


def parse(answer: bytes) -> bytes:
    """The text of a frame, each DLE once."""
    end = find_end(answer)
    if end is None or end != len(answer) - 3 or answer[end + 1] != ETX:
        raise Garbled(Reason.BAD_FRAME, "the answer is not DLE STX ... DLE ETX BCC", raw=answer)
    text = answer[2:end].replace(bytes([DLE, DLE]), bytes([DLE]))
    if bcc(text + bytes([ETX])) != answer[-1]:
        raise Garbled(Reason.BAD_CHECKSUM, "the answer's check byte is wrong", raw=answer)
    return text


def _whole(answer: bytes) -> bool:
    """Whether a frame is complete; also when it can no longer become one."""
    if answer[:2] != bytes([DLE, STX])[: len(answer)]:
        return True
    end = find_end(answer)
    return end is not None and (answer[end + 1] != ETX or len(answer) >= end + 3)


def find_end(answer: bytes) -> int | None:
    """Where the first DLE after DLE STX stands that is not one of two; None if there is none yet."""
    if answer[:2] != bytes([DLE, STX]):
        return None
    at = answer.find(DLE, 2)
    while 0 <= at < len(answer) - 1:
        if answer[at + 1] != DLE:
            return at
        at = answer.find(DLE, at + 2)
    return None


# -- answers --------------------------------------------------------------------------------------------------------


def read(text: bytes, question: bytes) -> Said:
    """`P` and the place of the card (with "11" twelve sensors), or `N` and an error."""
    if text[:1] not in (b"P", b"N") or text[1:3] != question[1:] or len(text) < 5:
        raise Garbled(Reason.BAD_FRAME, "the answer is not to this question", raw=text)
    code = text[3:5].decode("ascii", errors="replace")
    if text[:1] == b"N":
        return _error(code, text)
    parts = {"card": CARD.get(code, "unknown")}
    if question == SENSORS:
        if len(text) != _SENSORS_SIZE:
            raise Garbled(Reason.BAD_FRAME, "the answer does not hold twelve sensors", raw=text)
        parts["shutter"] = SHUTTER.get(text[_SHUTTER_AT], "unknown")
    return Said(DeviceWord.ONLINE if code in CARD else DeviceWord.UNKNOWN, parts)


def _error(code: str, text: bytes) -> Said:
    if code in _NOT_RESET:
        # The reset belongs to the program the reader serves; a monitor that did it could take a customer's card.
        raise Refused(Reason.NOT_RESET, f"the reader waits for its program to reset it (error {code})", raw=text)
    if code == "00":
        raise NotSupported(Reason.NOT_IN_DEVICE, "this reader does not know the question", raw=text)
    if code in ("01", "02"):
        raise Refused(Reason.NEGATIVE_ANSWER, f"the reader cannot answer now (error {code})", raw=text)
    known = ERRORS.get(code)
    return Said(DeviceWord.UNKNOWN, {"card": "unknown"}) if known is None else known
