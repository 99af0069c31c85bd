"""Every question the console asks the server.

`line.py` is how it is asked; `failures.py` has every way the server can fail to answer.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import date
from urllib.parse import quote

import httpx2

from server.schemas.agents import AgentCodeCreate, AgentCodeOut, AgentOut, AgentStep
from server.schemas.branches import BranchOut, BranchPage
from server.schemas.campaigns import (
    BranchTallies,
    CampaignCreate,
    CampaignHostPage,
    CampaignOut,
    CampaignPage,
    CampaignText,
    ItemRows,
    TemplatesOut,
    TickAsk,
)
from server.schemas.catalogue import CatalogueOut
from server.schemas.checks import ChecksOut, CheckTest, HostVerdicts, VerdictOut
from server.schemas.conditions import ConditionPage
from server.schemas.coverage import CoverageReport
from server.schemas.entries import AnswerCreate, AnswerOut, EntryPage
from server.schemas.exemptions import ExemptionCreate, ExemptionOut, ExemptionPage, ExemptionWithdraw
from server.schemas.facts import ChangePage, FactsImport, FactsImported, FactsOut
from server.schemas.home import Home
from server.schemas.journal import JournalCheck, JournalPage
from server.schemas.ledger import CardDetail, CardPage
from server.schemas.licences import (
    Install,
    InstallPage,
    LicenceChange,
    LicenceCreate,
    LicenceOut,
    LicencePage,
    LicenceWithdraw,
    ProductPage,
)
from server.schemas.matrix import HostPage, MatrixPage, TrendOut
from server.schemas.media import SightingPage, StickCreate, StickOut, StickPage, StickStep
from server.schemas.network import CoverageOut, NetworkList, NetworkPage
from server.schemas.observations import ObservationPage
from server.schemas.orders import OrderPage, OrderState, PushCreate, PushOut, PushPage
from server.schemas.people import PasswordChange, PersonOut, SignInAsk, SignInOut
from server.schemas.positions import History, PositionDetail, PositionPage
from server.schemas.registers import (
    SecurityCorrection,
    SecurityEntry,
    SecurityFollow,
    SecurityPage,
    SecurityRowOut,
)
from server.schemas.standing import Standing
from server.schemas.status import Invalidated, Status
from server.schemas.tickets import TicketCreate, TicketDetail, TicketNoteCreate, TicketPage, TicketStatus, TicketStep
from tui.failures import judge, translated
from tui.line import Line, Value, may_keep_silent, parsed

QUIET = 90.0  # seconds without a byte before the events are asked for anew
SECURITY = "/api/registers/security"
WRITING = 900.0  # seconds an export may take before its first byte: it is whole by then, a province's takes minutes


@dataclass(frozen=True)
class PositionQuery:
    key: tuple[str, ...] = ()  # only these
    q: str = ""
    branch: str | None = None
    standing: tuple[Standing, ...] = ()
    device: str | None = None  # a device word, as "offline"
    cls: str | None = None
    sort: str = "worst"


@dataclass(frozen=True)
class TicketQuery:
    q: str = ""
    branch: str | None = None
    status: tuple[TicketStatus, ...] = ()
    subject: str | None = None


@dataclass(frozen=True)
class LedgerQuery:
    q: str = ""
    branch: str | None = None
    cls: str | None = None
    status: str | None = None
    keeper: str | None = None  # "none": only machines nobody keeps


@dataclass(frozen=True)
class HostQuery:
    """Hosts by checks: those that stand so by the check, or by any where none is named."""

    branch: str | None = None
    check: str | None = None
    word: tuple[str, ...] = ()
    q: str = ""


@dataclass(frozen=True)
class SecurityQuery:
    branch: str | None = None
    about: str | None = None
    first: str | None = None  # 2026-11-01
    last: str | None = None
    entry: str | None = None
    source: str | None = None
    overdue: bool = False

    def asked(self) -> dict[str, str | None]:
        return {**asdict(self), "overdue": "true" if self.overdue else None}


@dataclass(frozen=True)
class Download:
    """An export on its way: `size` is None when the server does not know it before.

    Of `rows` machines `watched` stood at a position that was polled; "" where the server does not say.
    """

    chunks: AsyncIterator[bytes]
    size: int | None
    journal_seq: str
    rows: str = ""
    watched: str = ""


@dataclass(frozen=True)
class Heard:
    """One event: where to take up again after it, and what changed, if anything did."""

    cursor: int | None
    change: Invalidated | None


class Client(Line):
    """What one person asks over a line to the server."""

    # signing in

    async def sign_in(self, login: str, password: str) -> PersonOut:
        # A wrong password is a 401 too, but it is an answer to this question and no lost sign-in.
        answer = await self._send(
            "POST", "/api/sign-in", body=SignInAsk(login=login, password=password), signing_in=True
        )
        out = parsed(SignInOut, answer.content)
        self.token = out.token
        return out.person

    async def sign_out(self) -> None:
        await self._send("DELETE", "/api/sign-in")
        self.token = None

    async def change_password(self, old: str, new: str) -> None:
        await self._send("POST", "/api/password", body=PasswordChange(old=old, new=new))

    async def me(self) -> PersonOut:
        return await self._get(PersonOut, "/api/me")

    # places

    async def home(self) -> Home:
        return await self._get(Home, "/api/home")

    async def status(self) -> Status:
        return await self._get(Status, "/api/status")

    async def catalogue(self) -> CatalogueOut:
        return await self._get(CatalogueOut, "/api/catalogue")

    async def agents(self) -> list[AgentOut]:
        return await self._get(list[AgentOut], "/api/agents")

    async def facts(self, key: str, *topics: str) -> FactsOut:
        """What that host said of itself last, an agent's PC or a position: of these topics, or of all."""
        return await self._get(FactsOut, f"{_host(key)}/facts", topic=topics)

    async def fact_changes(self, key: str, offset: int = 0, limit: int = 100) -> ChangePage:
        """What changed in it, newest first."""
        return await self._get(ChangePage, f"{_host(key)}/facts/changes", offset=offset, limit=limit)

    async def import_facts(self, asked: FactsImport) -> FactsImported:
        return await self._post(FactsImported, "/api/facts/import", asked)

    async def agent_code(self, key: str, ask: AgentCodeCreate) -> AgentCodeOut:
        path = f"/api/agents/{quote(key, safe='')}/code"
        return await self._post(AgentCodeOut, path, ask)

    async def agent_step(self, key: str, step: AgentStep) -> AgentOut:
        path = f"/api/agents/{quote(key, safe='')}/step"
        return await self._post(AgentOut, path, step)

    async def coverage(
        self,
        *,
        agent: str | None = None,
        branch: str | None = None,
        first: date | None = None,
        last: date | None = None,
    ) -> CoverageReport:
        days = {"from": first, "to": last}
        period = {name: day.isoformat() for name, day in days.items() if day is not None}
        return await self._get(CoverageReport, "/api/coverage", agent=agent, branch=branch, **period)

    async def branches(self, *, offset: int = 0, limit: int = 100) -> BranchPage:
        return await self._get(BranchPage, "/api/branches", offset=offset, limit=limit)

    async def branch(self, code: str) -> BranchOut:
        return await self._get(BranchOut, f"/api/branches/{quote(code)}")

    async def positions(self, query: PositionQuery, *, offset: int = 0, limit: int = 100) -> PositionPage:
        return await self._get(
            PositionPage,
            "/api/positions",
            key=query.key,
            q=query.q,
            branch=query.branch,
            standing=query.standing,
            device=query.device,
            cls=query.cls,
            sort=query.sort,
            offset=offset,
            limit=limit,
        )

    async def position(self, key: str) -> PositionDetail:
        return await self._get(PositionDetail, f"/api/positions/{quote(key)}")

    async def history(self, key: str, metric: str, *, start: int, end: int, points: int) -> History:
        path = f"/api/positions/{quote(key)}/history"
        return await self._get(History, path, metric=metric, start=start, end=end, points=points)

    async def observations(self, *, subject: str | None = None, after: int = 0, limit: int = 100) -> ObservationPage:
        return await self._get(ObservationPage, "/api/observations", subject=subject, after=after, limit=limit)

    async def conditions(
        self,
        *,
        open: bool | None = True,
        branch: str | None = None,
        subject: str | None = None,
        offset: int = 0,
        limit: int = 100,
    ) -> ConditionPage:
        return await self._get(
            ConditionPage, "/api/conditions", open=open, branch=branch, subject=subject, offset=offset, limit=limit
        )

    # tickets

    async def tickets(self, query: TicketQuery, *, offset: int = 0, limit: int = 100) -> TicketPage:
        return await self._get(
            TicketPage,
            "/api/tickets",
            q=query.q,
            branch=query.branch,
            status=query.status,
            subject=query.subject,
            offset=offset,
            limit=limit,
        )

    async def ticket(self, number: str) -> TicketDetail:
        return await self._get(TicketDetail, f"/api/tickets/{quote(number, safe='')}")

    async def entries(self, *, branch: str | None = None, offset: int = 0, limit: int = 100) -> EntryPage:
        return await self._get(EntryPage, "/api/entries", branch=branch, offset=offset, limit=limit)

    async def told(self, answer: AnswerCreate) -> AnswerOut:
        return await self._post(AnswerOut, "/api/entries/answers", answer)

    async def report(self, ticket: TicketCreate) -> TicketDetail:
        return await self._post(TicketDetail, "/api/tickets", ticket)

    async def step(self, number: str, step: TicketStep) -> TicketDetail:
        return await self._post(TicketDetail, f"/api/tickets/{quote(number, safe='')}/step", step)

    async def note(self, number: str, text: str) -> TicketDetail:
        body = TicketNoteCreate(text=text)
        return await self._post(TicketDetail, f"/api/tickets/{quote(number, safe='')}/notes", body)

    # checks

    async def checks(self) -> ChecksOut:
        return await self._get(ChecksOut, "/api/checks")

    async def verdicts(self, host: str) -> HostVerdicts:
        return await self._get(HostVerdicts, "/api/checks/verdicts", host=host)

    async def try_check(self, asked: CheckTest) -> VerdictOut:
        return await self._post(VerdictOut, "/api/checks/test", asked)

    async def matrix(self, *, check: str | None = None, offset: int = 0, limit: int = 100) -> MatrixPage:
        """Branches by checks, worst first."""
        return await self._get(MatrixPage, "/api/checks/matrix", check=check, offset=offset, limit=limit)

    async def hosts(self, query: HostQuery, *, offset: int = 0, limit: int = 100) -> HostPage:
        return await self._get(HostPage, "/api/checks/hosts", **asdict(query), offset=offset, limit=limit)

    async def trend(self, check: str, *, branch: str | None = None, days: int = 90) -> TrendOut:
        return await self._get(TrendOut, "/api/checks/trend", check=check, branch=branch, days=days)

    @asynccontextmanager
    async def verdicts_export(self, query: HostQuery) -> AsyncIterator[Download]:
        asked = {"branch": query.branch, "check": query.check, "word": query.word}
        async with self._download("/api/checks/export", asked) as download:
            yield download

    async def exemptions(self, *, over: bool = False, offset: int = 0, limit: int = 100) -> ExemptionPage:
        return await self._get(ExemptionPage, "/api/exemptions", over=over, offset=offset, limit=limit)

    async def exempt(self, ask: ExemptionCreate) -> ExemptionOut:
        return await self._post(ExemptionOut, "/api/exemptions", ask)

    async def end_exemption(self, uid: str, reason: str) -> ExemptionOut:
        path = f"/api/exemptions/{quote(uid, safe='')}/withdraw"
        return await self._post(ExemptionOut, path, ExemptionWithdraw(reason=reason))

    # pushes

    async def push(self, push: PushCreate) -> PushOut:
        return await self._post(PushOut, "/api/pushes", push)

    async def pushes(self, *, about: str | None = None, offset: int = 0, limit: int = 100) -> PushPage:
        """Newest first; of one branch, position or agent where `about` names it."""
        return await self._get(PushPage, "/api/pushes", about=about, offset=offset, limit=limit)

    async def pushed(self, uid: str) -> PushOut:
        return await self._get(PushOut, f"/api/pushes/{quote(uid, safe='')}")

    async def orders(
        self, uid: str, *, state: tuple[OrderState, ...] = (), offset: int = 0, limit: int = 100
    ) -> OrderPage:
        """Of a push: those that were not done first."""
        path = f"/api/pushes/{quote(uid, safe='')}/orders"
        return await self._get(OrderPage, path, state=state, offset=offset, limit=limit)

    async def cancel_push(self, uid: str) -> PushOut:
        return await self._post(PushOut, f"/api/pushes/{quote(uid, safe='')}/cancel")

    # campaigns

    async def begin_campaign(self, campaign: CampaignCreate) -> CampaignOut:
        return await self._post(CampaignOut, "/api/campaigns", campaign)

    async def campaigns(self, *, kind: str | None = None, offset: int = 0, limit: int = 100) -> CampaignPage:
        return await self._get(CampaignPage, "/api/campaigns", kind=kind, offset=offset, limit=limit)

    async def templates(self) -> TemplatesOut:
        return await self._get(TemplatesOut, "/api/campaigns/templates")

    async def campaign_items(self, uid: str, branch: str | None = None) -> ItemRows:
        return await self._get(ItemRows, _campaign(uid, "/items"), branch=branch)

    async def campaign_tick(self, uid: str, ask: TickAsk) -> CampaignOut:
        return await self._post(CampaignOut, _campaign(uid, "/ticks"), ask)

    async def campaign(self, uid: str) -> CampaignOut:
        return await self._get(CampaignOut, _campaign(uid))

    async def campaign_hosts(
        self, uid: str, *, branch: str | None = None, offset: int = 0, limit: int = 100
    ) -> CampaignHostPage:
        """What fails first, then what is not known, then those without an answer."""
        return await self._get(CampaignHostPage, _campaign(uid, "/hosts"), branch=branch, offset=offset, limit=limit)

    async def campaign_branches(self, uid: str) -> BranchTallies:
        return await self._get(BranchTallies, _campaign(uid, "/branches"))

    async def campaign_text(self, uid: str, branch: str) -> CampaignText:
        return await self._get(CampaignText, _campaign(uid, "/text"), branch=branch)

    async def cancel_campaign(self, uid: str) -> CampaignOut:
        return await self._post(CampaignOut, _campaign(uid, "/cancel"))

    @asynccontextmanager
    async def campaign_export(self, uid: str, branch: str | None) -> AsyncIterator[Download]:
        async with self._download(_campaign(uid, "/export"), {"branch": branch}) as download:
            yield download

    # ledger and journal

    async def ledger(self, query: LedgerQuery, *, offset: int = 0, limit: int = 100) -> CardPage:
        return await self._get(
            CardPage,
            "/api/ledger",
            q=query.q,
            branch=query.branch,
            cls=query.cls,
            status=query.status,
            keeper=query.keeper,
            offset=offset,
            limit=limit,
        )

    async def card(self, asset: str) -> CardDetail:
        return await self._get(CardDetail, f"/api/ledger/{quote(asset, safe='')}")

    def ledger_export(self, query: LedgerQuery, format: str) -> AbstractAsyncContextManager[Download]:
        return self.export("/api/ledger/export", format=format, **asdict(query))

    @asynccontextmanager
    async def export(self, path: str, **asked: Value) -> AsyncIterator[Download]:
        """A file the server makes of `path`."""
        async with self._download(path, asked) as download:
            yield download

    @asynccontextmanager
    async def _download(self, path: str, asked: Mapping[str, Value]) -> AsyncIterator[Download]:
        request = self._request("GET", path, asked)
        request.extensions["timeout"] = may_keep_silent(WRITING)
        async with self._streamed(request) as response:
            if response.is_error:
                await response.aread()
                judge(response)
            size = response.headers.get("content-length")
            said = [response.headers.get(name, "") for name in ("x-journal-seq", "x-rows", "x-watched")]
            yield Download(_chunks(response), int(size) if size else None, *said)

    # registers

    async def security(self, query: SecurityQuery, *, offset: int = 0, limit: int = 100) -> SecurityPage:
        return await self._get(SecurityPage, SECURITY, **query.asked(), offset=offset, limit=limit)

    def security_export(self, query: SecurityQuery) -> AbstractAsyncContextManager[Download]:
        return self.export(f"{SECURITY}/export", **query.asked())

    async def enter_security(self, ask: SecurityEntry) -> SecurityRowOut:
        return await self._post(SecurityRowOut, SECURITY, ask)

    async def follow_security(self, no: int, ask: SecurityFollow) -> SecurityRowOut:
        return await self._post(SecurityRowOut, f"{SECURITY}/{no}/follow", ask)

    async def correct_security(self, no: int, ask: SecurityCorrection) -> SecurityRowOut:
        return await self._post(SecurityRowOut, f"{SECURITY}/{no}/correct", ask)

    # media

    async def media(self, *, offset: int = 0, limit: int = 100) -> StickPage:
        return await self._get(StickPage, "/api/media", offset=offset, limit=limit)

    async def sightings(
        self, *, branch: str | None = None, serial: str = "", odd: bool = False, offset: int = 0, limit: int = 100
    ) -> SightingPage:
        asked = {"branch": branch, "serial": serial, "odd": odd}
        return await self._get(SightingPage, "/api/media/sightings", **asked, offset=offset, limit=limit)

    async def register_medium(self, asked: StickCreate) -> StickOut:
        return await self._post(StickOut, "/api/media", asked)

    async def step_medium(self, asked: StickStep) -> StickOut:
        return await self._post(StickOut, "/api/media/step", asked)

    # licences

    async def licences(
        self, *, branch: str | None = None, every: bool = False, offset: int = 0, limit: int = 100
    ) -> ProductPage:
        return await self._get(ProductPage, "/api/licences", branch=branch, every=every, offset=offset, limit=limit)

    async def licence_hosts(
        self, product: str, *, words: tuple[Install, ...] = (), branch: str | None = None, offset: int = 0,
        limit: int = 100,
    ) -> InstallPage:  # fmt: skip
        asked = {"product": product, "word": words, "branch": branch}
        return await self._get(InstallPage, "/api/licences/hosts", **asked, offset=offset, limit=limit)

    async def licence_register(self, *, offset: int = 0, limit: int = 100) -> LicencePage:
        return await self._get(LicencePage, "/api/licences/register", offset=offset, limit=limit)

    async def register_licence(self, asked: LicenceCreate) -> LicenceOut:
        return await self._post(LicenceOut, "/api/licences", asked)

    async def change_licence(self, asked: LicenceChange) -> LicenceOut:
        return await self._post(LicenceOut, "/api/licences/change", asked)

    async def withdraw_licence(self, asked: LicenceWithdraw) -> LicenceOut:
        return await self._post(LicenceOut, "/api/licences/withdraw", asked)

    # the wire

    async def network(
        self, which: NetworkList, *, branch: str | None = None, every: bool = False, offset: int = 0, limit: int = 100
    ) -> NetworkPage:
        path = f"/api/network/lists/{which.value}"
        return await self._get(NetworkPage, path, branch=branch, every=every, offset=offset, limit=limit)

    async def network_coverage(self, *, offset: int = 0, limit: int = 100) -> CoverageOut:
        return await self._get(CoverageOut, "/api/network/coverage", offset=offset, limit=limit)

    # the journal

    async def journal(self, *, about: str | None = None, after: int | None = None, limit: int = 100) -> JournalPage:
        """Newest first; after a number, the rows behind it, oldest first."""
        return await self._get(JournalPage, "/api/journal", about=about, after=after, limit=limit)

    async def check_journal(self) -> JournalCheck:
        return await self._get(JournalCheck, "/api/journal/check")

    # events

    async def events(self, after: int | None = None) -> AsyncIterator[Heard]:
        """What has changed since cursor `after`. The first thing heard is a cursor and no change: the line stands."""
        request = self._request("GET", "/api/events", {"after": after})
        request.extensions["timeout"] = may_keep_silent(QUIET)
        async with self._streamed(request) as response:
            if response.is_error:
                await response.aread()
                judge(response)
            with translated():
                async for event in httpx2.EventSource(response):
                    change = parsed(Invalidated, event.data.encode()) if event.data else None
                    yield Heard(int(event.id) if event.id.isdigit() else None, change)


def _campaign(uid: str, more: str = "") -> str:
    return f"/api/campaigns/{quote(uid, safe='')}{more}"


async def _chunks(response: httpx2.Response) -> AsyncIterator[bytes]:
    with translated():
        async for chunk in response.aiter_bytes():
            yield chunk


def _host(key: str) -> str:
    """Where it is asked: a position's key has a slash."""
    branch, slash, slug = key.partition("/")
    return (
        f"/api/positions/{quote(branch, safe='')}/{quote(slug, safe='')}"
        if slash
        else f"/api/agents/{quote(key, safe='')}"
    )
