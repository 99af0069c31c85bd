"""The end of a campaign: once every host answered or was given up, and again where an answer came later."""

from typing import Any, Final

from sqlalchemy import func, select
from sqlmodel import Session, col

from server.campaigns.tables import Campaign, HostRow, VerdictRow
from server.campaigns.ticks import tallies, wanting
from server.events.publish import invalidate
from server.inventory.tables import Subject
from server.journal.deeds import Act, record
from server.journal.merkle import merkle_root
from server.orders.tables import Push
from server.schemas.campaigns import HostState
from server.storage.types import canonical

SYSTEM: Final = "system"
VIA: Final = "campaigns"
TOPIC: Final = "campaign"


class Everybody:
    """Who sees all."""

    branch_ids: None = None


def tell(session: Session, campaign: Campaign, now: int) -> None:
    """Have screens look again: everybody's, as each sees its own hosts alone."""
    invalidate(session, TOPIC, campaign.uid, None, now)


def end(session: Session, campaign: Campaign, push: Push | None, now: int) -> bool:
    """Write down how it ended, if no host is waited for. Last in a transaction."""
    waiting = select(col(HostRow.id)).where(
        col(HostRow.campaign_id) == campaign.id, col(HostRow.state) == HostState.WAITING
    )
    if session.execute(waiting.limit(1)).first() is not None or (push is not None and push.ended_at is None):
        return False
    if waits_for_people(session, campaign, now):
        return False
    late = campaign.ended_at is not None
    lines = _lines(session, campaign)
    campaign.root = merkle_root(lines)
    campaign.tallied = push.counts if push is not None else {}
    campaign.ended_at = campaign.ended_at or now
    session.add(campaign)
    session.flush()
    after = {**_counts(session, campaign), "hosts": len(lines), "root": campaign.root}
    if campaign.template:
        after["items"] = tallies(session, [campaign.id], Everybody())[campaign.id or 0].model_dump()
    deed = "campaign.amend" if late else "campaign.end"
    record(session, Act(SYSTEM, VIA, now), deed=deed, about=f"campaign:{campaign.uid}", after=after)
    return True


def waits_for_people(session: Session, campaign: Campaign, now: int) -> bool:
    """Whether somebody may still answer: until the expiry, after which nobody answered."""
    over = now >= campaign.expires or campaign.cancelled_by is not None
    return bool(campaign.template) and not over and wanting(session, campaign)


def _counts(session: Session, campaign: Campaign) -> dict[str, Any]:
    asked = select(col(HostRow.state), col(HostRow.word), col(HostRow.reason), func.count())
    asked = asked.where(col(HostRow.campaign_id) == campaign.id)
    found: dict[str, dict[str, int]] = {"words": {}, "reasons": {}}
    for state, word, reason, count in session.execute(
        asked.group_by(col(HostRow.state), col(HostRow.word), col(HostRow.reason))
    ):
        if state is HostState.ANSWERED:
            found["words"][word] = count
        else:
            found["reasons"][reason] = count
    return found


def _lines(session: Session, campaign: Campaign) -> list[str]:
    """What the root stands for: a line a host, by its uid. Anybody can make it anew from the rows."""
    said: dict[int, list[list[Any]]] = {}
    of_it = col(HostRow.campaign_id) == campaign.id
    asked = select(*map(col, (VerdictRow.host_id, VerdictRow.check_id, VerdictRow.word, VerdictRow.at)))
    asked = asked.join(HostRow, col(HostRow.id) == col(VerdictRow.host_id)).where(of_it)
    for host, check, word, at in session.execute(asked.order_by(col(VerdictRow.host_id), col(VerdictRow.check_id))):
        said.setdefault(host, []).append([check, word, at])
    rows = (
        select(HostRow, col(Subject.uid))
        .join(Subject, col(Subject.id) == col(HostRow.subject_id))
        .where(of_it)
        .order_by(col(Subject.uid))
    )
    return [
        canonical(
            {
                "host": uid,
                "state": row.state.value,
                "word": row.word,
                "reason": row.reason,
                "detail": row.detail,
                "at": row.at,
                "verdicts": said.get(row.id or 0, []),
            }
        )
        for row, uid in session.execute(rows)
    ]
