"""Receipt, journal and slip printers that speak ESC/POS: Epson TM and the many that follow it.

Only DLE EOT n is asked: answered at once, off-line or not, by one byte that changes nothing. GS r and GS I are never
asked: they wait behind the print data, and a late answer would reach the teller's program. GS a (Automatic Status
Back) is never set and DLE ENQ never sent. Where the teller's program has switched ASB on, the printer sends frames of
four bytes unasked, on the same wire; they are told apart by their fixed bits:

    DLE EOT answer  0xx1xx10      ASB, first byte  0xx1xx00      ASB, the other three  0xx0xxxx      XON 11, XOFF 13

Sources: Olivetti PR4 Programmer's Manual, Epson TM-U950 commands, pages 4-7 to 4-9 and 4-35 to 4-37; Epson TM-T88III
(page 74), TM-H5000II (pages 97, 170 to 172) and TM-U295 (pages 38, 39) specifications; Citizen PPU-700 (page 57) and
CT-S310 (5.3). Recordings: tests/drivers/cases/escpos. Ithaca/TransAct printers speak another dialect, not read here.
"""

from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec

from drivers.base import DeviceWord, Reading, Shared
from drivers.errors import DeviceError, Garbled, Reason
from drivers.serial_driver import SerialDriver
from drivers.serial_link import Ask, Conversation, PrinterPortOptions

DLE, EOT, XON, XOFF = 0x10, 0x04, 0x11, 0x13
_CUT_FRAME = 3  # bytes of an ASB frame that may come without its head, when the port was opened in its middle

Station = Literal["receipt", "journal", "slip"]
Question = Literal[1, 2, 3, 4, 5]
Bits = Mapping[str, int]  # what it means that all bits of a mask are set
Flags = dict[str, bool]  # what was told; a name that is missing was not


class EscposOptions(PrinterPortOptions):
    """`stations` is what the printer has; with both rolls, and for slips, the same bits mean something else.

    `ask` leaves out questions the printer does not answer. `drawer` is the level of the drawer's pin 3 that means open.
    """

    stations: Annotated[tuple[Station, ...], msgspec.Meta(min_length=1)] = ("receipt",)
    ask: tuple[Question, ...] | None = None
    drawer: Literal["none", "high", "low"] = "none"

    def __post_init__(self) -> None:
        super().__post_init__()
        for n in self.questions():
            if n not in _questions(self.stations):
                raise ValueError(f"question {n} is about a station this printer does not have")
        if 1 not in self.questions():
            raise ValueError("question 1, on-line or not, is always asked")

    def questions(self) -> tuple[Question, ...]:
        """n of each DLE EOT, in the order asked."""
        return _questions(self.stations) if self.ask is None else tuple(sorted(set(self.ask)))


def _questions(stations: tuple[Station, ...]) -> tuple[Question, ...]:
    rolls: tuple[Question, ...] = (4,) if _has_roll(stations) else ()
    slips: tuple[Question, ...] = (5,) if "slip" in stations else ()
    return (1, 2, 3, *rolls, *slips)


class Escpos(SerialDriver):
    Options = EscposOptions

    def __init__(self, address: str, options: EscposOptions, shared: Shared) -> None:
        super().__init__(address, options, shared)
        self._options = options

    def talk(self) -> Conversation[Reading]:
        told: Flags = {}
        raw: dict[str, bytes] = {}
        failure: DeviceError | None = None
        for n in self._options.questions():
            try:
                heard = yield Ask(bytes([DLE, EOT, n]), _answered)
                raw[f"DLE EOT {n}"] = heard
                told |= read(heard, n, self._options.stations)
            except DeviceError as error:
                failure = error
                if error.raw:
                    raw[f"DLE EOT {n}"] = error.raw
                told |= read_asb_alone(error.raw, self._options.stations)
                break  # an answer that still comes would be taken for the next one's
        if failure is not None and not told:
            raise failure
        return Reading(device=judge(told), parts=read_parts(told, self._options), raw=raw)


