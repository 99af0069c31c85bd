"""What a script of facts said, as sheets: KEY=VALUE, KEY[] and KEY[]=VALUE, unread.KEY=WHY.

All of it is a host's word, and may be anything. Only names of the table below are taken, each of its kind; what is of
another kind is unreadable, and costs no other fact. Pure.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final, Literal

from drivers.base import FactSheet
from drivers.errors import Garbled, Reason
from drivers.host.script import cleaned, text_of

MOST_LINES: Final = 20_000
SOFTWARE: Final = 48 << 10  # bytes of the list
PENDING: Final = 300
LARGEST: Final = 2**63 - 1
WHY: Final = ("rights", "absent", "timeout", "unreadable")
NOISE: Final = (b"#< CLIXML", b"<Objs ")  # what PowerShell puts between lines of a pipe
Kind = Literal["text", "int", "bool", "list"]
Fact = str | int | bool | list[str]

# topic -> name -> kind; N is a number from 1
NAMES: Final[dict[str, dict[str, Kind]]] = {
    "host": {
        **dict.fromkeys(("host.name", "host.domain", "os.name", "os.id", "os.version", "os.build"), "text"),
        **dict.fromkeys(("os.edition", "kernel", "arch", "cpu.name", "boot.id", "timezone", "encoding"), "text"),
        **dict.fromkeys(("machine.maker", "machine.model", "machine.serial", "disk.N.path"), "text"),
        **dict.fromkeys(("cpu.count", "memory.bytes", "memory.free", "swap.bytes", "boot.at"), "int"),
        **dict.fromkeys(("timezone.offset", "disk.N.bytes", "disk.N.free"), "int"),
        **dict.fromkeys(("addresses", "macs", "reboot.why"), "list"),
        "reboot.pending": "bool",
    },
    "updates": {
        **dict.fromkeys(("updates.source", "file.srv.sys"), "text"),
        **dict.fromkeys(("updates.last_at", "updates.lists_at", "updates.pending_count"), "int"),
        **dict.fromkeys(("updates.pending", "updates.qfe", "updates.wua"), "list"),
    },
    "software": {"software": "list"},
    "network": {
        **dict.fromkeys(("smb1.server", "firewall.on"), "bool"),
        **dict.fromkeys(("ports.tcp", "ports.udp", "listening", "shares", "networks"), "list"),
        "firewall.kind": "text",
    },
    "antivirus": {
        **dict.fromkeys(("av.N.product", "av.N.version", "av.N.engine", "av.N.library", "av.N.read"), "text"),
        **dict.fromkeys(("av.count", "av.N.library_at", "av.N.scanned_at"), "int"),
        "av.N.realtime": "bool",
        "av.looked": "list",
    },
    "policy": {"usb.storage": "text", "administrators": "list", "licence": "text"},
}
_TOPIC: Final = {name: topic for topic, names in NAMES.items() for name in names}
_KIND: Final[dict[str, Kind]] = {name: kind for names in NAMES.values() for name, kind in names.items()}
_NUMBERED: Final = re.compile(r"^(disk|av)\.[1-9]\d?\.", re.ASCII)
_WHOLE: Final = re.compile(r"-?\d{1,19}", re.ASCII)
_KEY: Final = re.compile(rb"[a-z][a-z0-9_.]{0,63}(\[\])?")
Said = tuple[dict[str, str], dict[str, list[str]]]  # scalars, lists


def sheets_of(said: bytes, family: str, script: str, sha256: str) -> list[FactSheet]:
    """One a topic. `family` is of the system the script is for; it is told with its name and hash, as facts of the
    topic host. Garbled if this is not what such a script says."""
    scalars, lists = _read(said)
    facts: dict[str, dict[str, Fact]] = {topic: {} for topic in NAMES}
    unread: dict[str, dict[str, str]] = {topic: {} for topic in NAMES}
    _sockets(scalars, lists)
    for key, why in scalars.items():
        name = key.removeprefix("unread.")
        if name != key and (topic := _topic(name)):
            unread[topic][name] = why if why in WHY else "unreadable"
    for name, value in _typed(scalars, lists):
        topic = _topic(name) or ""
        if value is None:
            unread[topic][name] = "unreadable"
        else:
            facts[topic][name] = value
    if not facts["host"]:
        raise Garbled(Reason.UNREADABLE_OUTPUT, "it tells nothing of its host", raw=said[:1024])
    facts["host"] |= {"os.family": family, "script.name": script, "script.sha256": sha256}
    _bounded(facts)
    return [FactSheet(topic, facts[topic], unread[topic]) for topic in NAMES if facts[topic] or unread[topic]]


def _read(said: bytes) -> Said:
    lines = said.split(b"\n", MOST_LINES)
    if len(lines) > MOST_LINES:
        raise Garbled(Reason.UNREADABLE_OUTPUT, f"the script said more than {MOST_LINES} lines", raw=said[:1024])
    scalars: dict[str, str] = {}
    lists: dict[str, list[str]] = {}
    for line in lines:
        if not line.strip(b"\r") or line.startswith(NOISE):
            continue
        key, equals, value = line.strip(b"\r").partition(b"=")
        name = key.decode("ascii", errors="replace").removesuffix("[]")
        if not _KEY.fullmatch(key) or (not equals and not key.endswith(b"[]")):
            raise Garbled(Reason.UNREADABLE_OUTPUT, "the script's lines are not KEY=VALUE", raw=line[:1024])
        if key.endswith(b"[]"):
            found = lists.setdefault(name, [])
            if equals:
                found.append("\t".join(cleaned(part) for part in text_of(value).split("\t", 1)))
        elif name in scalars:
            raise Garbled(Reason.UNREADABLE_OUTPUT, "the script says one thing twice", raw=line[:1024])
        else:
            scalars[name] = cleaned(text_of(value))
    return scalars, lists


def _typed(scalars: Mapping[str, str], lists: Mapping[str, list[str]]) -> Iterator[tuple[str, Fact | None]]:
    """Of the names there are; None where a value is not of its kind."""
    for name, text in scalars.items():
        kind = _kind(name)
        if kind == "text" and text:
            yield name, text
        elif kind == "bool":
            yield name, {"true": True, "false": False}.get(text)
        elif kind == "int":
            number = int(text) if _WHOLE.fullmatch(text) else None
            yield name, number if number is not None and abs(number) <= LARGEST else None
        elif kind == "list":
            yield name, None
    for name, found in lists.items():
        if kind := _kind(name):
            yield name, found if kind == "list" else None


def _topic(name: str) -> str | None:
    """Also of a beginning of names, that ends in a dot or is one of a list's facts."""
    if topic := _TOPIC.get(_unnumbered(name)):
        return topic
    if not name.endswith("."):
        return None
    return next((topic for known, topic in _TOPIC.items() if known.startswith(_unnumbered(name))), None)


