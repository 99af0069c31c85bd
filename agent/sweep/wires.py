"""The networks this PC stands in itself, with the cards' names as the table of neighbours has them. IPv4 alone: a
network of IPv6 is too large to be asked address by address."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from pathlib import Path
from typing import Final, NamedTuple

from agent.facts.files import ROOT, decoded, read
from agent.facts.network import networks
from agent.facts.programs import ask
from agent.facts.sheet import NotRead

BROADCAST, NO_ARP = 0x2, 0x80  # IFF_BROADCAST, IFF_NOARP of netdevice(7)
SECONDS: Final = 10.0
_NO_WINDOW: Final = getattr(subprocess, "CREATE_NO_WINDOW", 0)


class Wire(NamedTuple):
    card: str  # on Windows its address, as `arp -a` says it
    network: IPv4Network
    own: IPv4Address


def wires(root: Path = ROOT) -> list[Wire]:
    """Every network with ARP; a tunnel and the loopback have none. Raises NotRead."""
    if sys.platform == "win32":
        return list(of_windows(_routes()))
    return [wire for wire in _linux(root) if _has_arp(root, wire.card)]


def _linux(root: Path) -> Iterator[Wire]:
    """Without `ip` the first address of each card alone."""
    try:
        said = ask(root, "ip", "-4", "-o", "addr", "show", "up")
        if said.code:
            raise NotRead("unreadable", said.text)
        yield from of_ip(said.text)
    except NotRead:
        for line in networks(root):
            with suppress(ValueError):  # IPv6
                card, own = line.split()
                one = IPv4Interface(own)
                yield Wire(card, one.network, one.ip)


def of_ip(said: str) -> Iterator[Wire]:
    """Of lines like "2: eth0    inet 10.1.1.5/24 brd 10.1.1.255 scope global eth0"; the further addresses of a card
    too."""
    for line in said.splitlines():
        words = line.split()
        if len(words) >= 4 and words[2] == "inet" and "/" in words[3]:
            with suppress(ValueError):
                one = IPv4Interface(words[3])
                if not one.is_loopback:
                    yield Wire(words[1].partition("@")[0], one.network, one.ip)


def of_windows(said: str) -> Iterator[Wire]:
    """Of `route print -4`, in any language: "10.1.1.0 255.255.255.0 在链路上 10.1.1.5 281" is a network of its own,
    where a gateway would be another address. Never run on Windows so far."""
    for line in said.splitlines():
        words = line.split()
        if len(words) == 5 and not _is_address(words[2]):
            with suppress(ValueError):
                network, own = IPv4Network(f"{words[0]}/{words[1]}"), IPv4Address(words[3])
                if own in network and network.prefixlen < 32 and not (own.is_loopback or network.is_multicast):
                    yield Wire(str(own), network, own)


def _is_address(word: str) -> bool:
    with suppress(ValueError):
        IPv4Address(word)
        return True
    return False


def _has_arp(root: Path, card: str) -> bool:
    with suppress(NotRead, ValueError):
        flags = int(read(root / "sys/class/net" / card / "flags"), 16)
        return bool(flags & BROADCAST) and not flags & NO_ARP
    return False


def _routes() -> str:
    program = Path(os.environ.get("SYSTEMROOT", r"C:\Windows")) / "System32" / "route.exe"
    try:
        done = subprocess.run(
            [str(program), "print", "-4"], stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS,
            creationflags=_NO_WINDOW, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise NotRead("timeout") from error
    except OSError as error:
        raise NotRead("absent" if isinstance(error, FileNotFoundError) else "unreadable") from error
    return decoded(done.stdout)
