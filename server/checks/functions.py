"""What an expression can ask beside CEL's own: versions, days, ports, and the tables that came with the program.

One `Functions` a verdict: it notes in words what it found, for `why`. What cannot be told is raised, as `Odd`, and is
then an error of CEL: unknown, unless the rest of the expression makes it irrelevant.
"""

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from functools import cache, lru_cache
from importlib.resources import files
from ipaddress import ip_interface
from typing import Any, Final

import msgspec

from server.checks.bank import YOUNG, Bank
from server.checks.patterns import like
from server.checks.sheets import DAY, SLACK, Lack
from server.checks.words import Phrase, phrase
from server.storage.types import FOREVER

FUNCTIONS: Final = (
    "version_at_least",
    "days_since",
    "any_port",
    "fixed",
    "supported",
    "supported_sometimes",
    "supported_as",
    "baseline",
    "baseline_kb",
    "network_count",
    "unwanted",
    "cannot_read",
)
OLDEST: Final = 1_104_537_600_000_000  # µs: 2005-01-01, before which no library of today was made
NO_FIXES: Final = ("support.toml", "software.toml")  # what is in known/ beside tables of `fixed`
WIDEST: Final = 8  # bits of a prefix: a card is in no network of IPv4 that is wider
_VERSION = re.compile(r"\d{1,9}(?:\.\d{1,9}){0,7}", re.ASCII)
_RANGE = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?", re.ASCII)

Version = tuple[int, ...]


class Odd(Exception):
    """It cannot be told, and why."""

    def __init__(self, why: Phrase) -> None:
        super().__init__(why.key)
        self.why = why


class Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"since": "from"}):
    """From a version up to another the hole is closed at `fixed`."""

    since: str
    below: str
    fixed: str


