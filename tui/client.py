"""Every question the console asks the server.

`line.py` is how it is asked, `downloads.py` how a file is fetched, and `failures.py` has every way the server can fail
to answer. What is asked of checks, campaigns, registers and the wire stands in `compliance.py`.
"""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict, dataclass
from datetime import date
from urllib.parse import quote

import httpx2

from server.schemas.agents import AgentCodeCreate, AgentCodeOut, AgentOut, AgentStep
from server.schemas.branches import BranchOut, BranchPage
from server.schemas.catalogue import CatalogueOut
from server.schemas.conditions import ConditionPage
from server.schemas.coverage import CoverageReport
from server.schemas.entries import AnswerCreate, AnswerOut, EntryPage
from server.schemas.facts import ChangePage, FactsImport, FactsImported, FactsOut
from server.schemas.home import Home
from server.schemas.journal import JournalCheck, JournalPage
from server.schemas.ledger import CardDetail, CardPage
from server.schemas.observations import ObservationPage
from server.schemas.orders import OrderPage, OrderState, PushCreate, PushOut, PushPage
from server.schemas.people import PasswordChange, PersonOut, SignInAsk, SignInOut
from server.schemas.positions import History, PositionDetail, PositionPage
from server.schemas.standing import Standing
from server.schemas.status import Invalidated, Status
from server.schemas.tickets import TicketCreate, TicketDetail, TicketNoteCreate, TicketPage, TicketStatus, TicketStep
from tui.compliance import Compliance
from tui.compliance import HostQuery as HostQuery
from tui.compliance import SecurityQuery as SecurityQuery
from tui.downloads import Download as Download
from tui.failures import judge, translated
from tui.line import may_keep_silent, parsed

QUIET = 90.0  # seconds without a byte before the events are asked for anew


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
class Heard:
    """One event: where to take up again after it, and what changed, if anything did."""

    cursor: int | None
    change: Invalidated | None


class Client(Compliance):
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


def _host(key: str) -> str:
    """Where it is asked: a position's key has a slash."""
    branch, slash, slug = key.partition("/")
    return (
        f"/api/positions/{quote(branch, safe='')}/{quote(slug, safe='')}"
        if slash
        else f"/api/agents/{quote(key, safe='')}"
    )
