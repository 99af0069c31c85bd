"""How hosts do by the checks there are, judged when it is asked, from what the server last heard."""

from msgspec.structs import replace
from sqlalchemy import select
from sqlmodel import Session, col

from server.accounts.scope import Scoped, in_scope
from server.checks.answers import check_out, host_of, host_verdicts, verdict_out
from server.checks.bank import Bank, newest_libraries
from server.checks.check import BadCheck, read_check
from server.checks.judging import judge
from server.checks.kept import Checks, Kept
from server.checks.sheets import Host
from server.checks.told import hosts, sheets_of
from server.errors import Invalid, NotFound
from server.exemptions.granted import granted
from server.facts.hosts import are_hosts
from server.inventory.tables import Subject
from server.schemas.checks import ChecksOut, CheckTest, HostVerdicts, VerdictOut
from server.texts import gettext_for


def checks(kept: Kept, lang: str, *, told: bool) -> ChecksOut:
    """`told`: what is wrong with the bank's files, which is for head office."""
    rows = [check_out(check, check.id in kept.own, lang) for check in kept.checks]
    return ChecksOut(checks=rows, wrong=wrong(kept, lang) if told else [])


def verdicts(
    session: Session, viewer: Scoped, kept: Checks, key: str, now: int, lang: str, *, told: bool
) -> HostVerdicts:
    """NotFound also out of scope."""
    host = known_host(session, viewer, key)
    have = kept.kept()
    bank = bank_of(session, kept, have, now)
    rows = [verdict_out(check, judge(check, host, bank, now), host, lang) for check in have.checks]
    return host_verdicts(key, rows, wrong(have, lang) if told else [])


def tried(session: Session, viewer: Scoped, kept: Checks, asked: CheckTest, now: int, lang: str) -> VerdictOut:
    """A check that is being written, on one host. Invalid says what is wrong with it."""
    try:
        check = read_check(asked.text, asked.file)
    except BadCheck as bad:
        raise Invalid("{why}", why=bad) from bad
    if (asked.facts is None) == (asked.host is None):
        raise Invalid("A check is tried on `facts` or on a `host`, one of the two.")
    host = host_of(asked.facts, now) if asked.facts else known_host(session, viewer, asked.host or "")
    bank = bank_of(session, kept, kept.kept(), now)
    return verdict_out(check, judge(check, host, bank, now), host, lang)


def known_host(session: Session, viewer: Scoped, key: str) -> Host:
    """An agent's PC or a position that tells facts, with what it said last, if it ever did."""
    asked = select(col(Subject.id)).where(col(Subject.key) == key, are_hosts())
    host = session.execute(asked.where(in_scope(viewer, col(Subject.branch_id)))).scalar_one_or_none()
    if host is None:
        raise NotFound("There is no host {key}: hosts are agents, and positions that tell facts.", key=key)
    return Host(key, sheets_of(session, [host]).get(host, {}))


def bank_of(session: Session, kept: Checks, have: Kept, now: int) -> Bank:
    """The same, with the exemptions that head office granted."""
    bank = bank_by_file(session, kept, have, now)
    return replace(bank, exempt={**bank.exempt, **granted(session, now)})


def bank_by_file(session: Session, kept: Checks, have: Kept, now: int) -> Bank:
    """What the bank wrote down, and its newest libraries, looked up again after some minutes."""
    return have.with_newest(kept.newest(now, lambda: _newest(session, now)))


def _newest(session: Session, now: int) -> dict[str, int]:
    keys = hosts(session)
    sheets = sheets_of(session, keys, ["antivirus"])
    return newest_libraries((Host(keys[own], said) for own, said in sheets.items()), now)


def wrong(kept: Kept, lang: str) -> list[str]:
    return [told.say(gettext_for(lang)) for told in kept.wrong]