class Support(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    product: str
    build: int
    ends: date
    editions: list[str] = []
    extended: date | None = None
    name: str = ""


class Functions:
    def __init__(self, bank: Bank, now: int, lacks: Mapping[str, Lack]) -> None:
        self.notes: list[Phrase] = []  # what was found
        self.troubles: list[Phrase] = []  # what cannot be told
        self.until = FOREVER  # µs: from then on time alone may have it answer otherwise
        self._bank = bank
        self._now = now
        self._lacks = lacks

    def callables(self, uses: frozenset[str]) -> dict[str, Callable[..., Any]]:
        return {name: self._guarded(getattr(self, name)) for name in FUNCTIONS if name in uses}

    def _guarded(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def guarded(*arguments: Any) -> Any:
            try:
                return function(*arguments)
            except Odd as odd:
                self.troubles.append(odd.why)
                raise

        return guarded

    def version_at_least(self, said: str, least: str) -> bool:
        enough = _at_least(version(said), version(least))
        if not enough:
            self.notes.append(phrase("wanted", least=least))
        return enough

    def days_since(self, at: int) -> int:
        days = days_since(at, self._now)
        self.hold(at + (days + 1) * DAY)
        return days

    def behind(self, product: str, at: int) -> int:
        """Whole days a virus library is behind what it is measured by."""
        days_since(at, self._now)
        measure = self._bank.measure(product, self._now)
        days = max(0, measure - at) // DAY
        newest = self._bank.newest.get(product)
        by_newest = newest is not None and measure == newest
        self.hold(measure + YOUNG + 1 if by_newest else at + (days + 1) * DAY)
        return days

    def hold(self, until: int) -> None:
        """What is answered stays so until then, if nothing is told anew."""
        self.until = min(self.until, until)

    def any_port(self, ports: Sequence[str], wanted: str) -> bool:
        """Whether any of `ports`, numbers as text, is one of "135,137-139,445"."""
        spans = _spans(wanted)
        found = sorted({int(port) for port in ports if _is_port(port) and _within(int(port), spans)})
        self.notes += [phrase("listening", port=port) for port in found]
        if any(not _is_port(port) for port in ports) and not found:
            odd = next(port for port in ports if not _is_port(port))
            raise Odd(phrase("bad_port", value=odd))
        return bool(found)

    def fixed(self, table: str, said: str) -> bool:
        """Whether a version has the hole closed, by a table that came with the program."""
        has = version(said)
        for row in fixes(table):
            if version(row.since) <= has < version(row.below):
                if not _at_least(has, version(row.fixed)):
                    self.notes.append(phrase("wanted", least=row.fixed))
                    return False
                return True
        raise Odd(phrase("no_row", table=table, value=said))

    def supported(self, build: str) -> bool:
        """Whether every edition of this build is still mended."""
        rows = _rows(build)
        return all(self._mended(row) for row in rows)

    def supported_sometimes(self, build: str) -> bool:
        """Whether some edition of it is."""
        rows = _rows(build)
        return any(self._mended(row) for row in rows)

    def supported_as(self, build: str, edition: str) -> bool:
        rows = _rows(build)
        for row in rows:
            if not row.editions or edition.startswith(tuple(row.editions)):
                self.notes[:] = [note for note in self.notes if note.key not in ("ended", "ends", "extended")]
                return self._mended(row)
        raise Odd(phrase("no_support_row", value=f"{build} {edition}"))

    def _mended(self, row: Support) -> bool:
        today = _day(self._now)
        if row.ends < today and row.extended is not None:
            self._written()
        self.hold((self._now // DAY + 1) * DAY)
        bought = row.extended is not None and row.name in self._bank.extended
        until = row.extended if bought and row.extended else row.ends
        key = "ended" if until < today else "extended" if bought else "ends"
        note = phrase(key, product=row.product, date=until.isoformat())
        if note not in self.notes:
            self.notes.append(note)
        return until >= today

    def baseline(self, build: str) -> bool:
        """Whether a build is at least at the UBR the bank wants of it; false where it names updates only."""
        wanted = self._baseline(build)
        if wanted.ubr is None:
            return False
        return self.version_at_least(build, f"{_first(build)}.{wanted.ubr}")

    def baseline_kb(self, build: str, installed: Sequence[str]) -> bool:
        """Whether any of the updates is there that the bank wants one of."""
        wanted = self._baseline(build)
        there = {kb.upper() for kb in installed}
        if any(kb.upper() in there for kb in wanted.kb):
            return True
        if wanted.kb:
            self.notes.append(phrase("kb_wanted", kbs=", ".join(wanted.kb)))
        return False

    def _written(self) -> Bank:
        """What the bank wrote down."""
        if self._bank.broken:
            raise Odd(phrase("bank_broken"))
        return self._bank

    def _baseline(self, build: str) -> Any:
        first = _first(build)
        if first not in self._written().baselines:
            raise Odd(phrase("no_baseline", build=first))
        return self._bank.baselines[first]

    def network_count(self, networks: Sequence[str]) -> int:
        """How many networks, or zones of the bank, "card address/prefix" are in."""
        bank = self._written()
        found: set[str] = set()
        others = 0
        for said in networks:
            try:
                at = ip_interface(said.rpartition(" ")[2])
            except ValueError as error:
                raise Odd(phrase("bad_network", value=said)) from error
            if at.ip.is_loopback or at.ip.is_link_local:
                continue
            if at.version == 6:
                others += 1
                continue  # a card has several addresses of IPv6 in one network of IPv4
            if at.network.prefixlen < WIDEST or at.ip.is_unspecified or at.ip.is_multicast:
                raise Odd(phrase("bad_network", value=said))
            found.add(bank.zone(at.ip) or str(at.network))
        if not found and not others:
            raise Odd(phrase("no_network"))  # it was reached by one
        if len(found) > 1:
            self.notes.append(phrase("apart", count=len(found), networks=", ".join(sorted(found))))
        return len(found)

    def unwanted(self, software: Sequence[str], left_out: int) -> bool:
        """Whether a program is there that the bank does not want. A list that is not whole shows that none is not."""
        bank = self._written()
        names = [said.partition("\t")[0] for said in software]
        found = sorted({name for name in names if _is_unwanted(bank.unwanted, bank.allowed, name)})
        if not found and left_out:
            raise Odd(phrase("left_out", count=left_out))
        self.notes += [phrase("not_wanted", name=name) for name in found]
        return bool(found)

    def cannot_read(self, name: str) -> bool:
        """Whether the host itself said that it cannot read this fact. One it never spoke of is unknown, as ever."""
        lack = self._lacks.get(name)
        if lack is None:
            return False
        if not lack.said:
            raise Odd(lack.phrase())
        self.notes.append(lack.phrase())
        return True


def version(said: str) -> Version:
    """ "10.0.14393.953"; "2600." is 2600, which had no number behind the point."""
    text = said.strip().removesuffix(".")
    if not _VERSION.fullmatch(text):
        raise Odd(phrase("no_version", value=said))
    return tuple(map(int, text.split(".")))


def _at_least(has: Version, least: Version) -> bool:
    width = max(len(has), len(least))
    return has + (0,) * (width - len(has)) >= least + (0,) * (width - len(least))


def days_since(at: int, now: int) -> int:
    """Whole days; a date in the future or before 2005 tells nothing."""
    if not sound(at, now):
        raise Odd(phrase("bad_date", date=when(at)))
    return max(0, (now - at) // DAY)


def sound(at: int, now: int) -> bool:
    """The clocks of a host and of the server differ by an hour at most: what is further ahead is no date."""
    return OLDEST <= at <= now + SLACK


def when(at: int) -> str:
    """The day of a time, or the number where there is no such day."""
    try:
        return _day(at).isoformat()
    except (ValueError, OverflowError, OSError):
        return str(at)


def _day(at: int) -> date:
    return datetime.fromtimestamp(at / 1_000_000, UTC).date()


def _first(build: str) -> str:
    return str(version(build)[0])


def _rows(build: str) -> list[Support]:
    try:
        number = version(build)[0]
    except Odd as odd:
        raise Odd(phrase("no_support_row", value=build)) from odd
    rows = [row for row in support() if row.build == number]
    if not rows:
        raise Odd(phrase("no_support_row", value=build))
    return rows


def _is_port(said: str) -> bool:
    return _RANGE.fullmatch(said) is not None and "-" not in said


@lru_cache(maxsize=200_000)
def _is_unwanted(unwanted: tuple[str, ...], allowed: tuple[str, ...], name: str) -> bool:
    """Most hosts have the same programs: each name is looked at once."""
    return not like(name, allowed) and like(name, (*unwanted_software(), *unwanted))


def are_ports(wanted: str) -> bool:
    """Whether a text names ports as any_port takes them."""
    try:
        return bool(_spans(wanted))
    except Odd:
        return False


@cache
def _spans(wanted: str) -> tuple[tuple[int, int], ...]:
    spans = []
    for part in wanted.split(","):
        match = _RANGE.fullmatch(part.strip())
        if match is None:
            raise Odd(phrase("odd", error=f"any_port: {wanted}"))
        least, most = int(match[1]), int(match[2] or match[1])
        if not 0 < least <= most <= 65_535:
            raise Odd(phrase("odd", error=f"any_port: {wanted}"))
        spans.append((least, most))
    return tuple(spans)


def _within(port: int, spans: Sequence[tuple[int, int]]) -> bool:
    return any(least <= port <= most for least, most in spans)


@cache
def fixes(table: str) -> Sequence[Row]:
    if table not in known():
        raise Odd(phrase("no_row", table=table, value="*"))
    return msgspec.convert(_data(table), dict[str, list[Row]])["row"]


@cache
def known() -> frozenset[str]:
    """The tables of `fixed`."""
    here = files("server.checks").joinpath("known").iterdir()
    return frozenset(name.removesuffix(".toml") for one in here if (name := one.name) not in NO_FIXES)


@cache
def unwanted_software() -> tuple[str, ...]:
    """Patterns of names, as they came with the program."""
    return tuple(msgspec.convert(_data("software"), dict[str, list[str]])["unwanted"])


@cache
def support() -> Sequence[Support]:
    return msgspec.convert(_data("support"), dict[str, list[Support]])["row"]


def _data(table: str) -> dict[str, Any]:
    return tomllib.loads(files("server.checks").joinpath("known", f"{table}.toml").read_text(encoding="utf-8"))