def _kind(name: str) -> Kind | None:
    return _KIND.get(_unnumbered(name))


def _unnumbered(name: str) -> str:
    return _NUMBERED.sub(lambda found: f"{found[1]}.N.", name)


def _sockets(scalars: dict[str, str], lists: dict[str, list[str]]) -> None:
    """Of the kernel's tables: the ports that listen on more than the host itself. UDP does not listen: a port of the
    range that the kernel gives out by itself waits for one answer, and is left out."""
    order = {"1": "little", "256": "big"}.get(scalars.pop("byte_order", ""))
    low, _, high = scalars.pop("given", "").partition(" ")
    given = range(int(low), int(high) + 1) if low.isdecimal() and high.isdecimal() else range(0)
    listening: list[tuple[str, IPv4Address | IPv6Address, int]] = []
    for kind in ("tcp", "udp"):
        found = lists.pop(f"socket.{kind}", None)
        if found is None:
            continue
        try:
            own = {_socket(text, order) for text in found}
        except ValueError:
            scalars[f"unread.ports.{kind}"] = "unreadable"
            continue
        open_to = sorted(
            (one for one in own if not _loopback(one[0]) and not (kind == "udp" and one[1] in given)),
            key=lambda one: (one[1], str(one[0])),
        )
        lists[f"ports.{kind}"] = [str(port) for port in sorted({port for _, port in open_to})]
        listening += [(kind, *one) for one in open_to]
    if "ports.tcp" in lists and "ports.udp" in lists and "listening" not in lists:
        lists["listening"] = [f"{kind} {_shown(address)}:{port}" for kind, address, port in listening]
    elif "listening" not in lists:
        why = scalars.get("unread.ports.tcp") or scalars.get("unread.ports.udp")
        if why:
            scalars["unread.listening"] = why


def _socket(text: str, order: str | None) -> tuple[IPv4Address | IPv6Address, int]:
    """Of proc_net_tcp(5): words of four bytes as the processor has them."""
    words, _, port = text.partition(":")
    raw = bytes.fromhex(words)
    if order is None or len(port) != 4:
        raise ValueError(text)
    if order == "little":
        raw = b"".join(raw[at : at + 4][::-1] for at in range(0, len(raw), 4))
    return ip_address(raw), int(port, 16)


def _loopback(address: IPv4Address | IPv6Address) -> bool:
    inner = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return address.is_loopback or (inner is not None and inner.is_loopback)


def _shown(address: IPv4Address | IPv6Address) -> str:
    return f"[{address}]" if isinstance(address, IPv6Address) else str(address)


def _bounded(facts: dict[str, dict[str, Fact]]) -> None:
    """As much of the longest lists as a record has room for, and how many were left out."""
    software = facts["software"].get("software")
    if isinstance(software, list):
        found = sorted(set(software))
        kept = list(_fitting(found))
        facts["software"] |= {
            "software": kept,
            "software.count": len(found),
            "software.left_out": len(found) - len(kept),
        }
    pending = facts["updates"].get("updates.pending")
    if isinstance(pending, list):
        facts["updates"]["updates.pending"] = pending[:PENDING]


def _fitting(found: Iterable[str]) -> Iterator[str]:
    left = SOFTWARE
    for one in found:
        left -= len(one.encode()) + 5
        if left < 0:
            return
        yield one
