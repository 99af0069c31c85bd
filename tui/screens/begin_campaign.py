"""A form that pushes checks: which, of which hosts, for how long. Space chooses a check, Enter begins.

```
 ┌ 专项核查 ─────────────────────────┐
 │ 检查项  [X] 高危端口  [ ] 防病毒 …   │
 │ 范围    1 全行  2 网点  3 网络区域 …  │
 │ 是哪个                            │
 │ 期限    1 10 分钟  2 8 小时  3 3 天   │
 └──────────────────────────────────┘
```
"""

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual import getters, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Label, SelectionList, Static
from textual.widgets.selection_list import Selection

from server.schemas.branches import BranchOut
from server.schemas.campaigns import CampaignCreate, TemplateOut
from server.schemas.checks import CheckOut
from tui.plain import plain
from tui.screens.ask_text import STAYS
from tui.shell import Shell
from tui.texts import N_, _
from tui.widgets.frame import KeyLine
from tui.widgets.pick import Pick
from tui.widgets.typed import all_typed

SCOPES = (
    ("everything", N_("the whole bank")),
    ("branch", N_("a branch")),
    ("zone", N_("a zone")),
    ("model", N_("a model")),
    ("query", N_("a query")),
)
AT_ONCE, DAYS = "600", "259200"  # of LASTS: people need longer than hosts
LASTS = ((600, N_("10 minutes")), (28_800, N_("8 hours")), (259_200, N_("3 days")), (604_800, N_("a week")))


class BeginCampaign(ModalScreen[str | None]):
    """Gives the new campaign's uid, or None when it was given up."""

    CSS_PATH = "campaign.tcss"
    app = getters.app(Shell)
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "begin", N_("Push the checks"), priority=True),
        Binding("space", "choose", N_("Choose a check"), show=True),
        Binding("tab", "app.focus_next", N_("Next")),
        Binding("escape", "dismiss(None)", N_("Give up")),
    ]

    def __init__(
        self, checks: Sequence[CheckOut], branches: Sequence[BranchOut], templates: Sequence[TemplateOut] = ()
    ) -> None:
        super().__init__()
        self._checks, self._branches = checks, branches
        self._templates = {one.id: one for one in templates}
        self._sending = False

    def compose(self) -> ComposeResult:
        with Vertical(id="box") as box:
            box.border_title = _("Push checks")
            if self._templates:
                with Horizontal(classes="field"):
                    yield Label(_("Template"))
                    named = [(one.id, one.title) for one in self._templates.values()]
                    yield Pick([("", _("none: checks alone")), *named], id="template")
            yield SelectionList[str](
                *(Selection(Text(plain(f"{one.title}  {one.id}")), one.id) for one in self._checks), id="checks"
            )
            with Horizontal(classes="field", id="ports-field") as field:
                field.display = False
                yield Label(_("Ports"))
                yield Input(id="ports", max_length=200)
            with Horizontal(classes="field"):
                yield Label(_("Which hosts"))
                yield Pick([(key, _(title)) for key, title in SCOPES], id="scope")
            with Horizontal(classes="field"):
                yield Label(_("Which"))
                yield Input(id="which", max_length=4_000, placeholder=_("code, name or CEL; empty for the whole bank"))
            with Horizontal(classes="field"):
                yield Label(_("Answers until"))
                yield Pick([(str(seconds), _(title)) for seconds, title in LASTS], id="lasts")
            with Horizontal(classes="field"):
                yield Label(_("Hours"))
                yield Input(id="window", max_length=11, placeholder=_("17:30-08:00; empty: at once"))
            with Horizontal(classes="field"):
                yield Label(_("Reason"))
                yield Input(id="reason", max_length=500, placeholder=_("may be left empty"))
            yield Static(id="said")
            yield KeyLine()

    def say(self, sentence: str) -> None:
        self.query_one("#said", Static).update(Text(plain(sentence)))

    @on(SelectionList.SelectedChanged)
    def _chosen(self) -> None:
        """In words too: the list tells them by colour alone."""
        chosen = self.query_one("#checks", SelectionList).selected
        titles = _(", ").join(one.title for one in self._checks if one.id in chosen)
        self.say(_("{count} chosen: {titles}").format(count=len(chosen), titles=titles) if chosen else "")

    @on(Pick.Changed, "#template")
    def _template(self) -> None:
        """Its checks are chosen, and may be changed; its ports too."""
        template = self._templates.get(self.query_one("#template", Pick).value)
        self.query_one("#ports-field").display = template is not None and bool(template.ports)
        self.query_one("#ports", Input).value = template.ports if template else ""
        self.query_one("#lasts", Pick).choose(DAYS if template else AT_ONCE)
        chosen = self.query_one("#checks", SelectionList)
        chosen.deselect_all()
        for check in template.checks if template else ():
            if any(one.id == check for one in self._checks):
                chosen.select(check)

    def action_choose(self) -> None:
        """Shown for its key; the list takes it itself."""

    async def action_begin(self) -> None:
        await all_typed(self)
        if self._sending:
            return
        checks = list(self.query_one("#checks", SelectionList).selected)
        scope = self.query_one("#scope", Pick).value
        which = self.query_one("#which", Input).value.strip()
        if not checks:
            self.say(_("Choose a check: Space."))
        elif (scope == "everything") == bool(which):
            self.say(_("Say which hosts: what is chosen needs a name, and the whole bank needs none."))
        else:
            self._send(checks, scope, self._code(which) if scope == "branch" else which)

    def _code(self, which: str) -> str:
        """A branch by its code or its name."""
        return next((one.code for one in self._branches if which in (one.code, one.name)), which)

    @work
    async def _send(self, checks: list[str], scope: str, which: str) -> None:
        from pydantic import ValidationError

        said = {"checks": checks, scope: which or True, "seconds": int(self.query_one("#lasts", Pick).value)}
        said |= {name: self.query_one(f"#{name}", Input).value.strip() for name in ("window", "reason")}
        if self._templates and (template := self.query_one("#template", Pick).value):
            said |= {"template": template, "ports": self.query_one("#ports", Input).value.strip()}
        try:
            ask = CampaignCreate.model_validate(said)
        except ValidationError:
            self.say(_("{said} is not hours of a day: write them as 17:30-08:00.").format(said=said["window"]))
            return
        self._sending = True
        self.say(_("Sending…"))
        made = await self.app.do(self.app.client.begin_campaign(ask), lambda why: self.say(_(STAYS).format(why=why)))
        if made is None:
            self._sending = False
        else:
            self.dismiss(made.uid)
