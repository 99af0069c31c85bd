"""The shape of an inventory: one file, or a folder with a file a branch. Strict, and no unknown keys.

Keys are stable names: a branch is its code, a position "branch-code/slug". A key is changed by writing `was = "old"`
beside the new one. Durations are text: "30s", "5m", "1h".
"""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def seconds(text: object) -> float:
    """ "90s" -> 90.0; ValueError on anything that is not a number with ms, s, m, h or d."""
    match = _DURATION.fullmatch(text.strip()) if isinstance(text, str) else None
    if match is None:
        raise ValueError('is not a duration; write it like "30s", "5m" or "1h"')
    return float(match[1]) * _SECONDS[match[2]]


def _slug(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{0,62}", text):
        raise ValueError("is not a key; use small letters, digits, '-' and '.', starting with a letter or digit")
    return text


Duration = Annotated[float, BeforeValidator(seconds)]
Slug = Annotated[str, AfterValidator(_slug)]
Name = Annotated[str, Field(min_length=1, max_length=80)]
ClockSpan = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d-(([01]\d|2[0-3]):[0-5]\d|24:00)$")]
Date = Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")]


class Table(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Bank(Table):
    name: Name
    zone: str = "Asia/Shanghai"


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
    interval: Duration = 300.0
    counted: bool = False


class Branch(Table):
    key: Slug  # the branch code
    was: Slug | None = None
    name: Name
    kind: Literal["head-office", "branch", "sub-branch", "self-service-site", "village-station", "merchant"]
    parent: Slug | None = None
    address: str = ""
    phone: str = ""
    calendar: Slug | None = None
    people: dict[Literal["a", "b"], str] = {}  # keeper A and his stand-in B


class Line(Table):
    """A circuit of a branch. `probe` is the address the centre agent tries, for the `reach` driver."""

    branch: Slug
    key: Slug
    was: Slug | None = None
    name: Name
    role: Literal["main", "backup"]
    carrier: str = ""
    circuit: str = ""
    bandwidth: str = ""
    fault_phone: str = ""
    probe: str = ""
    agent: Slug | None = None
    interval: Duration = 60.0
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
    was: str | None = None  # the old slug, or "old-branch/old-slug"
    name: Name
    cls: Annotated[Slug, Field(alias="class")]
    agent: Slug | list[Slug] | None = None
    driver: str | None = None
    address: str = ""
    options: dict[str, Any] = {}
    interval: Duration | None = None


class Device(Table):
    """A seed of the ledger: created if its asset number is new, never changed or removed afterwards."""

    asset: Name
    name: Name
    cls: Annotated[Slug, Field(alias="class")]
    branch: Slug
    position: Slug | None = None  # slug within `branch`; the machine stands there
    status: Literal["in-use", "spare", "repair", "stopped", "to-scrap", "scrapped"] = "in-use"
    maker: str = ""
    model: str = ""
    serial: str = ""
    terminal: str = ""  # 终端号
    keeper: str = ""  # 责任人
    place: str = ""
    zone: Literal["production", "office", "internet", ""] = ""
    bought: Date | None = None
    in_service: Date | None = None
    price: Annotated[str, Field(pattern=r"^\d+(\.\d{1,2})?$")] | None = None  # yuan, text: never a float
    supplier: str = ""
    maintainer: str = ""
    warranty: Date | None = None
    note: str = ""


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


class Rule(Table):
    """When a condition opens and closes. What an inventory's rule says replaces that field of the shipped rule."""

    key: Slug
    name: str | None = None
    when: When | None = None
    subject: Literal["position", "line", "agent"] | None = None
    classes: list[Slug] | None = None  # empty: every class
    severity: Literal["attention", "fault"] | None = None
    after: Duration | None = None  # it must last this long before the condition opens
    clear_after: Duration | None = None  # and be away this long before it closes
    ticket: bool | None = None
    urgent: bool | None = None
    enabled: bool | None = None


class Inventory(Table):
    bank: Bank
    calendar: list[Calendar] = []
    cls: Annotated[list[DeviceClass], Field(alias="class")] = []
    rule: list[Rule] = []
    branch: list[Branch] = []
    line: list[Line] = []
    agent: list[Agent] = []
    position: list[Position] = []
    device: list[Device] = []
