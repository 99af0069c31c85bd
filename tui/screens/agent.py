"""One agent: who speaks as it, what is odd about that, and what head office decides. A digit does it.

```
 ■ 已隔离  网点采集   1001-pc · 1001
 两个程序以它的身份运行 …
 密钥     FRONT-PC · 10.66.1.20
          Windows-10
          2026-11-22 10:42:07
          指纹 3f1c-…
 程序     …
 它的电脑 3 分钟前
 系统     Windows 10 22H2 …
 杀毒软件 ClamAV 1.4.3 · 病毒库 27800（2026-11-07） · 实时防护 关
 1 生成登记码  4 吊销  5 解除隔离  9 现在读一次
```
"""

from collections.abc import Awaitable, Iterable
from typing import ClassVar
from urllib.parse import urlsplit

from rich.text import Text
from textual import work
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widget import Widget
from textual.widgets import Static

from server.schemas.agents import (
    AgentCodeCreate,
    AgentCodeOut,
    AgentOut,
    AgentStep,
    IdentityStanding,
    SpeakerOut,
)
from server.schemas.conditions import ConditionOut
from server.schemas.facts import FactsOut
from server.schemas.status import LOOPBACK
from tui.cells import Cells
from tui.plain import plain
from tui.screens.ask_text import AskText
from tui.screens.choose import Choice, Choose
from tui.screens.facts_text import facts_text
from tui.screens.frame import Frame
from tui.screens.read_now import ask_facts, read_now
from tui.screens.told import pair
from tui.texts import N_, _
from tui.words.marks import IDENTITIES
from tui.words.security import TOPICS
from tui.words.times import full

WHAT_TO_DO: dict[IdentityStanding, str] = {
    IdentityStanding.NONE: N_("No PC is this agent yet. Make a code, and type it on the PC: branchfleet-agent enroll."),
    IdentityStanding.CODE: N_("A code is out: type it on the PC with branchfleet-agent enroll. A new one ends it."),
    IdentityStanding.ENROLLED: N_("One PC is this agent."),
    IdentityStanding.WAITING: N_(
        "Another PC was enrolled as this agent. If it is to take the place of the one there is, confirm it; "
        "if nobody knows of it, withdraw it."
    ),
    IdentityStanding.QUARANTINED: N_(
        "Two programs spoke as this agent: a PC, its disk or its key was copied. Both are held off and keep their "
        "records. Find both PCs, stop the one that is wrong and delete its folder, then release the other; "
        "if you cannot tell, make a code and enrol the right one anew."
    ),
    IdentityStanding.REVOKED: N_("Nobody may speak as this agent. A new code lets a PC in again."),
}
SPEAKERS = {"key": N_("Key of"), "waiting": N_("Waits"), "program": N_("Program on")}
ALLOWED: dict[str, tuple[IdentityStanding, ...]] = {
    "confirm": (IdentityStanding.WAITING, IdentityStanding.QUARANTINED),
    "withdraw": (IdentityStanding.CODE, IdentityStanding.WAITING),
    "revoke": tuple(set(IdentityStanding) - {IdentityStanding.NONE, IdentityStanding.REVOKED}),
    "release": (IdentityStanding.QUARANTINED,),
    "rotate": (IdentityStanding.ENROLLED, IdentityStanding.WAITING),
}


