"""What the bank knows beyond one host: its newest virus libraries, and what it wrote down in `checks/bank.toml`."""

from collections.abc import Iterable, Mapping
from datetime import date
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Any, Final, Self

import msgspec

from server.checks.files import BadFile, read_text, sign_of
from server.checks.patterns import Pattern
from server.checks.sheets import DAY, PRODUCTS, Host, Lack, fact
from server.errors import Told
from server.licences.products import Product
from server.storage.types import canonical
from server.toml import BadToml, convert, loads

FILE: Final = "bank.toml"
YOUNG: Final = 15 * DAY  # a newest library older than this is no measure: a server nobody updates would make all green
KEPT: Final = 3_650 * DAY
EPOCH: Final = 719_163  # the ordinal of 1970-01-01


class BadBank(Told):
    """The file cannot be used: which, and what is wrong."""


class Baseline(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the bank wants of one build: at least this UBR, or any of these updates."""

    ubr: Annotated[int, msgspec.Meta(ge=0, le=999_999)] | None = None
    kb: list[Annotated[str, msgspec.Meta(pattern=r"^KB\d{5,8}$")]] = []
    published: date | None = None
    deadline: date | None = None


class Exemption(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who lets a host be, what is done instead, and until when, that day included."""

    check: str
    host: str
    approver: Annotated[str, msgspec.Meta(min_length=1)]
    control: Annotated[str, msgspec.Meta(min_length=1)]
    until: date

    @property
    def over_at(self) -> int:
        """µs: the end of its day, in UTC."""
        return (self.until.toordinal() + 1 - EPOCH) * DAY


class Granted(Exemption, frozen=True):
    """One that head office granted by a deed: over when the day is over by the bank's clocks."""

    ends: int

    @property
    def over_at(self) -> int:
        return self.ends


class SegmentSaid(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A network of the bank. Without a zone it is of the zone its first address is in."""

    prefix: str
    zone: str = ""
    branch: str = ""


class Segment(msgspec.Struct, frozen=True):
    network: IPv4Network | IPv6Network
    zone: str
    branch: str


class Said(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    baseline: dict[str, Baseline] = {}
    zones: dict[str, list[str]] = {}
    extended: list[str] = []
    exempt: list[Exemption] = []
    unwanted: list[Pattern] = []
    allowed: list[Pattern] = []
    segment: list[SegmentSaid] = []
    product: list[Product] = []


class Bank(msgspec.Struct, frozen=True):
    """`newest`: product -> µs of the newest library any host of the bank has. `broken`: what the bank wrote down cannot
    be read, and what rests on it cannot be told."""

    newest: Mapping[str, int] = {}
    baselines: Mapping[str, Baseline] = {}
    zones: tuple[tuple[str, IPv4Network | IPv6Network], ...] = ()
    extended: frozenset[str] = frozenset()
    exempt: Mapping[tuple[str, str], Exemption] = {}
    unwanted: tuple[str, ...] = ()  # patterns beside those that came with the program
    allowed: tuple[str, ...] = ()  # and what none of them means
    segments: tuple[Segment, ...] = ()
    broken: bool = False
    products: tuple[Product, ...] = ()  # that are bought by licence, beside those that came with the program

    def zone(self, address: IPv4Address | IPv6Address) -> str | None:
        return next((name for name, network in self.zones if address in network), None)

    def measure(self, product: str, now: int) -> int:
        """The time a library's age is counted from: the bank's newest while that itself is young, else now."""
        newest = self.newest.get(product)
        return newest if newest is not None and now - YOUNG <= newest <= now else now

    def as_cel(self, now: int) -> dict[str, Any]:
        return {"now": now, "newest": dict(self.newest)}

    def frozen(self) -> dict[str, Any]:
        """What checks read of the file, as JSON can keep it. The newest libraries are no part of it."""
        return {
            "baselines": msgspec.to_builtins(self.baselines),
            "zones": [[name, str(network)] for name, network in self.zones],
            "extended": sorted(self.extended),
            "unwanted": list(self.unwanted),
            "allowed": list(self.allowed),
            "exempt": sorted((msgspec.to_builtins(one) for one in self.exempt.values()), key=canonical),
            "broken": self.broken,
        }

    @classmethod
    def thawed(cls, said: Mapping[str, Any]) -> Self:
        exempt = msgspec.convert(said["exempt"], list[Exemption])
        return cls(
            baselines=msgspec.convert(said["baselines"], dict[str, Baseline]),
            zones=tuple((name, ip_network(network)) for name, network in said["zones"]),
            extended=frozenset(said["extended"]),
            unwanted=tuple(said["unwanted"]),
            allowed=tuple(said["allowed"]),
            exempt={(one.check, one.host): one for one in exempt},
            broken=said["broken"],
        )


def read_bank(file: Path, newest: Mapping[str, int] | None = None) -> Bank:
    """What the bank wrote down; nothing where there is no file. BadBank."""
    try:
        said = convert(loads(read_text(file)), Said) if sign_of(file) else Said()
        zones = tuple((name, _network(text)) for name, texts in said.zones.items() for text in texts)
        segments = tuple(Segment(_network(one.prefix), one.zone, one.branch) for one in said.segment)
    except BadFile as bad:
        raise BadBank("{why}", why=bad) from bad
    except BadToml as error:
        raise BadBank("{file}: {why}", file=file, why=error) from error
    return Bank(
        newest=newest or {},
        baselines=said.baseline,
        zones=zones,
        extended=frozenset(said.extended),
        exempt={(one.check, one.host): one for one in said.exempt},
        unwanted=tuple(said.unwanted),
        allowed=tuple(said.allowed),
        segments=segments,
        products=tuple(said.product),
    )


def _network(said: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(said)
    except ValueError as error:
        raise BadToml(
            "{said} is no network: write it as 10.1.0.0/16, with nothing behind its bits", said=said
        ) from error


def newest_libraries(hosts: Iterable[Host], now: int) -> dict[str, int]:
    """Of each product the newest library any host has. A date that has not come counts for nothing."""
    found: dict[str, int] = {}
    for host in hosts:
        count = fact(host, "av.count", now, KEPT)
        for number in range(1, 1 + min(count, PRODUCTS) if isinstance(count, int) else 1):
            product = fact(host, f"av.{number}.product", now, KEPT)
            at = fact(host, f"av.{number}.library_at", now, KEPT)
            if isinstance(product, Lack) or not isinstance(at, int) or at > now:
                continue
            found[str(product)] = max(at, found.get(str(product), 0))
    return found
