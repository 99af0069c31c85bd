"""What the judge is told, what it remembers, and what it answers. Plain values: a state is kept as JSON.

Times are UTC µs: `at` corrected time, `known` and `now` the server's clock.
"""

import math
from functools import lru_cache
from typing import Any

import msgspec

from agent.wire import Failure, Reading
from server.health.clocks import Stamp
from server.health.rules import Rule
from server.health.sums import Abreast
from server.health.tables import Severity
from server.inventory.tables import SubjectKind
from server.schemas.standing import Standing

KEY_LIMIT = 64  # characters of a part's or number's key; a device that says longer ones is not judged by them
MINUTE = 60_000_000  # µs
HAD_THE_PORT = frozenset({"noAnswer", "hungUp", "badFrame", "badChecksum"})  # what a poll may fail by that had asked
DAY = 24 * 60 * MINUTE


def span(interval: int) -> int:
    """How long after it was last attested a state still counts as fresh: three intervals and a minute."""
    return 3 * interval + MINUTE


# -- told -------------------------------------------------------------------------------------------


class Told(msgspec.Struct, frozen=True):
    """A `state` record: how `agent` saw the subject at `at`."""

    agent: int
    at: int
    reading: Reading
    failure: Failure | None = None
    record: int | None = None


class Held(msgspec.Struct, frozen=True):
    """Part of a `hold` record: unchanged from `since` to `at`."""

    agent: int
    since: int
    at: int
    polls: int


class Heard(msgspec.Struct, frozen=True):
    """Anything from an agent, about the time `at`. `goodbye` says that it ends on purpose; `stamp` is its clocks;
    `hindered` is why it can write nothing down by now, "" if it can, None if that is not known.
    """

    at: int
    goodbye: bool = False
    stamp: Stamp | None = None
    hindered: str | None = None


class Ahead(msgspec.Struct, frozen=True):
    """How an agent that is behind says the subject stands; what led there has still to be told and judged."""

    told: Told
    held_to: int


Seen = Told | Held | Heard | Ahead

# -- remembered -------------------------------------------------------------------------------------


class SelfTest(msgspec.Struct, frozen=True, omit_defaults=True):
    """What came of the last poll that had the port, before another program took it."""

    at: int
    device: str
    parts: dict[str, str] = {}


class View(msgspec.Struct, frozen=True, omit_defaults=True):
    """The newest state of a subject as one agent sees it."""

    at: int
    held_to: int
    fresh_to: int  # after this it counts as old
    device: str
    parts: dict[str, str] = {}
    numbers: dict[str, float] = {}
    kind: str = ""  # Failure.kind; "" when it answered
    reason: str = ""
    as_of: int | None = None
    record: int | None = None
    tested: SelfTest | None = None  # only while a program holds the port

    @property
    def answered(self) -> bool:
        return not self.kind

    @property
    def unreachable(self) -> bool:
        return self.kind == "unreachable"

    @property
    def busy(self) -> bool:
        return self.kind == "busy"


class Pending(msgspec.Struct, frozen=True, omit_defaults=True):
    """A rule is met and waits for `after`. `known` is None while nothing says whether it still is."""

    word: str
    began: int
    known: int | None = None
    record: int | None = None
    hearsay: bool = False  # as of Open


class Open(msgspec.Struct, frozen=True, omit_defaults=True):
    """A condition is open. `ended` and `known` are set while it waits for `clear_after`.

    `hearsay`: whoever said it last was a print queue, while a program held the device's port.
    """

    word: str
    severity: Severity
    began: int
    ended: int | None = None
    known: int | None = None
    hearsay: bool = False


class State(msgspec.Struct, omit_defaults=True):
    """Everything health remembers of one subject. Keys of `pending`, `open` and `ends`: "rule part"."""

    standing: Standing = Standing.NEVER
    since: int = 0
    views: dict[str, View] = {}  # agent id ->
    ahead: dict[str, View] = {}  # likewise, of agents that are behind: it is shown, and judged when its record comes
    pending: dict[str, Pending] = {}
    open: dict[str, Open] = {}
    ends: dict[str, list[int]] = {}  # when it was last over, for the guard against flapping
    device: str = ""  # the word that counts, of all views
    driver: str = ""
    fresh_until: int = 0
    due: int | None = None
    explained: str = ""  # the cause, where a parent's failure explains that nothing answers
    heard: int = 0  # of agents: server's clock
    told: int = 0  # of agents: the newest corrected time it spoke of
    steady: int = 0  # of agents: since when it speaks without a break, corrected
    stamp: Stamp | None = None  # of agents: its clocks at its newest record
    hour: int = 0  # first µs of the hour that goes on,
    going: list[Abreast] = []  # and its numbers so far, each in one of them: `rollups.py`

    @property
    def newest(self) -> View | None:
        return max(self.views.values(), key=lambda view: view.at, default=None)

    @property
    def shown(self) -> dict[str, View]:
        """The views a screen shows: what is told ahead hides what it is ahead of."""
        return {**self.views, **self.ahead}

    @property
    def seen_at(self) -> int | None:
        return max((view.held_to for view in self.views.values()), default=None)


