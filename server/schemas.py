"""What the server says to people's programs. A door: `tui` knows the server by this file.

Times are UTC µs. Texts that come from devices or people are data: never markup.
"""

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from agent.proof import LOOPBACK as LOOPBACK

PASSWORD_LEAST = 10  # characters


class Role(StrEnum):
    BRANCH = "branch"
    HEAD = "head"
    AUDITOR = "auditor"


class Standing(StrEnum):
    """How a subject stands. Only GOOD is good."""

    GOOD = "good"
    ATTENTION = "attention"
    FAULT = "fault"
    IN_USE = "inUse"
    UNKNOWN = "unknown"
    STALE = "stale"
    NEVER = "never"
    CLOSED = "closed"
    UNPOLLED = "unpolled"


# Valid data, just now: what a coverage counts. `unknown` was asked and could not be told. Each of these holds until the
# row's `fresh_until`; whoever shows it later, because no server answers, shows it as stale.
FRESH = (Standing.GOOD, Standing.ATTENTION, Standing.FAULT, Standing.IN_USE)


class TicketStatus(StrEnum):
    NEW = "new"
    ACCEPTED = "accepted"
    IN_PROGRESS = "inProgress"
    DONE = "done"


class Fault(StrEnum):
    HARDWARE = "hardware"
    SOFTWARE = "software"
    NETWORK = "network"
    POWER = "power"
    OTHER = "other"


class EntryKind(StrEnum):
    """What a person enters at a branch PC: a fault report, a line for the day's register, what the telephone said."""

    TICKET = "ticket"
    NOTE = "note"
    ANSWER = "answer"


class Answer(StrEnum):
    """What a carrier, the power company or the branch said on the telephone: 停电, 断线, 已关机."""

    POWER = "power"
    LINE = "line"
    CLOSED = "closed"


