"""What simulated devices have in their MIBs, from a state in the catalogue's words. Makers and numbers are INVENTED.

Written from the RFCs and MIBs, not from the driver's profiles: what one has wrong, the other shows.
"""

from collections.abc import Callable
from typing import NamedTuple

from drivers.sim.snmp_ber import Oid

State = dict[str, str]


class Limits(NamedTuple):
    """What the bank calls a low and a full cassette, as the driver is told; 0: not told."""

    low: int = 200
    full: int = 0

    def word(self, notes: int) -> str:
        if notes < self.low:
            return "low"
        return "full" if self.full and notes >= self.full else "ok"


NO_LIMITS = Limits(0, 0)


class Object(NamedTuple):
    kind: str  # of snmp_ber.TAGS
    value: int | bytes | Oid
    tells: tuple[str, ...] = ()  # the parts that follow from it


Objects = dict[Oid, Object]


class Device(NamedTuple):
    objects: Objects
    words: State  # the part words that follow from the objects


def build(profile: str, name: str, state: State, limits: Limits = NO_LIMITS) -> Device:
    """The device of `profile` in `state`. What the state does not say is well; KeyError for a word nobody knows."""
    objects: Objects = {}
    words = _DEVICES[profile](objects, name, state, limits)
    return Device(objects, words)


def known_keys(profile: str) -> tuple[str, ...]:
    """The keys a state may have, without the number of one of several."""
    return _KEYS[profile]


_KEYS = {
    "host": ("port", "cpu.load", "memory.used", "memory.size", "disk.used", "processes"),
    "network": (
        "port",
        "fan",
        "psu",
        "temperature",
        "cpu.load",
        "memory.used",
        "memory.size",
        "disk.used",
        "processes",
    ),
    "windows": ("port", "software.count", "cpu.load", "memory.used", "memory.size", "disk.used", "processes"),
    "printer": ("paper", "toner", "cover", "tray", "output", "supply.level", "tray.level", "pages"),
    "ups": (
        "power",
        "battery",
        "alarm",
        "load",
        "battery.charge",
        "battery.runtime",
        "battery.voltage",
        "battery.temperature",
        "battery.seconds",
        "input.voltage",
        "input.frequency",
        "output.voltage",
        "output.power",
    ),
    "ups-apc": (
        "power",
        "battery",
        "load",
        "battery.charge",
        "battery.runtime",
        "battery.voltage",
        "battery.temperature",
        "input.voltage",
        "input.frequency",
        "output.voltage",
    ),
    "atm-ncr": ("service", "module", "cassette", "cassette.count"),
}
PROFILES = tuple(_KEYS)


def _number(state: State, key: str, otherwise: float) -> float:
    return float(state.get(key, otherwise))


def _oid(dotted: str) -> Oid:
    return tuple(map(int, dotted.split(".")))


