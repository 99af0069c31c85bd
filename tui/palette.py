"""Where F9 goes: every screen by name or pinyin initials, the few things done to the console itself, and what is none
of these among the devices."""

from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import quote

from textual.command import DiscoveryHit, Hit, Hits, Provider

from server.schemas.people import Role
from tui.pinyin import says
from tui.shell import Shell
from tui.texts import _

if TYPE_CHECKING:
    Command = tuple[str, str, Callable[[], object]]


LAST = 0.001  # below whatever is called so


class Going(Provider):
    async def discover(self) -> Hits:
        for title, told, do in self._commands():
            yield DiscoveryHit(title, do, help=told)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for title, told, do in self._commands():
            score = max(matcher.match(title), 0.9 if says(query, title) else 0.0)
            if score > 0:
                yield Hit(score, matcher.highlight(title), do, help=told)
        app = self.app
        if isinstance(app, Shell) and app.person is not None:
            devices = _("Search the devices for “{query}”").format(query=query)
            yield Hit(LAST, devices, lambda: app.open(f"devices?q={quote(query)}"), help=_("name, initials, number"))

    def _commands(self) -> "list[Command]":
        app = self.app
        if not isinstance(app, Shell) or app.person is None:
            return []

        def to(opens: str) -> Callable[[], object]:
            return lambda: app.open(opens)

        def act(action: str) -> Callable[[], object]:
            return lambda: app.run_worker(app.run_action(action))

        journal = [(_("Journal"), _("every deed, and its check"), to("journal"))]
        local = [(_("This PC"), _("what works without the server"), to("local"))] if app.local else []
        return [
            (_("Home"), _("the five-second line"), app.home),
            (_("Branches"), _("worst first"), to("branches")),
            (_("Devices"), _("search, filter, sort"), to("devices")),
            (_("Devices with faults"), _("what does not serve now"), to("devices?standing=fault")),
            (_("Open conditions"), _("every named problem that is open"), to("conditions")),
            (_("Tickets"), _("reports and their handling"), to("tickets")),
            (_("Ledger"), _("the register of machines; export"), to("ledger")),
            (_("Security register"), _("checks, library updates and patches; entries by hand"), to("security")),
            (_("Removable media"), _("the bank's own, and what was put into PCs"), to("media")),
            (_("Software licences"), _("bought, installed and in use"), to("licences")),
            (_("Wire against ledger"), _("who is on the network, and who should be"), to("network")),
            (_("Agents"), _("the programs that poll"), to("agents")),
            (_("Pushes"), _("what agents were asked to do now, and what came of it"), to("pushes")),
            (_("Check campaigns"), _("checks pushed to hosts, and what came of each"), to("campaigns")),
            (_("Checks"), _("what is asked of every host, and how many pass"), to("checks")),
            (_("Branches by checks"), _("which branch has hosts that do not pass"), to("matrix")),
            (_("Exemptions"), _("who is let be, until when"), to("exemptions")),
            (_("Data coverage"), _("what was due, attested and missing, by branch and day"), to("coverage")),
            *local,
            *(journal if app.person.role is not Role.BRANCH else []),
            (_("Change the password"), _("of the person signed in"), act("password")),
            (_("Light or dark"), _("the colours of this console"), act("theme")),
            (_("Shapes or ASCII marks"), _("when frames and marks do not line up"), act("marks")),
            (_("Help"), _("the keys of this screen"), act("help")),
            (_("Sign out"), _("leave the console to somebody else"), act("sign_out")),
            (_("Quit"), _("close the console"), act("leave")),
        ]
