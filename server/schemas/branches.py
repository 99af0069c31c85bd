"""Branches, each with how it stands."""

from server.schemas.base import Coverage, Page, Schema
from server.schemas.standing import Counts, Standing


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
    worst: str  # one line: the gravest open condition, else what was said of one that was never heard, or ""


class BranchPage(Page):
    rows: list[BranchOut]
