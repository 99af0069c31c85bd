"""The console itself: who is signed in, the line to the server, and which screen a word opens."""

import asyncio
import random
from collections.abc import Callable
from typing import ClassVar

from textual import work
from textual.binding import Binding, BindingType
from textual.command import CommandPalette, Provider
from textual.screen import Screen

from server.schemas.people import PersonOut, Role
from tui.failures import Away, Defect, Refused, SignedOut
from tui.narrow import AsciiFilter
from tui.opens import Place, place
from tui.palette import Going
from tui.screens.agent import Agent
from tui.screens.agents import Agents
from tui.screens.branch import Branch
from tui.screens.branches import Branches
from tui.screens.campaign import Campaign
from tui.screens.campaign_items import CampaignItems
from tui.screens.campaigns import Campaigns
from tui.screens.card import Card
from tui.screens.checks import Checks
from tui.screens.conditions import Conditions
from tui.screens.coverage import Coverages, Days
from tui.screens.devices import Devices, ReportWhich, query_of
from tui.screens.exemptions import Exemptions
from tui.screens.help import Help
from tui.screens.home_auditor import AuditorHome
from tui.screens.home_branch import BranchHome
from tui.screens.home_head import HeadHome
from tui.screens.host import HostChecks
from tui.screens.journal import Journal
from tui.screens.ledger import Ledger
from tui.screens.ledger import query_of as ledger_query
from tui.screens.licences import Installs, Licences, Register
from tui.screens.local import LocalHome
from tui.screens.matrix import Hosts, Matrix
from tui.screens.matrix import query_of as host_query
from tui.screens.media import Sightings, Sticks
from tui.screens.network import Network
from tui.screens.position import Position
from tui.screens.push import Push
from tui.screens.pushes import Pushes
from tui.screens.report import Report
from tui.screens.security import Security
from tui.screens.sign_in import NewPassword, SignIn
from tui.screens.sweeps import Sweeps
from tui.screens.ticket import Ticket
from tui.screens.tickets import Tickets
from tui.screens.tickets import query_of as ticket_query
from tui.screens.trend import Trend
from tui.shell import Changed, Link, Shell
from tui.texts import N_, _

HOMES = {Role.BRANCH: BranchHome, Role.HEAD: HeadHome, Role.AUDITOR: AuditorHome}
WAIT = (1.0, 30.0)  # seconds before the first and the later attempts to hear of changes again


def _screens() -> dict[str, Callable[[Place], Screen[None]]]:
    """What each name of `opens` shows. With a key it is one thing, without one the list."""
    return {
        "devices": lambda to: Position(to.key) if to.key else Devices(query_of(to)),
        "report": lambda to: ReportWhich(query_of(to)),
        "tickets": lambda to: Ticket(to.key) if to.key else Tickets(ticket_query(to)),
        "ledger": lambda to: Card(to.key) if to.key else Ledger(ledger_query(to)),
        "branches": lambda to: Branch(to.key) if to.key else Branches(),
        "conditions": lambda to: Conditions(to.one("branch"), to.one("subject"), to.one("open") != "false"),
        "agents": lambda to: Agent(to.key) if to.key else Agents(to.all("identity")),
        "coverage": lambda to: Days(to.one("agent"), to.one("branch")) if to.asked else Coverages(),
        "checks": lambda to: Checks(),
        "matrix": lambda to: Matrix(),
        "hosts": lambda to: HostChecks(to.key) if to.key else Hosts(host_query(to)),
        "trend": lambda to: Trend(to.key, to.one("branch")),
        "exemptions": lambda to: Exemptions(),
        "pushes": lambda to: Push(to.key) if to.key else Pushes(to.one("about")),
        "campaign-items": lambda to: CampaignItems(to.key, to.one("branch")),
        "media": lambda to: Sightings(to.one("serial") or "", to.one("branch")) if to.key or to.asked else Sticks(),
        "licences": _licences,
        "network": lambda to: Sweeps(to.one("branch")) if to.key == "sweeps" else Network(to.one("branch")),
        "campaigns": lambda to: Campaign(to.key, to.one("branch")) if to.key else Campaigns(),
        "security": lambda to: Security(to.one("branch"), to.one("about"), overdue=to.one("overdue") is not None),
        "journal": lambda to: Journal(to.key or to.one("about") or ""),
    }


def _licences(to: Place) -> Screen[None]:
    if to.key:
        return Register()
    product = to.one("product")
    return Installs(product, to.one("list"), to.one("branch")) if product else Licences()


