"""Checks and verdicts as they are told to people: in their language, bounded, and with nothing that is markup."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from server.checks.check import SEVERITIES, Check
from server.checks.judging import Verdict, Word
from server.checks.mending import steps
from server.checks.sheets import DAY, Host, Sheet, Value
from server.checks.words import name_of, shown
from server.schemas.checks import CheckOut, HostIn, HostVerdicts, VerdictOut

LISTED: Final = 64  # of a list
_WORST: Final = (Word.FAIL, Word.UNKNOWN, Word.EXEMPT, Word.PASS, Word.NOT_APPLICABLE)


def check_out(check: Check, own: bool, lang: str) -> CheckOut:
    return CheckOut(
        id=check.id,
        title=check.title.of(lang),
        clause=check.clause,
        severity=check.severity,
        fresh_hours=check.fresh * 24 // DAY,
        shipped=not own,
        applies=check.applies.source.strip(),
        passes=check.passes.source.strip(),
        reads=list(check.reads),
        mend=list(check.mend["en" if lang == "en" else "zh"]),
    )


def verdict_out(check: Check, verdict: Verdict, host: Host, lang: str) -> VerdictOut:
    return VerdictOut(
        check=check.id,
        title=check.title.of(lang),
        clause=check.clause,
        severity=check.severity,
        word=verdict.word.value,
        why=[line.of(lang) for line in verdict.why],
        at=as_of(check, host),
        seen={name: _value(value) for name, value in verdict.seen},
        mend=steps(check, verdict, lang),
    )


def host_verdicts(host: str, verdicts: Iterable[VerdictOut], wrong: list[str]) -> HostVerdicts:
    rows = sorted(verdicts, key=lambda one: (_WORST.index(Word(one.word)), -SEVERITIES.index(one.severity), one.check))
    counts = {word.value: sum(one.word == word for one in rows) for word in Word}
    return HostVerdicts(host=host, counts=counts, verdicts=rows, wrong=wrong)


def host_of(said: HostIn, now: int) -> Host:
    """Facts that a person gives, as if a host had told them."""

    def at(when: datetime | int | None) -> int:
        if isinstance(when, datetime):
            return int(when.timestamp() * 1_000_000)
        return now if when is None else when

    sheets = {name: Sheet(at(one.at), one.facts, one.unread) for name, one in said.topics.items()}
    return Host(said.host, sheets)


def as_of(check: Check, host: Host) -> int | None:
    """When the oldest of the sheets it reads was told."""
    topics = {name_of(name).topic for name in check.reads}
    return min((host.sheets[topic].at for topic in topics if topic in host.sheets), default=None)


def _value(value: Value) -> str | int | bool | list[str]:
    if isinstance(value, tuple):
        return [shown(one) for one in value[:LISTED]]
    return shown(value) if isinstance(value, str) else value
