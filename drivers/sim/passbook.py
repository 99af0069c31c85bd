"""A passbook printer in Olivetti PR2 emulation, with the INVENTED codes of the profile "simulated"; or, with the option
`emulation = "ncr-5021"`, in that one.

State: cover, paper, document, and device ("deviceBusy", "hardwareError") where the parts do not already say it. Of an
NCR 5021: shutter, document "jammed", and device ("offline", "deviceBusy").
"""

from pathlib import Path

from drivers.passbook import ncr_5021
from drivers.passbook.driver import PassbookOptions
from drivers.passbook.olivetti import ASK_DOCUMENT, ASK_FIRMWARE, ASK_STATUS
from drivers.passbook.table import CodeTable, read_profile
from drivers.sim.base import check_options, check_state, choice
from drivers.sim.serial_end import Answer, SerialSimulator, serial_simulator

HEALTHY = {"cover": "closed", "paper": "ok", "document": "none"}
HEALTHY_NCR_5021 = {"shutter": "closed"}
_NCR_5021 = {
    "shutter": ncr_5021.GAP.values(),
    "document": ["none", "jammed"],
    "device": ["online", "deviceBusy", "offline"],
}
FIRMWARE = b"\x1bb1.00E;011;1.00;005;\x1bZ"  # the vendor's own example


class PassbookDialect:
    """The status answer ends a poll: the document is asked for before it, and the firmware at most once, after."""

    def __init__(self, table: CodeTable) -> None:
        self._table = table
        self._told: dict[str, str] = {}

    def take(self, heard: bytearray, state: dict[str, str]) -> Answer | None:
        while heard and heard[0] != 0x1B:
            del heard[0]
        for question, answer in (
            (ASK_DOCUMENT, self._document),
            (ASK_STATUS, self._status),
            (ASK_FIRMWARE, self._firmware),
        ):
            if heard.startswith(question):
                del heard[: len(question)]
                return answer(state)
        if len(heard) >= 3:
            del heard[0]
            return Answer(b"")
        return None

    def _document(self, state: dict[str, str]) -> Answer:
        word = state.get("document", HEALTHY["document"])
        code = next(code for code, meaning in self._table.document.items() if meaning["document"] == word)
        self._told = {"document": word}
        return Answer(b"\x1bB5" + bytes.fromhex(code) + b"\x1bZ")

    def _status(self, state: dict[str, str]) -> Answer:
        code = self._status_code(state)
        tells = {**self._told, **self._table.status[code]}
        self._told = {}
        tells.pop("device")
        return Answer(b"\x1br" + bytes.fromhex(code), tells)

    def _status_code(self, state: dict[str, str]) -> str:
        wanted = {key: state.get(key, HEALTHY[key]) for key in ("cover", "paper")}
        matching = {code: meaning for code, meaning in self._table.status.items() if wanted.items() <= meaning.items()}
        device = state.get("device")
        for code, meaning in {**matching, **self._table.status}.items():
            if device is not None and meaning["device"] == device:
                return code
        return next(iter(matching))

    def _firmware(self, state: dict[str, str]) -> Answer:
        return Answer(FIRMWARE)


class Ncr5021Dialect:
    def take(self, heard: bytearray, state: dict[str, str]) -> Answer | None:
        while heard and heard[0] != 0x1B:
            del heard[0]
        if len(heard) < len(ncr_5021.ASK_STATUS):
            return None
        if not heard.startswith(ncr_5021.ASK_STATUS):
            del heard[0]
            return Answer(b"")
        del heard[: len(ncr_5021.ASK_STATUS)]
        jammed = state.get("document") == "jammed"
        device = state.get("device")
        work = 0x32 if jammed else 0x31 if device == "deviceBusy" else 0x30
        gap = 0x31 if state["shutter"] == "open" else 0x30
        status = bytes([0x30 if device == "offline" else 0x31, work, 0x30, gap])
        tells = {"shutter": state["shutter"], **({"document": "jammed"} if jammed else {})}
        return Answer(b"\x1b[" + status + b"p", tells)


def _known(table: CodeTable) -> dict[str, list[str]]:
    """The words each part can say, by the table."""
    meanings = [*table.status.values(), *table.document.values()]
    return {
        key: list(dict.fromkeys(meaning[key] for meaning in meanings if key in meaning)) for key in (*HEALTHY, "device")
    }


def make(name: str, options: dict[str, object], state: dict[str, str], folder: Path) -> SerialSimulator:
    check_options("a simulated passbook printer", options, PassbookOptions, "link")
    if choice(options, "emulation", ("olivetti", "ncr-5021"), "olivetti") == "ncr-5021":
        check_state("a simulated NCR 5021", state, _NCR_5021)
        return serial_simulator(name, Ncr5021Dialect(), options, {**HEALTHY_NCR_5021, **state}, folder)
    table = read_profile("simulated")
    check_state("a simulated passbook printer", state, _known(table))
    return serial_simulator(name, PassbookDialect(table), options, {**HEALTHY, **state}, folder)
