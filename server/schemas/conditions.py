"""What is wrong, in words, and the steps that mend it."""

from typing import Literal

from server.schemas.base import Page, Schema


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


class ConditionPage(Page):
    rows: list[ConditionOut]
