"""Judges a host by a check: pure, in bounded time, and never better for a fact that is missing, old or odd."""

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from server.checks.bank import Bank, Exemption
from server.checks.check import ALL, Check
from server.checks.functions import Functions, Odd, when
from server.checks.language import Expression, Neither
from server.checks.sheets import DAY, PRODUCTS, Host, Lack, Value, fact
from server.checks.words import Phrase, name_of, phrase, says
from server.storage.types import FOREVER

HOUR: Final = DAY // 24
LISTED: Final = 8  # of a list that is told in words
TOLD: Final = 12  # sentences of a verdict
ODD: Final[dict[type[Exception], str]] = {  # what CEL says no with; the first that fits
    Neither: "neither",
    TypeError: "odd_kinds",
    ZeroDivisionError: "by_zero",
    IndexError: "no_such_place",
    OverflowError: "too_large",
}


class Word(StrEnum):
    """Only `pass` is good; nothing else may be counted as it."""

    PASS = "pass"  # noqa: S105
    FAIL = "fail"
    UNKNOWN = "unknown"
    NOT_APPLICABLE = "not_applicable"
    EXEMPT = "exempt"


class Verdict(msgspec.Struct, frozen=True):
    """`why`: the facts that decide it, or what is missing and why. `seen`: what was read, as it was.

    `until` µs: from then on time alone may have it otherwise. That facts grow too old is not in it, nor that somebody
    lets the host be: that is over at `ends`.
    """

    word: Word
    why: tuple[Phrase, ...]
    seen: tuple[tuple[str, Value], ...] = ()
    until: int = FOREVER
    ends: int = FOREVER


def judge(check: Check, facts: Host, bank: Bank, now: int) -> Verdict:
    """One host. To judge many by the same check make one `Judge`."""
    return Judge(check, bank, now).verdict(facts)


