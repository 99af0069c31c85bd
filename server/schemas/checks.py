"""Checks: what they ask, how a host does by them, and a try of one that is being written."""

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field

from server.schemas.base import Schema

VerdictWord = Literal["pass", "fail", "unknown", "not_applicable", "exempt"]
CHECK = 65_536  # characters of a check's file
KEY = 120


class SheetIn(Schema):
    """What a host said of one topic. `at`: µs, or a time with its zone; none is now."""

    at: AwareDatetime | int | None = None
    facts: dict[str, Any] = {}  # noqa: RUF012 - pydantic copies it
    unread: dict[str, Any] = {}  # noqa: RUF012


class HostIn(Schema):
    host: Annotated[str, Field(max_length=KEY)] = ""
    topics: dict[str, SheetIn]


class CheckTest(Schema):
    """A check as its file says it, on facts that are given, or on what the server last heard of an agent's PC."""

    text: Annotated[str, Field(max_length=CHECK)]
    file: Annotated[str, Field(max_length=KEY)] = "check.toml"
    facts: HostIn | None = None
    host: Annotated[str, Field(max_length=KEY)] | None = None


class VerdictOut(Schema):
    """Only `pass` is good. `at` is when the oldest of the facts it rests on was told; None: none was."""

    check: str
    title: str
    clause: str
    severity: str
    word: VerdictWord
    why: list[str]
    at: int | None
    seen: dict[str, str | int | bool | list[str]]
    mend: list[str]


class HostVerdicts(Schema):
    """A host by every check, the gravest that fail first. `counts` has every word."""

    host: str
    counts: dict[VerdictWord, int]
    verdicts: list[VerdictOut]
    wrong: list[str] = []  # noqa: RUF012 - files of the bank that cannot be used


class CheckOut(Schema):
    id: str
    title: str
    clause: str
    severity: str
    fresh_hours: int
    shipped: bool
    applies: str
    passes: str
    reads: list[str]
    mend: list[str]


class ChecksOut(Schema):
    """`wrong`: a sentence for each file of the bank that cannot be used; the others are."""

    checks: list[CheckOut]
    wrong: list[str]
