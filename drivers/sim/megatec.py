"""A UPS that speaks Megatec (Q1): on-line, or line-interactive with `type = "line-interactive"` in the options.

State: power, battery, "module.ups", the numbers of the driver, and alarm: "present" with nothing else the matter is a
battery test. A number that is "" or "--.-" is left out. `knows = "Q1"` is one that gives every other question back.
`ratings` and `identity` are what it answers to F and I.
"""

from pathlib import Path

from drivers.sim.base import Known, check_options, check_state, choice, is_number
from drivers.sim.serial_end import Answer, SerialSimulator, serial_simulator
from drivers.ups.megatec import IDENTITY, RATINGS, MegatecOptions

HEALTHY = {
    "power": "mains",
    "battery": "ok",
    "module.ups": "ok",
    "input.voltage": "226.0",
    "output.voltage": "220.0",
    "load": "14",
    "input.frequency": "50.0",
    "ups.temperature": "30.0",
}
_CELL, _BATTERY = "2.25", "27.5"
_KNOWN: Known = {
    "power": ("mains", "battery", "bypass", "none"),
    "battery": ("ok", "low"),
    "module.ups": ("ok", "fault"),
    "alarm": ("none", "present"),
    "battery.voltage": None,
    "battery.cell.voltage": None,
    **{key: None for key, said in HEALTHY.items() if is_number(said)},
}


class MegatecDialect:
    def __init__(self, kind: str, knows: str, ratings: str, identity: str) -> None:
        self._line_interactive = kind == "line-interactive"
        self._knows = knows.split()
        self._told_once = {RATINGS: ratings, IDENTITY: identity}

    def take(self, heard: bytearray, state: dict[str, str]) -> Answer | None:
        end = heard.find(b"\r") + 1
        if not end:
            return None
        question = bytes(heard[:end])
        del heard[:end]
        if question[:-1].decode("ascii", errors="replace") not in self._knows:
            return Answer(question)
        if question in self._told_once:
            return Answer(f"#{self._told_once[question]}\r".encode("ascii"))
        return self._state(state)

    def _state(self, state: dict[str, str]) -> Answer:
        power = state["power"]
        bits = (
            power == "battery",
            state["battery"] == "low",
            power == "bypass",
            state["module.ups"] == "fault",
            self._line_interactive,
            state.get("alarm") == "present",
            False,
            False,
        )
        flags = "".join("01"[bit] for bit in bits)
        alarmed = any(bits[:4]) or bits[5]
        tells = {key: state[key] for key in ("power", "battery", "module.ups")}
        return Answer(
            f"({self._numbers(state)} {flags}\r".encode("ascii"), {**tells, "alarm": "present" if alarmed else "none"}
        )

    def _numbers(self, state: dict[str, str]) -> str:
        on_mains = state["power"] != "battery"
        volts = state["input.voltage"] if on_mains else "000.0"
        hertz = state["input.frequency"] if on_mains else "00.0"
        output = "000.0" if state["power"] == "none" else state["output.voltage"]
        if state["power"] == "bypass":
            output = volts
        if self._line_interactive:
            battery = state.get("battery.voltage", _BATTERY)
        else:
            battery = state.get("battery.cell.voltage", _CELL)
        columns = (
            (volts, 5),
            (volts, 5),
            (output, 5),
            (state["load"], 3),
            (hertz, 4),
            (battery, 4),
            (state["ups.temperature"], 4),
        )
        return " ".join(text.rjust(width, "0") if text.strip() else " " * width for text, width in columns)


def make(name: str, options: dict[str, object], state: dict[str, str], folder: Path) -> SerialSimulator:
    check_options("a simulated UPS", options, MegatecOptions, "type", "knows", "ratings", "identity", "link")
    check_state("a simulated UPS", {key: said for key, said in state.items() if said.strip("-. ")}, _KNOWN)
    dialect = MegatecDialect(
        choice(options, "type", ("online", "line-interactive"), "online"),
        str(options.get("knows", "Q1 F I")),
        str(options.get("ratings", "220.0 027 192.0 50.0")),
        str(options.get("identity", f"{'SIMULATED':15} {'UPS 6K':10} {'V1.0':10}")),
    )
    return serial_simulator(name, dialect, options, {**HEALTHY, **state}, folder)
