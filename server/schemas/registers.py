"""The register of security checks: rows that are written by themselves, and those only a person can write."""

from datetime import date
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from server.schemas.base import Page, Schema

TEXT = 2000
Line = Annotated[str, Field(max_length=300)]
Long = Annotated[str, Field(max_length=TEXT)]


class Source(StrEnum):
    HAND = "hand"  # a person says so
    REMOTE = "remote"  # the host said so: by its agent, or asked over the network
    IMPORT = "import"  # carried here in a file


class Entry(StrEnum):
    """What a row tells of."""

    CHECK = "check"
    ANTIVIRUS = "antivirus"  # another library, or another version of the program
    PATCH = "patch"
    MEND = "mend"  # what is done about a finding, and until when
    REVIEW = "review"  # looked at again


class Category(StrEnum):
    NONE = ""  # no check
    DAILY = "daily"
    SPECIAL = "special"
    SELF = "self"
    SPOT = "spot"


class Outcome(StrEnum):
    NONE = ""
    PASS = "pass"  # noqa: S105 - no password
    FAIL = "fail"
    UNKNOWN = "unknown"
    EXEMPT = "exempt"
    NOT_APPLICABLE = "not_applicable"
    UNDONE = "undone"  # the check was pushed, and the host did not answer
    UPDATED = "updated"  # what is there now is newer than what was
    REVERTED = "reverted"  # it is older
    CHANGED = "changed"  # it is another, and which is newer cannot be told


class SecurityEntry(Schema):
    """`about` is the key of a branch, an agent or a position. `day`: of the bank's calendar; None is today."""

    about: Annotated[str, Field(min_length=1, max_length=200)]
    asset: Annotated[str, Field(max_length=80)] = ""
    kind: Entry = Entry.CHECK
    category: Category = Category.NONE
    item: Annotated[str, Field(min_length=1, max_length=300)]
    outcome: Outcome
    day: date | None = None
    by: Annotated[str, Field(max_length=80)] = ""  # who looked, where that is not who writes
    patch: Line = ""
    library: Line = ""
    library_day: date | None = None
    found: Long = ""
    measure: Long = ""
    due: date | None = None


class SecurityFollow(Schema):
    """What is done about a row's finding and until when; or, with `review`, what a second look saw."""

    measure: Long = ""
    due: date | None = None
    review: Outcome = Outcome.NONE
    found: Long = ""
    day: date | None = None
    by: Annotated[str, Field(max_length=80)] = ""


class SecurityCorrection(Schema):
    """What is said takes the place of what the row says; None leaves it."""

    reason: Annotated[str, Field(min_length=1, max_length=500)]
    category: Category | None = None
    item: Line | None = None
    outcome: Outcome | None = None
    patch: Line | None = None
    library: Line | None = None
    found: Long | None = None
    measure: Long | None = None
    due: date | None = None


class SecurityRowOut(Schema):
    """`measure`, `due` and `review` are its own or the newest of the rows that follow it."""

    no: int
    at: int  # when it was checked, or the change was seen
    since: int | None  # of a change: when the host was heard before, so that it happened between the two
    written: int
    by: str  # "system" where no person had it done
    source: Source
    kind: Entry
    category: Category
    about: str
    name: str
    branch: str
    branch_name: str
    asset: str
    item: str
    outcome: Outcome
    patch: str
    library: str
    library_at: int | None
    found: str
    measure: str
    due: str  # 2026-12-31, or ""
    review: Outcome
    corrects: int | None
    corrected_by: int | None
    follows: int | None
    reason: str  # of a correction
    campaign: str  # its uid
    overdue: bool


class RegisterCoverage(Schema):
    """Of `hosts` there are now, `written` have a row in what was asked for; `never` told nothing at all so far, so
    that nothing of them could be written by itself."""

    hosts: int
    written: int
    never: int


class SecurityPage(Page):
    covers: RegisterCoverage
    rows: list[SecurityRowOut]
