"""Who this PC spoke with on its own network lately: the addresses its system remembers. Nobody is asked on the line."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from ipaddress import ip_address
from itertools import pairwise
from pathlib import Path
from typing import Final

from agent.facts.files import ROOT, decoded, read
from agent.facts.programs import ask
from agent.facts.sheet import NotRead, Sheet

MOST: Final = 1500  # so many fit one record
SECONDS: Final = 10.0
ANSWERED: Final = ("REACHABLE", "STALE", "DELAY", "PROBE")  # of a neighbour that answered once
KNOWN: Final = (*ANSWERED, "PERMANENT")
COMPLETE, WRITTEN = 0x2, 0x4  # ATF_COM and ATF_PERM of an entry of /proc/net/arp
_NO_WINDOW: Final = getattr(subprocess, "CREATE_NO_WINDOW", 0)
_MAC: Final = re.compile(r"[0-9a-f]{2}(?:[:-][0-9a-f]{2}){5}", re.IGNORECASE | re.ASCII)
# "Interface: 10.1.1.5 --- 0xb", and in Chinese "接口: 10.1.1.5 --- 0xb": whatever the language, by its shape
_CARD: Final = re.compile(r"\S+\s*[:：]\s*(\S+) --- 0x[0-9a-f]+", re.IGNORECASE | re.ASCII)


def neighbours(root: Path = ROOT) -> Sheet:
    """Of Linux: what `ip neigh` says, IPv6 too, or else the kernel's file, which knows IPv4 alone."""
    return _told(lambda: _linux(root, KNOWN))


def windows() -> Sheet:
    """Never run on Windows so far."""
    return _told(lambda: list(of_windows(_arp())))


def answered(root: Path = ROOT) -> list[str]:
    """Those that answered when they were asked; one that a person wrote down (PERMANENT) is none. Raises NotRead."""
    return list(of_windows(_arp())) if sys.platform == "win32" else _linux(root, ANSWERED)


def _told(look: Callable[[], list[str]]) -> Sheet:
    sheet = Sheet("neighbours")
    try:
        found = look()
    except NotRead as error:
        sheet.lacks("neighbours", error)
        return sheet
    return filled(sheet, iter(found))


def _linux(root: Path, states: Collection[str]) -> list[str]:
    try:
        said = ask(root, "ip", "neigh", "show")
        if said.code:
            raise NotRead("unreadable", said.text)
        return list(of_ip(said.text, states))
    except NotRead:
        return list(of_arp_file(read(root / "proc/net/arp"), written="PERMANENT" in states))


def filled(sheet: Sheet, found: Iterator[str]) -> Sheet:
    """Each once, as "ADDRESS MAC CARD"; how many there was no room for is said."""
    every = list(dict.fromkeys(found))
    sheet.facts |= {"neighbours": every[:MOST], "neighbours.left_out": max(0, len(every) - MOST)}
    return sheet


def of_ip(said: str, states: Collection[str] = KNOWN) -> Iterator[str]:
    """Of lines like "10.1.1.1 dev eth0 lladdr 00:11:22:33:44:55 router REACHABLE"."""
    for line in said.splitlines():
        words = line.split()
        after = dict(pairwise(words))
        if words and words[-1] in states and "lladdr" in after:
            yield from _entry(words[0], after["lladdr"], after.get("dev", ""))


def of_arp_file(said: str, *, written: bool = True) -> Iterator[str]:
    """Of /proc/net/arp: address, type, flags, MAC, mask, card."""
    for line in said.splitlines()[1:]:
        words = line.split()
        with suppress(ValueError):
            flags = int(words[2], 16) if len(words) >= 6 else 0
            if flags & COMPLETE and (written or not flags & WRITTEN):
                yield from _entry(words[0], words[3], words[5])


def of_windows(said: str) -> Iterator[str]:
    """Of `arp -a`, in any language: a card's line, and below it addresses with their MACs."""
    card = ""
    for line in said.splitlines():
        found = _CARD.search(line)
        if found is not None:
            card = found[1]
            continue
        words = line.split()
        if len(words) >= 2:
            yield from _entry(words[0], words[1], card)


def _arp() -> str:
    if sys.platform != "win32":
        raise NotRead("absent")
    program = Path(os.environ.get("SYSTEMROOT", r"C:\Windows")) / "System32" / "arp.exe"
    try:
        done = subprocess.run(
            [str(program), "-a"], stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS,
            creationflags=_NO_WINDOW, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise NotRead("timeout") from error
    except OSError as error:
        raise NotRead("absent" if isinstance(error, FileNotFoundError) else "unreadable") from error
    return decoded(done.stdout)


def _entry(address: str, mac: str, card: str) -> Iterator[str]:
    """None for what is no station: multicast, broadcast, an address of nobody."""
    if not _MAC.fullmatch(mac):
        return
    mac = mac.lower().replace("-", ":")
    if int(mac[:2], 16) & 1 or mac == "00:00:00:00:00:00":
        return
    with suppress(ValueError):
        known = ip_address(address.partition("%")[0])
        if not (known.is_multicast or known.is_unspecified or known.is_loopback):
            yield f"{known} {mac} {card}".strip()
