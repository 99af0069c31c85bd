"""Exemptions: who lets a host be, what is done instead, and until when."""

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from server.schemas.base import Page, Schema

TEXT = 300


class ExemptionCreate(Schema):
    """Of a host by its key, or of a branch's hosts by its code: of all, or of positions of one class."""

    check: Annotated[str, Field(min_length=1, max_length=300)]
    about: Annotated[str, Field(min_length=1, max_length=200)]
    cls: Annotated[str, Field(max_length=64)] = ""
    approver: Annotated[str, Field(min_length=1, max_length=TEXT)]
    control: Annotated[str, Field(min_length=1, max_length=TEXT)]
    until: date


class ExemptionWithdraw(Schema):
    reason: Annotated[str, Field(min_length=1, max_length=500)]


class ExemptionOut(Schema):
    """`hosts`: how many it is about now. One of the bank's file has no uid, and only the file ends it."""

    uid: str | None
    check: str
    title: str
    about: str
    about_name: str
    cls: str
    hosts: int
    approver: str
    control: str
    until: str
    ends_at: int
    standing: Literal["in_force", "ends_soon", "over", "withdrawn"]
    by: str
    at: int | None
    withdrawn_by: str | None = None


class ExemptionPage(Page):
    """In force first, those that end soonest before the others; `soon` of them end within 30 days."""

    soon: int
    rows: list[ExemptionOut]
