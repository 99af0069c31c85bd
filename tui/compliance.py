"""What is asked of checks and campaigns, of registers, media and licences, and of the wire."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import asdict, dataclass
from urllib.parse import quote

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
from server.schemas.checks import ChecksOut, CheckTest, HostVerdicts, VerdictOut
from server.schemas.exemptions import ExemptionCreate, ExemptionOut, ExemptionPage, ExemptionWithdraw
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
from server.schemas.registers import (
    SecurityCorrection,
    SecurityEntry,
    SecurityFollow,
    SecurityPage,
    SecurityRowOut,
)
from server.schemas.sweeps import SweepCreate, SweepOut, SweepPage, SweepRefuse
from tui.downloads import Download, Downloads

SECURITY = "/api/registers/security"


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


class Compliance(Downloads):
    """The questions about how hosts are kept."""

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

    async def sweeps(self, *, branch: str | None = None, offset: int = 0, limit: int = 100) -> SweepPage:
        return await self._get(SweepPage, "/api/network/sweeps", branch=branch, offset=offset, limit=limit)

    async def ask_sweep(self, ask: SweepCreate) -> SweepOut:
        return await self._post(SweepOut, "/api/network/sweeps", ask)

    async def approve_sweep(self, uid: str) -> SweepOut:
        return await self._post(SweepOut, _sweep(uid, "approve"))

    async def refuse_sweep(self, uid: str, ask: SweepRefuse) -> SweepOut:
        return await self._post(SweepOut, _sweep(uid, "refuse"), ask)

    async def cancel_sweep(self, uid: str) -> SweepOut:
        return await self._post(SweepOut, _sweep(uid, "cancel"))


def _sweep(uid: str, deed: str) -> str:
    return f"/api/network/sweeps/{quote(uid, safe='')}/{deed}"


def _campaign(uid: str, more: str = "") -> str:
    return f"/api/campaigns/{quote(uid, safe='')}{more}"
