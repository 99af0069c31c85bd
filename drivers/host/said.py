"""What the script said, as a reading. What it could not read is named with why; what makes no sense is not believed."""

from collections.abc import Mapping

from drivers.base import DeviceWord, Reading, cut_raw
from drivers.host import script

NUMBERS = {  # and the largest value that makes sense
    "uptime": 1e10,
    "cpu.load": 100.0,
    "memory.size": 1e9,
    "memory.used": 100.0,
    "disk.used": 100.0,
    "antivirus.age": 36500.0,
}
PARTS = {"reboot": ("none", "pending"), "antivirus": ("running", "stopped")}
IDENTITY = ("name", "os", "kernel", "maker", "model", "serial")
TEXTS = ("disk",)
WHY = ("rights", "absent")
NO_SERIAL = {"", "none", "not specified", "default string", "to be filled by o.e.m.", "system serial number", "0"}


def reading_of(said: bytes, name: str = script.READ) -> Reading:
    """Raises Garbled if it is not the script's."""
    told = script.values(said)
    unread = {key.removeprefix("unread."): why for key, why in told.items() if key.startswith("unread.")}
    numbers = {}
    for key, most in NUMBERS.items():
        if key in told:
            number = _number(told[key], most)
            if number is None:
                unread[key] = "unreadable"
            else:
                numbers[key] = number
    parts = {}
    for key, words in PARTS.items():
        if told.get(key) in words:
            parts[key] = told[key]
        elif key in told:
            parts[key] = "unknown"
    return Reading(
        device=DeviceWord.ONLINE,
        parts=parts,
        numbers=numbers,
        texts={**_texts(told), **_unread(unread), "script": f"SHA256 {script.SHA256[name]}"},
        identity=_identity(told),
        raw=cut_raw({name: said}),
    )


def _number(text: str, most: float) -> float | None:
    """A plain decimal number, from 0 to `most`: neither 1e9 nor inf nor ４２."""
    if not text.isascii() or not text.replace(".", "", 1).isdecimal() or len(text) > 20:
        return None
    number = float(text)
    return number if number <= most else None


def _identity(told: Mapping[str, str]) -> dict[str, str]:
    found = {key: told[key].strip("\"'") for key in IDENTITY if told.get(key)}
    if found.get("serial", "").casefold() in NO_SERIAL:  # what a maker left in the board is no serial number
        found.pop("serial", None)
    return {key: value for key, value in found.items() if value}


def _texts(told: Mapping[str, str]) -> dict[str, str]:
    return {key: told[key] for key in TEXTS if told.get(key)}


def _unread(unread: Mapping[str, str]) -> dict[str, str]:
    """ "unread.rights" -> the names of all that this user may not read."""
    found: dict[str, list[str]] = {}
    for key, why in unread.items():
        found.setdefault(why if why in WHY else "unreadable", []).append(key)
    return {f"unread.{why}": ", ".join(sorted(keys)) for why, keys in sorted(found.items())}