class Schema(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Problem(Schema):
    """Every refusal: one sentence in the asked-for language (Accept-Language: zh or en)."""

    detail: str
    reason: str = ""  # to an agent that is not let in, a word that says why


# -- signing in -------------------------------------------------------------------------------------


class SignInAsk(Schema):
    login: Annotated[str, Field(max_length=80)]
    password: Annotated[str, Field(max_length=200)]


class PersonOut(Schema):
    login: str
    name: str
    role: Role
    branches: list[str]  # codes in scope; empty for all
    must_change: bool


class SignInOut(Schema):
    token: str
    person: PersonOut


class PasswordChange(Schema):
    old: Annotated[str, Field(max_length=200)]
    new: Annotated[str, Field(min_length=PASSWORD_LEAST, max_length=200)]


# -- places -----------------------------------------------------------------------------------------


class Coverage(Schema):
    """Of `due` subjects, `fresh` have valid data; `never` never reported; the rest is old."""

    due: int
    fresh: int
    never: int
    unknown: int = 0  # asked just now, and it cannot be told
    closed: int = 0  # its agent ended on purpose


class Counts(Schema):
    """Positions by standing; every standing is present."""

    by: dict[Standing, int]
    total: int


class BranchOut(Schema):
    code: str
    name: str
    kind: str
    parent: str | None
    address: str
    phone: str
    people: dict[str, str]
    standing: Standing  # the worst that matters
    fresh_until: int | None = None  # until when all that is fresh in it holds; None: nothing is
    counts: Counts
    coverage: Coverage
    conditions: int
    tickets: int
    worst: str  # one line: the gravest open condition, or ""


class ConditionOut(Schema):
    uid: str
    subject: str  # key
    subject_kind: str
    subject_name: str
    branch: str
    branch_name: str
    rule: str
    title: str  # in the asked-for language: "2号钞箱 钞少"
    part: str
    word: str
    severity: Literal["attention", "fault"]
    opened_at: int
    closed_at: int | None
    cause: str
    fix_card: list[str]  # up to three steps a teller can do
    ticket: str | None


class SelfTestOut(Schema):
    """The last poll that had the port, before another program took it. Never as good as a reading of now."""

    at: int
    level: Literal["good", "attention", "fault", "unknown"]
    word: str  # 正常; or the gravest thing it said: 纸张 缺纸


class PositionRow(Schema):
    key: str
    name: str
    branch: str
    branch_name: str
    cls: str
    cls_name: str
    standing: Standing
    fresh_until: int | None = None  # until when the standing holds, if nobody hears more; None: it says nothing of now
    device: str  # device word, "" when never reported
    detail: str  # the gravest thing in words, "" when all is well
    since: int | None
    seen_at: int | None  # attested up to
    as_of: int | None  # the data's own date (file driver), else None
    tested: SelfTestOut | None  # while a program holds the port: the last self-test
    agent: str | None
    driver: str | None
    asset: str | None  # asset number of the machine there
    model: str | None
    ticket: str | None  # newest open ticket


class Page(Schema):
    """A stretch of a longer list; `total` counts all that match."""

    total: int
    offset: int
    coverage: Coverage | None = None
    at: int  # the server's clock when it answered


class PositionPage(Page):
    rows: list[PositionRow]


class BranchPage(Page):
    rows: list[BranchOut]


class ConditionPage(Page):
    rows: list[ConditionOut]


class ReadingOut(Schema):
    at: int
    held_to: int
    confidence: int
    agent: str
    device: str
    parts: dict[str, str]
    numbers: dict[str, float]
    texts: dict[str, str]
    identity: dict[str, str]
    raw: dict[str, str]  # question -> hexadecimal, two digits a byte, separated by spaces
    as_of: int | None
    failure: str | None  # one sentence in the asked-for language
    failure_reason: str | None


class CardOut(Schema):
    """A machine's card, flat: what the ledger shows and exports."""

    asset: str
    name: str
    cls: str
    cls_name: str
    branch: str
    branch_name: str
    position: str | None
    position_name: str | None
    status: str
    maker: str
    model: str
    serial: str
    terminal: str
    keeper: str
    place: str
    zone: str
    bought: str | None
    in_service: str | None
    price: str | None
    supplier: str
    maintainer: str
    warranty: str | None
    note: str
    effective_from: int
    known_from: int


class CardPage(Page):
    rows: list[CardOut]
    journal_seq: int


class CardVersionOut(Schema):
    effective_from: int
    effective_to: int | None
    known_from: int
    known_to: int | None
    branch: str
    position: str | None
    status: str
    fields: dict[str, Any]
    by: str
    reason: str


class CardDetail(Schema):
    card: CardOut
    versions: list[CardVersionOut]  # newest first
    tickets: list["TicketOut"]


class PositionDetail(Schema):
    row: PositionRow
    address: str
    interval: float
    readings: list[ReadingOut]  # one a view (agent), newest first
    conditions: list[ConditionOut]  # open first, then the last 24 h
    tickets: list["TicketOut"]
    card: CardOut | None
    machines: list[CardVersionOut]  # that stood here, newest first
    metrics: list[str]  # numbers with history


class Point(Schema):
    at: int
    low: float
    high: float
    mean: float


class History(Schema):
    """A number over time. Holes are where nothing was attested: they are never bridged."""

    position: str
    metric: str
    unit: str
    title: str
    step: int  # µs a point
    points: list[Point]
    conditions: list[ConditionOut]


# -- tickets ----------------------------------------------------------------------------------------


class TicketNoteOut(Schema):
    at: int
    author: str
    text: str


class TicketOut(Schema):
    number: str  # "2026-0017"
    subject: str
    subject_kind: str
    subject_name: str
    branch: str
    branch_name: str
    title: str
    fault: Fault
    urgent: bool
    source: Literal["condition", "hand"]
    offline: bool = False  # entered at a branch PC while the server was away; opened_by is a typed name
    status: TicketStatus
    opened_at: int
    opened_by: str
    accepted_at: int | None
    started_at: int | None
    done_at: int | None
    done_by: str | None
    handler: str
    outcome: str
    open_conditions: int


class TicketDetail(Schema):
    ticket: TicketOut
    notes: list[TicketNoteOut]
    conditions: list[ConditionOut]


class TicketPage(Page):
    rows: list[TicketOut]


class TicketCreate(Schema):
    """A report by hand. `subject` is a position's, line's or branch's key."""

    subject: Annotated[str, Field(max_length=200)]
    title: Annotated[str, Field(min_length=1, max_length=200)]
    fault: Fault = Fault.HARDWARE
    urgent: bool = False
    note: Annotated[str, Field(max_length=2000)] = ""


class TicketStep(Schema):
    """accept, start or finish. `outcome` is asked for at the finish."""

    step: Literal["accept", "start", "finish"]
    outcome: Annotated[str, Field(max_length=500)] = ""


class TicketNoteCreate(Schema):
    text: Annotated[str, Field(min_length=1, max_length=2000)]


class EntryOut(Schema):
    """Entered at a branch PC while the server was away. `who` is a name as typed: nobody had signed in."""

    uid: str
    subject: str
    subject_kind: str
    subject_name: str
    branch: str
    branch_name: str
    agent: str
    what: EntryKind
    at: int  # corrected time it was typed
    arrived: int
    who: str
    text: str
    answer: Answer | None
    ticket: str | None


class AnswerCreate(Schema):
    """What somebody said on the telephone of a branch that is silent."""

    branch: Annotated[str, Field(min_length=1, max_length=64)]
    answer: Answer
    text: Annotated[str, Field(max_length=500)] = ""


class AnswerOut(Schema):
    branch: str
    answer: Answer
    at: int
    who: str


class EntryPage(Page):
    rows: list[EntryOut]


# -- home -------------------------------------------------------------------------------------------


class Figure(Schema):
    """One number of the five-second line. `opens` names the list behind it: "devices?standing=fault"."""

    key: str
    title: str
    value: str
    level: Literal["good", "attention", "fault", "unknown", "plain"]
    opens: str


class EventOut(Schema):
    at: int
    branch: str
    branch_name: str
    text: str
    level: Literal["good", "attention", "fault", "unknown", "plain"]
    opens: str


class Home(Schema):
    bank: str
    at: int
    role: Role
    place: str  # the bank, or the branch's name
    figures: list[Figure]
    coverage: Coverage
    fresh_until: int | None = None  # until when a figure that is good holds; None: nothing is known that could be
    conditions: list[ConditionOut]  # open, gravest first, at most 50
    branches: list[BranchOut]  # worst first, at most 20
    events: list[EventOut]  # newest first, at most 50


# -- coverage of a period ---------------------------------------------------------------------------


class Missing(StrEnum):
    """Why minutes that were due are not attested, in the order in which evidence counts. UNKNOWN has none."""

    CLOSED = "closed"  # the agent said goodbye and had not started again; or its branch was closed by its calendar
    LOST = "lost"  # records were lost, and the agent said so: full spool, full disk, unreadable
    LOST_STREAM = "lostStream"  # the agent's spool could not be continued
    KEPT_OUT = "keptOut"  # the server let the agent not in: it was in quarantine, or revoked
    POWER = "power"  # the mains of the branch had failed
    LINE = "line"  # the lines of the branch were cut
    WAITING = "waiting"  # the agent has numbered the records and they are not here yet
    UNREADABLE = "unreadable"  # polled, but the answers said nothing
    UNKNOWN = "unknown"


class MinutesOut(Schema):
    """Position-minutes: due = attested + all of missing. Every reason is present."""

    due: int
    attested: int
    missing: dict[Missing, int]


class CoverageDay(MinutesOut):
    """One day of the bank's zone; one that is not over counts up to now."""

    day: str  # 2026-11-04
    over: bool
    lost: int = 0  # numbers the agent gave up on this day: records that never come
    thinned: int = 0  # numbers merged into later ones on this day: nothing is missing but they


class AgentCoverage(Schema):
    """What one agent owed and delivered, of the positions in the person's scope."""

    key: str
    name: str
    branch: str
    total: MinutesOut
    days: list[CoverageDay]
    lost: int  # numbers, of all the days
    thinned: int
    outstanding: int  # numbers between those that have come, now
    waiting: int  # records in its spool when it last sent


class BranchCoverage(Schema):
    """The positions and lines of one branch, by whichever agents: each minute of each once."""

    code: str
    name: str
    total: MinutesOut
    days: list[CoverageDay]
    agents: list[str]


class CoverageReport(Schema):
    at: int
    first: str  # the first and the last day, both included
    last: str
    total: MinutesOut  # of all branches listed
    agents: list[AgentCoverage]
    branches: list[BranchCoverage]


# -- the rest ---------------------------------------------------------------------------------------


class IdentityStanding(StrEnum):
    """Who may speak as an agent."""

    NONE = "none"  # it has no key
    CODE = "code"  # nor yet, but a code to enrol it with
    ENROLLED = "enrolled"
    WAITING = "waiting"  # it has a key, and another waits for a person to confirm it
    QUARANTINED = "quarantined"  # two speak as it
    REVOKED = "revoked"


class SpeakerOut(Schema):
    """A PC that speaks, or would speak, as an agent. What it says of itself is data."""

    what: Literal["key", "waiting", "program"]  # the good key, the one that waits, a process that got a token
    at: int  # enrolled or replaced; of a program: its last token
    host: str
    system: str
    address: str
    fingerprint: str  # of the key; "" of a program


class AgentOut(Schema):
    key: str
    name: str
    branch: str
    standing: Standing
    fresh_until: int | None = None  # as of a position
    seen_at: int | None
    version: str
    waiting: int
    positions: int
    identity: IdentityStanding
    code_until: int | None  # when the code there is expires
    speakers: list[SpeakerOut]  # the keys, then the newest two programs
    clock_off: int | None = None  # µs its PC's clock is ahead of the server's; None: nothing was heard yet
    clock_unsure: int | None = None  # ± µs of that


class AgentCodeCreate(Schema):
    hours: Annotated[int, Field(ge=1, le=720)] = 72


class AgentCodeOut(Schema):
    """A one-time code, told once. `addresses` are URLs by which people named this server, the first one first."""

    agent: str
    code: str
    until: int
    addresses: list[str] = []


class AgentStep(Schema):
    """What a person decides about who an agent is."""

    step: Literal["confirm", "withdraw", "revoke", "release", "rotate"]
    reason: Annotated[str, Field(max_length=500)] = ""


class JournalOut(Schema):
    seq: int
    at: int
    actor: str
    via: str
    about: str
    deed: str
    title: str  # the deed in the asked-for language
    before: Any
    after: Any
    reason: str
    hash: str


class JournalPage(Page):
    rows: list[JournalOut]


class JournalCheck(Schema):
    """`broken_at` is the first row whose hash or link does not hold."""

    rows: int
    ok: bool
    broken_at: int | None
    head: str


class Word(Schema):
    level: Literal["good", "attention", "fault", "unknown"]
    title: str


class CatalogueOut(Schema):
    """Names in the asked-for language, so a console shows what a newer server knows."""

    device: dict[str, Word]
    parts: dict[str, str]
    words: dict[str, dict[str, Word]]  # part -> word
    numbers: dict[str, tuple[str, str]]  # key -> title, unit
    texts: dict[str, str] = {}  # what identity and texts are called
    classes: dict[str, str]


class Invalidated(Schema):
    """One event of GET /api/events (SSE): fetch again what shows `topic` `key`."""

    cursor: int
    topic: str
    key: str


class AuthorityOut(Schema):
    """What the server says its CA is, to whoever has still to find out whether to believe it."""

    ca: str  # PEM


class Status(Schema):
    """What the server holds, in figures. For monitors and the headless demo."""

    version: str
    bank: str
    at: int
    branches: int
    positions: int
    agents: int
    observations: int
    conditions: int
    conditions_open: int
    tickets: int
    tickets_open: int
    journal: int
    health_lag: int  # records the health follower has still to read


class ObservationOut(Schema):
    """One state record, for programs that compare."""

    id: int
    subject: str
    agent: str
    seq: int
    at: int
    device: str
    parts: dict[str, str]
    numbers: dict[str, float]
    failure: str | None


class ObservationPage(Page):
    rows: list[ObservationOut]


CardDetail.model_rebuild()
PositionDetail.model_rebuild()
