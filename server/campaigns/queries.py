"""What is asked of campaigns. Who belongs to a branch sees the hosts that stood in it, and counts of these alone."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Protocol
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, case, func, or_, select, true
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from server.accounts.named import branches_named
from server.accounts.scope import Scoped, in_scope
from server.campaigns import reasons
from server.campaigns.tables import Campaign, HostRow, VerdictRow
from server.campaigns.ticks import asked_of, by_branch, items, tallies
from server.ingest.tables import AgentSeen
from server.inventory.tables import Subject
from server.orders.tables import OPEN, AgentOrder
from server.orders.window import Times
from server.queries import bank_zone
from server.schemas.campaigns import (
    BranchTallies,
    BranchTally,
    CampaignCheck,
    CampaignHost,
    CampaignHostPage,
    CampaignOut,
    CampaignPage,
    CampaignVerdict,
    HostState,
    Kind,
    ReasonCount,
    Tally,
    TickTally,
    Undone,
)
from server.schemas.orders import OrderState
from server.texts import Gettext, gettext_for

SILENT: Final = 240_000_000  # µs without a word of an agent that says one a minute
# what a person has to see first
WORDS: Final = ("fail", "unknown", "", "exempt", "pass", "not_applicable")
SAID: Final = {
    "branch": "branch {said}",
    "cls": "class {said}",
    "model": "model {said}",
    "zone": "zone {said}",
    "query": "those with {said}",
}
Counts = dict[tuple[HostState, str, str, bool], int]  # state, word, reason, whether it is silent -> hosts


class Reader(Scoped, Protocol):
    @property
    def lang(self) -> str: ...


class Which(NamedTuple):
    """Hosts of a branch, and with one of the worst verdicts or in one of the states; nothing said is all."""

    branch: str | None = None
    words: Collection[str] = ()
    states: Collection[HostState] = ()


def visible(viewer: Scoped) -> ColumnElement[bool]:
    """The SQL condition that a campaign has a host this person may see, or asks people of their branches."""
    if viewer.branch_ids is None:
        return true()
    own = select(col(HostRow.id)).where(col(HostRow.campaign_id) == col(Campaign.id), _own(viewer))
    return own.exists() | asked_of(col(Campaign.id), viewer)


def page(
    session: Session, viewer: Reader, *, kind: Kind | None = None, now: int, offset: int, limit: int
) -> CampaignPage:
    """Newest first."""
    which = visible(viewer) if kind is None else visible(viewer) & (col(Campaign.kind) == kind)
    wanted = select(Campaign).where(which)
    total = session.execute(select(func.count()).select_from(Campaign).where(which)).scalar_one()
    rows = session.execute(wanted.order_by(col(Campaign.id).desc()).offset(offset).limit(limit)).scalars().all()
    return CampaignPage(total=total, offset=offset, at=now, rows=_outs(session, viewer, rows, now, words=False))


def out(session: Session, campaign: Campaign, viewer: Reader, now: int) -> CampaignOut:
    session.flush()
    return _outs(session, viewer, [campaign], now, words=True)[0]


def branches(session: Session, campaign: Campaign, viewer: Reader, now: int) -> BranchTallies:
    """How far each branch is, by code: with its hosts that wait and those that will not answer, and its ticks."""
    home = aliased(Subject)
    asked = _counted(col(HostRow.branch_id), [campaign.id], viewer, now)
    by: dict[int, Counts] = defaultdict(dict)
    for branch, *key, count in session.execute(asked):
        _add(by[branch], key, count)
    ticks = by_branch(session, campaign, viewer)
    found = {*by, *ticks}
    names = select(col(home.id), col(home.key), col(home.name)).where(col(home.id).in_(found)).order_by(col(home.key))
    return BranchTallies(
        rows=[
            BranchTally(branch=key, branch_name=name, hosts=tally(by[own]), ticks=ticks.get(own, TickTally()))
            for own, key, name in session.execute(names)
        ]
    )


def hosts(
    session: Session,
    campaign: Campaign,
    viewer: Reader,
    which: Which,
    *,
    now: int,
    offset: int,
    limit: int,
) -> CampaignHostPage:
    """Those that fail first, then what is not known, then those without an answer, each by branch and key."""
    subject, home = aliased(Subject), aliased(Subject)
    asked = (
        select(HostRow, subject, home, col(AgentSeen.at), col(AgentOrder.state))
        .join(subject, col(subject.id) == col(HostRow.subject_id))
        .join(home, col(home.id) == col(HostRow.branch_id))
        .outerjoin(AgentSeen, col(AgentSeen.agent_id) == col(HostRow.agent_id))
        .outerjoin(AgentOrder, col(AgentOrder.uid) == col(HostRow.order))
        .where(col(HostRow.campaign_id) == campaign.id, _own(viewer))
    )
    if which.branch is not None:
        asked = asked.where(col(home.key) == which.branch)
    if which.words or which.states:
        asked = asked.where(or_(col(HostRow.word).in_(which.words), col(HostRow.state).in_(which.states)))
    total = session.execute(asked.with_only_columns(func.count())).scalar_one()
    rank = case({word: place for place, word in enumerate(WORDS)}, value=col(HostRow.word))
    rows = session.execute(
        asked.order_by(rank, col(HostRow.state).desc(), col(home.key), col(subject.key)).offset(offset).limit(limit)
    ).all()
    told = _verdicts(session, campaign, [row[0].id for row in rows], viewer.lang)
    said = _Said(viewer.lang, gettext_for(viewer.lang), bank_zone(session), now, campaign)
    outs = [said.of(row[0], row[1], row[2], row[3], row[4], told.get(row[0].id or 0, [])) for row in rows]
    return CampaignHostPage(total=total, offset=offset, at=now, rows=outs)


def tally(counts: Counts) -> Tally:
    def of(*states: HostState, silent: bool | None = None) -> int:
        wanted = (count for key, count in counts.items() if key[0] in states and silent in (None, key[3]))
        return sum(wanted)

    words: dict[Any, int] = dict.fromkeys(("pass", "fail", "unknown", "not_applicable", "exempt"), 0)
    for (_, word, _, _), count in counts.items():
        if word:
            words[word] += count
    return Tally(
        total=sum(counts.values()),
        waiting=of(HostState.WAITING),
        off=of(HostState.WAITING, silent=True),
        answered=of(HostState.ANSWERED),
        undone=of(HostState.UNDONE),
        words=words,
    )


def scope(session: Session, campaign: Campaign, viewer: Scoped, _: Gettext) -> str:
    """Whom it asks; for whoever sees a part of them alone, whose figures these are."""
    if not campaign.scope:
        return branches_named(session, viewer, None, _)
    asked = _limits(session, campaign, _)
    if viewer.branch_ids is None:
        return asked
    return _("{asked} (of {own})").format(asked=asked, own=branches_named(session, viewer, None, _))


def _limits(session: Session, campaign: Campaign, _: Gettext) -> str:
    said = dict(campaign.scope)
    if code := said.get("branch"):
        found = select(col(Subject.name)).where(col(Subject.kind) == "branch", col(Subject.key) == code)
        said["branch"] = session.execute(found).scalar() or code
    return _(", ").join(_(SAID[name]).format(said=value) for name, value in said.items())


def _own(viewer: Scoped) -> ColumnElement[bool]:
    return in_scope(viewer, col(HostRow.branch_id))


def _counted(by: Any, campaigns: Collection[int | None], viewer: Scoped, now: int) -> Any:
    silent = case(
        (
            (col(HostRow.state) == HostState.WAITING)
            & col(AgentOrder.state).in_(OPEN)
            & (func.coalesce(col(AgentSeen.at), 0) < now - SILENT),
            True,
        ),
        else_=False,
    )
    columns: Any = (by, col(HostRow.state), col(HostRow.word), col(HostRow.reason), silent)
    return (
        select(*columns, func.count())
        .select_from(HostRow)
        .outerjoin(AgentSeen, col(AgentSeen.agent_id) == col(HostRow.agent_id))
        .outerjoin(AgentOrder, col(AgentOrder.uid) == col(HostRow.order))
        .where(col(HostRow.campaign_id).in_(campaigns), _own(viewer))
        .group_by(*columns)
    )


def _add(counts: Counts, key: Sequence[Any], count: int) -> None:
    state, word, reason, silent = key
    counts[state, word, reason, bool(silent)] = counts.get((state, word, reason, bool(silent)), 0) + count


def _outs(
    session: Session, viewer: Reader, campaigns: Sequence[Campaign], now: int, *, words: bool
) -> list[CampaignOut]:
    """`words`: with how many hosts have each verdict of each check."""
    by: dict[int, Counts] = defaultdict(dict)
    for own, *key, count in session.execute(
        _counted(col(HostRow.campaign_id), [campaign.id for campaign in campaigns], viewer, now)
    ):
        _add(by[own], key, count)
    _, zone = gettext_for(viewer.lang), bank_zone(session)
    ticks = tallies(session, [campaign.id for campaign in campaigns], viewer)
    outs = []
    for one in campaigns:
        of_checks = _by_check(session, one, viewer) if words else {}
        times = Times(one.starts, one.expires, one.window)
        opening = times.opening(zone, now) if one.ended_at is None else None
        counts = by[one.id or 0]
        outs.append(
            CampaignOut(
                uid=one.uid,
                kind=one.kind,
                title=one.title,
                template=one.template.get("en" if viewer.lang == "en" else "zh", ""),
                items=items(session, one, viewer, viewer.lang) if words and one.template else [],
                ticks=ticks.get(one.id or 0, TickTally()),
                scope=scope(session, one, viewer, _),
                checks=[
                    CampaignCheck(
                        id=check["id"],
                        title=check["en" if viewer.lang == "en" else "zh"],
                        severity=check["severity"],
                        words=of_checks.get(check["id"], {}),
                    )
                    for check in one.checks
                ],
                push=one.push,
                by=one.by,
                at=one.at,
                starts=one.starts,
                expires=one.expires,
                window=one.window,
                reason=one.reason,
                opens=opening[0] if opening and opening[0] > now else None,
                hosts=tally(counts),
                reasons=_reasons(counts, _),
                ended_at=one.ended_at,
                cancelled_by=one.cancelled_by,
                root=one.root,
            )
        )
    return outs


def _reasons(counts: Counts, _: Gettext) -> list[ReasonCount]:
    """The most frequent first; a host that waits and is silent is off as far as anybody knows."""
    by: dict[Undone, int] = defaultdict(int)
    for (_state, _word, reason, silent), count in counts.items():
        if reason or silent:
            by[Undone(reason or Undone.OFF)] += count
    rows = sorted(by.items(), key=lambda one: (-one[1], one[0]))
    return [ReasonCount(reason=reason, title=reasons.title(reason, _), count=count) for reason, count in rows]


def _by_check(session: Session, campaign: Campaign, viewer: Scoped) -> dict[str, dict[Any, int]]:
    asked = (
        select(col(VerdictRow.check_id), col(VerdictRow.word), func.count())
        .join(HostRow, col(HostRow.id) == col(VerdictRow.host_id))
        .where(col(HostRow.campaign_id) == campaign.id, _own(viewer))
        .group_by(col(VerdictRow.check_id), col(VerdictRow.word))
    )
    found: dict[str, dict[Any, int]] = defaultdict(dict)
    for check, word, count in session.execute(asked):
        found[check][word] = count
    return found


def _verdicts(
    session: Session, campaign: Campaign, rows: Collection[int | None], lang: str
) -> dict[int, list[CampaignVerdict]]:
    """Of each host, what is worst first."""
    titles = {check["id"]: check["en" if lang == "en" else "zh"] for check in campaign.checks}
    asked = select(VerdictRow).where(col(VerdictRow.host_id).in_(rows))
    found: dict[int, list[CampaignVerdict]] = defaultdict(list)
    for row in session.execute(asked.order_by(col(VerdictRow.check_id))).scalars():
        told = row.told["en" if lang == "en" else "zh"]
        found[row.host_id].append(
            CampaignVerdict(
                check=row.check_id,
                title=titles.get(row.check_id, row.check_id),
                word=row.word,
                why=told["why"],
                at=row.at,
                mend=told["mend"],
            )
        )
    return {own: sorted(verdicts, key=lambda one: WORDS.index(one.word)) for own, verdicts in found.items()}


@dataclass(frozen=True)
class _Said:
    """Hosts in the words of a language."""

    lang: str
    _: Gettext
    zone: ZoneInfo
    now: int
    campaign: Campaign

    def of(
        self,
        row: HostRow,
        subject: Subject,
        home: Subject,
        heard: int | None,
        order: OrderState | None,
        verdicts: list[CampaignVerdict],
    ) -> CampaignHost:
        silent = row.state is HostState.WAITING and order in OPEN and (heard or 0) < self.now - SILENT
        word: Any = row.word or None
        reason: str | None = row.reason or (Undone.OFF.value if silent else None)
        return CampaignHost(
            host=subject.key,
            name=subject.name,
            branch=home.key,
            branch_name=home.name,
            state=row.state,
            word=word,
            reason=Undone(reason) if reason else None,
            why=self._why(row, heard, order, silent),
            at=row.at,
            verdicts=verdicts,
        )

    def _why(self, row: HostRow, heard: int | None, order: OrderState | None, silent: bool) -> str:
        if row.state is HostState.ANSWERED:
            return ""
        if row.state is HostState.WAITING:
            handed = order is OrderState.HANDED
            until = self.campaign.expires
            if order is not None and order not in OPEN:
                return reasons.awaited(until, self._, self.zone)
            return reasons.waiting(heard, until, self._, self.zone, silent=silent, handed=handed)
        who = self.campaign.cancelled_by or ""
        return reasons.why(
            row.reason, row.detail, self._, self.zone, self.lang, said=row.said, since=row.since, who=who
        )
