"""What the services of a simulated ATM say of a state, in both generations of XFS4IoT.

Release 2021-1 says "notSupported" of what a device lacks, the safe's door with the cash, and counts the notes itself.
Later ones leave out what is lacking, have the door with the auxiliaries, and give what came and went.
"""

from collections.abc import Collection, Mapping
from typing import Any

from drivers.sim.base import Known, WrongState

CARD_READER, CASH, PRINTER, PIN_PAD = "CardReader1", "CashRecycler1", "Printer1", "PinPad1"
AUXILIARIES, VENDOR_MODE = "Auxiliaries1", "VendorMode1"
SERVICES = (CARD_READER, CASH, PRINTER, PIN_PAD, AUXILIARIES, VENDOR_MODE)
OLD = "2021-1"

HEALTHY = {
    "card": "none",
    "antiFraud": "ok",
    "dispenser": "ok",
    "acceptor": "ok",
    "cassette.1": "ok",
    "cassette.2": "ok",
    "cassette.3": "ok",
    "cassette.4": "ok",
    "retract.5": "ok",
    "shutter.outFront": "closed",
    "safe": "closed",
    "paper.upper": "full",
    "encryptor": "ready",
    "vendorMode": "inactive",
    **{f"module.{service}": "ok" for service in SERVICES},
}
_VALUES = {"1": 100, "2": 100, "3": 100, "4": 10}
_COUNTS = {"ok": 1200, "low": 90, "empty": 0, "high": 2300, "full": 2500}

_DOOR = ("closed", "open", "locked", "bolted", "tampered", "unknown")
_UNIT = ("ok", "low", "empty", "high", "full", "inoperative", "missing", "notConfigured", "manipulated")
_SAME = ("ok", "attention", "stop", "unknown")
_MODULE = {"ok": "online", "attention": "starting", "fault": "hardwareError"}
# Every part that can be set, its service, and how its words are said; a tuple where they are said as they are.
_PARTS: dict[str, tuple[str, Mapping[str, str] | tuple[str, ...]]] = {
    "card": (CARD_READER, {"none": "notPresent", **{w: w for w in ("present", "entering", "jammed", "unknown")}}),
    "antiFraud": (CARD_READER, ("ok", "inoperable", "deviceDetected", "unknown")),
    "dispenser": (CASH, _SAME),
    "acceptor": (CASH, _SAME),
    "exchange": (CASH, ("active", "inactive")),
    "cassette": (CASH, _UNIT),
    "cassette.count": (CASH, ()),
    "retract": (CASH, tuple(word for word in _UNIT if word not in ("low", "empty"))),
    "shutter": (CASH, {"closed": "closed", "open": "open", "jammed": "jammedClosed", "unknown": "unknown"}),
    "safe": (AUXILIARIES, _DOOR[:-1]),
    "paper": (PRINTER, ("full", "low", "out", "jammed", "unknown")),
    "toner": (PRINTER, {"ok": "full", "low": "low", "out": "out", "unknown": "unknown"}),
    "media": (PRINTER, {"none": "notPresent", **{w: w for w in ("present", "entering", "retracted", "jammed")}}),
    "encryptor": (PIN_PAD, ("ready", "notReady", "notInitialized", "busy", "initialized")),
    "operatorSwitch": (AUXILIARIES, ("run", "maintenance", "supervisor")),
    "cabinet": (AUXILIARIES, _DOOR[:-1]),
    "alarm": (AUXILIARIES, {"none": "off", "present": "on"}),
    "vendorMode": (VENDOR_MODE, ("inactive", "enterPending", "active", "exitPending")),
}
_SEVERAL = ("cassette", "cassette.count", "retract", "shutter", "paper", "cabinet", "alarm")  # each with its own name
_OLD_DOOR = {"closed": "doorClosed", "open": "doorOpen"}


def owner(key: str, version: str) -> str:
    """The service that tells of a part or number; ValueError if none does."""
    family = _family(key)
    if family == "module" and key.partition(".")[2] in SERVICES:
        return key.partition(".")[2]
    if family not in _PARTS or (family in _SEVERAL) == (key == family):
        known = _known(version)
        raise WrongState(f"a simulated ATM has no {key!r}; it has {', '.join(known)}", known)
    return CASH if family == "safe" and version == OLD else _PARTS[family][0]


def _known(version: str) -> Known:
    names = {part: f"{part}.NAME" if part in _SEVERAL else part for part in _PARTS}
    return {names[part]: _words(part, version) or None for part in _PARTS} | {"module.SERVICE": list(_MODULE)}


def _words(family: str, version: str) -> Collection[str]:
    return _MODULE if family == "module" else _OLD_DOOR if family == "safe" and version == OLD else _PARTS[family][1]


def check(key: str, word: str, version: str) -> None:
    """ValueError unless an ATM can say that."""
    owner(key, version)
    family = _family(key)
    words = _words(family, version)
    if family == "cassette.count" and not word.isdecimal():
        raise ValueError(f"{word!r} is no number of notes")
    if words and word not in words:
        raise ValueError(f"{word!r} cannot be said of {key!r}; what can be is {', '.join(words)}")


def _family(key: str) -> str:
    return key if key in _PARTS else key.rpartition(".")[0]


def _said(state: Mapping[str, str], key: str) -> str | None:
    word = state.get(key)
    words = _PARTS[_family(key)][1]
    return words[word] if word is not None and isinstance(words, Mapping) else word


def _instances(state: Mapping[str, str], family: str) -> dict[str, str]:
    """The instances of a part and how each is said: {"upper": "low"}."""
    keys = [key for key in state if key != family and _family(key) == family]
    return {key[len(family) + 1 :]: _said(state, key) or "" for key in keys}