class Judge:
    """One check at one moment. What hosts said alike is judged once: the memo's key is all a verdict rests on."""

    def __init__(self, check: Check, bank: Bank, now: int) -> None:
        self.check = check
        self.worked = 0  # verdicts that were not remembered
        self._bank = bank
        self._now = now
        self._memo: dict[tuple[Value | Lack, ...], Verdict] = {}
        self._flat = tuple(name for name in check.reads if "*" not in name)
        self._each = tuple(name for name in check.reads if "*" in name)
        self._also = tuple(name for name in check.also if name not in self._flat)
        self._exempt = any(name == check.id for name, _ in bank.exempt)

    def verdict(self, host: Host) -> Verdict:
        verdict = self._broken() if self.check.broken else self._remembered(host)
        if self._exempt and (exemption := self._bank.exempt.get((self.check.id, host.key))):
            return exempted(verdict, exemption, self._now)
        return verdict

    def _broken(self) -> Verdict:
        key = "folder_broken" if self.check.broken == ALL else "check_broken"
        return Verdict(Word.UNKNOWN, (phrase(key, file=self.check.broken),))

    def _remembered(self, host: Host) -> Verdict:
        names = list(self._flat)
        values = [fact(host, name, self._now, self.check.fresh) for name in names]
        if self._each:
            each = list(self._products(host))
            names += [name for name, _ in each]
            values += [value for _, value in each]
        key = tuple(values)
        verdict = self._memo.get(key)
        if verdict is None:
            self.worked += 1
            verdict = self._memo[key] = self._judged(dict(zip(names, values, strict=True)))
        return self._with_also(verdict, host) if self._also else verdict

    def _with_also(self, verdict: Verdict, host: Host) -> Verdict:
        """What is shown beside, and proves nothing, is no part of what is remembered."""
        if verdict.word not in (Word.PASS, Word.FAIL):
            return verdict
        beside = {name: fact(host, name, self._now, self.check.fresh) for name in self._also}
        known = {name: value for name, value in beside.items() if not isinstance(value, Lack)}
        told = tuple(phrase("fact", name=Phrase(name), value=self._value(name, value)) for name, value in known.items())
        return replace(verdict, why=(*verdict.why, *told)[:TOLD], seen=(*verdict.seen, *known.items()))

    def _products(self, host: Host) -> Iterator[tuple[str, Value | Lack]]:
        count = fact(host, "av.count", self._now, self.check.fresh)
        if not isinstance(count, int) or not 0 <= count <= PRODUCTS:
            return
        for number in range(1, count + 1):
            for name in self._each:
                one = name.replace("*", str(number))
                yield one, fact(host, one, self._now, self.check.fresh)

    def _judged(self, read: Mapping[str, Value | Lack]) -> Verdict:
        lacks = {name: value for name, value in read.items() if isinstance(value, Lack)}
        known = {name: value for name, value in read.items() if not isinstance(value, Lack)}
        seen = tuple(known.items())
        functions = Functions(self._bank, self._now, lacks)
        applies = self.check.applies.value(
            self._variables(self.check.applies, known, functions), functions.callables(self.check.applies.uses)
        )
        if applies is False:
            why = self._why(known, functions, self.check.applies.reads)
            return Verdict(Word.NOT_APPLICABLE, why, seen, self._until(functions))
        if applies is not True:
            return Verdict(Word.UNKNOWN, _missing(lacks, functions, applies), seen, self._until(functions))
        functions.notes.clear()
        passes = self.check.passes.value(
            self._variables(self.check.passes, known, functions), functions.callables(self.check.passes.uses)
        )
        if isinstance(passes, bool):
            word = Word.PASS if passes else Word.FAIL
            return Verdict(word, self._why(known, functions, self.check.passes.reads), seen, self._until(functions))
        return Verdict(Word.UNKNOWN, _missing(lacks, functions, passes), seen, self._until(functions))

    def _until(self, functions: Functions) -> int:
        """An expression that asks `bank` for the time itself may do with it what it likes."""
        asks = "bank" in self.check.applies.uses or "bank" in self.check.passes.uses
        return min(functions.until, self._now + HOUR) if asks else functions.until

    def _variables(self, asked: Expression, known: Mapping[str, Value], functions: Functions) -> dict[str, Any]:
        """Only what the expression asks for: to hand CEL a value costs more than to look at it."""
        read = {name: known[name] for name in asked.reads if name in known}
        flat = {name: list(value) if isinstance(value, tuple) else value for name, value in read.items()}
        variables: dict[str, Any] = {"f": flat}
        if "bank" in asked.uses and self._bank.broken:
            functions.troubles.append(phrase("bank_broken"))
        elif "bank" in asked.uses:
            variables["bank"] = self._bank.as_cel(self._now)
        count = known.get("av.count")
        if "av" in asked.uses and isinstance(count, int) and 0 <= count <= PRODUCTS:
            variables["av"] = [self._product(known, number, functions) for number in range(1, count + 1)]
        return variables

    def _product(self, flat: Mapping[str, Any], number: int, functions: Functions) -> dict[str, Any]:
        start = f"av.{number}."
        one = {name.removeprefix(start): value for name, value in flat.items() if name.startswith(start)}
        if "library_at" in one and "product" in one:
            try:
                one["library_days"] = functions.behind(one["product"], one["library_at"])
            except Odd as odd:
                functions.troubles.append(odd.why)
        return one

    def _why(self, known: Mapping[str, Value], functions: Functions, reads: Iterable[str]) -> tuple[Phrase, ...]:
        names = [name for name in known if name in reads or _starred(name) in reads]
        noted = {note.key for note in functions.notes}
        told = [
            line
            for name in names
            if not (name.startswith("ports.") and "listening" in noted)
            if not (name.startswith("software") and "not_wanted" in noted)
            if (line := self._told(name, known)) is not None
        ]
        return tuple(dict.fromkeys((*functions.notes, *told)))[:TOLD]

    def _told(self, name: str, known: Mapping[str, Value]) -> Phrase | None:
        """One fact in words. That of a product goes with the product's name."""
        value = known[name]
        starred = _starred(name)
        if starred == "av.*.product" and len([one for one in known if one.startswith(name[:-7])]) > 1:
            return None  # its other facts name it
        what = Phrase(starred)
        if starred.startswith("av.*.") and isinstance(product := known.get(name.rpartition(".")[0] + ".product"), str):
            if starred == "av.*.library_at" and isinstance(value, int):
                return self._library(product, value)
            what = phrase("of", product=product, what=what)
        return phrase("fact", name=what, value=self._value(name, value))

    def _library(self, product: str, at: int) -> Phrase:
        measure = self._bank.measure(product, self._now)
        days = max(0, measure - at) // DAY
        if measure == self._now:
            return phrase("product_aged", product=product, date=when(at), days=days)
        return phrase("product_behind", product=product, date=when(at), newest=when(measure), days=days)

    def _value(self, name: str, value: Value) -> str | int | Phrase:
        if isinstance(value, bool):
            return Phrase("yes" if value else "no")
        if isinstance(value, tuple):
            some = ", ".join(value[:LISTED])
            if not value:
                return Phrase("none")
            return some if len(value) <= LISTED else phrase("more", some=some, count=len(value))
        if name_of(name).kind == "time" and isinstance(value, int):
            key = "aged" if value <= self._now else "ahead"
            return phrase(key, date=when(value), **({"days": (self._now - value) // DAY} if key == "aged" else {}))
        return Phrase(value) if isinstance(value, str) and value in name_of(name).words and value in says() else value


def exempted(verdict: Verdict, exemption: Exemption, now: int) -> Verdict:
    """A host that is let be, until its day is over. What is well anyhow stays so; it is never counted as good."""
    if verdict.word not in (Word.FAIL, Word.UNKNOWN) or now >= exemption.over_at:
        return verdict
    said = phrase("exempted", control=exemption.control, approver=exemption.approver, until=exemption.until.isoformat())
    return replace(verdict, word=Word.EXEMPT, why=(said, *verdict.why)[:TOLD], ends=exemption.over_at)


def _missing(lacks: Mapping[str, Lack], functions: Functions, error: Exception | bool) -> tuple[Phrase, ...]:
    """What is not known, and why; what could not be told of it; else what CEL says."""
    said = [*functions.troubles, *(lack.phrase() for lack in lacks.values())]
    return tuple(dict.fromkeys(said))[:TOLD] or (phrase("odd", error=_odd(error)),)


def _odd(error: Exception | bool) -> Phrase:
    if isinstance(error, KeyError):
        return phrase("no_key", name=str(error).strip("'"))
    return Phrase(next((key for kind, key in ODD.items() if isinstance(error, kind)), "odd_value"))


def _starred(name: str) -> str:
    return ".".join("*" if part.isdigit() else part for part in name.split(".")) if name.startswith("av.") else name
