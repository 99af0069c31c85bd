"""What of a PC can be reached: listening ports, shares, its firewall, and the networks it stands in."""

import os
import re
import socket
import struct
import sys
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Final

from agent.facts.files import ROOT, listed, read, there
from agent.facts.firewall import firewall
from agent.facts.sheet import NotRead, Sheet

LISTEN, UNCONNECTED = "0A", "07"  # TCP_LISTEN, and what UDP calls TCP_CLOSE (net/tcp_states.h)
ADDRESS, MASK = 0x8915, 0x891B  # SIOCGIFADDR, SIOCGIFNETMASK of netdevice(7)
OLD_SMB: Final = ("core", "coreplus", "lanman1", "lanman2", "nt1")

Socket = tuple[str, IPv4Address | IPv6Address, int]


def network(root: Path = ROOT) -> Sheet:
    sheet = Sheet("network")
    found: list[Socket] = []
    for kind in ("tcp", "udp"):

        def ports(kind: str = kind) -> list[str]:
            own = sorted(set(sockets(root, kind)), key=lambda one: (one[2], str(one[1])))
            found.extend(own)
            return [str(port) for port in sorted({port for _, _, port in own})]

        sheet.read(f"ports.{kind}", ports)
    if "ports.tcp" in sheet.facts and "ports.udp" in sheet.facts:
        sheet.facts["listening"] = [f"{kind} {_shown(address)}:{port}" for kind, address, port in found]
    else:
        sheet.unread["listening"] = next(iter(sheet.unread.values()))
    sheet.read("shares", lambda: shares(root))
    sheet.read("smb1.server", lambda: smb1(root))
    sheet.take("firewall.", lambda: firewall(root))
    sheet.read("networks", lambda: networks(root))
    return sheet


def sockets(root: Path, kind: str) -> Iterator[Socket]:
    """What listens on more than the PC itself.

    UDP does not listen. A port of the range that the kernel gives out by itself waits for one answer, and is left out.
    """
    given = range(0)
    if kind == "udp":
        with suppress(NotRead, ValueError):
            low, high = map(int, read(root / "proc/sys/net/ipv4/ip_local_port_range").split())
            given = range(low, high + 1)
    lines = read(root / "proc/net" / kind).splitlines()[1:]
    with suppress(NotRead):  # a kernel without IPv6
        lines += read(root / "proc/net" / f"{kind}6").splitlines()[1:]
    for line in lines:
        local, remote, state = _fields(line)
        address, port = local
        passive = state == LISTEN if kind == "tcp" else state == UNCONNECTED and remote[1] == 0 and port not in given
        if passive and not address.is_loopback and not _mapped(address):
            yield kind, address, port


def _fields(line: str) -> tuple[tuple[IPv4Address | IPv6Address, int], tuple[IPv4Address | IPv6Address, int], str]:
    try:
        _, local, remote, state, *_ = line.split()
        return _address(local), _address(remote), state
    except ValueError as error:
        raise NotRead("unreadable", line) from error


def _address(text: str) -> tuple[IPv4Address | IPv6Address, int]:
    """Of proc_net_tcp(5): words of four bytes as the processor has them."""
    words, port = text.split(":")
    raw = bytes.fromhex(words)
    if sys.byteorder == "little":
        raw = b"".join(raw[at : at + 4][::-1] for at in range(0, len(raw), 4))
    return ip_address(raw), int(port, 16)


def _mapped(address: IPv4Address | IPv6Address) -> bool:
    """Loopback of IPv4, as a socket of IPv6 has it."""
    inner = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return inner is not None and inner.is_loopback


def _shown(address: IPv4Address | IPv6Address) -> str:
    return f"[{address}]" if isinstance(address, IPv6Address) else str(address)


def shares(root: Path) -> list[str]:
    """What Samba and NFS are told to share; none where neither is told anything."""
    found = [f"smb {name}" for name in _smb(root) if name not in ("global", "printers", "print$")]
    own = root / "var/lib/samba/usershares"
    if there(own):
        found += [f"smb {path.name}" for path in listed(own)]
    if there(root / "etc/exports"):
        lines = (line.partition("#")[0].split() for line in read(root / "etc/exports").splitlines())
        found += [f"nfs {line[0]}" for line in lines if line]
    return found


def smb1(root: Path) -> bool:
    """Whether Samba speaks what WannaCry came by. What it does untold depends on its version, and is not known."""
    said = _smb(root)
    if not said:
        return False
    least = next((said["global"][key] for key in ("serverminprotocol", "minprotocol") if key in said["global"]), None)
    if least is None:
        raise NotRead("absent")
    return least.lower() in OLD_SMB


def _smb(root: Path) -> dict[str, dict[str, str]]:
    """The sections of smb.conf; nothing where it is not there. Names of settings have no spaces (smb.conf(5))."""
    path = root / "etc/samba/smb.conf"
    if not there(path):
        return {}
    found: dict[str, dict[str, str]] = {"global": {}}
    section = found["global"]
    for line in read(path).replace("\\\n", "").splitlines():
        line = line.strip()
        if line.startswith("[") and line.endswith("]"):
            section = found.setdefault(line[1:-1].strip().lower(), {})
        elif line and line[0] not in "#;":
            key, _, value = line.partition("=")
            section[re.sub(r"\s", "", key.lower())] = value.strip()
    named = found["global"]
    if "registry" in named.get("configbackend", "") or any("include" in one for one in found.values()):
        raise NotRead("unreadable", "smb.conf goes on elsewhere")
    return found


def networks(root: Path) -> list[str]:
    """Each card with its address and the length of its network's prefix; without loopback and link-local ones."""
    return [*_four(root), *_six(root)]


def _four(root: Path) -> Iterator[str]:
    if sys.platform == "win32":
        return
    import fcntl

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        for card in listed(root / "sys/class/net"):
            asked = struct.pack("256s", os.fsencode(card.name)[:15])
            with suppress(OSError):  # it has none
                own, mask = (fcntl.ioctl(asker.fileno(), what, asked)[20:24] for what in (ADDRESS, MASK))
                address = IPv4Address(own)
                if not address.is_loopback and not address.is_link_local:
                    yield f"{card.name} {address}/{int.from_bytes(mask).bit_count()}"


def _six(root: Path) -> Iterator[str]:
    try:
        lines = read(root / "proc/net/if_inet6").splitlines()
    except NotRead:  # a kernel without it
        return
    for line in lines:
        try:
            words, _, length, _, _, card = line.split()
            address = IPv6Address(bytes.fromhex(words))
            if not address.is_loopback and not address.is_link_local:
                yield f"{card} {address}/{int(length, 16)}"
        except ValueError as error:
            raise NotRead("unreadable", line) from error