def status(service: str, state: Mapping[str, str], version: str) -> dict[str, Any]:
    """The payload of its Common.Status, without a completion code."""
    old = version == OLD
    common: dict[str, Any] = {"device": _MODULE[state.get(f"module.{service}", "ok")], "devicePosition": "inPosition"}
    if service == CARD_READER:
        common["antiFraudModule"] = _said(state, "antiFraud")
    if service == CASH:
        common["exchange"] = state.get("exchange", "inactive")
    if old:
        common = {**common, "powerSaveRecoveryTime": 0, "endToEndSecurity": "notSupported"}
        common.setdefault("exchange", "notSupported")
    told = {"common": common, **_OWN[service](state, old)}
    return {name: _without_nothing(told[name], old) for name in told}


def _without_nothing(told: dict[str, Any], old: bool) -> dict[str, Any]:
    """What a device lacks: said so in the old generation where the property is a word, else left out."""
    kept = {key: value for key, value in told.items() if value is not None}
    return {**{key: "notSupported" for key in told if old and key in _WORDS}, **kept}


_WORDS = frozenset({"media", "security", "chipPower", "toner", "ink", "lamp", "frontImageModule", "backImageModule"})


def _card_reader(state: Mapping[str, str], old: bool) -> dict[str, Any]:
    reader = {
        "media": _said(state, "card"),
        "security": None,
        "chipPower": "noCard" if state.get("card") == "none" else "online",
        "chipModule": "ok",
        "magWriteModule": "ok",
        "frontImageModule": None,
        "backImageModule": None,
    }
    return {"cardReader": reader}


def _cash(state: Mapping[str, str], old: bool) -> dict[str, Any]:
    positions = [
        {"position": place, "shutter": word, "positionStatus": "empty", "transport": "ok", "transportStatus": "empty"}
        for place, word in _instances(state, "shutter").items()
    ]
    management = {"dispenser": _said(state, "dispenser"), "acceptor": _said(state, "acceptor")}
    if old:
        management["safeDoor"] = _OLD_DOOR[state["safe"]] if "safe" in state else "doorNotSupported"
    return {
        "cashDispenser": {"intermediateStacker": "empty", "positions": positions},
        "cashAcceptor": {"intermediateStacker": "empty", "banknoteReader": "ok", "positions": []},
        "cashManagement": management,
    }


def _printer(state: Mapping[str, str], old: bool) -> dict[str, Any]:
    printer = {
        "media": _said(state, "media"),
        "paper": _instances(state, "paper"),
        "toner": _said(state, "toner"),
        "ink": None,
        "lamp": None,
    }
    return {"printer": printer}


def _pin_pad(state: Mapping[str, str], old: bool) -> dict[str, Any]:
    keyboard = {"autoBeepMode": {"activeAvailable": False, "inactiveAvailable": False}}
    management = {"encryptionState": _said(state, "encryptor"), "certificateState": "unknown"}
    return {"keyManagement": management, "keyboard": keyboard}


def _auxiliaries(state: Mapping[str, str], old: bool) -> dict[str, Any]:
    told: dict[str, Any] = {f"{which}Sensor": word for which, word in _instances(state, "alarm").items()}
    told |= {f"cabinet{side.title()}Door": word for side, word in _instances(state, "cabinet").items()}
    told["operatorSwitch"] = _said(state, "operatorSwitch")
    told["safeDoor"] = None if old else _said(state, "safe")
    return {"auxiliaries": told}


def _vendor_mode(state: Mapping[str, str], old: bool) -> dict[str, Any]:
    return {"vendorMode": {"device": "online", "service": _said(state, "vendorMode")}}


_OWN = {
    CARD_READER: _card_reader,
    CASH: _cash,
    PRINTER: _printer,
    PIN_PAD: _pin_pad,
    AUXILIARIES: _auxiliaries,
    VENDOR_MODE: _vendor_mode,
}


def storage(state: Mapping[str, str], version: str) -> dict[str, Any]:
    """The payload of Storage.GetStorage: the cassettes, and the bin for retracted and rejected notes."""
    numbers = [(family, number) for family in ("cassette", "retract") for number in _instances(state, family)]
    units = (_unit(family, number, state, version) for family, number in numbers if not number.startswith("count"))
    return {"storage": {f"unit{unit['cash']['status']['index']}": unit for unit in units}}


def _unit(family: str, number: str, state: Mapping[str, str], version: str) -> dict[str, Any]:
    word = state[f"{family}.{number}"]
    level = word if word in _COUNTS else "ok"
    recycles = family == "cassette"
    count = int(state.get(f"cassette.count.{number}", _COUNTS[level] if recycles else 3))
    types = {"cashOut": recycles, "cashIn": recycles, "reject": not recycles, "cashOutRetract": not recycles}
    value = _VALUES.get(number, 50)
    configuration: dict[str, Any] = {"types": types}
    configuration |= {"currency": "CNY", "value": value} if recycles else {"name": "reject"}
    status: dict[str, Any] = {"index": int(number), "accuracy": "accurate", "replenishmentStatus": level}
    notes = f"type{value}CNY1"
    if version == OLD:
        status |= {"count": count, "initial": {"cash": {notes: {"fit": 2000}}}}
    else:
        gone = max(0, 2000 - count)
        status["initial"] = {"unrecognized": 0, notes: {"fit": count + gone, "unfit": 0}}
        status["out"] = {"presented": {notes: {"fit": gone}}, "stacked": {notes: {"fit": 7}}}
    return {
        "id": f"C{number}",
        "positionName": f"Slot {number}",
        "capacity": 2500,
        "status": word if word not in _COUNTS else "ok",
        "serialNumber": f"SIM{number}",
        "cash": {"configuration": configuration, "status": status},
    }
