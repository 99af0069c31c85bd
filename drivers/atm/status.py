"""What a service said, as parts of the catalogue: Common.Status of any service, Storage.GetStorage of one with cash.

Which property is which part is data (`parts.toml`). Where a machine names several services of one kind, such as two
printers, their parts are under their own names: "paper.Printer2-upper". Which kind they are is read from the names, and
one that does not tell may be of any kind: what a part is called must not depend on who answers just now.
"""

import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from itertools import islice
from types import MappingProxyType
from typing import Any, Self

import msgspec

from drivers.atm.message import as_text
from drivers.base import DeviceWord
from drivers.catalogue import Level, catalogue
from drivers.errors import Garbled, Reason
from drivers.words import check_part

INSTANCES = 32  # of one part: cassettes, positions, paper supplies
# What a customer cannot do without; a machine without the rest of its services still serves.
NEEDED = frozenset({"cardReader", "cashDispenser", "cashAcceptor", "cashManagement", "keyManagement", "pinPad"})
CASH = frozenset({"cashDispenser", "cashAcceptor", "cashManagement"})
_MODULE = {Level.GOOD: "ok", Level.ATTENTION: "attention", Level.FAULT: "fault", Level.UNKNOWN: "unknown"}
# The classes of services by their names in the standard; those in one line may tell the same parts.
_KINDS = (
    ("cardreader", "carddispenser"),
    ("cashdispenser", "cashacceptor", "cashrecycler", "cashmanagement"),
    ("printer",),
    ("pinpad", "encryptor", "keymanagement", "keyboard", "crypto"),
    ("barcodereader",),
    ("auxiliaries",),
    ("vendormode",),
    ("vendorapplication",),
    ("textterminal",),
    ("lights",),
    ("camera",),
    ("biometric",),
    ("check",),
    ("deposit",),
    ("powermanagement",),
    ("banknoteneutralization",),
)
OF_THE_MACHINE = frozenset({"antiFraud", "exchange", "safe"})  # told by services of several kinds: the gravest counts
_POSITION = {"inPosition": "ok", "notInPosition": "attention"}
_GRAVITY = [Level.GOOD, Level.ATTENTION, Level.UNKNOWN, Level.FAULT]
_INSTANCE = re.compile(r"[A-Za-z0-9_-]{1,24}")  # of a key that has room for a service's name besides
TEXT_LIMIT = 255
NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class Said:
    """What one service said. `needed`: the machine is of no use without it."""

    name: str
    device: DeviceWord
    needed: bool
    parts: Mapping[str, str] = field(default_factory=dict)
    numbers: Mapping[str, float] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    raw: Mapping[str, bytes] = field(default_factory=dict)
    has_cash: bool = False

    def plus(
        self,
        *,
        parts: Mapping[str, str] = NOTHING,
        numbers: Mapping[str, float] = NOTHING,
        texts: Mapping[str, str] = NOTHING,
        raw: Mapping[str, bytes] = NOTHING,
    ) -> Self:
        return replace(
            self,
            parts={**self.parts, **parts},
            numbers={**self.numbers, **numbers},
            texts={**self.texts, **texts},
            raw={**self.raw, **raw},
        )


class Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    key: str
    of: str
    words: dict[str, str]


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    none: frozenset[str]
    part: tuple[Row, ...]


@cache
def table() -> Table:
    text = files("drivers").joinpath("atm", "parts.toml").read_text(encoding="utf-8")
    read = msgspec.convert(tomllib.loads(text), Table)
    for row in read.part:
        check_part(row.key, {*row.words.values(), "unknown"})
    return read


def read_status(name: str, payload: Mapping[str, Any]) -> Said:
    """A Common.Status; Garbled if it does not even say how the device is."""
    common = payload.get("common")
    if not isinstance(common, dict) or "device" not in common:
        raise Garbled(Reason.BAD_FRAME, "the status does not say how the device is")
    told = common["device"]
    device = device_word(told)
    parts = {f"module.{name}": module_word(device, common.get("devicePosition"))}
    for row in table().part:
        for instance, value in islice(_at(payload, row.of.split(".")), INSTANCES):
            if value is not None and value not in table().none:
                key = row.key.replace("*", instance)
                parts[key] = graver(key, parts.get(key), row.words.get(value, "unknown"))
    texts = {} if device in (DeviceWord.ONLINE, DeviceWord.DEVICE_BUSY) else {f"module.{name}": line(as_text(told))}
    has = {key for key, value in payload.items() if value is not None}
    return Said(name, device, bool(has & NEEDED), parts, texts=texts, has_cash=bool(has & CASH))


