"""What every screen may ask of the app: the client, the person, the words, the state of the line."""

import ssl
from collections.abc import Awaitable, Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from textual.app import App
from textual.message import Message
from textual.theme import Theme

from server.schemas.catalogue import CatalogueOut
from server.schemas.people import PersonOut, Role
from server.schemas.positions import PositionRow
from server.schemas.status import Invalidated
from tui.client import Client, PositionQuery
from tui.failures import Away, Defect, Refused, SignedOut, Unreached
from tui.narrow import AsciiFilter, ControlFilter
from tui.plain import plain
from tui.settings import Settings
from tui.texts import N_, _, speak

T = TypeVar("T")

UNDONE = N_("The server does not answer; nothing was changed.")
UNSURE = N_("No answer came back; whether it was done is not known. Look again (F5) before doing it once more.")

DARK = Theme(
    name="dark",
    primary="#4d86b8",
    secondary="#6f8fa8",
    warning="#d9a441",
    error="#e06c6c",
    success="#78b087",
    accent="#6fb3d2",
    foreground="#d6dbe0",
    background="#12171c",
    surface="#171d23",
    panel="#212a32",
    dark=True,
    variables={
        "ink-good": "#78b087",
        "ink-attention": "#e0ac48",
        "ink-fault": "#f07878",
        "ink-unknown": "#a9b4be",
        "ink-idle": "#8fa7c4",
        "ink-dim": "#84909b",
        "ink-plain": "#d6dbe0",
        "frame": "#3c4853",
        "shade-attention": "#3a3220",
        "shade-fault": "#402626",
    },
)
LIGHT = Theme(
    name="light",
    primary="#2f6f9f",
    secondary="#5b7b94",
    warning="#9a6a00",
    error="#b3312f",
    success="#2c7a4b",
    accent="#1f7ca0",
    foreground="#22282e",
    background="#f7f8f8",
    surface="#eef1f3",
    panel="#dfe5ea",
    dark=False,
    variables={
        "ink-good": "#2c7a4b",
        "ink-attention": "#8a5b00",
        "ink-fault": "#b3312f",
        "ink-unknown": "#5a6670",
        "ink-idle": "#3d5f87",
        "ink-dim": "#66727d",
        "ink-plain": "#22282e",
        "frame": "#b4bfc8",
        "shade-attention": "#f3e6c4",
        "shade-fault": "#f5d5d3",
    },
)


class Link(StrEnum):
    """LIVE: told of every change. ASKING: answers come, but only when asked. AWAY: no answer."""

    ASKING = "asking"
    LIVE = "live"
    AWAY = "away"


class Changed(Message):
    """Something the server holds has changed; `event` is None when what changed is not known."""

    def __init__(self, event: Invalidated | None) -> None:
        super().__init__()
        self.event = event


class Shell(App[int]):
    """The app as screens see it."""

    def __init__(
        self,
        settings: Settings,
        *,
        token: str | None = None,
        ascii_marks: bool = False,
        trust: ssl.SSLContext | None = None,
        local: Path | None = None,
    ) -> None:
        speak(settings.lang)
        super().__init__()
        self.settings = settings
        self.client = Client(settings.server, token=token, lang=settings.lang, trust=trust)
        self.person: PersonOut | None = None
        self.words: CatalogueOut | None = None
        self.link = Link.ASKING
        self.ascii_marks = ascii_marks
        self.local = local  # the folder of the agent on this PC, if there is one
        self.register_theme(DARK)
        self.register_theme(LIGHT)
        self.theme = settings.theme
        self._filters.append(ControlFilter())
        self._filters.append(AsciiFilter(enabled=ascii_marks))

    def ink(self, name: str) -> str:
        """A colour of the theme, for texts drawn by rich: good, attention, fault, unknown, idle, plain, dim.

        While the server is away nothing is known to be good now, and nothing is green.
        """
        name = "unknown" if name == "good" and self.link is Link.AWAY else name
        return self.theme_variables[f"ink-{name}"]

    def holds(self, fresh_until: int | None) -> bool:
        """Whether what was good until `fresh_until` may still be shown as said. While the server answers it says so
        itself; once it is away nobody attests it any longer than that."""
        return self.link is not Link.AWAY or (fresh_until is not None and self.client.now() <= fresh_until)

    @property
    def whole(self) -> str:
        """All branches this person sees, in words."""
        return _("all branches") if self.person is None or not self.person.branches else _("all my branches")

    @property
    def head(self) -> bool:
        return self.person is not None and self.person.role is Role.HEAD

    async def ask(self, question: Awaitable[T]) -> T | None:
        """The answer, or None after saying why there is none: the border between screens and the client's errors.

        That the server is away, every title line says.
        """
        return await self._heard(question, self._warn, lambda _away: None)

    async def position_rows(self, keys: Sequence[str]) -> Sequence[PositionRow] | None:
        """The rows of these positions as they are now."""
        page = await self.ask(self.client.positions(PositionQuery(key=tuple(keys)), limit=len(keys)))
        return None if page is None else page.rows

    async def do(self, deed: Awaitable[T], say: Callable[[str], None] | None = None) -> T | None:
        """What a deed gave, or None after telling whoever did it, in one sentence, what came of it instead."""
        tell = say or self._warn
        return await self._heard(deed, tell, lambda away: tell(_(UNDONE if isinstance(away, Unreached) else UNSURE)))

    async def _heard(self, asked: Awaitable[T], say: Callable[[str], None], away: Callable[[Away], None]) -> T | None:
        try:
            answer = await asked
        except Away as error:
            self.heard(Link.AWAY)
            away(error)
            return None
        except SignedOut as error:
            self.signed_out(str(error))
            return None
        except Refused as error:
            say(error.sentence)
            return None
        except Defect as error:
            say(_("The server's answer cannot be read: {why}").format(why=error))
            return None
        if self.link is Link.AWAY:
            self.heard(Link.ASKING)
        return answer

    def _warn(self, sentence: str) -> None:
        self.say(sentence, "warning")

    def say(self, sentence: str, severity: str = "information") -> None:
        """A short notice. The sentence is text, never markup."""
        self.notify(plain(sentence), severity=severity, markup=False)  # type: ignore[arg-type]

    def heard(self, link: Link) -> None:
        """The state of the line is this now."""
        self.link = link

    def signed_out(self, sentence: str) -> None:
        """The sign-in is no longer good."""
        raise NotImplementedError

    def open(self, opens: str) -> None:
        """Go where a figure or a row points: "devices?standing=fault"."""
        raise NotImplementedError

    def home(self) -> None:
        """Back to the home of this person's role."""
        raise NotImplementedError

    def report(self, subject: str, name: str, title: str) -> None:
        """Report a fault of `subject`, with what is known of it filled in."""
        raise NotImplementedError

    def signed_in(self, person: PersonOut) -> None:
        """This person is here now."""
        raise NotImplementedError
