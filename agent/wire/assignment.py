"""What an agent is to do, and what the people of its branch need without the server."""

import msgspec

from drivers.catalogue import Title


class Polled(msgspec.Struct, frozen=True, kw_only=True):
    """One position an agent is to poll."""

    position: str
    name: str
    driver: str
    address: str
    options: dict[str, object]  # secrets filled in
    interval: float  # seconds
    secret: list[str] = []  # names of the options that hold secrets, for nobody to show or log


class LorePosition(msgspec.Struct, frozen=True):
    name: str
    cls: str  # key of its class: a fix card may ask for it
    cls_name: str


class LoreLine(msgspec.Struct, frozen=True, kw_only=True):
    key: str
    name: str
    role: str  # main, backup
    carrier: str = ""
    circuit: str = ""
    bandwidth: str = ""
    fault_phone: str = ""


class Card(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A fix card: what it fits, "" or nothing for anything, and up to three steps a teller can do."""

    zh: list[str]
    en: list[str]
    part: str = ""
    word: str = ""
    device: str = ""
    classes: list[str] = []


class Steps(msgspec.Struct, frozen=True):
    """What the contingency plan says for one case: line, power, server or machine."""

    key: str
    zh: list[str]
    en: list[str]


class Lore(msgspec.Struct, frozen=True, kw_only=True):
    """What the people of the agent's branch need when the server is away. No secret is in it."""

    branch: str  # its key
    name: str
    address: str = ""
    phone: str = ""
    people: dict[str, str] = {}  # keepers a and b
    positions: dict[str, LorePosition] = {}  # all of the branch, polled or not
    lines: list[LoreLine] = []
    cards: list[Card] = []
    reasons: dict[str, Title] = {}  # why a poll gave no reading
    plans: list[Steps] = []


class Assignment(msgspec.Struct, frozen=True, kw_only=True):
    """Everything an agent is to do. GET /api/agent/assignment; cached by the agent."""

    agent: str
    revision: str  # digest of the rest
    polled: list[Polled]
    hold_every: float = 60.0  # seconds
    came: int = 0  # the server's clock when the request came, UTC µs
    server: int = 0  # and when it answered; neither is part of the revision
    lore: Lore | None = None
