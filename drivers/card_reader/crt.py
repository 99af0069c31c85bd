"""Creator card readers on RS-232: the motor reader CRT-310 and the dispensers CRT-571, CRT-591-M and CRT-591H.

Only status and sensor questions are asked, none of which moves a card or resets anything. Sources: the vendor's
"CRT-310 (V3.0) Communication Protocol" of 2007 and "CRT-591-M Communication Protocol" v1.0 of 2013; their example
frames are the cases in tests/drivers/cases/card_reader. No book of the CRT-591H could be read: its frames, places and
errors are those a bank's published driver uses (thinkForImprove/sp_linux, DevIDC_CRD_CRT591H.cpp).

    CRT-310      host 02 LEN text 03 BCC -> reader 06 -> host 05 -> reader 02 LEN text 03 BCC
    CRT-571/591  host F2 unit LEN text 03 BCC -> reader 06, F2 unit LEN text 03 BCC -> host 06
    CRT-591H     host F2 LEN text CRC -> reader 06, F2 LEN text CRC -> host 06

BCC is the exclusive or of every byte before it, CRC the CRC-16 of every byte before it (polynomial 1021, from 0, high
byte first). The CRT-350N (USB) is not read here.
"""

from binascii import crc_hqx
from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec

from drivers.base import DeviceWord, Reading, Shared
from drivers.card_reader.frame import ACK, ENQ, ETX, NAK, STX, Said, bcc
from drivers.errors import DeviceError, Garbled, NotSupported, Reason, Refused
from drivers.serial_driver import SerialDriver
from drivers.serial_link import Ask, Conversation, SerialOptions

F2 = 0xF2
_REPLY_SECONDS = 0.45  # 0.3 s to the ACK, then the reply
_TEXT_LIMIT = 512


Model = Literal["crt-310", "crt-571", "crt-591", "crt-591h"]


class CrtOptions(SerialOptions, kw_only=True):
    """`unit` is the address set by the switches of a CRT-571/591. `sensors` adds a dispenser's sensors, raw."""

    model: Model
    unit: Annotated[int, msgspec.Meta(ge=0, le=15)] = 0
    sensors: bool = False


class Crt(SerialDriver):
    Options = CrtOptions

    def __init__(self, address: str, options: CrtOptions, shared: Shared) -> None:
        super().__init__(address, options, shared)
        self._options = options
        self._sensor_questions = [SENSORS_310_V3, SENSORS_310_V2]  # what this CRT-310 does not know is not asked again

    def talk(self) -> Conversation[Reading]:
        talks = {"crt-310": self._talk_310, "crt-591h": self._talk_591h}
        return talks.get(self._options.model, self._talk_5x1)()

    def _talk_310(self) -> Conversation[Reading]:
        raw = {"31 30": (yield from _exchange_310(STATUS_310))}
        said = read_status_310(parse_310(raw["31 30"]))
        parts = dict(said.parts)
        while self._sensor_questions:
            question = self._sensor_questions[0]
            try:
                answer = yield from _exchange_310(question)
                parts["shutter"] = read_sensors_310(parse_310(answer))
            except NotSupported:
                del self._sensor_questions[0]
                continue
            except DeviceError:
                pass  # the status stands without the shutter
            else:
                raw[question.hex(" ")] = answer
            break
        return Reading(device=said.device, parts=parts, raw=raw)

    def _talk_5x1(self) -> Conversation[Reading]:
        unit = self._options.unit
        question = SENSORS_5X1 if self._options.sensors else STATUS_5X1
        answer = yield Ask(frame_5x1(unit, question), _whole_5x1, _REPLY_SECONDS)
        text = parse_5x1(answer, unit)
        yield Ask(bytes([ACK]), None, fresh=False)
        return _reading(read_5x1(text), question, answer)

    def _talk_591h(self) -> Conversation[Reading]:
        question = SENSORS_591H if self._options.sensors else STATUS_591H
        answer = yield Ask(frame_591h(question), _whole_591h, _REPLY_SECONDS)
        text = parse_591h(answer)
        yield Ask(bytes([ACK]), None, fresh=False)
        return _reading(read_591h(text), question, answer)


def _reading(said: Said, question: bytes, answer: bytes) -> Reading:
    return Reading(device=said.device, parts=dict(said.parts), raw={question[1:].hex(" "): answer})