class Agent(Frame):
    CSS_PATH = ["frame.tcss", "ticket.tcss"]  # noqa: RUF012 - Textual's own declaration
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("1", "code", N_("Make a code")),
        Binding("2", "step('confirm')", N_("Confirm")),
        Binding("3", "step('withdraw')", N_("Withdraw")),
        Binding("4", "step('revoke')", N_("Revoke")),
        Binding("5", "step('release')", N_("Release")),
        Binding("6", "step('rotate')", N_("Fresh key")),
        Binding("7", "coverage", N_("Data coverage")),
        Binding("8", "branch", N_("See the branch")),
        Binding("9", "read_now", N_("Read now")),
        Binding("0", "ask_pc", N_("Ask its PC what it is")),
        Binding("f8", "checks", N_("Its verdicts")),
    ]

    def __init__(self, key: str) -> None:
        super().__init__()
        self._key = key
        self._agent: AgentOut | None = None
        self._facts: FactsOut | None = None

    def body(self) -> Iterable[Widget]:
        with VerticalScroll():
            yield Static(id="agent")
            yield Static(id="speakers")
            yield Static(id="facts")
            yield Static(id="code")

    async def fetch(self) -> None:
        agents = await self.app.ask(self.app.client.agents())
        found = next((one for one in agents or [] if one.key == self._key), None)
        if found is not None:
            self._show(found)
            facts = await self.app.ask(self.app.client.facts(self._key, *TOPICS))
            self._facts = facts or self._facts
        elif agents is not None:
            self.app.say(_("There is no agent {key}.").format(key=self._key), "warning")

    def _show(self, agent: AgentOut) -> None:
        self._agent = agent
        self.fetched()
        self.place(_("Agent {key}").format(key=agent.key))
        self.age()
        self.query_one("#speakers", Static).update(_speakers_text(self.cells, agent.speakers))
        self.refresh_bindings()

    def on_mount(self) -> None:
        super().on_mount()
        self.place(_("Agent {key}").format(key=self._key))

    def age(self) -> None:
        told = self.nothing if self._agent is None else _agent_text(self.cells, self._agent)
        self.query_one("#agent", Static).update(told)
        if self._facts is not None:
            self.query_one("#facts", Static).update(facts_text(self.cells, self._facts, _("Its PC")))

    # deciding

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("code", "ask_pc"):
            return self.app.head
        if action == "read_now":
            polls = self._agent is not None and self._agent.positions > 0
            return polls and self.app.head
        if action == "step":
            standing = self._agent.identity if self._agent else IdentityStanding.NONE
            waits = any(one.what == "waiting" for one in self._agent.speakers) if self._agent else False
            allowed = standing in ALLOWED[str(parameters[0])]
            return self.app.head and allowed and (waits or parameters[0] != "confirm")
        return super().check_action(action, parameters)

    def action_code(self) -> None:
        sure = _("Make a code for {key}? An earlier one ends.").format(key=self._key)
        self.app.push_screen(Choose(sure, [Choice("code", _("Yes")), Choice("", _("No"))]), self._code_decided)

    def _code_decided(self, choice: str | None) -> None:
        if choice:
            self._make_code(self.app.client.agent_code(self._key, AgentCodeCreate()))

    @work(exclusive=True, group="deed")
    async def _make_code(self, deed: Awaitable[AgentCodeOut]) -> None:
        made = await self.app.do(deed)
        if made is not None:
            self.query_one("#code", Static).update(_code_text(made, self.app.client.server))
            self.reload()

    def action_step(self, step: str) -> None:
        if step == "revoke":
            sure = _("Revoke {key}: nobody speaks as it from now on. Why?").format(key=self._key)
            self.app.push_screen(AskText(sure, self._revoke), self._done)
        elif step == "rotate":
            self._do(AgentStep(step="rotate"))
        else:
            sure = _("{step}: {key}?").format(step=_(STEPS[step]), key=self._key)
            choices = [Choice(step, _("Yes")), Choice("", _("No"))]
            self.app.push_screen(Choose(sure, choices), self._decided)

    def _decided(self, step: str | None) -> None:
        if step:
            self._do(AgentStep.model_validate({"step": step}))

    def _revoke(self, reason: str) -> Awaitable[AgentOut]:
        return self.app.client.agent_step(self._key, AgentStep(step="revoke", reason=reason))

    @work(exclusive=True, group="deed")
    async def _do(self, step: AgentStep) -> None:
        agent = await self.app.do(self.app.client.agent_step(self._key, step))
        self._done(agent)
        if agent is not None and step.step == "confirm":
            self.app.say(
                _("The PC comes in within half a minute, or five where it has waited for more than half an hour.")
            )

    def _done(self, agent: AgentOut | None) -> None:
        if agent is not None:
            self.query_one("#code", Static).update("")
            self._show(agent)

    def action_coverage(self) -> None:
        self.app.open(f"coverage?agent={self._key}")

    def action_read_now(self) -> None:
        if self._agent is not None:
            read_now(self.app, self._key, self._agent.name, many=False)

    def action_checks(self) -> None:
        self.app.open(f"hosts/{self._key}")

    def action_ask_pc(self) -> None:
        ask_facts(self.app, self._key)

    def action_branch(self) -> None:
        if self._agent is not None:
            self.app.open(f"branches/{self._agent.branch}")


