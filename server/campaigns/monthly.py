"""The list each branch gets every month of what it still has to do: a campaign of every check, begun by the server."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlmodel import Session, col

from server.campaigns.deeds import begin
from server.campaigns.ending import SYSTEM, VIA
from server.campaigns.tables import Campaign
from server.checks.bank import Bank
from server.checks.kept import Kept
from server.errors import Conflict
from server.journal.deeds import Act
from server.queries import bank_zone
from server.schemas.campaigns import CHECKS, CampaignCreate
from server.schemas.people import Role

LASTS: Final = 7 * 86_400  # seconds: PCs that are off over a holiday do it when they are on again
LATEST: Final = 7  # day of the month: a server that was down on the first makes it until then
TITLE: Final = "{year}年{month}月网点未完成项"  # data of the bank, as a title a person would write


@dataclass(frozen=True)
class Server:
    """The server itself, which sees all."""

    role: Role = Role.HEAD
    branch_ids: None = None
    lang: str = "zh"


def due(session: Session, now: int) -> bool:
    """Whether this month's is to be begun."""
    today = datetime.fromtimestamp(now / 1_000_000, bank_zone(session))
    first = int(today.replace(day=1, hour=0, minute=0, second=0, microsecond=0).timestamp()) * 1_000_000
    made = select(col(Campaign.id)).where(col(Campaign.by) == SYSTEM, col(Campaign.at) >= first).limit(1)
    return today.day <= LATEST and session.execute(made).first() is None


def begin_monthly(session: Session, kept: Kept, bank: Bank, now: int) -> bool:
    """False where there is no host yet."""
    today = datetime.fromtimestamp(now / 1_000_000, bank_zone(session))
    checks = [check.id for check in kept.checks if not check.broken][:CHECKS]
    title = TITLE.format(year=today.year, month=today.month)
    ask = CampaignCreate(checks=checks, title=title, everything=True, seconds=LASTS)
    try:
        begin(session, Act(SYSTEM, VIA, now), Server(), ask, kept, bank)
    except Conflict:
        return False
    return True
