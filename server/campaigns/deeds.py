"""What people do with campaigns: begin one, and end it before its time. Who asks the hosts is a push of facts."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import insert, select
from sqlmodel import Session, col

from agent.wire import OrderKind
from server.campaigns.answering import waits_by_itself
from server.campaigns.asked import as_asked
from server.campaigns.monthly import newest
from server.campaigns.queries import visible
from server.campaigns.reasons import of_order
from server.campaigns.tables import Campaign, HostRow
from server.campaigns.template import Template, ports_of
from server.campaigns.ticks import ask_people
from server.campaigns.whom import Asked, asked_branches, whom
from server.checks.bank import Bank
from server.checks.check import Check
from server.checks.kept import Kept
from server.errors import Conflict, Forbidden, Invalid, NotFound
from server.events.publish import invalidate
from server.facts.posted import DRIVER as POSTED
from server.inventory.tables import Position, Subject, SubjectKind
from server.journal.deeds import Act, record
from server.orders import deeds as orders
from server.orders.tables import OPEN, AgentOrder, Push
from server.orders.whom import Aim
from server.orders.window import SECOND
from server.plain import clean
from server.registers.machine import of_campaign
from server.schemas.campaigns import CampaignCreate, HostState, Undone
from server.schemas.orders import PushTimes
from server.schemas.people import Role

TOPIC: Final = "campaign"
MONTHLY: Final = "monthly"  # in the place of a uid
SCOPE: Final = ("branch", "cls", "model", "zone", "query")
LONGEST: Final = 300  # characters of a title


def begin(
    session: Session,
    act: Act,
    who: orders.Who,
    ask: CampaignCreate,
    kept: Kept,
    bank: Bank,
    template: Template | None = None,
) -> Campaign:
    """A row for every host, and a push of facts to the agents that ask them; and for every item of the template one of
    each branch that is asked. Conflict if there is nobody to ask."""
    if who.role is not Role.HEAD:
        raise Forbidden("Your role may not do this.")
    checks = _checks(ask.checks or (template.checks if template else []), kept)
    people = _people(ask, template)
    scope = {name: said for name in SCOPE if (said := str(getattr(ask, name)))}
    if bool(scope) == ask.everything:
        raise Invalid("Say which hosts: a branch, class, model, zone or query, or the whole bank; not both.")
    asked = whom(session, who, ask, bank, act.now)
    branches = asked_branches(session, ask, asked) if people else set()
    if not asked and not branches:
        raise Conflict("There is no such host: nothing was begun.")
    push = _push(session, act, who, ask, asked)
    starts = push.starts if push else act.now
    campaign = Campaign(
        template=people,
        push=push.uid if push else "",
        title=clean(ask.title) or people.get("zh") or "、".join(check.title.zh for check in checks)[:LONGEST],
        checks=[as_asked(check) for check in checks],
        bank=kept.bank.frozen(),
        scope=scope,
        by=act.actor,
        at=act.now,
        starts=starts,
        expires=push.expires if push else starts + (ask.seconds * SECOND if people else 1),
        window=push.window if push else "",
        reason=clean(ask.reason),
        total=len(asked),
    )
    session.add(campaign)
    session.flush()
    _rows(session, campaign, push, asked, act.now)
    after = {"checks": [check.id for check in checks], **scope, "hosts": len(asked), "push": campaign.push}
    if people:
        ask_people(session, campaign, branches)
        after |= {"template": people["id"], "ports": people["ports"], "branches": len(branches)}
    record(session, act, deed="campaign.begin", about=about(campaign), after=after, reason=campaign.reason)
    invalidate(session, TOPIC, campaign.uid, None, act.now)
    return campaign


def cancel(session: Session, act: Act, who: orders.Who, uid: str) -> Campaign:
    """Nobody is asked any more; what has answered stays, and the rest is not done because it was cancelled."""
    campaign = find(session, who, uid)
    if who.role is not Role.HEAD:
        raise Forbidden("Your role may not do this.")
    asking = session.execute(select(Push).where(col(Push.uid) == campaign.push, col(Push.ended_at).is_(None))).first()
    goes_on = asking is not None or bool(campaign.template) or waits_by_itself(session, campaign)
    if campaign.ended_at is not None or campaign.cancelled_by is not None or not goes_on:
        raise Conflict("Nothing was cancelled: the campaign has ended.")
    if asking is not None:
        orders.cancel(session, act, who, campaign.push)
    campaign.cancelled_by = act.actor
    session.add(campaign)
    session.flush()
    record(session, act, deed="campaign.cancel", about=about(campaign))
    invalidate(session, TOPIC, campaign.uid, None, act.now)
    return campaign


def find(session: Session, viewer: orders.Who, uid: str) -> Campaign:
    """NotFound also if nothing of it is in the person's scope. `monthly` is the newest monthly list."""
    if uid == MONTHLY:
        if (found := newest(session, viewer)) is None:
            raise NotFound("There is no monthly list yet: the first is made on the first of next month.")
        return found
    asked = select(Campaign).where(col(Campaign.uid) == uid, visible(viewer))
    campaign: Campaign | None = session.execute(asked).scalar_one_or_none()
    if campaign is None:
        raise NotFound("There is no campaign {uid}.", uid=uid[:40])
    return campaign