STEPS = {
    "confirm": N_("Confirm the PC that waits"),
    "withdraw": N_("Withdraw the code and the PC that waits"),
    "release": N_("Release from quarantine"),
}


def _code_text(made: AgentCodeOut, own: str) -> Text:
    """The command to type, with the address people gave this server; `own` is how this console reaches it.

    Where that is one of them it is taken whole: it is known to work, and a proxy's port is not the server's.
    """
    named = [url for url in made.addresses if urlsplit(url).hostname == urlsplit(own).hostname]
    at, others = (own, []) if named or not made.addresses else (made.addresses[0], made.addresses[1:])
    told = _("Type on the PC, before {when}; it is shown only now:").format(when=full(made.until))
    text = Text.assemble(told, "\n", (f"branchfleet-agent enroll {plain(at)} {made.code}", "bold"))
    if others:
        text.append("\n" + _("The server is also called {others}.").format(others=plain(_(", ").join(others))))
    if urlsplit(at).hostname in LOOPBACK:
        text.append("\n" + _("Put there the server's address as the PCs of the branches reach it."))
    return text


def _agent_text(cells: Cells, agent: AgentOut) -> Text:
    mark = cells.mark(IDENTITIES[agent.identity])
    head = Text.assemble(mark, "  ", (plain(agent.name), "bold"), "   ", plain(f"{agent.key} · {agent.branch}"))
    lines = [
        pair(cells, _("State"), cells.stands(agent)),
        pair(cells, _("Heard"), cells.ago(agent.seen_at)),
        pair(cells, _("Still to send"), Text(f"{agent.waiting:,}")),
        pair(cells, _("Positions"), Text(f"{agent.positions:,}")),
        pair(cells, _("Version"), Text(plain(agent.version) or "—")),
    ]
    if agent.code_until is not None:
        lines.append(pair(cells, _("Code until"), Text(full(agent.code_until))))
    lines += [_problem(cells, one) for one in agent.problems]
    return Text("\n").join([head, Text(_(WHAT_TO_DO[agent.identity])), Text(), *lines])


def _problem(cells: Cells, one: ConditionOut) -> Text:
    """Why it stands as it does."""
    since = _("since {when}").format(when=full(one.opened_at))
    return pair(cells, _("Problem"), Text.assemble(cells.problem(one), "  ", cells.dim(since)))


def _speakers_text(cells: Cells, speakers: list[SpeakerOut]) -> Text:
    lines = [Text(), Text(_("Who speaks as it"), "bold")]
    for one in speakers:
        facts = [f"{one.host} · {one.address}", one.system, full(one.at)]
        if one.fingerprint:
            facts.append(_("fingerprint {print}").format(print=one.fingerprint))
        names = [_(SPEAKERS[one.what])] + [""] * (len(facts) - 1)
        lines += [pair(cells, name, Text(plain(fact))) for name, fact in zip(names, facts, strict=True) if fact]
    return Text("\n").join(lines if speakers else [*lines, cells.dim(_("Nobody."))])
