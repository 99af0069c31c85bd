"""The rules of health: shipped ones from `rules.toml`, each field replaced by what the inventory says of it.

A rule is data. What the judge needs of it stands in `Rule`; its words and fix cards are for people and never judged.
"""

import json
import logging
import tomllib
from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any, Literal

import msgspec
from pydantic import ValidationError
from sqlalchemy import Text as SqlText
from sqlalchemy import select as sql_select
from sqlalchemy import type_coerce
from sqlmodel import Session, col

from agent.inventory import schema
from server.health import clocks
from server.health.tables import Severity
from server.inventory.tables import InventoryRule, SubjectKind
from server.schemas.tickets import Fault

log = logging.getLogger(__name__)

SILENT = "agent.silent"
STALE = "position.stale"
HOST_KEY = "host.key"
UNREADABLE = "position.unreadable"
DISK = "agent.disk"
CLOCKS = (clocks.OFF, clocks.ZONE, clocks.JUMPS, clocks.BATTERY)
BUILT_IN = frozenset(
    {SILENT, STALE, UNREADABLE, HOST_KEY, DISK, *CLOCKS}
)  # what they look at cannot be said with `when`

SECOND = 1_000_000  # µs
LEAST_SILENCE = 90 * SECOND  # an agent whose positions do not change speaks once a minute: less proves nothing


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One rule, whole. Times are µs."""

    key: str
    subject: SubjectKind
    severity: Severity
    when: schema.When | None = None  # None: one of BUILT_IN
    name: str = ""  # the inventory's own title
    classes: frozenset[str] = frozenset()  # empty: every class
    after: int = 0
    clear_after: int = 0
    ticket: bool = False
    urgent: bool = False


class Text(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    zh: str
    en: str
    fault: Fault | None = None

    def of(self, lang: str) -> str:
        return self.en if lang == "en" else self.zh


class Fix(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A fix card and what it is for; what it does not name it fits all of."""

    zh: list[str]
    en: list[str]
    rule: str = ""
    part: str = ""
    word: str = ""
    device: str = ""
    cause: str = ""
    classes: list[str] = []

    def of(self, lang: str) -> list[str]:
        return self.en if lang == "en" else self.zh


class Shipped(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    rule: list[dict[str, Any]]
    text: dict[str, Text]
    cause: dict[str, Text]
    reason: dict[str, Text]
    fix: list[Fix]


@cache
def shipped() -> Shipped:
    """What this program came with."""
    text = files("server.health").joinpath("rules.toml").read_text(encoding="utf-8")
    return msgspec.convert(tomllib.loads(text), Shipped)


class Rules:
    """All rules in force. `of` gives those of a subject, explicit parts first."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.by_key = {rule.key: rule for rule in rules}
        self._of: dict[tuple[SubjectKind, str], tuple[Rule, ...]] = {}

    def of(self, kind: SubjectKind, cls: str) -> tuple[Rule, ...]:
        found = self._of.get((kind, cls))
        if found is None:
            fitting = [r for r in self.by_key.values() if r.subject is kind and (not r.classes or cls in r.classes)]
            found = self._of[(kind, cls)] = tuple(sorted(fitting, key=_everything_last))
        return found


def _everything_last(rule: Rule) -> bool:
    return rule.when is not None and rule.when.part == "*"


def shipped_rules() -> Rules:
    return compose({})


def load(session: Session) -> Rules:
    """The rules as the database has them now. As long as those are the same it is the same object."""
    body = type_coerce(col(InventoryRule.body), SqlText)
    rows = session.execute(sql_select(col(InventoryRule.key), body).order_by(col(InventoryRule.key)))
    return _composed(tuple((key, said) for key, said in rows))


@lru_cache(2)
def _composed(rows: tuple[tuple[str, str], ...]) -> Rules:
    """To check them by the schema takes milliseconds, and each step of the follower asks."""
    return compose({key: json.loads(said) for key, said in rows})


def compose(said: Mapping[str, Mapping[str, Any]]) -> Rules:
    """The shipped rules with what the inventory said laid over them field by field; an unreadable one is left out."""
    bodies = {body["key"]: dict(body) for body in shipped().rule}
    for key, body in said.items():
        given = {field: value for field, value in body.items() if value is not None}
        bodies[key] = {**bodies.get(key, {}), **given, "key": key}
    rules = []
    for key, body in bodies.items():
        try:
            rule = _rule(schema.Rule.model_validate(_as_written(body)))
        except (ValidationError, ValueError) as error:
            log.error("Rule %r is left out: %s", key, " ".join(str(error).split()))
            continue
        if rule is not None:
            rules.append(rule)
    return Rules(rules)


def _as_written(body: dict[str, Any]) -> dict[str, Any]:
    """Durations as text, as the schema wants them, where a row holds seconds."""
    return {
        field: f"{value:f}s" if field in ("after", "clear_after") and isinstance(value, int | float) else value
        for field, value in body.items()
    }


def _rule(said: schema.Rule) -> Rule | None:
    if said.enabled is False:
        return None
    if said.when is None and said.key not in BUILT_IN:
        raise ValueError("it does not say when it applies")
    subject: Literal["position", "line", "agent"] = said.subject or "position"
    after = round((said.after or 0) * SECOND)
    return Rule(
        key=said.key,
        subject=SubjectKind(subject),
        severity=Severity(said.severity or "attention"),
        when=said.when,
        name=said.name or "",
        classes=frozenset(said.classes or ()),
        after=max(after, LEAST_SILENCE) if said.key == SILENT else after,
        clear_after=round((said.clear_after or 0) * SECOND),
        ticket=bool(said.ticket),
        urgent=bool(said.urgent),
    )
