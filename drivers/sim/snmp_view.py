"""The objects a simulated device shows, in the order a walk meets them: made of a state, or read from a recording."""

from bisect import bisect_right
from pathlib import Path

from drivers.sim.snmp_ber import Oid
from drivers.sim.snmp_devices import Object, Objects

_UP_TIMES = ((1, 3, 6, 1, 2, 1, 1, 3, 0), (1, 3, 6, 1, 2, 1, 25, 1, 1, 0))
# The types of a .snmprec file, by their BER tags; an "x" behind the tag means that the value is in hex.
_RECORDED = {
    "2": "integer",
    "4": "octets",
    "6": "oid",
    "64": "address",
    "65": "counter",
    "66": "gauge",
    "67": "ticks",
    "70": "counter64",
}


class View:
    """`words` are the part words that follow from the objects; `up_time` (1/100 s) goes before the stored one."""

    def __init__(self, objects: Objects, words: dict[str, str] | None = None) -> None:
        self._objects = dict(sorted(objects.items()))
        self._order = list(self._objects)
        self.words = words or {}
        self.up_time: int | None = None

    def get(self, oid: Oid) -> Object | None:
        found = self._objects.get(oid)
        if found is None or self.up_time is None or oid not in _UP_TIMES:
            return found
        return found._replace(value=self.up_time)

    def next(self, oid: Oid) -> Oid | None:
        place = bisect_right(self._order, oid)
        return self._order[place] if place < len(self._order) else None


def read_recording(path: Path, *, version: str = "2c") -> View:
    """A text of lines "1.3.6.1...|tag|value", as snmpsim records them. Lines that begin with # say something else.
    SNMPv1 has no counters of 64 bits, so who asks in it does not see them (RFC 3584 4.2.2.1)."""
    objects: Objects = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        dotted, tag, value = line.split("|", 2)
        kind = _RECORDED[tag.removesuffix("x")]
        if kind == "counter64" and version == "1":
            continue
        objects[tuple(map(int, dotted.split(".")))] = Object(kind, _recorded(kind, tag, value))
    return View(objects)


def _recorded(kind: str, tag: str, value: str) -> int | bytes | Oid:
    if kind == "oid":
        return tuple(map(int, value.split(".")))
    if kind not in ("octets", "address"):
        return int(value)
    if tag.endswith("x"):
        return bytes.fromhex(value)
    return bytes(map(int, value.split("."))) if kind == "address" else value.encode()