class ConsoleApp(Shell):
    TITLE = "Branchfleet"
    CSS_PATH = "app.tcss"
    COMMANDS: ClassVar[set[type[Provider] | Callable[[], type[Provider]]]] = {Going}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+q", "leave", N_("Quit"), show=False),
        Binding("f10", "leave", N_("Quit"), show=False),
    ]

    def on_mount(self) -> None:
        if self.client.token:
            self._come_back()
        else:
            self.push_screen(SignIn())
            if self.local is not None:
                self._look_for_server()

    @work
    async def _look_for_server(self) -> None:
        """On a PC with an agent: without the server the person is led to what works without it."""
        try:
            await self.client.me()
        except Away:
            self._show_local()
        except (SignedOut, Refused, Defect):
            pass  # it answers

    @work
    async def _come_back(self) -> None:
        """A sign-in kept from before; if it is no longer good, the person signs in."""
        try:
            person = await self.client.me()
        except (SignedOut, Refused, Away, Defect) as error:
            self.client.token = None
            await self.push_screen(SignIn())
            if isinstance(error, Away):
                self._show_local()
            return
        if person.must_change:
            await self.push_screen(NewPassword(_("This is a first password. Choose your own.")))
            return
        self.signed_in(person)

    # who is here

    def signed_in(self, person: PersonOut) -> None:
        self.person = person
        self._learn_words()
        self._stack_home()
        self._hear()

    def signed_out(self, sentence: str) -> None:
        self.workers.cancel_group(self, "events")
        self.person, self.client.token = None, None
        self._only(SignIn(sentence))

    @work(group="words", exclusive=True)
    async def _learn_words(self) -> None:
        self.words = await self.ask(self.client.catalogue()) or self.words
        self.screen.post_message(Changed(None))

    # hearing of changes

    @work(group="events", exclusive=True)
    async def _hear(self) -> None:
        """Keep the event line up for as long as somebody is signed in, taking up where it broke."""
        cursor, wait = None, WAIT[0]
        while True:
            try:
                async for heard in self.client.events(cursor):
                    wait = WAIT[0]
                    if heard.change is not None or cursor is None:  # what changed before we listened, nobody tells
                        self.screen.post_message(Changed(heard.change))
                    cursor = cursor if heard.cursor is None else heard.cursor
                    self.heard(Link.LIVE)
                self.heard(Link.ASKING)
            except Away:
                self.heard(Link.AWAY)
            except SignedOut as error:
                self.signed_out(str(error))
                return
            except (Refused, Defect):
                cursor = None  # too old a cursor, or another server: whatever changed, all is asked again
                self.heard(Link.ASKING)
            await asyncio.sleep(wait * random.uniform(0.7, 1.3))  # noqa: S311 - a jitter, no secret
            wait = min(wait * 2, WAIT[1])

    # going places

    def _show_local(self) -> None:
        """What this PC's agent knows, over whatever is on the screen."""
        if self.local is not None and not any(isinstance(screen, LocalHome) for screen in self.screen_stack):
            self.push_screen(LocalHome(self.local))

    def open(self, opens: str) -> None:
        to = place(opens)
        if to.name == "local":
            self._show_local()
            return
        make = _screens().get(to.name)
        if make is None:
            self.say(_("This console cannot show {what} yet.").format(what=opens), "warning")
            return
        self.push_screen(make(to))

    def report(self, subject: str, name: str, title: str) -> None:
        def reported(number: str | None) -> None:
            if number is not None:
                if isinstance(self.screen, ReportWhich):
                    self.pop_screen()
                self.say(_("Reported: ticket {number}").format(number=number))
                self.open(f"tickets/{number}")

        self.push_screen(Report(subject, name, title), reported)

    def _stack_home(self) -> None:
        if self.person is not None:
            self._only(HOMES[self.person.role]())

    def _only(self, screen: Screen[None]) -> None:
        """This screen and none below it but the app's own."""
        while len(self.screen_stack) > 2:
            self.pop_screen()
        if len(self.screen_stack) == 2:
            self.switch_screen(screen)
        else:
            self.push_screen(screen)

    # keys

    def home(self) -> None:
        if self.person is None:
            return
        while len(self.screen_stack) > 2:
            self.pop_screen()

    def action_help(self) -> None:
        self.push_screen(Help(self.screen))

    def action_command_palette(self) -> None:
        if self.person is not None and not isinstance(self.screen, CommandPalette):
            self.push_screen(CommandPalette(placeholder=_("Where to? Name or pinyin initials")))

    def action_press(self, key: str) -> None:
        self.simulate_key(key)

    def action_leave(self) -> None:
        self.exit(0)

    def action_help_quit(self) -> None:
        """Ctrl+C: a habit of other programs, and too easily pressed to mean the end."""
        self.say(_("F10 closes the console."))

    def action_sign_out(self) -> None:
        self._sign_out()

    @work
    async def _sign_out(self) -> None:
        await self.ask(self.client.sign_out())
        self.signed_out("")

    def action_theme(self) -> None:
        self.theme = "light" if self.theme == "dark" else "dark"

    def action_marks(self) -> None:
        """Draw with ASCII, or with shapes: for a console the probe was wrong about."""
        self.ascii_marks = not self.ascii_marks
        for line_filter in self._filters:
            if isinstance(line_filter, AsciiFilter):
                line_filter.enabled = self.ascii_marks
        self.refresh_css()

    async def on_unmount(self) -> None:
        await self.client.close()