def _exchange_310(text: bytes) -> Conversation[bytes]:
    acknowledged = yield Ask(frame_310(text), bool, seconds=0.2)
    check_ack(acknowledged)
    return (yield Ask(bytes([ENQ]), _whole_310, seconds=0.25, fresh=False))


def check_ack(answer: bytes) -> None:
    if answer == bytes([NAK]):
        raise Garbled(Reason.BAD_CHECKSUM, "the reader did not understand the question (NAK)", raw=answer)
    if answer != bytes([ACK]):
        raise Garbled(Reason.BAD_FRAME, "the reader did not acknowledge the question", raw=answer)


# -- CRT-310 --------------------------------------------------------------------------------------------------------

STATUS_310 = b"\x31\x30"
SENSORS_310_V3 = b"\x31\x2e"
SENSORS_310_V2 = b"\x31\x2f"
_ERROR_310 = 0x4E

CARD_310: Mapping[int, str] = {
    0x46: "present",  # a card that is too long
    0x47: "present",  # a card that is too short
    0x48: "entering",  # at the front, let go
    0x49: "entering",  # at the front, held
    0x4A: "present",
    0x4B: "present",  # with the contacts down on its chip
    0x4C: "present",  # at the rear, held
    0x4D: "captured",  # at the rear, let go
    0x4E: "none",
}
SHUTTER_310: Mapping[int, str] = {0x30: "closed", 0x31: "open"}
ERRORS_310: Mapping[int, Said] = {
    0x05: Said(DeviceWord.HARDWARE_ERROR, {"module.power": "fault"}),  # supply outside 10.8-14.5 V
    0x06: Said(DeviceWord.USER_ERROR, {"card": "present"}),  # an abnormal card inside
    0x07: Said(DeviceWord.POWER_OFF, {"module.power": "fault"}),  # main power off, running on the backup
}


def frame_310(text: bytes) -> bytes:
    head = bytes([STX]) + len(text).to_bytes(2, "big") + text + bytes([ETX])
    return head + bytes([bcc(head)])


def parse_310(frame: bytes) -> bytes:
    """The text of a frame: CM, PM and data."""
    if len(frame) < 6 or frame[0] != STX or int.from_bytes(frame[1:3], "big") != len(frame) - 5 or frame[-2] != ETX:
        raise Garbled(Reason.BAD_FRAME, "the answer is not a CRT-310 frame", raw=frame)
    if bcc(frame):
        raise Garbled(Reason.BAD_CHECKSUM, "the answer's check byte is wrong", raw=frame)
    return frame[3:-2]


def read_status_310(text: bytes) -> Said:
    """What S1 of `31 30 S1 S2 S3` says, or an error answer; S2 and S3 say which entries are enabled, no fault."""
    if text[:1] == bytes([_ERROR_310]):
        return _error_310(text)
    if len(text) != 5 or text[:2] != STATUS_310:
        raise Garbled(Reason.BAD_FRAME, "the answer is not a status", raw=text)
    return Said(DeviceWord.ONLINE, {"card": CARD_310.get(text[2], "unknown")})


def read_sensors_310(text: bytes) -> str:
    """The shutter, by CTSW: the last byte but one of `31 2E PSS0..5 CTSW KSW` or `31 2F PSS1..5 CTSW KSW`."""
    if text[:1] == bytes([_ERROR_310]):
        _error_310(text)
        raise Garbled(Reason.BAD_FRAME, "the reader reports an error instead of its sensors", raw=text)
    if (len(text), text[:2]) not in {(10, SENSORS_310_V3), (9, SENSORS_310_V2)}:
        raise Garbled(Reason.BAD_FRAME, "the answer is not a sensor status", raw=text)
    return SHUTTER_310.get(text[-2], "unknown")


def _error_310(text: bytes) -> Said:
    if len(text) != 3:
        raise Garbled(Reason.BAD_FRAME, "the error answer is not 4E CM E", raw=text)
    code = text[2]
    if code in (0x00, 0x01):
        raise NotSupported(Reason.NOT_IN_DEVICE, "this CRT-310 does not know the question", raw=text)
    if code in (0x02, 0x04):
        raise Refused(Reason.NEGATIVE_ANSWER, f"the reader cannot answer now (error {code:02X})", raw=text)
    known = ERRORS_310.get(code)
    return Said(DeviceWord.UNKNOWN, {"card": "unknown"}) if known is None else known


