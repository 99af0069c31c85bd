"""What crosses the line between an agent and the server. A door: `server` knows the agent by this file.

Every record stands for itself and carries three clocks: its number in the stream, the wall clock, and the boot clock
with the boot it counts from. Times are UTC µs (wall) and µs since boot (boot). Bodies are msgpack, or JSON where a
person wants to read them; either may be zstd-packed.
"""

from enum import StrEnum
from typing import Annotated, Literal

import msgspec

from drivers.base import DeviceWord, Reading
from drivers.catalogue import Catalogue, Level, Number, Part, Title, Word, catalogue

__all__ = ["Catalogue", "DeviceWord", "Level", "Number", "Part", "Reading", "Title", "Word", "catalogue"]

VERSION = 1
BUILT = 1_735_689_600_000_000  # UTC µs, 2025-01-01: no machine that runs this lives earlier; releases move it on
BEHIND = "Branchfleet-Behind"  # a header: of an agent behind which much waits, which can wait a little longer
MEDIA_MSGPACK = "application/msgpack"
MEDIA_JSON = "application/json"
BODY_LIMIT = 1 << 20  # bytes of a batch as sent
PLAIN_LIMIT = 8 << 20  # bytes of a batch unpacked
RECORDS_LIMIT = 2000  # records in one batch


class Clock(msgspec.Struct, frozen=True):
    """One instant by both clocks of one machine."""

    wall: int  # UTC µs; may jump
    boot: int  # µs since boot; never jumps
    boot_id: str


