"""The list each branch gets every month of what it still has to do, as it was on the first: judged from what is known,
so nobody is asked and no host is counted as good for keeping silent."""

from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, func, insert, select
from sqlmodel import Session, col

from server.accounts.scope import Scoped, in_scope
from server.campaigns.asked import as_asked
from server.campaigns.ending import SYSTEM, TOPIC, VIA
from server.campaigns.tables import Campaign, HostRow, VerdictRow
from server.campaigns.whom import Asked, everybody
from server.checks.kept import Kept
from server.events.publish import invalidate
from server.journal.deeds import Act, record
from server.journal.tables import JournalRow
from server.queries import bank_zone
from server.schemas.campaigns import HostState, Kind

TITLE: Final = "{year}年{month}月待整改清单"  # data of the bank, as a title a person would write
LATE: Final = "{title}（{day}日补出）"


def due(session: Session, now: int) -> bool:
    """Whether this month's is to be made. A bank that was set up this month knows too little yet for a list."""
    first = _first(session, now)
    began = session.execute(select(col(JournalRow.at)).order_by(col(JournalRow.seq)).limit(1)).scalar()
    made = select(col(Campaign.id)).where(col(Campaign.kind) == Kind.MONTHLY, col(Campaign.at) >= first).limit(1)
    return began is not None and began < first and session.execute(made).first() is None


def begin_monthly(session: Session, kept: Kept, now: int) -> bool:
    """False where there is no host yet. A server that was off on the first makes it when it is back, dated so."""
    hosts = everybody(session)
    if not hosts:
        return False
    today = datetime.fromtimestamp(now / 1_000_000, bank_zone(session))
    title = TITLE.format(year=today.year, month=today.month)
    checks = [as_asked(one) for one in kept.checks]
    campaign = Campaign(
        kind=Kind.MONTHLY,
        title=title if today.day == 1 else LATE.format(title=title, day=today.day),
        checks=checks,
        bank=kept.bank.frozen(),
        scope={},
        by=SYSTEM,
        at=now,
        starts=now,
        expires=now + 1,
        total=len(hosts),
    )
    session.add(campaign)
    session.flush()
    session.execute(insert(HostRow), [_row(campaign, host) for host in hosts])
    after = {"monthly": True, "checks": [one["id"] for one in checks], "hosts": len(hosts), "push": ""}
    record(session, Act(SYSTEM, VIA, now), deed="campaign.begin", about=f"campaign:{campaign.uid}", after=after)
    invalidate(session, TOPIC, campaign.uid, None, now)
    return True


def newest(session: Session, viewer: Scoped) -> Campaign | None:
    """The newest list that is whole and has hosts of this person's."""
    own = select(col(HostRow.id)).where(col(HostRow.campaign_id) == col(Campaign.id), _own(viewer))
    asked = select(Campaign).where(
        col(Campaign.kind) == Kind.MONTHLY, col(Campaign.ended_at).is_not(None), own.exists()
    )
    found: Campaign | None = session.execute(asked.order_by(col(Campaign.id).desc()).limit(1)).scalar()
    return found


def open_items(session: Session, campaign: Campaign, viewer: Scoped) -> dict[str, int]:
    """How many verdicts of this person's hosts are "fail", "unknown" or "exempt"."""
    asked = (
        select(col(VerdictRow.word), func.count())
        .join(HostRow, col(HostRow.id) == col(VerdictRow.host_id))
        .where(col(HostRow.campaign_id) == campaign.id, _own(viewer))
        .group_by(col(VerdictRow.word))
    )
    return {row[0]: row[1] for row in session.execute(asked)}


def _first(session: Session, now: int) -> int:
    """The beginning of this month in the bank's zone."""
    today = datetime.fromtimestamp(now / 1_000_000, bank_zone(session))
    return int(today.replace(day=1, hour=0, minute=0, second=0, microsecond=0).timestamp()) * 1_000_000


def _own(viewer: Scoped) -> ColumnElement[bool]:
    """Hosts of this person's; with their state, as the index of hosts begins with it."""
    return (col(HostRow.state) == HostState.ANSWERED) & in_scope(viewer, col(HostRow.branch_id))


def _row(campaign: Campaign, host: Asked) -> dict[str, object]:
    row: dict[str, object] = {"campaign_id": campaign.id, "subject_id": host.subject_id, "branch_id": host.branch_id}
    row |= {"agent_id": host.agent_id, "order": "", "state": HostState.WAITING, "reason": "", "at": None}
    return row | {"seen": "", "heard": False, "word": "", "detail": "", "said": "", "since": None}
