"""Campaigns: checks that are pushed to many hosts, and what came of each host."""

from typing import Annotated

from fastapi import APIRouter, Query

from server.accounts.dependencies import ActNow, Clock, OfBranch, ReadSession, StateOf, Viewer, WriteSession
from server.campaigns import deeds, queries
from server.checks.queries import bank_of
from server.orders.routes import wake
from server.schemas.campaigns import (
    BranchTallies,
    CampaignCreate,
    CampaignHostPage,
    CampaignOut,
    CampaignPage,
    HostState,
)
from server.schemas.checks import VerdictWord

router = APIRouter(prefix="/api/campaigns", tags=["campaigns"])


@router.post("", status_code=201, summary="Push checks to hosts, now or when it suits")
def begin_campaign(
    viewer: Viewer, session: WriteSession, act: ActNow, state: StateOf, ask: CampaignCreate
) -> CampaignOut:
    """A row for every host of the scope. Hosts that are off answer at their next contact, until it expires."""
    kept = state.checks.kept()
    campaign = deeds.begin(session, act, viewer, ask, kept, bank_of(session, state.checks, kept, act.now))
    wake(session, state.hub, campaign.push)
    return queries.out(session, campaign, viewer, act.now)


@router.get("", summary="Campaigns, newest first")
def list_campaigns(
    viewer: Viewer,
    session: ReadSession,
    now: Clock,
    offset: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> CampaignPage:
    return queries.page(session, viewer, now=now(), offset=offset, limit=limit)


@router.get("/{uid}", summary="A campaign, and how far it is")
def get_campaign(uid: str, viewer: Viewer, session: ReadSession, now: Clock) -> CampaignOut:
    return queries.out(session, deeds.find(session, viewer, uid), viewer, now())


@router.get("/{uid}/hosts", summary="Every host of it: what fails first, then what has no answer, with the reason")
def list_hosts(
    uid: str,
    viewer: Viewer,
    session: ReadSession,
    now: Clock,
    branch: OfBranch,
    word: Annotated[list[VerdictWord] | None, Query(description="worst verdict; repeatable")] = None,
    state: Annotated[list[HostState] | None, Query(description="or how it stands; repeatable")] = None,
    offset: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> CampaignHostPage:
    campaign = deeds.find(session, viewer, uid)
    which = queries.Which(branch, word or (), state or ())
    return queries.hosts(session, campaign, viewer, which, now=now(), offset=offset, limit=limit)


@router.get("/{uid}/branches", summary="How far each branch is")
def list_branches(uid: str, viewer: Viewer, session: ReadSession, now: Clock) -> BranchTallies:
    return queries.branches(session, deeds.find(session, viewer, uid), viewer, now())


@router.post("/{uid}/cancel", summary="Have nobody be asked any more")
def cancel_campaign(uid: str, viewer: Viewer, session: WriteSession, act: ActNow, state: StateOf) -> CampaignOut:
    """What has answered stays. A host that was being asked may still answer, and that is then told."""
    campaign = deeds.cancel(session, act, viewer, uid)
    wake(session, state.hub, campaign.push)
    return queries.out(session, campaign, viewer, act.now)
