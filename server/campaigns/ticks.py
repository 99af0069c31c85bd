"""Items of a campaign that people answer: each branch its own, head office those of the boundary.

An answer is a deed. A wrong one is answered again: the newest counts, and both stay.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Any, Final

from sqlalchemy import ColumnElement, func, insert, select
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from server.accounts.scope import Scoped, in_scope, known_branch
from server.campaigns.tables import Campaign, Item, TickRow
from server.campaigns.template import item_texts
from server.errors import Conflict, Forbidden, Invalid, NotFound
from server.events.publish import invalidate
from server.inventory.tables import Subject, SubjectKind
from server.journal.deeds import Act, record
from server.orders.deeds import Who
from server.plain import clean
from server.schemas.campaigns import CampaignItem, ItemRow, ItemRows, Part, Tick, TickAsk, TickOut, TickTally
from server.schemas.people import Role

TOPIC: Final = "campaign"
Counts = dict[str, int]  # by word; "" nobody answered


def ask_people(session: Session, campaign: Campaign, branches: Iterable[int]) -> None:
    """A row for every item of every branch, and for those of head office."""
    rows: list[dict[str, Any]] = []
    whose = sorted(branches)
    for one in campaign.template["items"]:
        asked: list[int | None] = [None] if one["of"] == "head" else [*whose]
        rows += [{"campaign_id": campaign.id, "branch_id": own, "item": one["id"], "word": ""} for own in asked]
    if rows:
        session.execute(insert(Item), rows)


def tick(session: Session, act: Act, who: Who, campaign: Campaign, ask: TickAsk) -> None:
    """Answer some items of one branch, or of head office. Invalid where one is none of its items."""
    if who.role is Role.AUDITOR or (who.role is Role.BRANCH and not ask.branch):
        raise Forbidden("Your role may not do this.")
    if campaign.cancelled_by is not None:
        raise Conflict("The campaign was cancelled: nothing is answered any more.")
    known_branch(session, who, ask.branch or None)
    rows = _asked(session, campaign, ask)
    note = clean(ask.note)
    if ask.word is Tick.NOT_POSSIBLE and not note:
        raise Invalid("Say in a note why it is not possible.")
    before = {row.item: row.word for row in rows}
    for row in rows:
        row.word = ask.word.value
        session.add(row)
        session.add(TickRow(item_id=row.id or 0, word=ask.word, note=note, by=act.actor, at=act.now))
    session.flush()
    said = {"branch": ask.branch, "items": list(before)}
    after = {**said, "word": ask.word.value, "note": note}
    about = f"campaign:{campaign.uid}"
    record(session, act, deed="campaign.tick", about=about, before={**said, "words": before}, after=after)
    invalidate(session, TOPIC, campaign.uid, None, act.now)


def items(session: Session, campaign: Campaign, viewer: Scoped, lang: str) -> list[CampaignItem]:
    """Each that this person may see, with how many branches answered what."""
    counts: dict[str, Counts] = defaultdict(dict)
    asked = select(col(Item.item), col(Item.word), func.count()).where(_of(campaign), _own(viewer))
    for item, word, count in session.execute(asked.group_by(col(Item.item), col(Item.word))):
        counts[item][word] = count
    return [
        CampaignItem.model_validate({"id": own, "ticks": tally(counts[own]), **text})
        for own, text in item_texts(campaign.template, lang).items()
        if own in counts
    ]


def tallies(session: Session, campaigns: Collection[int | None], viewer: Scoped) -> dict[int, TickTally]:
    """Of each campaign that has items for this person."""
    counts: dict[int, Counts] = defaultdict(dict)
    asked = select(col(Item.campaign_id), col(Item.word), func.count())
    asked = asked.where(col(Item.campaign_id).in_(campaigns), _own(viewer))
    for own, word, count in session.execute(asked.group_by(col(Item.campaign_id), col(Item.word))):
        counts[own][word] = count
    return {own: tally(words) for own, words in counts.items()}


def by_branch(session: Session, campaign: Campaign, viewer: Scoped) -> dict[int, TickTally]:
    counts: dict[int, Counts] = defaultdict(dict)
    asked = select(col(Item.branch_id), col(Item.word), func.count()).where(_of(campaign), _own(viewer))
    asked = asked.where(col(Item.branch_id).is_not(None))
    for own, word, count in session.execute(asked.group_by(col(Item.branch_id), col(Item.word))):
        counts[own][word] = count
    return {own: tally(words) for own, words in counts.items()}


def rows(session: Session, campaign: Campaign, viewer: Scoped, branch: str | None, lang: str) -> ItemRows:
    """Every item this person may see: head office's first, then by branch; what nobody answered before what is done."""
    home = aliased(Subject)
    asked = (
        select(Item, col(home.key), col(home.name))
        .outerjoin(home, col(home.id) == col(Item.branch_id))
        .where(_of(campaign), _own(viewer))
    )
    if branch is not None:
        asked = asked.where(col(home.key) == branch)
    found = session.execute(asked).all()
    said = _answers(session, campaign, viewer)
    texts = item_texts(campaign.template, lang)
    place = {own: number for number, own in enumerate(texts)}
    outs = []
    for row, key, name in sorted(found, key=lambda one: (one[1] or "", place[one[0].item])):
        answers = said.get(row.id, [])
        outs.append(
            ItemRow(
                id=row.item,
                part=Part(texts[row.item]["part"]),
                title=texts[row.item]["title"],
                branch=key or "",
                branch_name=name or "",
                newest=answers[0] if answers else None,
                earlier=answers[1:],
            )
        )
    return ItemRows(rows=outs)


