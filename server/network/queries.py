"""What is asked of the wire against the ledger. Counted anew from the rows at every question."""

from collections import defaultdict
from typing import Final

from sqlalchemy import select
from sqlmodel import Session, col

from server.accounts.scope import Scoped, sees
from server.checks.bank import Bank
from server.facts.tables import FactSheet
from server.inventory.tables import Subject, SubjectKind
from server.network.known import known
from server.network.lists import ODD, Names, Told, counts, in_use, rows
from server.network.seen import TOPICS
from server.network.segments import Segments
from server.network.tables import WireSeen
from server.network.wire import LOOKED, WINDOW, Line, join, stations
from server.orders.queries import Reader
from server.schemas.network import CoverageOut, NetworkList, NetworkPage, NetworkRow, SegmentOut, Sort, TellerOut
from server.sweeps.queries import ended, swept, waiting
from server.sweeps.tables import SweepRow

WORST: Final = {sort: place for place, sort in enumerate(Sort)}
SWEEPS: Final = 100  # networks whose newest sweep is told
REMEMBERED: Final = 12 * WINDOW  # µs; whoever is missing longer was last seen before that


def page(
    session: Session,
    viewer: Scoped,
    bank: Bank,
    now: int,
    which: NetworkList,
    *,
    branch: str | None = None,
    every: bool = False,
    offset: int = 0,
    limit: int = 100,
) -> NetworkPage:
    """`every`: with strangers also what is told apart from them. Counts are of the whole scope, or of `branch`."""
    told = told_of(session, bank, now)

    def mine(own: int) -> bool:
        code, _ = told.branches.get(own, ("", ""))
        return sees(viewer, own) and (branch is None or code == branch)

    lists = {one: list(rows(told, one, mine)) for one in NetworkList}
    shown = [row for row in lists[which] if every or row.sort not in ODD]
    shown.sort(key=_worst)
    looked = [times for own, times in told.tellers.items() if mine(own)]
    fresh = [[at for at in times if now - at <= LOOKED] for times in looked]
    times = [at for each in fresh for at in each]
    codes = {own for own, (code, _) in told.branches.items() if mine(own)}
    return NetworkPage(
        total=len(shown),
        offset=offset,
        at=now,
        rows=shown[offset : offset + limit],
        counts=counts(list(lists.values())),
        looked=sum(bool(each) for each in fresh),
        branches=sum(mine(own) for own in {one.branch_id for one in told.known}),
        tellers=len(times),
        oldest=min(times, default=None),
        waiting=waiting(session, now, col(SweepRow.branch_id).in_(codes)),
        swept=len({(one.network, one.branch_id) for one in told.swept if mine(one.branch_id)}),
    )


def _worst(row: NetworkRow) -> tuple[object, ...]:
    """Those who use another's address first; then by sort, and the newest."""
    return WORST[row.sort], not row.claims, -(row.last_at or 0), row.branch, row.mac, row.key


def coverage(session: Session, viewer: Reader, bank: Bank, now: int, offset: int, limit: int) -> CoverageOut:
    """Who tells of the wire, and since when it did not; and the bank's networks."""
    names = _branches(session)
    asked = select(FactSheet, Subject).join(Subject, col(Subject.id) == col(FactSheet.subject_id))
    asked = asked.where(col(FactSheet.topic).in_(TOPICS), col(Subject.removed_at).is_(None))
    found = [
        _teller(sheet, subject, names, now)
        for sheet, subject in session.execute(asked)
        if sees(viewer, subject.branch_id)
    ]
    found.sort(key=lambda one: (not one.old, not one.why, not one.left_out, one.branch, one.key, one.topic))
    told = told_of(session, bank, now)
    seen = in_use(told)
    codes = {code for own, (code, _) in names.items() if sees(viewer, own)}
    segments = [
        SegmentOut(prefix=str(one.network), zone=one.zone, branch=one.branch, seen=seen.get(str(one.network), 0))
        for one in told.segments.all
        if viewer.branch_ids is None or one.branch in codes
    ]
    rows_ = found[offset : offset + limit]
    sweeps = ended(session, viewer, told.segments, now, SWEEPS)
    return CoverageOut(total=len(found), offset=offset, at=now, rows=rows_, segments=segments, sweeps=sweeps)


def _teller(sheet: FactSheet, subject: Subject, names: Names, now: int) -> TellerOut:
    said, left = sheet.facts.get(sheet.topic), sheet.facts.get(f"{sheet.topic}.left_out")
    code, name = names.get(subject.branch_id, ("", ""))
    return TellerOut(
        key=subject.key,
        branch=code,
        branch_name=name,
        topic=sheet.topic,
        at=sheet.at,
        old=now - sheet.at > LOOKED,
        lines=len(said) if isinstance(said, list) else 0,
        left_out=left if isinstance(left, int) else 0,
        why=str(sheet.unread.get(sheet.topic, "")),
    )


def told_of(session: Session, bank: Bank, now: int) -> Told:
    names = _branches(session)
    own = known(session, now)
    segments = Segments(bank)
    lines = _lines(session, now)
    joined = join(stations(lines), own)
    return Told(joined, own, _tellers(session), segments, names, now, swept(session, now - LOOKED))


def _lines(session: Session, now: int) -> list[Line]:
    asked = (
        select(
            *map(col, (WireSeen.mac, WireSeen.ip, WireSeen.teller_id, Subject.branch_id, Subject.key, WireSeen.port)),
            *map(col, (WireSeen.first_at, WireSeen.last_at, WireSeen.swept_at)),
        )
        .join(Subject, col(Subject.id) == col(WireSeen.teller_id))
        .where(col(WireSeen.last_at) >= now - REMEMBERED)
    )
    return [
        Line(mac, ip, teller, branch, f"{key} {port}".strip(), first, last, found)
        for mac, ip, teller, branch, key, port, first, last, found in session.execute(asked)
    ]


def _tellers(session: Session) -> dict[int, list[int]]:
    """By branch. A sheet whose table was not read tells nothing."""
    asked = select(col(Subject.branch_id), col(FactSheet.topic), col(FactSheet.at), col(FactSheet.facts))
    asked = asked.join(Subject, col(Subject.id) == col(FactSheet.subject_id))
    asked = asked.where(col(FactSheet.topic).in_(TOPICS), col(Subject.removed_at).is_(None))
    found: dict[int, list[int]] = defaultdict(list)
    for branch, topic, at, facts in session.execute(asked):
        if topic in facts:
            found[branch].append(at)
    return found


def _branches(session: Session) -> Names:
    asked = select(col(Subject.id), col(Subject.key), col(Subject.name)).where(col(Subject.kind) == SubjectKind.BRANCH)
    return {own: (key, name) for own, key, name in session.execute(asked)}
