"""The cassettes of a service with cash, from Storage.GetStorage.

A cassette is numbered as the service numbers it (`index`), so that number 2 is number 2 on every screen. What a word
means depends on what the cassette is for: a full one is fine where notes only go out, an empty one where they only
come in. Where a service counts and has no word, the bank's own limits make one, as for NCR's terminals.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, TypeGuard

from drivers.atm.status import INSTANCES, line
from drivers.errors import Garbled, Reason

_BROKEN = frozenset({"inoperative", "missing", "notConfigured", "manipulated"})
_LEVELS = frozenset({"ok", "low", "empty", "high", "full"})
_OUT = ("presented", "rejected", "distributed")  # what is stacked, diverted or in transport has not left for good
_IN = ("deposited", "retracted", "rejected", "distributed")


@dataclass
class Units:
    parts: dict[str, str] = field(default_factory=dict)
    numbers: dict[str, float] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)


def read_storage(payload: Mapping[str, Any], low: int, full: int) -> Units:
    """The units that hold cash; Garbled if there is no storage at all. `full` of 0: nobody says."""
    storage = payload.get("storage")
    if not isinstance(storage, dict):
        raise Garbled(Reason.BAD_FRAME, "the answer has no storage")
    units = [(name, _Unit(unit)) for name, unit in islice(storage.items(), INSTANCES) if _is_cash(unit)]
    indexes = [unit.index for _, unit in units]
    numbered = None not in indexes and len(set(indexes)) == len(indexes)
    said = Units()
    for order, (name, unit) in enumerate(units, 1):
        number = unit.index if numbered else order
        family = "retract" if unit.keeps else "cassette"
        said.parts[f"{family}.{number}"] = unit.word(low, full)
        said.texts[f"{family}.{number}"] = unit.label(name)
        if unit.count is not None:
            said.numbers[f"cassette.count.{number}"] = float(unit.count)
    return said


def _is_cash(unit: Any) -> bool:
    """Cards, cheques and forms are stored as well; what is no object at all is shown as an unknown cassette."""
    return not isinstance(unit, dict) or unit.get("cash") is not None


class _Unit:
    """One unit. Everything in it may be missing, null, or something else."""

    def __init__(self, unit: Any) -> None:
        self._unit = _object(unit)
        cash = _object(self._unit.get("cash"))
        self._status = _object(cash.get("status"))
        self._configuration = _object(cash.get("configuration"))
        types = _object(self._configuration.get("types")) or _object(_object(cash.get("capabilities")).get("types"))
        self.pays = types.get("cashOut") is True
        self.takes = types.get("cashIn") is True
        unused = any(types.get(kind) is True for kind in ("reject", "cashInRetract", "cashOutRetract"))
        self.keeps = unused and not (self.pays or self.takes)  # rejected and retracted notes
        self._serves = self.pays or self.takes or self.keeps or not any(types.values())  # no replenishment container
        index = self._status.get("index")
        self.index: int | None = index if _is_count(index) and 0 < index < 1000 else None
        self.count = self._count()

    def word(self, low: int, full: int) -> str:
        status = self._unit.get("status")
        if isinstance(status, str) and status in _BROKEN:
            return status
        if status is not None and status != "ok":
            return "unknown"
        level = self._status.get("replenishmentStatus")
        if level is None:
            level = self._by_count(low, full)
        return self._as_used(level) if isinstance(level, str) and level in _LEVELS else "unknown"

    def label(self, name: str) -> str:
        """What people call it: "CNY 100 · Top Left"; what else it says of itself after that."""
        currency, value = self._configuration.get("currency"), self._configuration.get("value")
        money = f"{currency} {value:g}" if isinstance(currency, str) and _is_worth(value) else None
        own = (self._configuration.get("name"), money, self._unit.get("positionName"), self._unit.get("serialNumber"))
        said = [line(text) for text in (*own, self._status.get("operationStatus")) if isinstance(text, str) and text]
        return line(" · ".join(said) or name)

    def _by_count(self, low: int, full: int) -> str | None:
        if self.count is None:
            return None
        if self.count == 0:
            return "empty"
        if full and self.count >= full:
            return "full"
        return "low" if self.count < low else "ok"

    def _as_used(self, level: str) -> str:
        if not self._serves:
            return "ok"
        if level in ("low", "empty") and (self.keeps or (self.takes and not self.pays)):
            return "ok"
        if level in ("high", "full") and self.pays and not self.takes:
            return "ok"
        return level

    def _count(self) -> int | None:
        """What the service counted, or initial + in - out as the standard derives it; None if it says neither."""
        count = self._status.get("count")
        if _is_count(count):
            return count
        initial, came, went = (_object(self._status.get(way)) for way in ("initial", "in", "out"))
        if not initial:
            return None
        try:
            total = _notes(initial) + sum(_notes(came.get(way)) for way in _IN) - sum(_notes(went.get(w)) for w in _OUT)
        except ValueError:
            return None
        return max(0, total)


def _notes(counts: Any, depth: int = 3) -> int:
    """Notes in {"unrecognized": 1, "type20USD1": {"fit": 3}}, in the older {"cash": {"type20USD1": ...}} as well."""
    if counts is None:
        return 0
    if isinstance(counts, dict) and depth:
        return sum(_notes(value, depth - 1) for value in counts.values())
    if _is_count(counts):
        return counts
    raise ValueError(counts)


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _is_worth(value: Any) -> TypeGuard[float]:
    """JSON's whole numbers have no end, and a float has."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e9


def _is_count(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 1_000_000