class Watch(msgspec.Struct, frozen=True, omit_defaults=True):
    """A line that may be down, or a power supply that may be on battery: evidence about a branch."""

    bad: bool
    since: int
    fresh_until: int


class Evidence(msgspec.Struct, frozen=True, omit_defaults=True):
    """The evidence of a branch, kept in the branch's own row. Keys: subject id."""

    lines: dict[str, Watch] = {}
    power: dict[str, Watch] = {}
    cut_ended: int = 0  # when not all lines were down any more
    power_ended: int = 0  # when the last supply came back from battery


class Voice(msgspec.Struct, frozen=True):
    """How an agent stands, as far as the subjects it polls are concerned."""

    branch: int
    told: int
    steady: int
    closed: bool
    silent: bool
    behind: bool = False  # what it tells is history: more of it is under way


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """What does not change by looking: the subject as the inventory has it, and the rules for it."""

    id: int
    kind: SubjectKind
    key: str
    name: str
    branch: int
    cls: str = ""
    driver: str | None = None
    interval: int = 0  # µs
    agents: frozenset[int] = frozenset()  # its observers
    rules: tuple[Rule, ...] = ()
    removed: bool = False

    @property
    def span(self) -> int:
        return span(self.interval)


class Around(msgspec.Struct, frozen=True):
    """The neighbours: evidence of the branch, and the agents that poll here."""

    evidence: Evidence = msgspec.field(default_factory=Evidence)
    voices: dict[int, Voice] = {}


# -- answered ---------------------------------------------------------------------------------------


class Opened(msgspec.Struct, frozen=True):
    subject: int
    rule: Rule
    part: str
    word: str
    at: int
    noticed: int
    cause: str = ""
    blamed: int | None = None  # the subject whose failure explains this one
    record: int | None = None


class Reworded(msgspec.Struct, frozen=True):
    subject: int
    rule: str
    part: str
    word: str


class Closed(msgspec.Struct, frozen=True):
    subject: int
    rule: str
    part: str
    at: int
    cause: str = ""


Change = Opened | Reworded | Closed


def view_of(told: Told, place: Place) -> View:
    """The judge's copy of a reading: keys within bounds, numbers finite, and no 离线 for data out of a file."""
    driver = place.driver
    reading, failure = told.reading, told.failure
    device = str(reading.device)
    if driver == "file" and device == "offline":
        device = "unknown"
    kind = failure.kind if failure else ""
    if driver == "file" and kind == "unreachable":
        kind = "failed"
    return View(
        at=told.at,
        held_to=told.at,
        fresh_to=fresh_to(told.at, reading.as_of, place),
        device=device,
        parts=sound_parts(reading.parts),
        numbers=sound_numbers(reading.numbers),
        kind=kind,
        reason=failure.reason[:KEY_LIMIT] if failure else "",
        as_of=reading.as_of,
        record=told.record,
    )


def tested_by(before: View, at: int, place: Place) -> SelfTest | None:
    """The last self-test of a device that is found in use at `at`, after the view `before`.

    None where that poll never had the port: it was missing, its owner unknown, the driver failed.
    A hold that ends where the port was found taken attests more than was asked: the poll before was an interval ago.
    """
    if before.busy:
        return before.tested
    if not before.answered and before.reason not in HAD_THE_PORT:
        return None
    return SelfTest(max(before.at, min(before.held_to, at - place.interval)), before.device, before.parts)


def fresh_to(held_to: int, as_of: int | None, place: Place) -> int:
    """Data with a date of its own is old three of its intervals after that date, a day at least each."""
    if as_of is None:
        return held_to + place.span
    return min(held_to + place.span, as_of + span(max(place.interval, DAY)))


def sound_parts(parts: dict[str, str]) -> dict[str, str]:
    if _all_sound(tuple(parts)):
        return parts
    return {key: word for key, word in parts.items() if sound(key)}


def sound_numbers(numbers: dict[str, float]) -> dict[str, float]:
    if _all_sound(tuple(numbers)) and math.isfinite(sum(numbers.values())):
        return numbers
    return {key: n for key, n in numbers.items() if sound(key) and math.isfinite(n)}


@lru_cache(512)
def _all_sound(keys: tuple[str, ...]) -> bool:
    return all(map(sound, keys))


def sound(key: str) -> bool:
    return len(key) <= KEY_LIMIT and key.isprintable()


def dump(state: State | Evidence) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(state)
    return plain