def about(campaign: Campaign) -> str:
    return f"campaign:{campaign.uid}"


def _checks(asked: Sequence[str], kept: Kept) -> list[Check]:
    if not asked:
        raise Invalid("Say which checks, or a template.")
    there = {check.id: check for check in kept.checks}
    for wanted in asked:
        if wanted not in there:
            if kept.wrong:
                raise NotFound(
                    "There is no check {id}, or its file cannot be used: {why}.", id=wanted, why=kept.wrong[0]
                )
            raise NotFound("There is no check {id}: branchfleet checks lists them.", id=wanted)
        if there[wanted].broken:
            raise Invalid("The file of check {id} is wrong: mend it first.", id=wanted)
    return [there[wanted] for wanted in dict.fromkeys(asked)]


def _people(ask: CampaignCreate, template: Template | None) -> dict[str, Any]:
    """What people are to answer, as the campaign keeps it; nothing without a template."""
    if template is None:
        if ask.ports:
            raise Invalid("Ports are part of a template: say which.")
        return {}
    ports = ports_of(ask.ports or template.ports)
    if ask.ports and not ports:
        raise Invalid("{ports} are no ports: write them as 135,137-139,445.", ports=ask.ports)
    return template.frozen(ports)


def _push(session: Session, act: Act, who: orders.Who, ask: CampaignCreate, asked: list[Asked]) -> Push | None:
    """None where no agent asks any of them."""
    agents: dict[int, list[str]] = {}
    for host in asked:
        if host.agent_id is not None:
            agents.setdefault(host.agent_id, []).append(host.key)
    if not agents:
        return None
    branch = select(Subject).where(col(Subject.kind) == SubjectKind.BRANCH, col(Subject.key) == ask.branch)
    subject = session.execute(branch).scalar_one_or_none() if ask.branch else None
    wanted = PushTimes(starts=ask.starts, seconds=ask.seconds, window=ask.window, reason=ask.reason)
    return orders.begin(session, act, OrderKind.FACTS.value, "", wanted, Aim(subject, agents))


def _rows(session: Session, campaign: Campaign, push: Push | None, asked: list[Asked], now: int) -> None:
    ordered: dict[int, Any] = {}
    if push is not None:
        found = select(*map(col, (AgentOrder.agent_id, AgentOrder.uid, AgentOrder.state, AgentOrder.why)))
        ordered = {row.agent_id: row for row in session.execute(found.where(col(AgentOrder.push_id) == push.id))}
    by_itself = set(session.execute(select(col(Position.id)).where(col(Position.driver) == POSTED)).scalars())
    rows: list[dict[str, Any]] = []
    for host in asked:
        order = ordered.get(host.agent_id or 0)
        row: dict[str, Any] = {"campaign_id": campaign.id, "subject_id": host.subject_id, "branch_id": host.branch_id}
        row |= {"agent_id": host.agent_id, "order": order.uid if order else "", "seen": "", "detail": ""}
        if host.agent_id is None:
            row |= {"state": HostState.UNDONE, "reason": Undone.NOBODY_ASKS.value, "at": now}
        elif order and order.state not in OPEN and host.subject_id not in by_itself:  # nobody may speak as its agent
            ended = {"seen": order.state.value, "reason": of_order(order.state, order.why).value, "detail": order.why}
            row |= {"state": HostState.UNDONE, "at": now, **ended}
        else:
            row |= {"state": HostState.WAITING, "reason": "", "at": None}
        rows.append(row | {"heard": False, "word": "", "said": "", "since": None})
    if rows:
        session.execute(insert(HostRow), rows)
        of_campaign(session, campaign, now)
