"""Campaigns: checks that are pushed to many hosts. Every host is in the counts, with its verdict or with a reason."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from server.schemas.base import Page, Schema
from server.schemas.checks import VerdictWord

KEY = 200
QUERY = 4_000
CHECKS = 50


class Kind(StrEnum):
    PUSHED = "pushed"  # hosts are asked anew
    MONTHLY = "monthly"  # judged from what was known on the first of the month; nobody is asked


class Part(StrEnum):
    """Lines of defence in an emergency. The second is checks; the others are answered by people."""

    BOUNDARY = "boundary"
    SYSTEM = "system"
    AWARENESS = "awareness"


class Tick(StrEnum):
    """What a person answers. Who answered nothing is counted apart, and only DONE is good."""

    DONE = "done"
    NOT_POSSIBLE = "notPossible"


class HostState(StrEnum):
    WAITING = "waiting"  # it will be asked, or was and did not answer yet
    ANSWERED = "answered"  # its facts came after the campaign began, and were judged
    UNDONE = "undone"  # it will not answer any more, and why


class Undone(StrEnum):
    """Why a host did not answer. Of one that waits only OFF is said."""

    CONNECT_TIMEOUT = "connectTimeout"
    CONNECTION_REFUSED = "connectionRefused"
    UNREACHABLE = "unreachable"
    HOST_KEY_CHANGED = "hostKeyChanged"
    HOST_KEY_UNCONFIRMED = "hostKeyUnconfirmed"
    LOGIN_REFUSED = "loginRefused"
    RUN_TIMEOUT = "runTimeout"
    UNREADABLE_OUTPUT = "unreadableOutput"
    NO_PERMISSION = "noPermission"
    NOT_POSTED = "notPosted"
    OFF = "off"
    NO_ANSWER = "noAnswer"
    NOT_LET_IN = "notLetIn"
    TOO_OLD = "tooOld"
    NOBODY_ASKS = "nobodyAsks"
    CANCELLED = "cancelled"
    OTHER = "other"


class CampaignCreate(Schema):
    """`checks` of every host that all the limits leave; none of them is the whole bank, which has to be said."""

    checks: Annotated[list[Annotated[str, Field(max_length=120)]], Field(max_length=CHECKS)] = []  # noqa: RUF012
    template: Annotated[str, Field(max_length=64)] = ""  # its items, and its checks where none are named
    ports: Annotated[str, Field(max_length=200)] = ""  # in the items of the template; "" is the template's own
    title: Annotated[str, Field(max_length=120)] = ""  # "" is the checks' own
    everything: bool = False
    branch: Annotated[str, Field(max_length=KEY)] = ""  # code; with the branches below it
    cls: Annotated[str, Field(max_length=64)] = ""  # of a position; "agent": PCs with an agent
    model: Annotated[str, Field(max_length=120)] = ""  # a part of what the host says its model is
    zone: Annotated[str, Field(max_length=120)] = ""  # of bank.toml
    query: Annotated[str, Field(max_length=QUERY)] = ""  # CEL over facts, as a check's `applies`
    starts: int | None = None  # UTC µs; None: now
    seconds: Annotated[int, Field(ge=5, le=30 * 86_400)] = 600  # after `starts`; who is off is asked until then
    window: Annotated[str, Field(pattern=r"^(|[0-2]\d:[0-5]\d-[0-2]\d:[0-5]\d)$")] = ""
    reason: Annotated[str, Field(max_length=500)] = ""


class CampaignCheck(Schema):
    """One of its checks, and how many hosts have each verdict. What no host said yet is in none of them."""

    id: str
    title: str
    severity: str
    words: dict[VerdictWord, int] = {}  # noqa: RUF012 - pydantic copies it


class ReasonCount(Schema):
    reason: Undone
    title: str
    count: int


class TickTally(Schema):
    """Items of branches and of head office. `unanswered` is never good, nor is `not_possible`."""

    total: int = 0
    done: int = 0
    not_possible: int = 0
    unanswered: int = 0


class CampaignItem(Schema):
    """What people answer: each branch that is asked, or head office."""

    id: str
    part: Part
    of: Literal["head", "branch"]
    title: str
    ticks: TickTally


class Tally(Schema):
    """Hosts: `waiting` + `answered` + `undone` are `total`, and `words` add up to `answered`. `off`: of the waiting."""

    total: int
    waiting: int
    off: int
    answered: int
    undone: int
    words: dict[VerdictWord, int]  # by the worst verdict of each host


class CampaignOut(Schema):
    """A campaign and how far it is; somebody of a branch sees the hosts of their own branches alone."""

    uid: str
    kind: Kind = Kind.PUSHED
    title: str
    scope: str
    checks: list[CampaignCheck]
    template: str = ""  # its title
    items: list[CampaignItem] = []  # noqa: RUF012 - those this person may see
    ticks: TickTally = TickTally()
    push: str  # uid of the push that asks
    by: str
    at: int
    starts: int
    expires: int
    window: str
    reason: str
    opens: int | None = None
    hosts: Tally
    reasons: list[ReasonCount] = []  # noqa: RUF012 - why hosts did not answer, or are silent
    ended_at: int | None
    cancelled_by: str | None = None
    root: str = ""  # of the journal's row, once it has ended


class CampaignVerdict(Schema):
    """`at`: when the oldest of the facts it rests on was told."""

    check: str
    title: str
    word: VerdictWord
    why: list[str]
    at: int | None
    mend: list[str]


class CampaignHost(Schema):
    """`word` is its worst verdict, None until it answered; `why` a sentence for people, "" of one that answered."""

    host: str
    name: str
    branch: str
    branch_name: str
    state: HostState
    word: VerdictWord | None
    reason: Undone | None
    why: str
    at: int | None  # it answered, or was given up
    verdicts: list[CampaignVerdict]


class BranchTally(Schema):
    branch: str
    branch_name: str
    hosts: Tally
    ticks: TickTally = TickTally()


class CampaignPage(Page):
    rows: list[CampaignOut]


class CampaignHostPage(Page):
    rows: list[CampaignHost]


class BranchTallies(Schema):
    rows: list[BranchTally]


class TickOut(Schema):
    word: Tick
    note: str
    by: str
    at: int


class ItemRow(Schema):
    """One item of one branch; `branch` is "" where head office answers it. None of `newest`: nobody answered."""

    id: str
    part: Part
    title: str
    branch: str
    branch_name: str
    newest: TickOut | None
    earlier: list[TickOut]  # newest first


class ItemRows(Schema):
    rows: list[ItemRow]


class TickAsk(Schema):
    """The same answer to some items of one branch; "" is head office."""

    items: Annotated[list[Annotated[str, Field(max_length=64)]], Field(min_length=1, max_length=100)]
    branch: Annotated[str, Field(max_length=KEY)] = ""
    word: Tick
    note: Annotated[str, Field(max_length=500)] = ""


class TemplateOut(Schema):
    id: str
    title: str
    checks: list[str]
    ports: str
    items: list[str]


class TemplatesOut(Schema):
    templates: list[TemplateOut]
    wrong: list[str]  # files that cannot be used, and why; for head office


class CampaignText(Schema):
    """One branch's result as text to hand on: `parts` are it in pieces that fit a QR code each, numbered."""

    branch: str
    branch_name: str
    text: str
    parts: list[str]