# -- the wire -------------------------------------------------------------------------------------------------------


def split(heard: bytes) -> list[bytes]:
    """What was sent, in its order: answers of one byte and ASB frames of four. What has not come whole is left out."""
    items: list[bytes] = []
    frame = b""
    cut = 0
    for byte in heard:
        if byte in (XON, XOFF):
            continue
        if frame and byte & 0x90 == 0:
            frame += bytes([byte])
            if len(frame) == 4:
                items.append(frame)
                frame = b""
        elif frame:
            raise Garbled(Reason.BAD_FRAME, "an Automatic Status Back frame breaks off", raw=heard)
        elif byte & 0x93 == 0x12:
            items.append(bytes([byte]))
        elif byte & 0x93 == 0x10:
            frame = bytes([byte])
        elif byte & 0x90 == 0 and not items and cut < _CUT_FRAME:
            cut += 1
        else:
            raise Garbled(Reason.BAD_FRAME, f"{byte:02X} is neither an answer nor Automatic Status Back", raw=heard)
    return items


def _answered(heard: bytes) -> bool:
    try:
        return any(len(item) == 1 for item in split(heard))
    except Garbled:
        return True


def read(heard: bytes, n: int, stations: tuple[Station, ...]) -> Flags:
    """What the answer to DLE EOT n tells, and the ASB frames around it; the later wins."""
    items = split(heard)
    if sum(len(item) == 1 for item in items) != 1:
        raise Garbled(Reason.BAD_FRAME, "there is not one answer to one question", raw=heard)
    told: Flags = {}
    for item in items:
        told |= _flags(item[0], answer_bits(n, stations)) if len(item) == 1 else read_asb(item, stations)
    return told


def read_asb_alone(heard: bytes, stations: tuple[Station, ...]) -> Flags:
    """What ASB frames tell where the answer to a question did not come."""
    told: Flags = {}
    try:
        for item in split(heard):
            if len(item) == 4:
                told |= read_asb(item, stations)
    except Garbled:
        return {}
    return told


def read_asb(frame: bytes, stations: tuple[Station, ...]) -> Flags:
    told: Flags = {}
    for byte, bits in zip(frame, asb_bits(stations), strict=True):
        told |= _flags(byte, bits)
    return told


def _flags(byte: int, bits: Bits) -> Flags:
    """Which of `bits` are told by `byte`. Of bits that only mean something together, one alone tells nothing."""
    return {name: byte & mask == mask for name, mask in bits.items() if byte & mask in (0, mask)}


# -- what the bits mean ---------------------------------------------------------------------------------------------

_STATE: Bits = {"drawer high": 0x04, "offline": 0x08}
_CAUSE: Bits = {"cover open": 0x04, "feeding": 0x08, "paper stop": 0x20, "error": 0x40}
_ERROR: Bits = {"mechanical": 0x04, "cutter": 0x08, "unrecoverable": 0x20, "recoverable": 0x40}
_ROLL: Bits = {"roll low": 0x0C, "roll out": 0x60}
_ROLLS: Bits = {"journal low": 0x04, "receipt low": 0x08, "journal out": 0x20, "receipt out": 0x40}
_SLIP: Bits = {"slip awaited": 0x08, "slip absent 1": 0x20, "slip absent 2": 0x40}

_ASB_STATE: Bits = {"drawer high": 0x04, "offline": 0x08, "cover open": 0x20, "feeding": 0x40}
_ASB_ROLL: Bits = {"roll low": 0x03, "roll out": 0x0C}
_ASB_ROLLS: Bits = {"journal low": 0x01, "receipt low": 0x02, "journal out": 0x04, "receipt out": 0x08}
_ASB_SLIP: Bits = {"slip absent 1": 0x20, "slip absent 2": 0x40}

_ROLL_ONLY = ("cover open", "mechanical", "cutter", "recoverable")  # a printer of slips alone has these bits undefined


def _has_roll(stations: tuple[Station, ...]) -> bool:
    return "receipt" in stations or "journal" in stations


