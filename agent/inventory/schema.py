"""The shape of an inventory: one file, or a folder with a file a branch. Strict, and no unknown keys.

Keys are stable names: a branch is its code, a position "branch-code/slug". A key is changed by writing `was = "old"`
beside the new one. Durations are text: "30s", "5m", "1h". The sentences raised here are templates: `read` fills in
`{value}`, and the server's catalogue translates them.
"""

import re
from datetime import date
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)(ms|s|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SLUG = re.compile(r"[a-z0-9][a-z0-9.-]{0,62}")
_OLD = re.compile(rf"({_SLUG.pattern}/)?{_SLUG.pattern}")
_SPAN = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]-(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)")
_PRICE = re.compile(r"[0-9]{1,12}(\.[0-9]{1,2})?")
LONGEST = 366 * 86400.0  # seconds; no duration of an inventory is longer
SHORTEST_INTERVAL = 0.1  # seconds


def seconds(text: object) -> float:
    """ "90s" -> 90.0; ValueError on anything that is not a number with ms, s, m, h or d."""
    match = _DURATION.fullmatch(text.strip()) if isinstance(text, str) else None
    if match is None:
        raise ValueError('{value} is not a duration; write it like "30s", "5m" or "1h"')
    span = float(match[1]) * _SECONDS[match[2]]
    if span > LONGEST:
        raise ValueError("{value} is longer than a year")
    return span


def _not_too_short(span: float) -> float:
    if span < SHORTEST_INTERVAL:
        raise ValueError('{value} is too short to poll at; the shortest interval is "100ms"')
    return span


def _slug(text: str) -> str:
    if not _SLUG.fullmatch(text):
        raise ValueError("{value} is not a key; use small letters, digits, '-' and '.', up to 63 of them")
    return text


def _old_key(text: str) -> str:
    if not _OLD.fullmatch(text):
        raise ValueError('{value} is not an old key; write "slug" or "branch/slug"')
    return text


def _span(text: str) -> str:
    if not _SPAN.fullmatch(text) or text[:5] >= text[6:]:
        raise ValueError('{value} is not a span of hours; write it like "08:30-17:00"')
    return text


def _date(value: object) -> object:
    """TOML has dates of its own, and people write them in quotes: both are meant."""
    if type(value) is date:
        return value.isoformat()
    if isinstance(value, str) and len(value) == len("2026-12-31"):
        try:
            return date.fromisoformat(value).isoformat()
        except ValueError:
            pass
    raise ValueError('{value} is not a date; write it like "2026-12-31"')


def _price(value: object) -> object:
    if type(value) is int:
        value = str(value)
    if isinstance(value, str) and _PRICE.fullmatch(value):
        return value
    raise ValueError('{value} is not a price; write yuan in quotes, like "12800.00"')


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        raise ValueError('{value} is not a time zone; write it like "Asia/Shanghai"') from None
    return name


Duration = Annotated[float, BeforeValidator(seconds)]
Interval = Annotated[Duration, AfterValidator(_not_too_short)]
Slug = Annotated[str, AfterValidator(_slug)]
Name = Annotated[str, Field(min_length=1, max_length=80)]
Text = Annotated[str, Field(max_length=400)]
Step = Annotated[str, Field(min_length=1, max_length=200)]
ClockSpan = Annotated[str, AfterValidator(_span)]
Date = Annotated[str, BeforeValidator(_date)]
Price = Annotated[str, BeforeValidator(_price)]


