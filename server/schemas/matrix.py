"""Hosts by checks: how many stand how, branch by branch and host by host, and how that was day by day."""

from pydantic import Field

from server.schemas.base import Page, Schema
from server.schemas.checks import VerdictWord


class CountsOut(Schema):
    """The five add up to all hosts. Only `passes` is good."""

    passes: int = 0
    fails: int = 0
    unknown: int = 0
    not_applicable: int = 0
    exempt: int = 0


class CheckCounts(Schema):
    check: str
    title: str
    severity: str
    counts: CountsOut


class BranchCounts(Schema):
    """Of each check in the order of the page's `checks`. `heard`: hosts that ever told anything."""

    code: str
    name: str
    hosts: int
    heard: int
    counts: list[CountsOut]


class MatrixPage(Page):
    """Branches, those with most that is not well first; `checks` are the sums of all that match. `wrong`: what is wrong
    with the bank's own files, for head office."""

    hosts: int
    heard: int  # hosts that ever told anything
    checks: list[CheckCounts]
    rows: list[BranchCounts]
    wrong: list[str] = Field(default_factory=list)


class CellOut(Schema):
    """A host by one check. `at` is when the oldest sheet it rests on was told, `since` when the word became this."""

    word: VerdictWord
    why: str
    at: int | None
    since: int | None


class HostRow(Schema):
    """A host by the checks in the order of the page's `checks`. `at`: when it told anything last; None: never."""

    host: str
    name: str
    branch: str
    branch_name: str
    at: int | None
    cells: list[CellOut]


class HostPage(Page):
    """Hosts, those with most that is not well first."""

    checks: list[CheckCounts]
    rows: list[HostRow]


class TrendDay(Schema):
    day: str  # 2026-11-30 by the bank's clocks
    counts: CountsOut


class TrendOut(Schema):
    """By day, oldest first; of a day nobody counted there is no row."""

    check: str
    title: str
    branch: str
    at: int
    first: str | None  # the first day that was ever counted
    days: list[TrendDay]
