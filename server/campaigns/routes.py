"""Campaigns: checks that are pushed to many hosts, and what came of each host."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import FileResponse

from server.accounts.dependencies import ActNow, Clock, OfBranch, Offset, ReadSession, StateOf, Viewer, WriteSession
from server.accounts.scope import known_branch
from server.campaigns import deeds, queries, sheet, telling, templates, ticks
from server.checks.queries import bank_of
from server.errors import NotFound
from server.http.handing import handing
from server.journal.deeds import record
from server.ledger.export import MEDIA, Format
from server.orders.routes import wake
from server.schemas.campaigns import (
    BranchTallies,
    CampaignCreate,
    CampaignHostPage,
    CampaignOut,
    CampaignPage,
    CampaignText,
    HostState,
    ItemRows,
    Kind,
    TemplateOut,
    TemplatesOut,
    TickAsk,
)
from server.schemas.checks import VerdictWord
from server.schemas.people import Role

router = APIRouter(prefix="/api/campaigns", tags=["campaigns"])


@router.post("", status_code=201, summary="Push checks to hosts, now or when it suits")
def begin_campaign(
    viewer: Viewer, session: WriteSession, act: ActNow, state: StateOf, ask: CampaignCreate
) -> CampaignOut:
    """A row for every host of the scope. Hosts that are off answer at their next contact, until it expires."""
    kept = state.checks.kept()
    template = None
    if ask.template:
        template = templates.kept(state.templates).templates.get(ask.template)
        if template is None:
            raise NotFound("There is no template {id}: branchfleet check templates lists them.", id=ask.template)
    campaign = deeds.begin(session, act, viewer, ask, kept, bank_of(session, state.checks, kept, act.now), template)
    wake(session, state.hub, campaign.push)
    return queries.out(session, campaign, viewer, act.now)


@router.get("", summary="Campaigns, newest first")
def list_campaigns(
    viewer: Viewer,
    session: ReadSession,
    now: Clock,
    kind: Annotated[Kind | None, Query(description="monthly: the lists of each month alone")] = None,
    offset: Offset = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> CampaignPage:
    return queries.page(session, viewer, kind=kind, now=now(), offset=offset, limit=limit)


@router.get("/templates", summary="What a campaign may be begun from")
def list_templates(viewer: Viewer, state: StateOf) -> TemplatesOut:
    found = templates.kept(state.templates)
    english = viewer.lang == "en"
    rows = [
        TemplateOut(
            id=one.id,
            title=one.title_en if english else one.title,
            checks=one.checks,
            ports=one.ports,
            items=[item.en if english else item.zh for item in one.item],
        )
        for one in found.templates.values()
    ]
    wrong = [told.say(viewer._) for told in found.wrong] if viewer.role is Role.HEAD else []
    return TemplatesOut(templates=rows, wrong=wrong)


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
    offset: Offset = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> CampaignHostPage:
    campaign = deeds.find(session, viewer, uid)
    which = queries.Which(branch, word or (), state or ())
    return queries.hosts(session, campaign, viewer, which, now=now(), offset=offset, limit=limit)


@router.get("/{uid}/branches", summary="How far each branch is")
def list_branches(uid: str, viewer: Viewer, session: ReadSession, now: Clock) -> BranchTallies:
    return queries.branches(session, deeds.find(session, viewer, uid), viewer, now())


@router.get("/{uid}/items", summary="What people answer: each branch its own, head office those of the boundary")
def list_items(uid: str, viewer: Viewer, session: ReadSession, branch: OfBranch) -> ItemRows:
    return ticks.rows(session, deeds.find(session, viewer, uid), viewer, branch, viewer.lang)


@router.post("/{uid}/ticks", summary="Answer items: done, or not possible and why")
def tick(uid: str, viewer: Viewer, session: WriteSession, act: ActNow, ask: TickAsk) -> CampaignOut:
    """A wrong answer is answered again: the newest counts, and both stay."""
    campaign = deeds.find(session, viewer, uid)
    ticks.tick(session, act, viewer, campaign, ask)
    return queries.out(session, campaign, viewer, act.now)


@router.get("/{uid}/text", summary="A branch's result as text, and in pieces for QR codes")
def get_text(
    uid: str,
    viewer: Viewer,
    session: ReadSession,
    now: Clock,
    branch: Annotated[str, Query(max_length=64, description="its code")],
) -> CampaignText:
    known_branch(session, viewer, branch)
    return telling.text(session, deeds.find(session, viewer, uid), viewer, branch, now())


@router.get("/{uid}/export", summary="A branch's result, or all of it, as an Excel file", response_class=FileResponse)
def export_campaign(
    uid: str, viewer: Viewer, state: StateOf, act: ActNow, branch: Annotated[str | None, Query(max_length=64)] = None
) -> FileResponse:
    """X-Rows says how many rows are in it. The export is a deed, written before the first byte is sent."""
    with handing() as file:
        with state.database.read() as session:
            known_branch(session, viewer, branch)
            campaign = deeds.find(session, viewer, uid)
            tallies = queries.branches(session, campaign, viewer, act.now).rows
            of_branch = next((one for one in tallies if one.branch == branch), None)
            if branch is not None and of_branch is None:
                raise NotFound("No host of this branch is in it.")
            written = sheet.write(file.path, session, campaign, viewer, of_branch, act.now)
        with state.database.write() as session:
            after = {"branch": branch or "", "rows": written.rows, "hosts": written.hosts}
            record(session, act, deed="campaign.export", about=deeds.about(campaign), after=after)
    return file.answer(
        MEDIA[Format.XLSX], f"{viewer._('check')}-{branch or act.now // 1_000_000}.xlsx", {"X-Rows": str(written.rows)}
    )


@router.post("/{uid}/cancel", summary="Have nobody be asked any more")
def cancel_campaign(uid: str, viewer: Viewer, session: WriteSession, act: ActNow, state: StateOf) -> CampaignOut:
    """What has answered stays. A host that was being asked may still answer, and that is then told."""
    campaign = deeds.cancel(session, act, viewer, uid)
    wake(session, state.hub, campaign.push)
    return queries.out(session, campaign, viewer, act.now)
