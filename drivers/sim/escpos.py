"""A receipt, journal or slip printer that answers DLE EOT. The options are the driver's, and two of its own:

`asb = true`: a program has switched Automatic Status Back on, so a frame, XOFF and XON come around every answer;
`knows = [1, 2, 4]`: the questions it answers. State: cover, paper (paper.receipt and paper.journal with two rolls),
slip, drawer, module.cutter; and device "hardwareError", "deviceBusy" or "offline" where the parts do not say it.
"""

from collections.abc import Mapping
from pathlib import Path

from drivers.escpos import DLE, EOT, XOFF, XON, EscposOptions, Flags, answer_bits, asb_bits, read_parts
from drivers.sim.base import check_options, check_state, known_words
from drivers.sim.serial_end import Answer, SerialSimulator, serial_simulator

_OWN = ("asb", "knows", "link")
_HEALTHY = {
    "cover": "closed",
    "module.cutter": "ok",
    "paper": "ok",
    "paper.receipt": "ok",
    "paper.journal": "ok",
    "slip": "none",
    "drawer": "closed",
}
_TOLD_BY: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("cover", "open"): ("cover open", "offline"),
    ("module.cutter", "fault"): ("cutter", "error", "offline"),
    ("module.mechanism", "fault"): ("mechanical", "error", "offline"),
    ("module.head", "attention"): ("recoverable", "error", "offline"),
    ("paper", "low"): ("roll low",),
    ("paper", "out"): ("roll low", "roll out", "paper stop", "offline"),
    ("paper.receipt", "low"): ("receipt low",),
    ("paper.receipt", "out"): ("receipt low", "receipt out", "paper stop", "offline"),
    ("paper.journal", "low"): ("journal low",),
    ("paper.journal", "out"): ("journal low", "journal out", "paper stop", "offline"),
    ("slip", "none"): ("slip absent 1", "slip absent 2"),
    ("slip", "awaited"): ("slip awaited", "slip absent 1", "slip absent 2"),
    ("device", "hardwareError"): ("unrecoverable", "error", "offline"),
    ("device", "deviceBusy"): ("feeding", "offline"),
    ("device", "offline"): ("offline",),
}
_NOT_BY_A_BIT = (("drawer", "open"), ("slip", "present"))


class EscposDialect:
    def __init__(self, options: EscposOptions, knows: list[int], *, asb: bool) -> None:
        self._options = options
        self._knows = knows
        self._asb = asb

    def take(self, heard: bytearray, state: dict[str, str]) -> Answer | None:
        while heard and heard[0] != DLE:
            del heard[0]
        if len(heard) < 3:
            return None
        question = bytes(heard[:3])
        if question[1] != EOT:
            del heard[0]
            return Answer(b"")
        del heard[:3]
        return self._answer(question[2], state) if question[2] in self._knows else Answer(b"")

    def _answer(self, n: int, state: dict[str, str]) -> Answer:
        true = self._true(state)
        answer = bytes([0x12 | _bits(answer_bits(n, self._options.stations), true)])
        if self._asb:
            first, *rest = (_bits(bits, true) for bits in asb_bits(self._options.stations))
            frame = bytes([0x10 | first, *rest])
            answer = bytes([XOFF]) + frame + bytes([XON]) + answer + frame
        return Answer(answer, self.tells(state) if n == self._options.questions()[-1] else None)

    def tells(self, state: dict[str, str]) -> dict[str, str]:
        """What the answers to all questions say together."""
        true = self._true(state)
        told: Flags = {}
        for n in self._options.questions():
            told |= {name: name in true for name in answer_bits(n, self._options.stations)}
        return read_parts(told, self._options)

    def _true(self, state: dict[str, str]) -> set[str]:
        said = set(state.items())
        true = {name for key, names in _TOLD_BY.items() if key in said for name in names}
        if (state.get("drawer") == "open") == (self._options.drawer != "low"):
            true.add("drawer high")
        return true


def _bits(bits: Mapping[str, int], true: set[str]) -> int:
    return sum(mask for name, mask in bits.items() if name in true)


def _check(state: dict[str, str], healthy: dict[str, str]) -> None:
    """A printer has the parts it tells of when all is well, and those it tells of only when they are not."""
    known = known_words({key: [word] for key, word in healthy.items()}, [*_TOLD_BY, *_NOT_BY_A_BIT])
    of_another = known.keys() & _HEALTHY.keys() - healthy.keys()
    own = {key: words for key, words in known.items() if key not in of_another}
    own["device"] = [word.replace("ok", "online") for word in own["device"]]
    check_state("a simulated receipt printer", state, own)


def make(name: str, options: dict[str, object], state: dict[str, str], folder: Path) -> SerialSimulator:
    check_options("a simulated receipt printer", options, EscposOptions, *_OWN)
    fields = EscposOptions.model_fields
    driver_s = EscposOptions.model_validate({key: said for key, said in options.items() if key in fields})
    knows = options.get("knows")
    dialect = EscposDialect(
        driver_s, knows if isinstance(knows, list) else [1, 2, 3, 4, 5], asb=bool(options.get("asb"))
    )
    healthy = dialect.tells(_HEALTHY)
    _check(state, healthy)
    return serial_simulator(name, dialect, options, {**healthy, **state}, folder)