def _whole_310(answer: bytes) -> bool:
    return _whole(answer, STX, head=3)


# -- CRT-571 and CRT-591 --------------------------------------------------------------------------------------------

STATUS_5X1 = b"C\x31\x30"
SENSORS_5X1 = b"C\x31\x31"
_OK = 0x50  # 'P'
_FAILED = (0x4E, 0x45)  # 'N'; the vendor's book prints 'E' in one place
_NOT_RESET = "B0"

CARD_5X1: Mapping[int, str] = {0x30: "none", 0x31: "entering", 0x32: "present"}
STACKER_5X1: Mapping[int, str] = {0x30: "empty", 0x31: "low", 0x32: "ok"}
RETRACT_5X1: Mapping[int, str] = {0x30: "ok", 0x31: "full"}
_CHIP = Said(DeviceWord.HARDWARE_ERROR, {"module.chip": "fault"})
ERRORS_5X1: Mapping[str, Said] = {
    "05": _CHIP,  # the contacts were not released
    "10": Said(DeviceWord.HARDWARE_ERROR, {"card": "jammed"}),
    "12": Said(DeviceWord.HARDWARE_ERROR, {"module.sensor": "fault"}),
    "13": Said(DeviceWord.USER_ERROR, {"card": "present"}),  # too long
    "14": Said(DeviceWord.USER_ERROR, {"card": "present"}),  # too short
    "41": _CHIP,  # the magnet of the contacts
    "43": _CHIP,  # the card cannot be brought to the contacts
    "45": Said(DeviceWord.USER_ERROR, {"card": "unknown"}),  # the card was moved by hand
    "50": Said(DeviceWord.USER_ERROR, {"module.counter": "attention"}),  # the counter of captured cards overflowed
    "51": Said(DeviceWord.HARDWARE_ERROR, {"module.motor": "fault"}),
    "60": _CHIP,  # short circuit at the contacts
    "A0": Said(DeviceWord.ONLINE, {"stacker": "empty"}),
    "A1": Said(DeviceWord.ONLINE, {"retract": "full"}),
}


def frame_5x1(unit: int, text: bytes) -> bytes:
    head = bytes([F2, unit]) + len(text).to_bytes(2, "big") + text + bytes([ETX])
    return head + bytes([bcc(head)])


def parse_5x1(answer: bytes, unit: int) -> bytes:
    """The text of an answer: the head ('P' or 'N'), CM, PM, and what follows. The answer begins with the ACK."""
    check_ack(answer[:1])
    frame = answer[1:]
    if len(frame) < 9 or frame[0] != F2 or int.from_bytes(frame[2:4], "big") != len(frame) - 6 or frame[-2] != ETX:
        raise Garbled(Reason.BAD_FRAME, "the answer is not a CRT-571/591 frame", raw=answer)
    if bcc(frame):
        raise Garbled(Reason.BAD_CHECKSUM, "the answer's check byte is wrong", raw=answer)
    if frame[1] != unit:
        raise Garbled(Reason.BAD_FRAME, f"unit {frame[1]} answered instead of unit {unit}", raw=answer)
    return frame[4:-2]


def read_5x1(text: bytes) -> Said:
    """st0 st1 st2 of `P CM PM st0 st1 st2 ...`, or the error of `N CM PM e1 e0`."""
    if text[1:2] != STATUS_5X1[1:2]:
        raise Garbled(Reason.BAD_FRAME, "the answer is not to a status question", raw=text)
    if text[0] in _FAILED and len(text) >= 5:
        return _error_5x1(text)
    if text[0] != _OK or len(text) < 6:
        raise Garbled(Reason.BAD_FRAME, "the answer is neither a status nor an error", raw=text)
    parts = {
        "card": CARD_5X1.get(text[3], "unknown"),
        "stacker": STACKER_5X1.get(text[4], "unknown"),
        "retract": RETRACT_5X1.get(text[5], "unknown"),
    }
    return Said(DeviceWord.ONLINE, parts)


