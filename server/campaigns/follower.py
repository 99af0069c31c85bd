"""Settles the hosts of campaigns as their orders end, some at a time, and ends campaigns."""

from typing import Final

from sqlalchemy import select
from sqlmodel import Session, col

from server.campaigns.answering import due, due_monthly, settle, settle_monthly
from server.campaigns.asked import with_bank_of
from server.campaigns.ending import end, tell, waits_for_people
from server.campaigns.monthly import begin_monthly
from server.campaigns.monthly import due as month_began
from server.campaigns.tables import Campaign
from server.checks.kept import Checks
from server.checks.queries import bank_of
from server.checks.sheets import DAY
from server.following.thread import Following
from server.orders.tables import Push
from server.schemas.campaigns import Kind
from server.storage.database import Database
from server.storage.lead import Lead, Role
from server.storage.types import Now

MINUTE: Final = 60_000_000  # µs
LATE: Final = 35 * DAY  # after its expiry a result may still come: an agent keeps what it was given as long


class CampaignFollower(Following):
    name = "campaigns"
    pause = 1.0
    gather = 0.3  # between steps: a screen that is told of each host would fetch the page a thousand times

    def __init__(self, database: Database, checks: Checks, now: Now, *, monthly: bool = False) -> None:
        super().__init__(Lead(database, Role.CAMPAIGNS))
        self._monthly = monthly
        self._looked = 0  # whether a month began
        self._database = database
        self._checks = checks
        self._now = now

    def step(self) -> int:
        """Settle the next hosts of every campaign; 0 if there was nothing to settle or to end."""
        if self._monthly and not 0 <= self._now() - self._looked < MINUTE:
            self._begin_monthly()
        with self._database.read() as session:
            campaigns = self._at_hand(session)
        return sum(self._go_on(campaign) for campaign in campaigns)

    def _begin_monthly(self) -> None:
        with self._database.read() as session:
            wanted = month_began(session, self._now())
        if wanted:
            with self._database.write() as session:
                begin_monthly(session, self._checks.kept(), self._now())
        self._looked = self._now()

    def _at_hand(self, session: Session) -> list[int]:
        """Those that have not ended, and those that ended and whose push has other counts since."""
        now = self._now()
        asked = (
            select(col(Campaign.id), col(Campaign.ended_at), col(Campaign.tallied), col(Push.counts))
            .outerjoin(Push, col(Push.uid) == col(Campaign.push))
            .where(col(Campaign.ended_at).is_(None) | (col(Campaign.expires) > now - LATE))
            .order_by(col(Campaign.id))
        )
        rows = session.execute(asked).all()
        return [own for own, ended, tallied, counts in rows if ended is None or (counts and counts != tallied)]

    def _go_on(self, own: int) -> int:
        with self._database.read() as session:
            campaign = session.get_one(Campaign, own)
            push = _push_of(session, campaign)
            over = push is None or push.ended_at is not None
            monthly, now = campaign.kind == Kind.MONTHLY, self._now()
            hosts, put_off = due_monthly(session, campaign) if monthly else due(session, campaign, now, late=over)
            waits = waits_for_people(session, campaign, now)
        if not hosts and (put_off or not over or waits):
            return 0
        with self._database.write() as session:
            campaign = session.get_one(Campaign, own)
            now = self._now()
            if hosts:
                kept = self._checks.kept()
                write = settle_monthly if monthly else settle
                bank = bank_of(session, self._checks, with_bank_of(campaign, kept), now)
                write(session, campaign, hosts, kept, bank, now)
            ended = end(session, campaign, _push_of(session, campaign), now) if over and not put_off else False
            if hosts or ended:
                tell(session, campaign, now)
        return len(hosts) + ended


def _push_of(session: Session, campaign: Campaign) -> Push | None:
    if not campaign.push:
        return None
    found: Push | None = session.execute(select(Push).where(col(Push.uid) == campaign.push)).scalar_one_or_none()
    return found
