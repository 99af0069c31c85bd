"""Passbook printers that speak the Olivetti PR2 protocol: PR2, PR2E, Nantian PR9, and others in that emulation.

Only questions that change nothing are asked: ESC SP B (where is the document), ESC j (status of the machine), and once
ESC SP b (firmware). The bytes are in the Compuprint MDP40B Programmer Manual, appendix C; what the status byte x of
`ESC r x` and the position byte m of `ESC B 5 m ESC Z` mean is in vendor books that were not read, so a code table is
data: the one used by default maps nothing, every byte reads `unknown`, and the byte is kept. Recordings:
tests/drivers/cases/passbook.

The same bytes do harm in other emulations: to an IBM Proprinter ESC j means stop and go off-line, to an Epson it feeds
paper backwards. So the emulation must be told, and only "olivetti" is asked anything.
"""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, field_validator, model_validator

from drivers.base import DeviceWord, Reading, Shared, cut_raw
from drivers.errors import DeviceError, Garbled, Reason, Refused
from drivers.serial_link import Ask, Conversation, PrinterPortOptions, SerialLink, check_serial_address
from drivers.words import check_device, check_part

ESC = 0x1B
ASK_STATUS = b"\x1bj"
ASK_DOCUMENT = b"\x1b B"
ASK_FIRMWARE = b"\x1b b"
_FRONT_STAND = 0x35  # the id in the document answer: the passbook's own stand
_END = b"\x1bZ"
_FIRMWARE_LIMIT = 256
_PARTS = ("cover", "paper", "document")

Meaning = Mapping[str, str]  # "device" -> a device word, a part -> its word


class CodeTable(BaseModel):
    """What the bytes of one model mean, by their value in hex: `status."30" = { device = "online", paper = "ok" }`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    note: str = ""
    status: dict[str, dict[str, str]] = {}
    document: dict[str, dict[str, str]] = {}

    @field_validator("status", "document")
    @classmethod
    def _hex_keys(cls, table: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
        for code, meaning in table.items():
            if len(code) != 2 or not set(code) <= set("0123456789abcdefABCDEF"):
                raise ValueError(f"{code!r} is not a byte in two hex digits")
            for key, word in meaning.items():
                if key == "device":
                    check_device(word)
                else:
                    check_part(key, {word})
        return {code.upper(): meaning for code, meaning in table.items()}


@cache
def profile_names() -> list[str]:
    """The code tables this program was shipped with."""
    folder = files("drivers").joinpath("passbook_profiles")
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))


@cache
def read_profile(name: str) -> CodeTable:
    """The shipped code table called `name`; ValueError if there is none."""
    if name not in profile_names():
        raise ValueError(f"no code table is called {name!r}; there are {', '.join(profile_names())}")
    text = files("drivers").joinpath("passbook_profiles", f"{name}.toml").read_text(encoding="utf-8")
    return CodeTable.model_validate(tomllib.loads(text))


class PassbookOptions(PrinterPortOptions):
    """`emulation` is what the printer is set to and must be said. `table` says what bytes mean, over `profile`.

    `document = false` is for models without ESC SP B (PR40+, PR45).
    """

    emulation: Literal["olivetti", "oki", "ibm", "epson"]
    profile: str = "unmapped"
    table: CodeTable | None = None
    document: bool = True

    @model_validator(mode="after")
    def _profile_exists(self) -> "PassbookOptions":
        read_profile(self.profile)
        return self

    def meanings(self) -> CodeTable:
        """The code table in force."""
        table = read_profile(self.profile)
        if self.table is None:
            return table
        return CodeTable(
            status={**table.status, **self.table.status}, document={**table.document, **self.table.document}
        )


class Passbook:
    Options: ClassVar[type[PassbookOptions]] = PassbookOptions
    timeout: ClassVar[float] = 10.0  # a port of this machine is done in 0.5 s; a remote one must first be reached
    goes_first: ClassVar[bool] = True  # before the teller's program starts and takes the port

    def __init__(self, address: str, options: PassbookOptions, shared: Shared) -> None:
        self._emulation = options.emulation
        self._asks_document = options.document
        self._table = options.meanings()
        self._link = SerialLink(address, options)
        self._firmware: str | None = None  # asked once; "" when this model does not say

    @staticmethod
    def check_address(address: str) -> str | None:
        return check_serial_address(address)

    async def open(self) -> None:
        """The port itself is opened by `poll`, to be held for no longer than the questions take."""
        if self._emulation != "olivetti":
            raise Refused(
                Reason.WRONG_EMULATION,
                f"in {self._emulation} emulation the status question does harm; set the printer to Olivetti PR2",
            )

    async def poll(self) -> Reading:
        return await self._link.converse(self._talk())

    async def close(self) -> None:
        await self._link.close()

    async def news(self) -> bool:
        return await self._link.news()

    def _talk(self) -> Conversation[Reading]:
        raw: dict[str, bytes] = {}
        meaning = dict.fromkeys(_PARTS, "unknown")
        if self._asks_document:
            # First, because only this emulation answers it: if the printer was set to another one behind our back,
            # nothing comes and ESC j, which would do harm there, is never sent.
            raw["ESC SP B"] = yield Ask(ASK_DOCUMENT, _has_six)
            meaning |= self._table.document.get(_hex(parse_document(raw["ESC SP B"])), {})
        raw["ESC j"] = yield Ask(ASK_STATUS, _has_three)
        meaning |= self._table.status.get(_hex(parse_status(raw["ESC j"])), {})
        if self._firmware is None:
            try:
                self._firmware = parse_firmware((yield Ask(ASK_FIRMWARE, _ended, limit=_FIRMWARE_LIMIT)))
            except DeviceError:
                self._firmware = ""
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
