"""What Linux says in files that everybody may read."""

import socket
import struct
import sys
from contextlib import suppress
from pathlib import Path

from agent.wire import Told

ROOT = Path("/")
_SIOCGIFADDR = 0x8915  # netdevice(7)


def facts(root: Path = ROOT) -> dict[str, Told]:
    release = _pairs(root / "etc/os-release", "=")
    memory = _pairs(root / "proc/meminfo", ":")
    dmi = root / "sys/class/dmi/id"
    found: dict[str, Told] = {
        "os.name": release.get("PRETTY_NAME", ""),
        "os.id": release.get("ID", ""),
        "os.edition": release.get("VARIANT", ""),
        "os.version": release.get("VERSION_ID", ""),
        "kernel": _text(root / "proc/sys/kernel/osrelease"),
        "os.build": _text(root / "proc/sys/kernel/version"),
        "machine.maker": _text(dmi / "sys_vendor"),
        "machine.model": _text(dmi / "product_name"),
        "cpu.name": _pairs(root / "proc/cpuinfo", ":").get("model name", ""),
        "timezone": _zone(root),
        "addresses": [*_addresses_4(root), *_addresses_6(root)],
        "macs": _macs(root),
    }
    for name, key in (("memory.bytes", "MemTotal"), ("memory.free", "MemAvailable"), ("swap.bytes", "SwapTotal")):
        size = memory.get(key, "").split()
        if size and size[0].isdigit():
            found[name] = int(size[0]) * 1024
    return {name: value for name, value in found.items() if value != "" and value != []}


def disks(root: Path = ROOT) -> list[str]:
    """Where disks of this host are mounted, each once: to ask a file server that is away takes for ever."""
    seen: dict[str, str] = {}
    for line in _text(root / "proc/self/mounts").splitlines():
        device, where, *_ = line.split(" ")
        if device.startswith("/dev/") and not device.startswith("/dev/loop"):
            seen.setdefault(device, _unescaped(where))
    return list(seen.values()) or ["/"]


def _unescaped(text: str) -> str:
    """proc(5): space, tab, newline and backslash are in octal."""
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, character)
    return text


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _pairs(path: Path, sign: str) -> dict[str, str]:
    """Of several lines with one key the first counts."""
    found: dict[str, str] = {}
    for line in _text(path).splitlines():
        key, there, value = line.partition(sign)
        if there:
            found.setdefault(key.strip(), value.strip().strip('"'))
    return found


def _zone(root: Path) -> str:
    """Asia/Shanghai, of the link that most systems have."""
    with suppress(OSError):
        return str((root / "etc/localtime").readlink()).partition("zoneinfo/")[2]
    return _text(root / "etc/timezone")


def _cards(root: Path) -> list[Path]:
    with suppress(OSError):
        return sorted((root / "sys/class/net").iterdir())
    return []


def _macs(root: Path) -> list[str]:
    """Of cards that are there; a bridge or a tunnel has no device."""
    return [mac for card in _cards(root) if (card / "device").exists() and (mac := _text(card / "address"))]


def _addresses_4(root: Path) -> list[str]:
    if sys.platform == "win32":
        return []
    import fcntl

    found = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        for card in _cards(root):
            asked = struct.pack("256s", card.name.encode()[:15])
            with suppress(OSError):  # it has none
                found.append(socket.inet_ntoa(fcntl.ioctl(asker.fileno(), _SIOCGIFADDR, asked)[20:24]))
    return found


def _addresses_6(root: Path) -> list[str]:
    found = []
    for line in _text(root / "proc/net/if_inet6").splitlines():
        with suppress(ValueError, OSError):
            found.append(socket.inet_ntop(socket.AF_INET6, bytes.fromhex(line.split()[0])))
    return found
