"""Ranges of addresses as people write them: 10.66.1.0/24, 10.66.1.10-10.66.1.90, 10.66.1.10-90, one alone."""

import ipaddress
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from agent.inventory.problems import shown
from agent.texts import _
from agent.tidy import tidy_text
from agent.typed import Bad

MOST = 4096  # addresses in one go: a /20, a minute and a half at 50 questions a second

Ip = ipaddress.IPv4Address | ipaddress.IPv6Address
_PORT = re.compile(r"(?P<range>[^:]+|\[[^\]]+\]):(?P<port>[0-9]{1,5})")


class Place(NamedTuple):
    """One address, and a port where the usual one is not meant."""

    host: str
    port: int | None = None

    @property
    def address(self) -> str:
        host = f"[{self.host}]" if ":" in self.host and self.port is not None else self.host
        return host if self.port is None else f"{host}:{self.port}"


def read_ranges(texts: Iterable[str]) -> list[Place]:
    """Every place of the ranges once, in their order; Bad if one is none, or they are too large together."""
    found: dict[Place, None] = {}
    left = MOST
    for text in texts:
        first, last, port = _read(text)
        size = int(last) - int(first) + 1
        left -= size
        if left < 0:
            told = _("{range} is {size} addresses; name what the branch has, like 10.66.1.0/24 (at most {most}).")
            if size <= MOST:
                told = _("{range} makes it more than {most} addresses with the others; name what the branch has.")
            raise Bad(told.format(range=tidy_text(text, 80), size=size, most=MOST))
        found.update(dict.fromkeys(Place(str(address), port) for address in _between(first, last)))
    return list(found)


def _read(text: str) -> tuple[Ip, Ip, int | None]:
    match = _PORT.fullmatch(text.strip())
    bare = (match["range"] if match else text).strip().removeprefix("[").removesuffix("]")
    port = int(match["port"]) if match else None
    try:
        first, last = _ends(bare)
    except ValueError:
        told = _("{range} is not a range; write it like 10.66.1.0/24, 10.66.1.10-10.66.1.90 or 10.66.1.7.")
        raise Bad(told.format(range=shown(text))) from None
    if int(last) < int(first):
        raise Bad(_("{range} ends before it begins.").format(range=tidy_text(text, 80)))
    if port is not None and not 1 <= port <= 65535:
        raise Bad(_("{range}: a port is 1 to 65535.").format(range=tidy_text(text, 80)))
    for end in (first, last):
        if end.is_multicast or end.is_unspecified or end == ipaddress.IPv4Address(0xFFFFFFFF):
            raise Bad(_("{range}: {end} is no address of one machine.").format(range=tidy_text(text, 80), end=end))
    return first, last, port


def _ends(text: str) -> tuple[Ip, Ip]:
    """The first and the last address; of a network those that machines can have. ValueError if it is no range."""
    if "/" in text:
        network = ipaddress.ip_network(text, strict=False)
        inner = 1 if network.version == 4 and network.prefixlen < 31 else 0  # the network's own, and broadcast
        return network[inner], network[-1 - inner]
    start, dash, end = (part.strip() for part in text.partition("-"))
    first = ipaddress.ip_address(start)
    if not dash:
        return first, first
    if end.isascii() and end.isdigit() and first.version == 4:
        end = f"{start.rpartition('.')[0]}.{end}"
    last = ipaddress.ip_address(end)
    if first.version != last.version:
        raise ValueError(text)
    return first, last


def _between(first: Ip, last: Ip) -> Iterator[Ip]:
    return (first + step for step in range(int(last) - int(first) + 1))