class _Mib:
    """Puts objects in: `mib.put("1.3.6...", "integer", 3, "power")`."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    def put(self, dotted: str, kind: str, value: int | bytes | str | Oid, *tells: str) -> None:
        stored = value.encode() if isinstance(value, str) else value
        self._objects[_oid(dotted)] = Object(kind, stored, tells)


def _system(mib: _Mib, name: str, description: str, object_id: str) -> None:
    mib.put("1.3.6.1.2.1.1.1.0", "octets", description)
    mib.put("1.3.6.1.2.1.1.2.0", "oid", _oid(object_id))
    mib.put("1.3.6.1.2.1.1.3.0", "ticks", 0)
    mib.put("1.3.6.1.2.1.1.5.0", "octets", name)
    mib.put("1.3.6.1.2.1.1.6.0", "octets", name.partition("/")[0])


def _serial(name: str) -> str:
    """The same for the same name, and another for another."""
    return f"SIM{sum(place * ord(letter) for place, letter in enumerate(name, 7)) % 10**6:06d}"


def _host(objects: Objects, name: str, state: State, limits: Limits) -> State:
    mib = _Mib(objects)
    _system(mib, name, "Simulated branch router, release 1.0", "1.3.6.1.4.1.99999.1")
    memory, disk = _number(state, "memory.used", 41), _number(state, "disk.used", 37)
    size = int(_number(state, "memory.size", 8192)) * 1024
    mib.put("1.3.6.1.2.1.25.1.1.0", "ticks", 0)
    mib.put("1.3.6.1.2.1.25.1.6.0", "gauge", int(_number(state, "processes", 86)))
    mib.put("1.3.6.1.2.1.25.2.2.0", "integer", size)
    for row, (kind, what, units, used) in enumerate(((2, "RAM", size, memory), (4, "flash:", 4_000_000, disk)), 1):
        mib.put(f"1.3.6.1.2.1.25.2.3.1.2.{row}", "oid", _oid(f"1.3.6.1.2.1.25.2.1.{kind}"))
        mib.put(f"1.3.6.1.2.1.25.2.3.1.3.{row}", "octets", what)
        mib.put(f"1.3.6.1.2.1.25.2.3.1.4.{row}", "integer", 1024)
        mib.put(f"1.3.6.1.2.1.25.2.3.1.5.{row}", "integer", units)
        mib.put(f"1.3.6.1.2.1.25.2.3.1.6.{row}", "integer", round(units * used / 100))
    for processor in (1, 2):
        mib.put(f"1.3.6.1.2.1.25.3.3.1.2.{processor}", "integer", round(_number(state, "cpu.load", 12)))
    ports = {key: word for key, word in state.items() if key.startswith("port.")} or {"port.1": "up", "port.2": "up"}
    for key, word in ports.items():
        row = int(key.removeprefix("port."))
        admin, oper = {"up": (1, 1), "down": (1, 2), "disabled": (2, 2), "unknown": (1, 4)}[word]
        mib.put(f"1.3.6.1.2.1.2.2.1.2.{row}", "octets", f"GigabitEthernet0/0/{row}")
        mib.put(f"1.3.6.1.2.1.2.2.1.3.{row}", "integer", 6)
        mib.put(f"1.3.6.1.2.1.2.2.1.5.{row}", "gauge", 1_000_000_000)
        mib.put(f"1.3.6.1.2.1.2.2.1.7.{row}", "integer", admin, key)
        mib.put(f"1.3.6.1.2.1.2.2.1.8.{row}", "integer", oper, key)
        mib.put(f"1.3.6.1.2.1.2.2.1.14.{row}", "counter", 0)
        mib.put(f"1.3.6.1.2.1.2.2.1.20.{row}", "counter", 0)
        mib.put(f"1.3.6.1.2.1.31.1.1.1.1.{row}", "octets", f"GE0/0/{row}")
        mib.put(f"1.3.6.1.2.1.31.1.1.1.15.{row}", "gauge", 1000)
    return dict(ports)


_ENTITIES = {  # class of the ENTITY-MIB, words in numbers of HH3C-ENTITY-EXT-MIB
    "fan": (7, {"ok": 2, "missing": 4, "fault": 41, "unknown": 1}),
    "psu": (6, {"ok": 2, "missing": 4, "fault": 51, "unknown": 1}),
}


def _network(objects: Objects, name: str, state: State, limits: Limits) -> State:
    words = _host(objects, name, state, limits)
    mib = _Mib(objects)
    _system(mib, name, "Simulated switch, release 1.0", "1.3.6.1.4.1.99999.5")
    physical, extended = "1.3.6.1.2.1.47.1.1.1.1", "1.3.6.1.4.1.25506.2.6.1.1.1.1"
    mib.put(f"{physical}.2.1", "octets", "Simulated SW-24")
    mib.put(f"{physical}.5.1", "integer", 3)
    mib.put(f"{physical}.11.1", "octets", _serial(name))
    mib.put(f"{extended}.12.1", "integer", round(_number(state, "temperature", 38)))
    row = 1
    for kind, (of_class, codes) in _ENTITIES.items():
        numbered = [int(key.rpartition(".")[2]) for key in state if key.startswith(f"{kind}.")]
        for number in range(1, max([*numbered, 2]) + 1):
            key = f"{kind}.{number}"
            row += 1
            words[key] = word = state.get(key, "ok")
            mib.put(f"{physical}.5.{row}", "integer", of_class)
            mib.put(f"{physical}.7.{row}", "octets", key.upper().replace(".", " "))
            mib.put(f"{extended}.12.{row}", "integer", 65535)
            mib.put(f"{extended}.19.{row}", "integer", codes[word], key)
    _stations(mib)
    return words


# Who is on the wires of a simulated switch: VLAN, bridge port, MAC, IPv4 address or "".
STATIONS = (
    (10, 1, "00:1b:21:0a:00:05", "10.1.1.5"),
    (10, 2, "00:1b:21:0a:00:09", "10.1.1.9"),
    (20, 2, "00:1b:21:0a:00:77", ""),
    (10, 1, "00:00:5e:00:01:0a", "10.1.1.1"),
)


def _stations(mib: _Mib) -> None:
    """Bridge port N is the interface N; the switch's own MAC stands in its table as it does in real ones."""
    own = bytes.fromhex("001b210a00fe")
    for port in (1, 2):
        mib.put(f"1.3.6.1.2.1.2.2.1.6.{port}", "octets", own)
        mib.put(f"1.3.6.1.2.1.17.1.4.1.2.{port}", "integer", port)
    mib.put(f"1.3.6.1.2.1.17.7.1.2.2.1.2.1.{'.'.join(map(str, own))}", "integer", 0)
    for vlan, port, mac, address in STATIONS:
        octets = bytes.fromhex(mac.replace(":", ""))
        mib.put(f"1.3.6.1.2.1.17.7.1.2.2.1.2.{vlan}.{'.'.join(map(str, octets))}", "integer", port)
        if address:
            mib.put(f"1.3.6.1.2.1.4.22.1.2.{port}.{address}", "octets", octets)