class Failure(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why a poll gave no reading: `DeviceError.kind` and `Reason`, one English sentence, and the bytes received."""

    kind: str
    reason: str
    detail: str
    raw: bytes = b""


class Record(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind"):
    """The base of all records. `seq` counts from 1 within the stream, without holes."""

    seq: int
    clock: Clock


class State(Record, frozen=True, kw_only=True, tag="state", omit_defaults=True):
    """A whole reading of one position, sent because it differs from the last. Never a delta.

    A poll that failed is a state too: `failure` says why, and `reading.device` is the word that follows from it.
    """

    position: str  # "branch-code/position-slug", or "branch-code/line/line-key" of a line
    reading: Reading
    failure: Failure | None = None


class Held(msgspec.Struct, frozen=True, array_like=True):
    """How often one position was polled since the last hold without a change: answered, and failed."""

    good: int
    failed: int


class Hold(Record, frozen=True, kw_only=True, tag="hold"):
    """One a minute for all positions that stayed as they were, from `since` (boot µs) to this record's clock."""

    since: int
    held: dict[str, Held]


class EventName(StrEnum):
    START = "start"  # the agent began; detail: version, host, python
    GOODBYE = "goodbye"  # the agent ends on purpose; detail: reason
    # Records are sent in the order of their numbers, so what has not come of from..to when one of these two is read,
    # never will; `count` says how many that are. detail: from, to, count, reason; stream, if they are not of this one
    GAP = "gap"  # records were lost
    THINNING = "thinning"  # holds were merged into later ones: nothing is lost but their number
    MEDIA = "mediaInserted"
    # This stream is another than the one before. detail: reason, why (a Break), was (the stream before, or ""); and if
    # it goes on with that one's numbers: from, to, count, which never come in this one, because they count in that one
    NEW_STREAM = "newStream"


class Break(StrEnum):
    """Why a stream is not the one before: `why` of NEW_STREAM. Agents that do not say it had lost what waited."""

    COPY = "copy"  # a copy of the home may have used the numbers: whatever waited goes on, and nothing is lost
    OLDER = "older"  # an older spool was brought back: what was written since, and had not been sent, is lost
    DAMAGED = "damaged"  # so is what waited in a file that cannot be read any more


class Event(Record, frozen=True, kw_only=True, tag="event", omit_defaults=True):
    name: EventName
    position: str | None = None
    detail: dict[str, str | int] = {}


class OrderKind(StrEnum):
    """What an agent can be asked to do. None of them changes a device or the PC."""

    POLL = "poll"  # poll positions now
    FACTS = "facts"  # tell what this host says of itself
    DOCTOR = "doctor"  # look the agent over, and tell what was found
    SPOOL = "spool"  # tell how the spool stands
    ASSIGNMENT = "assignment"  # fetch the assignment anew


class Why(StrEnum):
    """Why an order was not done."""

    UNKNOWN = "unknown"  # refused: this agent is older than the order, and does not know its kind
    NOT_MINE = "notMine"  # refused: none of the positions is of this agent
    LATE = "late"  # expired: it could not be begun in time
    CANCELLED = "cancelled"  # it was withdrawn before it was begun
    INTERRUPTED = "interrupted"  # failed: the agent ended in the middle of it; it is not begun again
    TIME = "time"  # failed: it took too long
    ERROR = "error"  # failed: `said` says how


class Finding(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing a doctor looked at: a sentence, and what mends it, for people."""

    what: str
    good: bool | None  # None: it cannot be told
    zh: str
    en: str
    mend_zh: str = ""
    mend_en: str = ""


class Result(Record, frozen=True, kw_only=True, tag="result", omit_defaults=True):
    """What became of an order: done, or `why` not."""

    order: str  # its uid
    done: bool
    why: str = ""  # a Why
    said: str = ""  # one sentence about an error
    began: Clock | None = None  # the record's own clock is when it ended
    polls: dict[str, str] = {}  # of POLL: each position, and "" or why it gave no reading (`Failure.reason`)
    findings: list[Finding] = []  # of DOCTOR
    detail: dict[str, str | int] = {}  # of SPOOL: its figures


class Fact(Record, frozen=True, kw_only=True, tag="fact", omit_defaults=True):
    """What a host says of itself."""

    host: str
    facts: dict[str, str | int | list[str]]


class Entry(Record, frozen=True, kw_only=True, tag="entry", omit_defaults=True):
    """What a person at the branch PC entered while the server was away. `clock` is when the agent took it.

    No account vouches for `who`: it is a name as it was typed. One `uid` is one entry, however often it comes.
    """

    uid: str  # 32 hexadecimal digits
    subject: str  # key of a branch, line or position
    what: Literal["ticket", "note", "answer"]  # a fault report, a line for the day's register, what the telephone said
    who: str
    title: str = ""  # of a ticket
    text: str = ""
    fault: Literal["hardware", "software", "network", "power", "other"] = "other"
    urgent: bool = False
    answer: Literal["", "power", "line", "closed"] = ""  # 停电, 断线, 已关机
    entered: Clock | None = None  # when it was typed; None: not before it was taken, as far as can be told


AnyRecord = State | Hold | Event | Result | Fact | Entry


class Exchange(msgspec.Struct, frozen=True):
    """The four stamps of the last completed exchange with the server, for estimating the offset of the two clocks.

    `sent` and `received` are the agent's boot clock around the request; `came` and `server` are the server's clock
    when the request came and when its answer left, as the answer said.
    """

    boot_id: str
    sent: int
    received: int
    server: int
    came: int = 0  # 0: that server did not say


class Ahead(msgspec.Struct, frozen=True):
    """How a position stands now, told while the records that lead there still wait; its record comes in its turn."""

    state: State  # without a number
    held: int  # boot µs it was last found so, on the boot of the state's clock


class Hindered(StrEnum):
    """Why an agent cannot keep records."""

    FULL = "full"  # its disk is
    UNWRITABLE = "unwritable"  # its disk fails, or takes nothing from it


class Follows(msgspec.Struct, frozen=True):
    """The stream that another goes on from: numbers below `first` count in it, and never come in the other."""

    stream: str  # "" where it is not known any more
    first: int


class Batch(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One POST to /api/agent/records."""

    version: int
    stream: str  # random id
    follows: Follows | None = None  # with every batch of a stream that goes on from another
    sent: Clock
    records: list[AnyRecord]
    exchange: Exchange | None = None
    boots: list[Clock] = []  # earlier boots that records still to be held are of, in order: each one's last record
    waiting: int = 0  # records still in the spool after this batch
    agent_version: str = ""
    ahead: list[Ahead] = []  # while records wait: of every position
    hindered: str = ""  # a Hindered: nothing can be written down there now, and what was seen waits in memory


class Refusal(msgspec.Struct, frozen=True):
    """A record the server will never take. It counts as received, so the agent lets it go."""

    seq: int
    why: str


class Ack(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The answer to a batch, sent after the durable commit."""

    epoch: str  # of the server's database; a new one means an older database came back
    stream: str
    received: list[tuple[int, int]]  # every range of this stream the server holds, ends included
    server: int  # the server's clock when it answered, UTC µs
    came: int = 0  # and when the request came, before its body was read
    assignment: str  # revision of the assignment this agent should have
    refused: list[Refusal] = []
    wait: float = 0.0  # seconds before more of what waits may be sent: a thousand agents may be catching up


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


class Order(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something to be done once, and answered by a Result. It may be told again until the result is here."""

    uid: str
    what: str  # an OrderKind, or one that is not known yet
    seconds: float  # it may still be begun so long after the answer came
    positions: list[str] = []  # of POLL; none is all there are


class Orders(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The answer of GET /api/agent/orders: at once if there are any, else as late as was asked for, and then empty."""

    orders: list[Order] = []
    cancelled: list[str] = []  # uids that are not to be begun any more
    came: int = 0  # the server's clock when the request came, UTC µs
    server: int = 0  # and when it answered


# -- identity: every question is a POST of one of these, of `proof.ASK_LIMIT` bytes at most


class IntroductionAsk(msgspec.Struct, frozen=True):
    """To /api/agent/introduction, before anything of the server is trusted: does it know this code?"""

    code: str  # the public part
    nonce: bytes


class Introduction(msgspec.Struct, frozen=True, kw_only=True):
    """The server's name and the CA to pin (PEM, "" of a server without TLS), with `proof.introduction_proof`."""

    server: str
    ca: str
    proof: bytes


class EnrollmentAsk(msgspec.Struct, frozen=True, kw_only=True):
    """To /api/agent/enrollment. Sent again with the same key it is answered again."""

    code: str  # the public part
    public_key: bytes
    host: str
    system: str
    proof: bytes  # proof.enrollment_proof
    signature: bytes  # of proof.enrollment_message by the new key


class Enrollment(msgspec.Struct, frozen=True, kw_only=True):
    agent: str  # its key in the inventory
    waiting: bool  # the agent has a key already: a person has to confirm this one


class ChallengeAsk(msgspec.Struct, frozen=True):
    """To /api/agent/challenge."""

    public_key: bytes


class Challenge(msgspec.Struct, frozen=True):
    """To be signed within a minute, and once."""

    challenge: bytes


class TokenAsk(msgspec.Struct, frozen=True, kw_only=True):
    """To /api/agent/token.

    `instance` is the random name of this process, `after` that of the process that last got a token in this home, and
    `perhaps` those that asked since and were killed before they knew: so a home that was copied, and two processes
    that live at once, are told from one that was started again.
    """

    public_key: bytes
    challenge: bytes
    instance: str
    after: str
    host: str
    system: str
    signature: bytes  # of proof.token_message
    perhaps: list[str] = []
    trusts: list[str] = []  # proof.authority_print of each CA it has pinned


class Token(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    token: Annotated[str, msgspec.Meta(pattern=r"^[!-~]+\Z")]  # it goes into a header
    seconds: int  # that it is good for
    rotate: bool  # it is time for a fresh key
    # 0, or when (UTC µs) this home was found not to be the one heard last: its numbers may have been used by another,
    # so what waits goes to a new stream, once for each such time
    forked_at: int
    server: int  # the server's clock when it answered, UTC µs
    ca: str = ""  # PEM: the CAs to trust from now on, where they are others than were said


class RotationAsk(msgspec.Struct, frozen=True, kw_only=True):
    """To /api/agent/rotation. Answered with a Rotation: the fresh key counts, and the old one no longer.

    It may be asked again: by who heard no answer, and by who is not known to a server that was restored.
    """

    public_key: bytes
    fresh: bytes
    challenge: bytes
    by_old: bytes  # signatures of proof.rotation_message
    by_fresh: bytes


class Rotation(msgspec.Struct, frozen=True):
    done: bool = True


IdentityAsk = IntroductionAsk | EnrollmentAsk | ChallengeAsk | TokenAsk | RotationAsk
IdentityAnswer = Introduction | Enrollment | Challenge | Token | Rotation


def encode(body: Batch | Ack | Assignment | Orders | IdentityAsk) -> bytes:
    """msgpack of `body`."""
    return msgspec.msgpack.encode(body)
