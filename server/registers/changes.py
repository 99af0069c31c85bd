"""What two sheets of a host, one after the other, tell of updates: libraries, antivirus programs, patches. Pure.

A row says what both sheets say and no more: nothing of a fact that one of them lacks, and "updated" only where the
later value is newer by its own number or time.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from server.facts.tables import Value
from server.schemas.registers import Entry, Outcome
from server.texts import LANGUAGES, gettext_for

Facts = Mapping[str, Value]
Told = dict[str, str]  # by language

SHOWN: Final = 20  # packages told by name in one row
PATCH: Final = 500  # characters
_NUMBER: Final = re.compile(r"\d+(\.\d+)*")
_PRODUCT: Final = re.compile(r"av\.(\d+)\.product")
# what a host runs, by the topic that says so
BUILDS: Final = {
    "host": {"os.build": "Patch: build of the system", "kernel": "Patch: kernel that runs"},
    "updates": {"file.srv.sys": "Patch: file srv.sys"},
}
PROGRAM: Final = {"version": "Antivirus program: {product}", "engine": "Antivirus engine: {product}"}


class Change(NamedTuple):
    kind: Entry
    item: Told
    outcome: Outcome
    found: Told
    patch: str = ""
    library: str = ""
    library_at: int | None = None


def changes(topic: str, before: Facts, after: Facts, *, packaged: bool = False) -> Iterator[Change]:
    """`packaged`: its list of software is that of the packages its system updates."""
    if topic == "antivirus":
        yield from _antivirus(before, after)
    for name, title in BUILDS.get(topic, {}).items():
        yield from _build(title, before.get(name), after.get(name))
    if topic == "updates":
        yield from _listed(before.get("updates.qfe"), after.get("updates.qfe"))
    if topic == "software" and packaged:
        yield from _packages(before.get("software"), after.get("software"))


def told(sentence: str, **values: object) -> Told:
    """The sentence in each language; a value that is a sentence itself is said in it too."""
    said = {}
    for lang in LANGUAGES:
        _ = gettext_for(lang)
        said[lang] = _(sentence).format(**values)
    return said


def newer(before: str, after: str) -> Outcome:
    """By version numbers, where both are nothing else."""
    if not (_NUMBER.fullmatch(before) and _NUMBER.fullmatch(after)):
        return Outcome.CHANGED
    return _by_order(_numbers(before), _numbers(after))


def _by_order(before: Sequence[int], after: Sequence[int]) -> Outcome:
    if list(before) == list(after):
        return Outcome.CHANGED
    return Outcome.UPDATED if list(after) > list(before) else Outcome.REVERTED


def _numbers(version: str) -> list[int]:
    """1.10.0 as 1, 10: what ends in zeros is no newer for them."""
    numbers = [int(part) for part in version.split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return numbers


def _antivirus(before: Facts, after: Facts) -> Iterator[Change]:
    there, now = _products(before), _products(after)
    for product in sorted(there.keys() & now.keys()):
        was, here = there[product], now[product]
        yield from _library(product, was, here)
        for name, title in PROGRAM.items():
            old, new = was.get(name), here.get(name)
            if isinstance(old, str) and isinstance(new, str) and old != new:
                item = told(title, product=product)
                found = told("{before} → {after}", before=old, after=new)
                yield Change(Entry.ANTIVIRUS, item, newer(old, new), found)


def _products(facts: Facts) -> dict[str, Facts]:
    """By name; one that is there twice is left out, as which of them changed cannot be told."""
    named: list[tuple[str, str]] = []
    for name, value in facts.items():
        if (found := _PRODUCT.fullmatch(name)) and isinstance(value, str):
            named.append((found[1], value))
    once = {product for product, count in Counter(product for _, product in named).items() if count == 1}
    return {
        product: {
            name: facts[key]
            for name in ("library", "library_at", "version", "engine")
            if (key := f"av.{n}.{name}") in facts
        }
        for n, product in named
        if product in once
    }


def _library(product: str, was: Facts, here: Facts) -> Iterator[Change]:
    old, new = was.get("library"), here.get("library")
    old_at, new_at = was.get("library_at"), here.get("library_at")
    dated = _is_time(old_at) and _is_time(new_at)
    if dated and old_at != new_at:
        outcome = _by_order([int(str(old_at))], [int(str(new_at))])
    elif isinstance(old, str) and isinstance(new, str) and old != new:
        outcome = Outcome.CHANGED if dated else newer(old, new)
    else:
        return
    item = told("Antivirus library: {product}", product=product)
    names = isinstance(old, str) and isinstance(new, str) and old != new
    found = told("{before} → {after}", before=old, after=new) if names else {}
    library = new if isinstance(new, str) else ""
    yield Change(Entry.ANTIVIRUS, item, outcome, found, library=library, library_at=_time(new_at))


def _is_time(value: Value | None) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _time(value: Value | None) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _build(title: str, old: Value | None, new: Value | None) -> Iterator[Change]:
    if isinstance(old, str) and isinstance(new, str) and old != new:
        found = told("{before} → {after}", before=old, after=new)
        yield Change(Entry.PATCH, told(title), newer(old, new), found, patch=new)


def _listed(old: Value | None, new: Value | None) -> Iterator[Change]:
    """Updates that are listed now and were not; those that went are told of, and prove nothing."""
    if not isinstance(old, list) or not isinstance(new, list):
        return
    came, went = sorted(set(new) - set(old)), sorted(set(old) - set(new))
    item = told("Patch: listed updates")
    gone = told("No longer listed: {updates}", updates=_some(went)) if went else {}
    if came:
        yield Change(Entry.PATCH, item, Outcome.UPDATED, gone, patch=_some(came)[:PATCH])
    elif went:
        yield Change(Entry.PATCH, item, Outcome.CHANGED, gone)


def _packages(old: Value | None, new: Value | None) -> Iterator[Change]:
    """Packages that are in both lists with other versions. Which of two versions is newer is the package system's to
    say, and it was not asked."""
    if not isinstance(old, list) or not isinstance(new, list):
        return
    was, here = _versions(old), _versions(new)
    moved = [name for name in sorted(was.keys() & here.keys()) if here[name] - was[name]]
    if not moved:
        return
    steps = [f"{name} {_and(was[name])} → {_and(here[name])}" for name in moved[:SHOWN]]
    found = told("{count} packages have another version: {steps}", count=len(moved), steps="; ".join(steps))
    if len(moved) > SHOWN:
        found = {lang: text + "…" for lang, text in found.items()}
    yield Change(Entry.PATCH, told("Patch: packages"), Outcome.CHANGED, found, patch=_some(moved)[:PATCH])


def _versions(listed: Sequence[str]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for line in listed:
        name, tab, version = line.partition("\t")
        if tab:
            found[name].add(version)
    return found


def _some(names: Sequence[str]) -> str:
    return "、".join(names[:SHOWN]) + (f"…({len(names)})" if len(names) > SHOWN else "")


def _and(versions: set[str]) -> str:
    return "+".join(sorted(versions))