_PROGRAMS = ("Microsoft Office Word 2007", "柜面业务系统", "7-Zip 9.20", "安全更新程序 (KB4012598)")


def _windows(objects: Objects, name: str, state: State, limits: Limits) -> State:
    words = _host(objects, name, state, limits)
    mib = _Mib(objects)
    _system(mib, name, "Hardware: simulated - Software: Windows Version 6.1 (Build 7601)", "1.3.6.1.4.1.311.1.1.3.1.1")
    mib.put("1.3.6.1.4.1.77.1.1.1.0", "octets", "6")
    for row in range(1, int(_number(state, "software.count", 24)) + 1):
        program = _PROGRAMS[row % len(_PROGRAMS)]
        mib.put(f"1.3.6.1.2.1.25.6.3.1.2.{row}", "octets", program.encode("gb18030"))
    return words


_ERROR_BITS = {
    "paper": {"low": 0x8000, "out": 0x4000, "jammed": 0x0400},
    "toner": {"low": 0x2000, "out": 0x1000},
    "cover": {"open": 0x0800},
    "tray": {"missing": 0x0080, "empty": 0x0004},
    "output": {"missing": 0x0040, "high": 0x0010, "full": 0x0008},
}
_GOOD = {"paper": "ok", "toner": "ok", "cover": "closed", "tray": "ok", "output": "ok"}
_STOPS = 0x4000 | 0x1000 | 0x0800 | 0x0400 | 0x0080 | 0x0040 | 0x0008  # it prints no more
_DISPLAY = {0x0400: "PAPER JAM", 0x0800: "COVER OPEN", 0x4000: "LOAD PAPER", 0x1000: "REPLACE TONER"}


def _printer(objects: Objects, name: str, state: State, limits: Limits) -> State:
    mib = _Mib(objects)
    words = {key: state.get(key, word) for key, word in _GOOD.items()}
    bits = 0
    for key, word in words.items():
        bits |= 0 if word == _GOOD[key] else _ERROR_BITS[key][word]
    stopped = bool(bits & _STOPS)
    _system(mib, name, "Simulated laser printer", "1.3.6.1.4.1.99999.2")
    mib.put("1.3.6.1.2.1.25.3.2.1.2.1", "oid", _oid("1.3.6.1.2.1.25.3.1.5"))
    mib.put("1.3.6.1.2.1.25.3.2.1.3.1", "octets", "Simulated LP-40")
    mib.put("1.3.6.1.2.1.25.3.2.1.5.1", "integer", 5 if stopped else 3 if bits else 2)
    mib.put("1.3.6.1.2.1.25.3.5.1.1.1", "integer", 1 if stopped else 3)
    mib.put("1.3.6.1.2.1.25.3.5.1.2.1", "octets", bits.to_bytes(2, "big"), *_GOOD)
    mib.put("1.3.6.1.2.1.43.5.1.1.16.1", "octets", name)
    mib.put("1.3.6.1.2.1.43.5.1.1.17.1", "octets", _serial(name))
    mib.put("1.3.6.1.2.1.43.6.1.1.3.1.1", "integer", 3 if words["cover"] == "open" else 4, "cover")
    level = _number(state, "tray.level", 0 if words["paper"] == "out" else 60)
    mib.put("1.3.6.1.2.1.43.8.2.1.9.1.1", "integer", 250)
    mib.put("1.3.6.1.2.1.43.8.2.1.10.1.1", "integer", round(250 * level / 100))
    mib.put("1.3.6.1.2.1.43.8.2.1.13.1.1", "octets", "Tray 1")
    mib.put("1.3.6.1.2.1.43.10.2.1.4.1.1", "counter", int(_number(state, "pages", 18_204)))
    toner = _number(state, "supply.level", {"ok": 64, "low": 6, "out": 0}[words["toner"]])
    mib.put("1.3.6.1.2.1.43.11.1.1.6.1.1", "octets", "黑色墨粉".encode("gb18030"))
    mib.put("1.3.6.1.2.1.43.11.1.1.8.1.1", "integer", 3000)
    mib.put("1.3.6.1.2.1.43.11.1.1.9.1.1", "integer", round(30 * toner))
    shown = next((text for bit, text in _DISPLAY.items() if bits & bit), "READY")
    mib.put("1.3.6.1.2.1.43.16.5.1.2.1.1", "octets", shown)
    if bits:
        mib.put("1.3.6.1.2.1.43.18.1.1.2.1.1", "integer", 3 if stopped else 4)
        mib.put("1.3.6.1.2.1.43.18.1.1.8.1.1", "octets", shown)
    return words


