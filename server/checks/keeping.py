"""Judging some hosts and keeping what came of it, in the transaction that holds their rows."""

import hashlib
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

import msgspec
from sqlalchemy import delete, insert, select, update
from sqlmodel import Session, col

from server.checks.bank import Bank
from server.checks.check import Check
from server.checks.judging import HOUR, Judge, Verdict, Word, exempted
from server.checks.kept import Kept
from server.checks.sheets import DAY, SLACK, Host
from server.checks.tables import JudgedHost, VerdictRow
from server.checks.told import sheets_of
from server.checks.words import Phrase, name_of
from server.events.publish import invalidate_all
from server.exemptions.granted import granted
from server.inventory.tables import Subject
from server.storage.types import FOREVER, canonical

Rows = Mapping[tuple[int, str], VerdictRow]
TOPIC: Final = "verdict"
REASONS: Final = 4  # sentences that are kept of a verdict; all of them are told where one host is asked for
_EVERY: Final = DAY  # a host is looked at again after that, whatever its verdicts rest on


class Bench:
    """All checks at one moment, with what many hosts said alike remembered. `basis` names checks and bank."""

    def __init__(self, kept: Kept, bank: Bank, now: int) -> None:
        self.now = now
        self.basis = basis_of(kept.checks, bank)
        self.judges = [Judge(check, bank, now) for check in kept.checks]
        self.topics = {check.id: _topics(check) for check in kept.checks}
        also = {name_of(name).topic for check in kept.checks for name in check.also}
        self.read = sorted(also.union(*self.topics.values()))


def basis_of(checks: Iterable[Check], bank: Bank) -> str:
    """What verdicts rest on beside facts and exemptions by deed. Of the newest libraries their days count: they move
    a little all day long, and a fleet is not judged anew for it."""
    said = {
        "checks": [
            [one.id, one.applies.source, one.passes.source, one.fresh, list(one.also), one.broken] for one in checks
        ],
        "newest": {product: at // DAY for product, at in bank.newest.items()},
        "bank": bank.frozen(),
    }
    return hashlib.sha256(canonical(said).encode()).hexdigest()[:32]


def judge_hosts(session: Session, bench: Bench, rows: Collection[JudgedHost], now: int) -> None:
    """Their verdicts as they are now, and when to look again. Screens hear of those that are others than before."""
    ids = [row.subject_id for row in rows]
    subjects = _subjects(session, ids)
    sheets = sheets_of(session, ids, bench.read)
    exempt = granted(session, bench.now, ids)
    old = {(one.subject_id, one.check_id): one for one in _kept(session, ids)}
    made: list[dict[str, Any]] = []
    changed: list[dict[str, Any]] = []
    due: list[dict[str, Any]] = []
    others: set[int] = set()
    for own in ids:
        if own not in subjects:
            continue
        host = Host(subjects[own].key, sheets.get(own, {}))
        dues = [now + _EVERY]
        for judge in bench.judges:
            check = judge.check
            verdict = judge.verdict(host)
            if exemption := exempt.get((check.id, host.key)):
                verdict = exempted(verdict, exemption, bench.now)
            facts_until, again = _time(host, bench.topics[check.id], check.fresh, bench.now)
            dues += [again, verdict.until, verdict.ends]
            row = _row(own, check, verdict, host, bench.topics[check.id], facts_until)
            before = old.pop((own, check.id), None)
            if before is None:
                made.append({**row, "since": now})
            elif any(getattr(before, name) != value for name, value in row.items()):
                since = before.since if before.word == verdict.word else now
                changed.append({**row, "since": since})
            if before is not None and before.word != verdict.word:
                others.add(own)
        due.append({"subject_id": own, "due": min(dues), "basis": bench.basis})
    _write(session, made, changed, due)
    _forget(session, old, set(ids) - subjects.keys())
    told = [(TOPIC, subjects[own].key, subjects[own].branch_id) for own in sorted(others)]
    invalidate_all(session, told, now)


def _time(host: Host, topics: Collection[str], fresh: int, now: int) -> tuple[int, int]:
    """Until when the facts are new enough, and when a sheet is next to be taken otherwise than now."""
    sheets = [host.sheets[topic] for topic in topics if topic in host.sheets]
    ends = [sheet.at + fresh + 1 for sheet in sheets if sheet.at + fresh >= now]
    begins = [sheet.at - SLACK for sheet in sheets if sheet.at - SLACK > now]
    return min(ends, default=FOREVER), min([*ends, *begins], default=FOREVER)


def _row(
    own: int, check: Check, verdict: Verdict, host: Host, topics: Collection[str], facts_until: int
) -> dict[str, Any]:
    """What time has otherwise by its own hours (a library grows a day older) is waited for an hour, as a fleet with one
    library would else be unknown until all of it is judged; facts that are too old, and an exemption that is over, not.
    """
    holds = min(verdict.until + HOUR, verdict.ends, FOREVER)
    return {
        "subject_id": own,
        "check_id": check.id,
        "word": verdict.word,
        "why": None if verdict.word is Word.PASS else msgspec.to_builtins(verdict.why[:REASONS]),
        "at": min((host.sheets[topic].at for topic in topics if topic in host.sheets), default=None),
        "holds_until": holds if verdict.word is Word.EXEMPT else min(holds, facts_until),
    }


def _topics(check: Check) -> frozenset[str]:
    return frozenset(name_of(name).topic for name in check.reads)


def _subjects(session: Session, ids: Collection[int]) -> dict[int, Subject]:
    asked = select(Subject).where(col(Subject.id).in_(ids), col(Subject.removed_at).is_(None))
    return {one.id or 0: one for one in session.execute(asked).scalars()}


def _kept(session: Session, ids: Collection[int]) -> list[VerdictRow]:
    return list(session.execute(select(VerdictRow).where(col(VerdictRow.subject_id).in_(ids))).scalars())


def _write(
    session: Session, made: list[dict[str, Any]], changed: list[dict[str, Any]], due: list[dict[str, Any]]
) -> None:
    if made:
        session.execute(insert(VerdictRow), made)
    if changed:
        session.execute(update(VerdictRow), changed)
    if due:
        session.execute(update(JudgedHost), due)


def _forget(session: Session, left: Rows, gone: Collection[int]) -> None:
    """Verdicts by checks that are no more, and of hosts that are no more."""
    for own, check in left:
        session.execute(delete(VerdictRow).where(col(VerdictRow.subject_id) == own, col(VerdictRow.check_id) == check))
    if gone:
        session.execute(delete(JudgedHost).where(col(JudgedHost.subject_id).in_(gone)))


def reason(why: Any, lang: str) -> str:
    """The sentences that were kept."""
    said = [one.of(lang) for one in msgspec.convert(why, list[Phrase])] if why else []
    return ("; " if lang == "en" else "；").join(said)
