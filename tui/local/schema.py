"""What the agent writes (now.json) and takes (entries), as this console reads it: strictly, because anybody on the PC
could have put another file there. agent/local has the other end, and tests/tui/local holds both together.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from server.schemas.entries import Answer, EntryKind
from server.schemas.standing import Standing
from server.schemas.tickets import Fault

Text = Annotated[str, Field(max_length=4000)]


class Told(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=False, allow_inf_nan=False)


class Both(Told):
    """A text in both languages."""

    zh: Text
    en: Text

    def of(self, lang: str) -> str:
        return self.en if lang == "en" else self.zh


class Clock(Told):
    wall: int
    boot: int
    boot_id: Text


class Part(Told):
    title: Both
    word: Both
    level: Text


class Number(Told):
    title: Both
    value: float
    unit: Text


class Position(Told):
    key: Text
    name: Text
    cls: Text
    driver: Text
    address: Text
    interval: float
    standing: Standing
    word: Both
    why: Both | None
    parts: list[Part]
    numbers: list[Number]
    card: list[Both]
    since: int | None
    asked: int | None
    as_of: int | None


class Line(Told):
    key: Text
    name: Text
    role: Text
    carrier: Text
    circuit: Text
    bandwidth: Text
    fault_phone: Text
    standing: Standing


class Server(Told):
    url: Text
    state: Literal["here", "asking", "away", "refused"]
    contact: int | None
    trouble: Text
    kept_out: Text
    waiting: int
    stopped: bool = False
    unable: bool = False


class Steps(Told):
    key: Text
    zh: list[Text]
    en: list[Text]

    def of(self, lang: str) -> list[str]:
        return self.en if lang == "en" else self.zh


class Entered(Told):
    uid: Annotated[str, Field(pattern="^[0-9a-f]{32}$")]
    what: EntryKind
    subject: Text
    who: Text
    said: Text
    answer: Literal["", "power", "line", "closed"]
    at: int
    state: Literal["waiting", "delivered", "refused", "lost"]
    why: Text


class Branch(Told):
    key: Text
    name: Text
    address: Text
    phone: Text
    people: dict[Text, Text]


class Now(Told):
    version: Literal[1]
    written: Clock
    agent: Text
    ended: bool
    server: Server
    branch: Branch | None
    suspect: Literal["", "power", "line", "server"]
    positions: list[Position]
    left_out: int
    lines: list[Line]
    plans: list[Steps]
    entries: list[Entered]


class Entry(Told):
    """What a person enters; the agent takes it from the box under its uid."""

    version: Literal[1] = 1
    uid: str
    subject: str
    what: EntryKind
    who: Annotated[str, Field(min_length=1, max_length=40)]
    wall: int
    title: Annotated[str, Field(max_length=200)] = ""
    text: Annotated[str, Field(max_length=2000)] = ""
    fault: Fault = Fault.OTHER
    urgent: bool = False
    answer: Answer | Literal[""] = ""
    boot: int | None = None
    boot_id: str | None = None