_SOURCES = {"unknown": 1, "none": 2, "mains": 3, "bypass": 4, "battery": 5}
_BATTERIES = {"unknown": 1, "ok": 2, "replace": 2, "low": 3, "depleted": 4}
_ALARMS = {("battery", "replace"): 1, ("power", "battery"): 2, ("battery", "low"): 3, ("battery", "depleted"): 4}


def _ups(objects: Objects, name: str, state: State, limits: Limits) -> State:
    mib = _Mib(objects)
    power, battery = state.get("power", "mains"), state.get("battery", "ok")
    alarms = [number for (key, word), number in _ALARMS.items() if {"power": power, "battery": battery}[key] == word]
    if state.get("alarm") == "present" and not alarms:
        alarms = [5]  # temperature bad
    on_battery = power == "battery"
    _system(mib, name, "Simulated UPS network card", "1.3.6.1.4.1.99999.3")
    unit = "1.3.6.1.2.1.33.1"
    for number, text in enumerate(("Simulated", "SU-3000", "V1.20", "V2.04", name), 1):
        mib.put(f"{unit}.1.{number}.0", "octets", text)
    charge = _number(state, "battery.charge", {"low": 18, "depleted": 2}.get(battery, 100))
    mib.put(f"{unit}.2.1.0", "integer", _BATTERIES[battery], "battery")
    mib.put(f"{unit}.2.2.0", "integer", int(_number(state, "battery.seconds", 60 if on_battery else 0)))
    mib.put(f"{unit}.2.3.0", "integer", round(_number(state, "battery.runtime", 24 * charge) / 60))
    mib.put(f"{unit}.2.4.0", "integer", round(charge))
    mib.put(f"{unit}.2.5.0", "integer", round(10 * _number(state, "battery.voltage", 48.0 if on_battery else 54.4)))
    mib.put(f"{unit}.2.7.0", "integer", round(_number(state, "battery.temperature", 26)))
    line = f"{unit}.3.3.1"
    mib.put(f"{line}.2.1", "integer", round(10 * _number(state, "input.frequency", 0 if on_battery else 50)))
    mib.put(f"{line}.3.1", "integer", round(_number(state, "input.voltage", 0 if on_battery else 226)))
    load = _number(state, "load", 35)
    mib.put(f"{unit}.4.1.0", "integer", _SOURCES[power], "power")
    mib.put(f"{unit}.4.4.1.2.1", "integer", round(_number(state, "output.voltage", 0 if power == "none" else 220)))
    mib.put(f"{unit}.4.4.1.4.1", "integer", round(_number(state, "output.power", 27 * load)))
    mib.put(f"{unit}.4.4.1.5.1", "integer", round(load))
    mib.put(f"{unit}.6.1.0", "gauge", len(alarms), "alarm")
    for row, number in enumerate(alarms, 1):
        mib.put(f"{unit}.6.2.1.2.{row}", "oid", _oid(f"{unit}.6.3.{number}"))
    return {"power": power, "battery": battery, "alarm": "present" if alarms else "none"}


_APC_OUTPUTS = {"mains": 2, "battery": 3, "bypass": 9, "none": 7, "unknown": 1}
_APC_BATTERIES = {"ok": 2, "low": 3, "fault": 4, "missing": 5, "replace": 2, "unknown": 1}


