"""Deeds, as the journal has them, and whether it holds."""

from typing import Any

from server.schemas.base import Page, Schema


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
