"""Rows that write themselves: of what a campaign found at a host, and of updates a host's facts show."""

from collections import defaultdict
from collections.abc import Collection
from typing import Any, Final

from sqlalchemy import insert, select
from sqlmodel import Session, col

from server.campaigns.reasons import why
from server.campaigns.tables import Campaign, HostRow, VerdictRow
from server.facts.tables import FactSheet
from server.inventory.tables import Subject
from server.queries import bank_zone
from server.registers.assets import assets_of
from server.registers.changes import Facts, changes, told
from server.registers.tables import SecurityRow
from server.schemas.campaigns import HostState
from server.schemas.registers import Category, Entry, Outcome, Source
from server.texts import LANGUAGES, gettext_for

SYSTEM: Final = "system"
LONGEST: Final = 2000  # characters of what was found
PACKAGED: Final = ("dpkg", "rpm")
NOT_GOOD: Final = {"fail": "fail", "unknown": "not known", "exempt": "exempt"}  # what a row tells of by name


def of_change(
    session: Session, sheet: FactSheet, facts: Facts, *, at: int, arrived: int, source: Source = Source.REMOTE
) -> None:
    """What is updated from `sheet`, which was told before, to the `facts` that were told at `at`."""
    subject = sheet.subject_id
    rows = list(changes(sheet.topic, sheet.facts, facts, packaged=_is_packaged(session, subject, sheet.topic)))
    if not rows:
        return
    branch = session.get_one(Subject, subject).branch_id
    asset = assets_of(session, {subject: branch}).get(subject, "")
    for change in rows:
        session.add(
            SecurityRow(
                at=at,
                since=sheet.at,
                written=arrived,
                subject_id=subject,
                branch_id=branch,
                asset=asset,
                by=SYSTEM,
                source=source,
                **change._asdict(),
            )
        )


def _is_packaged(session: Session, subject: int, topic: str) -> bool:
    if topic != "software":
        return False
    updates = session.get(FactSheet, (subject, "updates"))
    return updates is not None and updates.facts.get("updates.source") in PACKAGED


def of_campaign(session: Session, campaign: Campaign, now: int, hosts: Collection[int] | None = None) -> None:
    """A row for each of these hosts that is settled, or for all of them. Where there is one already that says
    something else, the new one corrects it: an answer came late."""
    session.flush()
    asked = select(HostRow).where(col(HostRow.campaign_id) == campaign.id, col(HostRow.state) != HostState.WAITING)
    if hosts is not None:
        asked = asked.where(col(HostRow.id).in_(hosts))
    # settled by SQL, of which what the session read before knows nothing
    rows = session.execute(asked.order_by(col(HostRow.id)).execution_options(populate_existing=True)).scalars().all()
    verdicts = _verdicts(session, [row.id or 0 for row in rows])
    before = _before(session, campaign, [row.subject_id for row in rows])
    assets = assets_of(session, {row.subject_id: row.branch_id for row in rows})
    category = Category.DAILY if campaign.by == SYSTEM else Category.SPECIAL
    item = told("{title} ({count} checks)", title=campaign.title[:250], count=len(campaign.checks))
    made: list[dict[str, Any]] = []
    for row in rows:
        outcome = Outcome(row.word) if row.state is HostState.ANSWERED else Outcome.UNDONE
        found = _found(session, campaign, row, verdicts[row.id or 0])
        old = before.get(row.subject_id)
        if old is not None and (old.outcome, old.found) == (outcome, found):
            continue
        made.append(
            SecurityRow(
                at=row.at or now,
                written=now,
                subject_id=row.subject_id,
                branch_id=row.branch_id,
                asset=assets.get(row.subject_id, ""),
                by=campaign.by,
                source=Source.REMOTE,
                kind=Entry.CHECK,
                category=category,
                item=item,
                outcome=outcome,
                found=found,
                corrects=old.id if old else None,
                root=(old.root or old.id) if old else None,
                campaign=campaign.uid,
            ).model_dump(exclude={"id"})
        )
    if made:
        session.execute(insert(SecurityRow), made)


def _verdicts(session: Session, hosts: Collection[int]) -> dict[int, list[VerdictRow]]:
    found: dict[int, list[VerdictRow]] = defaultdict(list)
    asked = select(VerdictRow).where(col(VerdictRow.host_id).in_(hosts)).order_by(col(VerdictRow.check_id))
    for row in session.execute(asked.execution_options(populate_existing=True)).scalars():
        found[row.host_id].append(row)
    return found


def _before(session: Session, campaign: Campaign, subjects: Collection[int]) -> dict[int, SecurityRow]:
    """What the register says of this campaign last, of each."""
    asked = select(SecurityRow).where(
        col(SecurityRow.campaign) == campaign.uid, col(SecurityRow.subject_id).in_(subjects)
    )
    asked = asked.where(col(SecurityRow.follows).is_(None)).order_by(col(SecurityRow.id))
    return {row.subject_id: row for row in session.execute(asked).scalars()}


def _found(session: Session, campaign: Campaign, row: HostRow, verdicts: list[VerdictRow]) -> dict[str, str]:
    """Each check that does not pass, with what it rests on; of a host that did not answer, why."""
    if row.state is HostState.UNDONE:
        zone, who = bank_zone(session), campaign.cancelled_by or ""
        return {
            lang: why(row.reason, row.detail, gettext_for(lang), zone, lang, said=row.said, since=row.since, who=who)
            for lang in LANGUAGES
        }
    titles = {check["id"]: check for check in campaign.checks}
    found = {}
    for lang in LANGUAGES:
        _ = gettext_for(lang)
        parts = []
        for word, title in NOT_GOOD.items():
            for one in verdicts:
                if one.word == word:
                    name = titles.get(one.check_id, {}).get(lang, one.check_id)
                    parts.append(f"{name}: {_(title)} ({_(', ').join(one.told[lang]['why'])})")
        found[lang] = "; ".join(parts)[:LONGEST]
    return found