def _apc(objects: Objects, name: str, state: State, limits: Limits) -> State:
    mib = _Mib(objects)
    unit = "1.3.6.1.4.1.318.1.1.1"
    power, battery = state.get("power", "mains"), state.get("battery", "ok")
    on_battery = power == "battery"
    charge = _number(state, "battery.charge", 14 if battery == "low" else 100)
    _system(mib, name, "Simulated UPS management card", "1.3.6.1.4.1.99999.6")
    mib.put(f"{unit}.1.1.1.0", "octets", "Simulated S-1500")
    mib.put(f"{unit}.1.2.3.0", "octets", _serial(name))
    mib.put(f"{unit}.2.1.1.0", "integer", _APC_BATTERIES[battery], "battery")
    mib.put(f"{unit}.2.2.1.0", "gauge", round(charge))
    mib.put(f"{unit}.2.2.2.0", "gauge", round(_number(state, "battery.temperature", 26)))
    mib.put(f"{unit}.2.2.3.0", "ticks", round(100 * _number(state, "battery.runtime", 24 * charge)))
    mib.put(f"{unit}.2.2.4.0", "integer", 2 if battery == "replace" else 1, "battery")
    mib.put(f"{unit}.2.2.8.0", "integer", round(_number(state, "battery.voltage", 24 if on_battery else 27)))
    mib.put(f"{unit}.3.2.1.0", "gauge", round(_number(state, "input.voltage", 0 if on_battery else 226)))
    mib.put(f"{unit}.3.2.4.0", "gauge", round(_number(state, "input.frequency", 0 if on_battery else 50)))
    mib.put(f"{unit}.4.1.1.0", "integer", _APC_OUTPUTS[power], "power")
    mib.put(f"{unit}.4.2.1.0", "gauge", round(_number(state, "output.voltage", 0 if power == "none" else 220)))
    mib.put(f"{unit}.4.2.3.0", "gauge", round(_number(state, "load", 35)))
    return {"power": power, "battery": battery}


_FILLED = 3000  # notes put into each cassette


def _notes(word: str, limits: Limits) -> int:
    return {"ok": 1640, "empty": 0, "low": max(1, limits.low // 2), "full": limits.full or _FILLED}[word]


def _atm(objects: Objects, name: str, state: State, limits: Limits) -> State:
    mib = _Mib(objects)
    terminal = "1.3.6.1.4.1.191.39"
    service, module = state.get("service", "inService"), state.get("module", "ok")
    words = {"service": service, "module": module}
    _system(mib, name, "Simulated self-service terminal", "1.3.6.1.4.1.99999.4")
    mib.put(f"{terminal}.13.2.1.3.0", "octets", "05.01.00")
    mib.put(f"{terminal}.13.2.1.4.0", "octets", _serial(name))
    service_code = {"inService": 1, "outOfService": 2, "pending": 3, "unknown": 0}[service]
    mib.put(f"{terminal}.13.2.1.7.0", "integer", service_code, "service")
    module_code = {"ok": 1, "attention": 2, "fault": 3, "unknown": 4}[module]
    mib.put(f"{terminal}.13.2.1.10.0", "integer", module_code, "module")
    mib.put(f"{terminal}.13.2.3.2.7.0", "integer", 5)
    numbered = [int(key.rpartition(".")[2]) for key in state if key.startswith("cassette.")]
    for row in range(1, max([*numbered, 4]) + 1):
        key = f"cassette.{row}"
        given = state.get(f"cassette.count.{row}")
        notes = int(float(given)) if given else _notes(state.get(key, "ok"), limits)
        words[key] = "empty" if not notes else limits.word(notes)
        mib.put(f"{terminal}.13.2.1.9.1.1.{row}", "octets", f"CASSETTE {row}")
        mib.put(f"{terminal}.13.2.1.9.1.2.{row}", "integer", row)
        mib.put(f"{terminal}.13.2.1.9.1.3.{row}", "integer", _FILLED, key)
        mib.put(f"{terminal}.13.2.1.9.1.4.{row}", "integer", _FILLED - notes, key)
    for row, what in enumerate(("CARD READER", "CASH DISPENSER", "RECEIPT PRINTER"), 1):
        mib.put(f"{terminal}.1.2.1.2.{row}", "octets", what)
    return words


_DEVICES: dict[str, Callable[[Objects, str, State, Limits], State]] = {
    "host": _host,
    "printer": _printer,
    "ups": _ups,
    "ups-apc": _apc,
    "network": _network,
    "windows": _windows,
    "atm-ncr": _atm,
}
