"""Signing in: name, password, Enter. A first password is changed at once.

```
                 ┌ 网点终端管家 ───────────────┐
                 │ 用户名  wang                │
                 │ 密码    ••••••••            │
                 │ 用户名或密码不对。            │
                 └─────────────────────────────┘
```
"""

from collections.abc import Iterable
from typing import ClassVar

from rich.text import Text
from textual import getters, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Input, Label, Static

from server.schemas.people import PASSWORD_LEAST
from tui.failures import Away, ClientError, Refused, Untrusted
from tui.plain import plain
from tui.shell import Shell
from tui.texts import N_, _
from tui.widgets.frame import KeyLine
from tui.widgets.typed import all_typed


class Form(Screen[None]):
    """A box of fields and one line for what went wrong."""

    CSS_PATH = "sign_in.tcss"
    app = getters.app(Shell)
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "next", N_("Next"), priority=True),
        # at once, not when the field has come to it: what fills in forms types faster, and the password would stand
        # readable in the field before
        Binding("tab", "app.focus_next", show=False, priority=True),
        Binding("shift+tab", "app.focus_previous", show=False, priority=True),
        Binding("down", "app.focus_next", show=False),
        Binding("up", "app.focus_previous", show=False),
        Binding("f10", "app.leave", N_("Quit")),
    ]

    def __init__(self, sentence: str = "") -> None:
        super().__init__()
        self._sentence = sentence

    def fields(self) -> Iterable[tuple[str, Input]]:
        raise NotImplementedError

    def heading(self) -> str:
        raise NotImplementedError

    async def submit(self) -> None:
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        with Vertical(id="box") as box:
            box.border_title = self.heading()
            for title, field in self.fields():
                with Horizontal(classes="field"):
                    yield Label(title)
                    yield field
            yield Static(Text(plain(self._sentence)), id="said")
            yield from self.below()
        yield KeyLine()

    def below(self) -> Iterable[Widget]:
        return ()

    # Whoever leaves at once takes the form down before it is whole, so nothing here counts on its parts being there.

    def on_mount(self) -> None:
        for field in self.query(Input):
            field.focus()
            break

    def say(self, sentence: str) -> None:
        for said in self.query("#said").results(Static):
            said.update(Text(plain(sentence)))

    def value(self, id: str) -> str:
        return self.query_one(f"#{id}", Input).value

    async def action_next(self) -> None:
        """To the first empty field, or on when all are filled."""
        await all_typed(self)
        empty = [field for field in self.query(Input) if not field.value]
        if empty and not (empty[0].has_focus and len(empty) < len(self.query(Input))):
            self.set_focus(empty[0])  # at once: focus() waits a turn, and the next key is already here
        if not empty:
            self.say(_("Asking the server…"))
            self._submit()

    @work(exclusive=True)
    async def _submit(self) -> None:
        try:
            await self.submit()
        except Untrusted as error:
            self.say(error.sentence)
        except Away:
            away = _("The server {server} does not answer. Is the line up?").format(server=self.app.client.server)
            here = " " + _("F6 shows what this PC knows.") if self.app.local else ""
            self.say(away + here)
        except Refused as error:
            self.say(error.sentence)
        except ClientError as error:
            self.say(_("The server's answer cannot be read: {why}").format(why=error))

    @on(Input.Changed)
    def _typed(self) -> None:
        self.say("")


class SignIn(Form):
    BINDINGS: ClassVar[list[BindingType]] = [Binding("f6", "local", N_("This PC, without the server"))]

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return self.app.local is not None if action == "local" else True

    def action_local(self) -> None:
        self.app.open("local")

    def heading(self) -> str:
        return _("Branchfleet — sign in")

    def fields(self) -> Iterable[tuple[str, Input]]:
        yield _("User name"), Input(id="login")
        yield _("Password"), Input(id="password", password=True)

    def below(self) -> Iterable[Widget]:
        yield Static(Text(_("Server {server}").format(server=self.app.client.server)), classes="muted")

    def on_mount(self) -> None:
        super().on_mount()
        self.say(self._sentence)

    async def submit(self) -> None:
        password = self.value("password")
        person = await self.app.client.sign_in(self.value("login"), password)
        if person.must_change:
            self.app.push_screen(NewPassword(_("This is a first password. Choose your own."), password))
            return
        self.app.signed_in(person)


class NewPassword(Form):
    """`old` is known right after signing in; otherwise it is asked for."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss", N_("Back"))]

    def __init__(self, sentence: str = "", old: str = "") -> None:
        super().__init__(sentence)
        self._old = old

    def heading(self) -> str:
        return _("A new password")

    def fields(self) -> Iterable[tuple[str, Input]]:
        if not self._old:
            yield _("Old"), Input(id="old", password=True)
        yield _("New"), Input(id="new", password=True)
        yield _("Again"), Input(id="again", password=True)

    def below(self) -> Iterable[Widget]:
        yield Static(Text(_("At least {n} characters.").format(n=PASSWORD_LEAST)), classes="muted")

    def on_mount(self) -> None:
        super().on_mount()
        self.say(self._sentence)

    async def submit(self) -> None:
        new = self.value("new")
        if new != self.value("again"):
            self.say(_("The two are not the same."))
        elif len(new) < PASSWORD_LEAST:
            self.say(_("At least {n} characters.").format(n=PASSWORD_LEAST))
        else:
            await self.app.client.change_password(self._old or self.value("old"), new)
            person = await self.app.client.me()
            self.app.say(_("The password is changed."))
            if self.app.person is None:
                self.app.signed_in(person)
            else:
                self.dismiss()