class Table(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class Bank(Table):
    name: Name
    zone: Annotated[str, AfterValidator(_zone)] = "Asia/Shanghai"
    proposed: bool = False  # written by `discover` for trying out: no bank is to be renamed by it


class Calendar(Table):
    """Opening hours: `mon`..`sun` lists of "08:30-17:00"; `closed` dates; `open` dates with hours of their own."""

    key: Slug
    was: Slug | None = None
    name: Name
    mon: list[ClockSpan] = []
    tue: list[ClockSpan] = []
    wed: list[ClockSpan] = []
    thu: list[ClockSpan] = []
    fri: list[ClockSpan] = []
    sat: list[ClockSpan] = []
    sun: list[ClockSpan] = []
    closed: list[Date] = []
    open: dict[Date, list[ClockSpan]] = {}


class DeviceClass(Table):
    """A class of machines. `counted` says whether its positions count in 开机率."""

    key: Slug
    was: Slug | None = None
    name: Name
    interval: Interval = 300.0
    counted: bool = False


class Branch(Table):
    key: Slug  # the branch code
    was: Slug | None = None
    name: Name
    kind: Literal["head-office", "branch", "sub-branch", "self-service-site", "village-station", "merchant"]
    parent: Slug | None = None
    address: Text = ""
    phone: Text = ""
    calendar: Slug | None = None
    people: dict[Literal["a", "b"], Text] = {}  # keeper A and his stand-in B


class Line(Table):
    """A circuit of a branch. `probe` is the address the centre agent tries, for the `reach` driver."""

    branch: Slug
    key: Slug
    was: Annotated[str, AfterValidator(_old_key)] | None = None  # the old key, or "old-branch/old-key"
    name: Name
    role: Literal["main", "backup"]
    carrier: Text = ""
    circuit: Text = ""
    bandwidth: Text = ""
    fault_phone: Text = ""
    probe: Text = ""
    agent: Slug | None = None
    interval: Interval = 60.0
    options: dict[str, Any] = {}


class Agent(Table):
    key: Slug
    was: Slug | None = None
    name: Name
    branch: Slug


class Position(Table):
    """A place where a service is given. `key` is the slug within its branch. Without `driver` it is only listed."""

    branch: Slug
    key: Slug
    was: Annotated[str, AfterValidator(_old_key)] | None = None  # the old slug, or "old-branch/old-slug"
    name: Name
    cls: Annotated[Slug, Field(alias="class")]
    agent: Slug | list[Slug] | None = None
    driver: Annotated[str, Field(max_length=64)] | None = None
    address: Text = ""
    options: dict[str, Any] = {}
    interval: Interval | None = None


class Device(Table):
    """A seed of the ledger: created if its asset number is new, never changed or removed afterwards."""

    asset: Name
    name: Name
    cls: Annotated[Slug, Field(alias="class")]
    branch: Slug
    position: Slug | None = None  # slug within `branch`; the machine stands there
    status: Literal["in-use", "spare", "repair", "stopped", "to-scrap", "scrapped"] = "in-use"
    maker: Text = ""
    model: Text = ""
    serial: Text = ""
    terminal: Text = ""  # 终端号
    keeper: Text = ""  # 责任人
    place: Text = ""
    zone: Literal["production", "office", "internet", ""] = ""
    bought: Date | None = None
    in_service: Date | None = None
    price: Price | None = None  # yuan, text: never a float
    supplier: Text = ""
    maintainer: Text = ""
    warranty: Date | None = None
    note: Text = ""

    @model_validator(mode="after")
    def _stands_where_it_serves(self) -> "Device":
        if self.position is not None and self.status not in ("in-use", "stopped"):
            raise ValueError('a machine that fills a position is "in-use" or "stopped"; drop `position` or `status`')
        return self


class When(Table):
    """What a rule looks at: a part's words, the device word, or a number's bounds. Exactly one of the three."""

    part: str | None = None  # "*": every part the catalogue knows
    number: str | None = None
    device: list[str] = []
    words: list[str] = []  # with `part`; empty means the catalogue's level decides
    level: Literal["attention", "fault"] | None = None
    above: float | None = None
    below: float | None = None
    clear: float | None = None  # with above/below: the bound it must come back over
    given: dict[str, str] = {}  # with above/below: parts that must say this too, {power = "battery"}

    @model_validator(mode="after")
    def _looks_at_one_thing(self) -> "When":
        if (self.part is not None) + (self.number is not None) + bool(self.device) != 1:
            raise ValueError("a rule looks at one of `part`, `number` and `device`, and only one")
        if self.number is not None and self.above is None and self.below is None:
            raise ValueError("a rule of a `number` says `above` or `below`")
        return self


class Rule(Table):
    """When a condition opens and closes. What an inventory's rule says replaces that field of the shipped rule."""

    key: Slug
    name: Name | None = None
    when: When | None = None
    subject: Literal["position", "line", "agent"] | None = None
    classes: list[Slug] | None = None  # empty: every class
    severity: Literal["attention", "fault"] | None = None
    after: Duration | None = None  # it must last this long before the condition opens
    clear_after: Duration | None = None  # and be away this long before it closes
    ticket: bool | None = None
    urgent: bool | None = None
    enabled: bool | None = None


class Plan(Table):
    """The bank's own steps of the contingency plan for one case, in place of the shipped ones."""

    key: Literal["line", "power", "server", "machine"]
    steps: Annotated[list[Step], Field(min_length=1, max_length=9)]


class Inventory(Table):
    bank: Bank
    calendar: list[Calendar] = []
    cls: Annotated[list[DeviceClass], Field(alias="class")] = []
    rule: list[Rule] = []
    plan: list[Plan] = []
    branch: list[Branch] = []
    line: list[Line] = []
    agent: list[Agent] = []
    position: list[Position] = []
    device: list[Device] = []
