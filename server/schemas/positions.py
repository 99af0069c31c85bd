"""Positions: a row of the list, the page of one, and its numbers over time."""

from typing import Literal

from server.schemas.base import Page, Schema
from server.schemas.conditions import ConditionOut
from server.schemas.ledger import CardOut, CardVersionOut
from server.schemas.standing import Standing
from server.schemas.tickets import TicketOut


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


class PositionPage(Page):
    rows: list[PositionRow]


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


class PositionDetail(Schema):
    row: PositionRow
    address: str
    interval: float
    readings: list[ReadingOut]  # one a view (agent), newest first
    conditions: list[ConditionOut]  # open first, then the last 24 h
    tickets: list[TicketOut]
    card: CardOut | None
    machines: list[CardVersionOut]  # that stood here, newest first
    metrics: list[str]  # numbers with history
    host: bool = False  # it tells facts, or may


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