def _two_rolls(stations: tuple[Station, ...]) -> bool:
    return "receipt" in stations and "journal" in stations


def answer_bits(n: int, stations: tuple[Station, ...]) -> Bits:
    """What the bits of the answer to DLE EOT n mean."""
    rolls = _ROLLS if _two_rolls(stations) else _ROLL
    return _defined({1: _STATE, 2: _CAUSE, 3: _ERROR, 4: rolls, 5: _SLIP}[n], stations)


def asb_bits(stations: tuple[Station, ...]) -> tuple[Bits, Bits, Bits, Bits]:
    """What the bits of the four bytes of an ASB frame mean."""
    rolls = _ASB_ROLLS if _two_rolls(stations) else _ASB_ROLL if _has_roll(stations) else {}
    slips = _ASB_SLIP if "slip" in stations else {}
    return _defined(_ASB_STATE, stations), _defined(_ERROR, stations), {**rolls, **slips}, {}


def _defined(bits: Bits, stations: tuple[Station, ...]) -> Bits:
    return {name: mask for name, mask in bits.items() if _has_roll(stations) or name not in _ROLL_ONLY}


def judge(told: Flags) -> DeviceWord:
    """The device word. What a person clears at the printer is theirs to clear; what clears itself is only off-line."""
    if any(told.get(name) for name in ("unrecoverable", "mechanical", "cutter")):
        return DeviceWord.HARDWARE_ERROR
    offline = told.get("offline")
    out = any(told.get(name) for name in ("roll out", "journal out", "receipt out"))
    if told.get("cover open") or told.get("paper stop") or (offline and out):
        return DeviceWord.USER_ERROR
    if told.get("recoverable"):
        return DeviceWord.OFFLINE  # the head is too hot: it goes on when it has cooled
    if told.get("error"):
        return DeviceWord.HARDWARE_ERROR  # of a kind it does not say
    if offline is None:
        return DeviceWord.UNKNOWN
    if not offline:
        return DeviceWord.ONLINE
    return DeviceWord.DEVICE_BUSY if told.get("feeding") or told.get("slip awaited") else DeviceWord.OFFLINE


def read_parts(told: Flags, options: EscposOptions) -> dict[str, str]:
    """Every part this printer was asked about; what it did not tell is unknown."""
    asked, stations = options.questions(), options.stations
    parts: dict[str, str] = {}
    if 2 in asked and _has_roll(stations):
        parts["cover"] = _word(told, "cover open", "open", "closed")
    if 3 in asked and "receipt" in stations:
        parts["module.cutter"] = _word(told, "cutter", "fault", "ok")
    if 4 in asked and _two_rolls(stations):
        parts |= {"paper.receipt": _paper(told, "receipt"), "paper.journal": _paper(told, "journal")}
    elif 4 in asked:
        parts["paper"] = _paper(told, "roll")
    if 5 in asked:
        parts["slip"] = _slip(told)
    if options.drawer != "none":
        high, low = ("open", "closed") if options.drawer == "high" else ("closed", "open")
        parts["drawer"] = _word(told, "drawer high", high, low)
    if told.get("mechanical"):
        parts["module.mechanism"] = "fault"
    if told.get("recoverable") and told.get("cover open") is False:
        parts["module.head"] = "attention"  # an open cover is the other cause
    return parts


def _word(told: Flags, name: str, yes: str, no: str) -> str:
    return "unknown" if name not in told else yes if told[name] else no


def _paper(told: Flags, roll: str) -> str:
    if f"{roll} out" not in told:
        return "unknown"
    return "out" if told[f"{roll} out"] else _word(told, f"{roll} low", "low", "ok")


def _slip(told: Flags) -> str:
    """One sensor is at the entrance, one at the exit, and models differ in which is which."""
    if told.get("slip awaited"):
        return "awaited"
    if "slip absent 1" not in told or "slip absent 2" not in told:
        return "unknown"
    return "none" if told["slip absent 1"] and told["slip absent 2"] else "present"