def _error_5x1(text: bytes) -> Said:
    code = text[3:5].decode("ascii", errors="replace").upper()
    if code == _NOT_RESET:
        # The reader waits for its first INIT since it was powered. INIT is a reset, and that belongs to the program
        # the reader serves; a monitor that did it could take a customer's card.
        raise Refused(Reason.NOT_RESET, "the reader was not initialised by its program since power-on", raw=text)
    if code in ("00", "01", "03"):
        raise NotSupported(Reason.NOT_IN_DEVICE, f"this reader does not know the question (error {code})", raw=text)
    if code in ("02", "04"):
        raise Refused(Reason.NEGATIVE_ANSWER, f"the reader cannot answer now (error {code})", raw=text)
    known = ERRORS_5X1.get(code)
    return Said(DeviceWord.UNKNOWN, {"card": "unknown"}) if known is None else known


def _whole_5x1(answer: bytes) -> bool:
    return answer[0] != ACK or (len(answer) > 1 and _whole(answer[1:], F2, head=4))


# -- CRT-591H -------------------------------------------------------------------------------------------------------

STATUS_591H = b"C10"
SENSORS_591H = b"C1A"

CARD_591H: Mapping[bytes, str] = {b"00": "none", b"01": "entering", b"02": "present"}
_POWER = Said(DeviceWord.HARDWARE_ERROR, {"module.power": "fault"})
_JAM_591H = Said(DeviceWord.HARDWARE_ERROR, {"card": "jammed"})
ERRORS_591H: Mapping[bytes, Said] = {
    b"11": _POWER,  # supply below 20 V
    b"12": _POWER,  # supply above 28 V
    b"16": Said(DeviceWord.HARDWARE_ERROR, {"module.memory": "fault"}),
    b"22": _JAM_591H,  # on the way in
    b"28": _JAM_591H,  # on the way out
    b"29": Said(DeviceWord.HARDWARE_ERROR, {"module.motor": "fault"}),  # does not reach its place
    b"A0": Said(DeviceWord.ONLINE, {"stacker": "empty"}),
}


def frame_591h(text: bytes) -> bytes:
    head = bytes([F2]) + len(text).to_bytes(2, "big") + text
    return head + crc_hqx(head, 0).to_bytes(2, "big")


def parse_591h(answer: bytes) -> bytes:
    """The text of an answer, as of a CRT-591's. The answer begins with the ACK."""
    check_ack(answer[:1])
    frame = answer[1:]
    if len(frame) < 8 or frame[0] != F2 or int.from_bytes(frame[1:3], "big") != len(frame) - 5:
        raise Garbled(Reason.BAD_FRAME, "the answer is not a CRT-591H frame", raw=answer)
    if crc_hqx(frame, 0):
        raise Garbled(Reason.BAD_CHECKSUM, "the answer's CRC is wrong", raw=answer)
    return frame[3:-2]


def read_591h(text: bytes) -> Said:
    """The place of the card of `P CM PM st1 st0 ...`, or the error of `N CM PM e1 e0`.

    How many cards are left is among the sensors, which are kept and not read: that driver takes two sensors of one
    stack in opposite senses, and there is no book or recording to hold it to.
    """
    if text[1:2] != STATUS_591H[1:2] or text[:1] not in (b"P", b"N") or len(text) < 5:
        raise Garbled(Reason.BAD_FRAME, "the answer is not to a status question", raw=text)
    code = text[3:5]
    if text[:1] == b"P":
        return Said(DeviceWord.ONLINE, {"card": CARD_591H.get(code, "unknown"), "stacker": "unknown"})
    if code == b"13":
        raise Refused(Reason.NOT_RESET, "the reader lost power and was not initialised since", raw=text)
    if code in (b"00", b"01"):
        raise NotSupported(Reason.NOT_IN_DEVICE, "this reader does not know the question", raw=text)
    if code in (b"02", b"03"):
        raise Refused(Reason.NEGATIVE_ANSWER, f"the reader cannot answer now (error {code.decode()})", raw=text)
    known = ERRORS_591H.get(code)
    return Said(DeviceWord.UNKNOWN, {"card": "unknown"}) if known is None else known


def _whole_591h(answer: bytes) -> bool:
    return answer[0] != ACK or (len(answer) > 1 and _whole(answer[1:], F2, head=3))


def _whole(frame: bytes, first: int, *, head: int) -> bool:
    """Whether a frame is complete, by its length after `head` bytes; also when it can no longer become one."""
    if frame[0] != first:
        return True
    if len(frame) < head:
        return False
    length = int.from_bytes(frame[head - 2 : head], "big")
    return length > _TEXT_LIMIT or len(frame) >= head + length + 2
