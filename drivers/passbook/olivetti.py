"""The Olivetti PR2 protocol: PR2, PR2E, Nantian PR9, and others in that emulation.

Asked are ESC SP B (where is the document), ESC j (status of the machine), and ESC SP b (firmware) until it is answered
or three polls went by. The bytes are in the Compuprint MDP40B Programmer Manual, appendix C; what the status byte x of
`ESC r x` and the position byte m of `ESC B 5 m ESC Z` mean is a table (table.py): what it does not map reads `unknown`,
and the byte is kept. Recordings: tests/drivers/cases/passbook.
"""

from contextlib import suppress

from drivers.base import DeviceWord, Reading, cut_raw
from drivers.errors import DeviceError, Garbled, Reason
from drivers.passbook.table import CodeTable
from drivers.serial_link import Ask, Conversation

ASK_STATUS = b"\x1bj"
ASK_DOCUMENT = b"\x1b B"
ASK_FIRMWARE = b"\x1b b"
_FRONT_STAND = 0x35  # the id in the document answer: the passbook's own stand
_END = b"\x1bZ"
_FIRMWARE_LIMIT = 256
_FIRMWARE_POLLS = 3  # at most: a model that does not say would hold the port 0.3 s longer at every poll
_PARTS = ("cover", "paper", "document")


class Olivetti:
    def __init__(self, table: CodeTable, *, asks_document: bool) -> None:
        self._table = table
        self._asks_document = asks_document
        self._firmware = ""
        self._to_ask = _FIRMWARE_POLLS

    def talk(self) -> Conversation[Reading]:
        raw: dict[str, bytes] = {}
        meaning = dict.fromkeys(_PARTS, "unknown")
        if self._asks_document:
            # First, because only this emulation answers it: if the printer was set to another one behind our back,
            # nothing comes and ESC j, which would do harm there, is never sent.
            raw["ESC SP B"] = yield Ask(ASK_DOCUMENT, _has_six)
            meaning |= self._table.document.get(_hex(parse_document(raw["ESC SP B"])), {})
        raw["ESC j"] = yield Ask(ASK_STATUS, _has_three)
        meaning |= self._table.status.get(_hex(parse_status(raw["ESC j"])), {})
        if self._to_ask > 0:
            self._to_ask -= 1
            with suppress(DeviceError):  # noise or silence: the next poll asks again
                self._firmware = parse_firmware((yield Ask(ASK_FIRMWARE, _ended, limit=_FIRMWARE_LIMIT)))
                self._to_ask = 0
        word = DeviceWord(meaning.pop("device", DeviceWord.UNKNOWN))
        identity = {"firmware": self._firmware} if self._firmware else {}
        return Reading(device=word, parts=meaning, identity=identity, raw=cut_raw(raw))


# -- answers --------------------------------------------------------------------------------------------------------


def parse_status(answer: bytes) -> int:
    """x of `ESC r x`."""
    if len(answer) != 3 or answer[:2] != b"\x1br":
        raise Garbled(Reason.BAD_FRAME, "the status answer is not ESC r x", raw=answer)
    return answer[2]


def parse_document(answer: bytes) -> int:
    """m of `ESC B 5 m ESC Z`."""
    if len(answer) != 6 or answer[:2] != b"\x1bB" or answer[2] != _FRONT_STAND or answer[4:] != _END:
        raise Garbled(Reason.BAD_FRAME, "the document answer is not ESC B 5 m ESC Z", raw=answer)
    return answer[3]


def parse_firmware(answer: bytes) -> str:
    """The levels in `ESC b rel1;ver1;...;relN;verN; ESC Z`, as the printer writes them."""
    body = answer[2:-2]
    if answer[:2] != b"\x1bb" or answer[-2:] != _END or len(answer) < 5 or not body.isascii():
        raise Garbled(Reason.BAD_FRAME, "the firmware answer is not ESC b ... ESC Z", raw=answer)
    text = body.decode("ascii")
    if not text.isprintable():
        raise Garbled(Reason.BAD_FRAME, "the firmware answer holds control characters", raw=answer)
    return text


def _has_three(answer: bytes) -> bool:
    return len(answer) >= 3


def _has_six(answer: bytes) -> bool:
    return len(answer) >= 6


def _ended(answer: bytes) -> bool:
    return answer.endswith(_END)


def _hex(code: int) -> str:
    return f"{code:02X}"