def _at(value: Any, path: list[str], instance: str = "") -> Iterator[tuple[str, str | None]]:
    """What is at the end of `path`, each with what `*` stood for. What is no text becomes one that is no word."""
    if not path:
        yield instance, value if isinstance(value, str | None) else type(value).__name__
    elif path[0] != "*":
        if isinstance(value, dict):
            yield from _at(value.get(path[0]), path[1:], instance)
    else:
        for own, item in _items(value):
            yield from _at(item, path[1:], own)


def _items(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        found: Iterable[tuple[Any, Any]] = value.items()
    elif isinstance(value, list):
        found = ((item.get("position") if isinstance(item, dict) else None, item) for item in value)
    else:
        return
    for number, (own, item) in enumerate(islice(found, INSTANCES), 1):
        yield (own if isinstance(own, str) and _INSTANCE.fullmatch(own) else str(number)), item


def device_word(value: Any) -> DeviceWord:
    """XFS4IoT's words are ours, apart from `inUse`, which is not the device's to say."""
    if isinstance(value, str) and value in set(DeviceWord) - {DeviceWord.IN_USE}:
        return DeviceWord(value)
    return DeviceWord.UNKNOWN


def module_word(device: DeviceWord, position: Any = None) -> str:
    """A service as a part: a device that is pulled out of its place is worth a look, and one that cannot tell whether
    it is in its place is not known to be well."""
    if device is DeviceWord.NO_DEVICE:
        return "ok"  # not meant to be in this machine
    word = _MODULE[Level(catalogue().device[device].level)]
    if position is None or position == "notSupported":
        return word
    return graver("module", word, _POSITION.get(as_text(position), "unknown"))


def graver(key: str, one: str | None, other: str) -> str:
    """The graver of two words of a part; what is not known is graver than attention and less than a known fault."""
    known = catalogue()
    return other if one is None else max(one, other, key=lambda word: _GRAVITY.index(known.level(key, word)))


def line(text: str) -> str:
    """One line of what a device says."""
    return " ".join("".join(one if one.isprintable() else " " for one in text[: TEXT_LIMIT * 2]).split())[:TEXT_LIMIT]


# -- the whole machine ----------------------------------------------------------------------------------------------

_GRAVEST = [
    DeviceWord.FRAUD_ATTEMPT,
    DeviceWord.HARDWARE_ERROR,
    DeviceWord.POWER_OFF,
    DeviceWord.OFFLINE,
    DeviceWord.USER_ERROR,
    DeviceWord.POTENTIAL_FRAUD,
    DeviceWord.UNKNOWN,
    DeviceWord.STARTING,
]
_FRAUD = (DeviceWord.FRAUD_ATTEMPT, DeviceWord.POTENTIAL_FRAUD)


def machine_word(said: Iterable[Said]) -> DeviceWord:
    """The one word of the whole machine: the gravest of the services it is of no use without. See xfs4iot.py."""
    there = [one for one in said if one.device is not DeviceWord.NO_DEVICE]
    counted = [one for one in there if one.needed] or there
    words = {one.device for one in counted} | {one.device for one in there if one.device in _FRAUD}
    if not words:
        return DeviceWord.NO_DEVICE
    return next((word for word in _GRAVEST if word in words), DeviceWord.ONLINE)


def together(said: Iterable[Said], kind: str) -> dict[str, Any]:
    """The `parts`, `numbers` or `texts` of all services the machine names, those that are silent among them."""
    services = list(said)
    names = [one.name for one in services]
    told = [(one.name, key, value) for one in services for key, value in getattr(one, kind).items()]
    seen = Counter(key for _, key, _ in told)
    found: dict[str, Any] = {}
    for name, key, value in told:
        if key in OF_THE_MACHINE:
            found[key] = graver(key, found.get(key), value)
        elif key == f"module.{name}" or (seen[key] == 1 and _is_alone(name, names)):
            found[key] = value
        else:
            found[_owned(key, name)] = value
    return found


def _is_alone(name: str, names: Iterable[str]) -> bool:
    """Whether no other service can be of the kind of this one."""
    own = _kind(name)
    others = [_kind(other) for other in names if other != name]
    return not others or bool(own and all(others) and own not in others)


def _kind(name: str) -> tuple[str, ...]:
    """What "Receipt_Printer-2" says it is: a line of _KINDS, or () if its name does not tell."""
    letters = "".join(one for one in name.lower() if one.isalpha())
    return next((words for words in _KINDS if any(word in letters for word in words)), ())


def _owned(key: str, name: str) -> str:
    """ "card" of "Reader2" -> "card.Reader2"; "cassette.count.1" of "Recycler" -> "cassette.count.Recycler-1"."""
    known = catalogue()
    if key in known.part or key in known.number:
        return f"{key}.{name}"
    family, _, instance = key.rpartition(".")
    return f"{family}.{name}-{instance}"