def wanting(session: Session, campaign: Campaign) -> bool:
    """Whether somebody still has to answer."""
    asked = select(col(Item.id)).where(_of(campaign), col(Item.word) == "").limit(1)
    return session.execute(asked).first() is not None


def asked_of(campaign_id: Any, viewer: Scoped) -> ColumnElement[bool]:
    """The SQL condition that a campaign asks somebody of this person's branches."""
    own = select(col(Item.id)).where(col(Item.campaign_id) == campaign_id, _own(viewer))
    return own.exists()


def tally(counts: Counts) -> TickTally:
    done, not_possible = counts.get(Tick.DONE.value, 0), counts.get(Tick.NOT_POSSIBLE.value, 0)
    nobody = counts.get("", 0)
    return TickTally(total=done + not_possible + nobody, done=done, not_possible=not_possible, unanswered=nobody)


def unanswered(session: Session, viewer: Scoped) -> tuple[int, str]:
    """Items of campaigns under way that this person's branches did not answer, and the newest such campaign."""
    asked = (
        select(col(Campaign.uid), func.count())
        .join(Item, col(Item.campaign_id) == col(Campaign.id))
        .where(col(Campaign.ended_at).is_(None), col(Item.word) == "", _own(viewer))
        .group_by(col(Campaign.id), col(Campaign.uid))
        .order_by(col(Campaign.id).desc())
    )
    found = session.execute(asked).all()
    return sum(row[1] for row in found), found[0][0] if found else ""


def _asked(session: Session, campaign: Campaign, ask: TickAsk) -> list[Item]:
    branch = select(col(Subject.id)).where(col(Subject.kind) == SubjectKind.BRANCH, col(Subject.key) == ask.branch)
    own = session.execute(branch).scalar_one() if ask.branch else None
    whose = col(Item.branch_id).is_(None) if own is None else col(Item.branch_id) == own
    there = session.execute(select(Item).where(_of(campaign), whose).with_for_update()).scalars()
    found = {row.item: row for row in there}
    for item in ask.items:
        if item not in found:
            raise NotFound("There is no item {id} for them in this campaign.", id=item)
    return [found[item] for item in dict.fromkeys(ask.items)]


def _answers(session: Session, campaign: Campaign, viewer: Scoped) -> dict[int, list[TickOut]]:
    asked = select(TickRow).join(Item, col(Item.id) == col(TickRow.item_id)).where(_of(campaign), _own(viewer))
    found: dict[int, list[TickOut]] = defaultdict(list)
    for row in session.execute(asked.order_by(col(TickRow.id).desc())).scalars():
        found[row.item_id].append(TickOut(word=row.word, note=row.note, by=row.by, at=row.at))
    return found


def _of(campaign: Campaign) -> ColumnElement[bool]:
    return col(Item.campaign_id) == campaign.id


def _own(viewer: Scoped) -> ColumnElement[bool]:
    """Head office's own items, of no branch, are seen by those alone who see all."""
    return in_scope(viewer, col(Item.branch_id))
