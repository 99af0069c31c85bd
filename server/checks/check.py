"""A check: one question to every host, as a TOML file says it. Every error is one sentence with file and key."""

import re
from collections.abc import Mapping
from difflib import get_close_matches
from functools import cached_property
from typing import Any, Final, Literal

import msgspec

from server.checks.language import BadExpression, Expression
from server.checks.sheets import DAY
from server.checks.words import Text, name_of
from server.errors import Told
from server.toml import BadToml, loads

SEVERITIES: Final = ("minor", "major", "critical")
TEXTS: Final = ("id", "title", "title_en", "clause", "severity", "applies", "passes", "fresh")
KEYS: Final = (*TEXTS, "mend", "also")
LARGEST: Final = 65_536  # characters of a file
LINE, STEPS = 300, 20  # characters of a text; steps to mend
LONGEST: Final = 366  # days
ALL: Final = "checks/"  # in the place of a file: the folder, of which nobody can tell what is in it
_ID = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", re.ASCII)
_ID_LINE = re.compile(rf"""^[ \t]*id[ \t]*=[ \t]*["']?(?P<id>{_ID.pattern})(?![\w-])""", re.ASCII | re.MULTILINE)
_FRESH = re.compile(r"([1-9]\d{0,3})([hd])", re.ASCII)
_UNIT = {"h": DAY // 24, "d": DAY}

Severity = Literal["minor", "major", "critical"]


class BadCheck(Told):
    """What is wrong with a file, and what to write instead."""


class Check(msgspec.Struct, frozen=True, dict=True):
    id: str
    title: Text
    clause: str
    severity: Severity
    applies: Expression
    passes: Expression
    fresh: int  # µs: older facts prove nothing
    mend: Mapping[str, tuple[str, ...]]  # zh and en
    also: tuple[str, ...] = ()  # facts that are shown and prove nothing
    text: str = ""  # of its file
    broken: str = ""  # name of its file, or ALL, where that is wrong: it judges nobody

    @cached_property
    def reads(self) -> tuple[str, ...]:
        """Facts, as the expressions name them; `av.*.x` is that of every product."""
        return tuple(dict.fromkeys((*self.applies.reads, *self.passes.reads)))


def read_check(text: str, file: str) -> Check:
    """BadCheck names `file`, the line or the key."""
    try:
        return msgspec.structs.replace(_check(text), text=text)
    except BadCheck as bad:
        raise BadCheck("{file}: {why}", file=file, why=bad) from bad


def id_of(text: str) -> str:
    """The id of a check whose file is wrong, as far as it can be read; else ""."""
    found = _ID_LINE.search(text[:LARGEST])
    return found["id"] if found else ""


def broken_check(check: str, file: str, was: Check | None) -> Check:
    """What stands in the place of one whose file is wrong: every host is unknown by it."""
    if was is not None:
        return msgspec.structs.replace(was, broken=file)
    nothing, name = Expression("true"), Text(zh=check, en=check)
    return Check(check, name, "", "major", nothing, nothing, DAY, {"zh": (), "en": ()}, broken=file)


def _check(text: str) -> Check:
    if len(text) > LARGEST:
        raise BadCheck("it is longer than {most} characters; a check is a page", most=LARGEST)
    try:
        said = loads(text)
    except BadToml as error:
        raise BadCheck("it is no TOML: {why}", why=error) from error
    for key in said:
        if key not in KEYS:
            near = get_close_matches(key, KEYS, 1)
            raise BadCheck(
                "there is no key {key}; there is {near}", key=key[:64], near=near[0] if near else ", ".join(KEYS)
            )
    texts = {key: _text(said, key) for key in TEXTS}
    if not _ID.fullmatch(texts["id"]):
        raise BadCheck(
            'id is "{said}"; write small letters, digits and hyphens, as in usb-storage', said=texts["id"][:64]
        )
    if texts["severity"] not in SEVERITIES:
        known = ", ".join(SEVERITIES)
        raise BadCheck('severity is "{said}"; there are {known}', said=texts["severity"][:64], known=known)
    return Check(
        id=texts["id"],
        title=Text(zh=texts["title"], en=texts["title_en"]),
        clause=texts["clause"],
        severity=texts["severity"],  # type: ignore[arg-type]  # one of SEVERITIES
        applies=_expression(texts, "applies"),
        passes=_expression(texts, "passes"),
        fresh=_fresh(texts["fresh"]),
        mend=_mend(said.get("mend")),
        also=_also(said.get("also", [])),
    )


def _text(said: Mapping[str, Any], key: str) -> str:
    if key not in said:
        raise BadCheck('{key} is missing: write it as {key} = "..."', key=key)
    value = said[key]
    most = LARGEST if key in ("applies", "passes") else LINE
    if not isinstance(value, str) or not value.strip() or len(value) > most:
        raise BadCheck('{key} must be a text of 1 to {most} characters: {key} = "..."', key=key, most=most)
    return value


def _expression(texts: Mapping[str, str], key: str) -> Expression:
    try:
        return Expression(texts[key])
    except BadExpression as bad:
        raise BadCheck("{key}: {why}", key=key, why=bad) from bad


def _fresh(said: str) -> int:
    match = _FRESH.fullmatch(said)
    span = int(match[1]) * _UNIT[match[2]] if match else 0
    if not 0 < span <= LONGEST * DAY:
        raise BadCheck('fresh is "{said}"; write hours or days, a year at most: "12h", "7d"', said=said[:64])
    return span


def _mend(said: Any) -> dict[str, tuple[str, ...]]:
    steps = said if isinstance(said, dict) else {}
    for lang in ("zh", "en"):
        given = steps.get(lang)
        fits = isinstance(given, list) and 0 < len(given) <= STEPS
        if not fits or not all(isinstance(step, str) and step.strip() and len(step) <= LINE for step in given or ()):
            raise BadCheck('mend.{lang} must be 1 to {most} steps: [mend] {lang} = ["..."]', lang=lang, most=STEPS)
    if len(steps) > 2:
        raise BadCheck("mend has steps in zh and en, and nothing else")
    return {lang: tuple(steps[lang]) for lang in ("zh", "en")}


def _also(said: Any) -> tuple[str, ...]:
    if not isinstance(said, list) or len(said) > STEPS or not all(isinstance(name, str) for name in said):
        raise BadCheck('also must be a list of facts to show: also = ["updates.qfe"]')
    for name in said:
        try:
            name_of("*" if "*" in name else name)
        except KeyError as error:
            raise BadCheck(
                "also: there is no fact {name}: docs/facts.md and server/checks/facts.toml have them", name=name[:64]
            ) from error
    return tuple(said)
