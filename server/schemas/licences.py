"""Software licences: what was bought, and by product how many hosts have it."""

from datetime import date
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from server.schemas.base import Page, Schema

CODE, PRODUCT, NAME, NOTE = 40, 80, 80, 200  # characters
PATTERNS, PATTERN = 20, 120
SEATS = 10_000_000


class LicenceKind(StrEnum):
    VOLUME = "volume"  # 批量
    OEM = "oem"  # 随机
    RETAIL = "retail"  # 零售
    SUBSCRIPTION = "subscription"  # 订阅


class LicenceStanding(StrEnum):
    """By the bank's day. Seats of VALID and EXPIRING count as bought, and of no other."""

    VALID = "valid"
    EXPIRING = "expiring"  # within 90 days
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


class Install(StrEnum):
    """How a host stands to a product: each is one of these. UNLICENSED, GRACE and UNSAID are installed too."""

    USED = "used"
    UNLICENSED = "unlicensed"
    GRACE = "grace"
    UNSAID = "unsaid"  # installed, and whether it is licensed is not known
    ABSENT = "absent"
    UNKNOWN = "unknown"


class Gap(StrEnum):
    """Why it is not known."""

    NEVER = "never"  # it never told
    OLD = "old"
    LEFT_OUT = "left_out"  # its list had no room for all
    RIGHTS = "rights"
    NOTHING = "absent"  # what would tell is not on the host
    TIMEOUT = "timeout"
    UNREADABLE = "unreadable"
    UNNAMED = "unnamed"  # nobody said what the product is called on a host


class ProductOut(Schema):
    """`used`, `unlicensed`, `grace` and `unsaid` make up `installed`; with `absent` and `unknown` all `hosts`.

    `spare` are seats that are left even if every host that is not known has it. Figures of what was bought are None for
    a branch, and where it is asked of one: licences are the bank's.
    """

    product: str
    name: str
    publisher: str
    bought: int | None
    installed: int
    used: int
    unlicensed: int
    grace: int
    unsaid: int
    absent: int
    unknown: int
    hosts: int
    over: int | None
    spare: int | None
    expired: int | None  # seats that do not count any more
    expiring: int | None  # seats of `bought` that end within 90 days
    next_end: date | None  # when the first of those ends


class ProductPage(Page):
    """Of `hosts`, `listed` told their programs within 30 days."""

    rows: list[ProductOut]
    hosts: int = 0
    listed: int = 0


class InstallOut(Schema):
    """`program` is the host's word: a program with its version, or its system."""

    host: str
    name: str
    branch: str
    branch_name: str
    word: Install
    why: Gap | None
    program: str
    at: int | None  # when it told that


class InstallPage(Page):
    """`counts`: hosts by word, whatever the page was asked for. They add up to all hosts of this person."""

    rows: list[InstallOut]
    name: str = ""
    counts: dict[str, int] = Field(default_factory=dict)


class LicenceOut(Schema):
    code: str
    product: str
    name: str
    publisher: str
    kind: LicenceKind
    seats: int
    contract: str
    bought_on: date
    expires_on: date | None  # the last day; None: for good
    keeper: str
    key_at: str
    patterns: list[str]
    note: str
    standing: LicenceStanding


class LicencePage(Page):
    rows: list[LicenceOut]


Code = Annotated[str, Field(min_length=1, max_length=CODE)]
Line = Annotated[str, Field(max_length=NAME)]
Patterns = Annotated[list[Annotated[str, Field(min_length=2, max_length=PATTERN)]], Field(max_length=PATTERNS)]


class LicenceCreate(Schema):
    """`product`: the id or the name of one that is known, or a name of its own. `key_at` says where the key is kept;
    the key itself is never written down."""

    code: Code
    product: Annotated[str, Field(min_length=1, max_length=PRODUCT)]
    seats: Annotated[int, Field(ge=1, le=SEATS)]
    bought_on: date
    expires_on: date | None = None
    kind: LicenceKind = LicenceKind.VOLUME
    publisher: Line = ""
    contract: Line = ""
    keeper: Annotated[str, Field(max_length=40)] = ""
    key_at: Line = ""
    patterns: Patterns = Field(default_factory=list)
    note: Annotated[str, Field(max_length=NOTE)] = ""


class LicenceChange(Schema):
    """What is None stays as it is."""

    code: Code
    seats: Annotated[int, Field(ge=1, le=SEATS)] | None = None
    expires_on: date | None = None
    for_good: bool = False  # it has no last day any more
    contract: Line | None = None
    keeper: Annotated[str, Field(max_length=40)] | None = None
    key_at: Line | None = None
    patterns: Patterns | None = None
    note: Annotated[str, Field(max_length=NOTE)] | None = None


class LicenceWithdraw(Schema):
    code: Code
    reason: Annotated[str, Field(min_length=1, max_length=NOTE)]
