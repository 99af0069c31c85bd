"""Whom the ledger knows: positions by their addresses, and hosts by what they say of their cards."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from ipaddress import ip_address
from typing import Any, Final, NamedTuple

from sqlalchemy import func, select
from sqlmodel import Session, col

from server.checks.told import Sheets, hosts, sheets_of
from server.facts.tables import FactSheet
from server.ingest.tables import Latest
from server.inventory.tables import Position, Subject, SubjectKind
from server.schemas.network import Antivirus

FRESH: Final = 8 * 86_400_000_000  # µs an antivirus sheet speaks for
LISTED: Final = 64
PCS: Final = frozenset({"pc"})  # classes of machines that have an antivirus, whether they tell of it or not
TOPICS: Final = ("host", "antivirus", "neighbours")


class Known(NamedTuple):
    """`heard_at` is when it spoke itself: by its agent, or a device by its driver over the network."""

    id: int
    key: str
    name: str
    branch_id: int
    macs: frozenset[str]
    ips: frozenset[str]
    heard_at: int | None
    antivirus: Antivirus | None  # None: it is no machine that has one


def known(session: Session, now: int) -> list[Known]:
    keys = hosts(session)
    sheets = sheets_of(session, keys, TOPICS)
    tellers = _told_of_others(session)
    asked = select(Subject.id, Subject.key, Subject.name, Subject.branch_id, Position.cls, Position.address)  # type: ignore[call-overload]
    asked = asked.join(Position, col(Position.id) == col(Subject.id), isouter=True)
    asked = asked.where(
        col(Subject.removed_at).is_(None), col(Subject.kind).in_([SubjectKind.AGENT, SubjectKind.POSITION])
    )
    heard = _answered(session)
    found = []
    for own, key, name, branch, cls, address in session.execute(asked):
        said = sheets.get(own, {})
        macs, ips = _cards(said, tellers.get(own, {}))
        ips |= set(_address(address or ""))
        host = own in keys or cls in PCS
        if macs or ips or host:  # a host that tells nothing of its cards is known all the same
            times = [*(sheet.at for sheet in said.values()), *([heard[own]] if own in heard else [])]
            found.append(
                Known(own, key, name, branch, frozenset(macs), frozenset(ips), max(times, default=None),
                      antivirus(said, now) if host else None)
            )  # fmt: skip
    return found


def antivirus(said: Sheets, now: int) -> Antivirus:
    sheet = said.get("antivirus")
    count = sheet.facts.get("av.count") if sheet is not None and now - sheet.at <= FRESH else None
    if not isinstance(count, int) or isinstance(count, bool):
        return Antivirus.UNKNOWN
    return Antivirus.PRESENT if count > 0 else Antivirus.NONE


def _told_of_others(session: Session) -> dict[int, Mapping[str, Any]]:
    """A switch is no host, but tells which MACs are its own."""
    asked = select(col(FactSheet.subject_id), col(FactSheet.facts)).where(col(FactSheet.topic) == "neighbours")
    return {own: facts for own, facts in session.execute(asked)}  # noqa: C416 - rows are no pairs to mypy


def _cards(said: Sheets, told: Mapping[str, Any]) -> tuple[set[str], set[str]]:
    facts = said["host"].facts if "host" in said else {}
    macs = {one.lower().replace("-", ":") for one in (*_texts(facts.get("macs")), *_texts(told.get("neighbours.own")))}
    return macs, {ip for one in _texts(facts.get("addresses")) for ip in _address(one)}


def _texts(value: object) -> list[str]:
    return [one for one in value[:LISTED] if isinstance(one, str)] if isinstance(value, list | tuple) else []


def _address(said: str) -> Iterable[str]:
    """Of 10.1.1.5, 10.1.1.5:161, [2001:db8::1]:161 or a URL's host; a name or a serial port is none."""
    host = said.partition("://")[2].partition("/")[0] or said
    host = host[1:].partition("]")[0] if host.startswith("[") else host if host.count(":") > 1 else host.split(":")[0]
    with suppress(ValueError):
        one = ip_address(host.partition("%")[0].partition("/")[0])
        if not (one.is_loopback or one.is_link_local or one.is_unspecified):
            yield str(one)


def _answered(session: Session) -> dict[int, int]:
    asked = select(col(Latest.subject_id), func.max(col(Latest.held_to))).where(col(Latest.answered))
    return {own: at for own, at in session.execute(asked.group_by(col(Latest.subject_id)))}  # noqa: C416 - as above
