"""now.json: what the agent knows just now, whole, in words of both languages. tui/local/schema.py reads it.

All moments are by the wall clock of the moment it was written, reckoned back by the boot clock, so that their
distances are right whatever happened to the wall clock in between. Standings are never better than what is known.
"""

from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

from agent.poll import Seen
from agent.wire import Card, Catalogue, Clock, DeviceWord, Level, Lore, LorePosition, Polled, Reading, Steps, Title

VERSION = 1
POSITIONS = 400  # in the file; an agent of the centre polls more, and nobody sits at its PC
PARTS = 40  # of one position
NUMBERS = 12
MINUTE = 60_000_000  # µs
CONTACT = 150_000_000  # µs without a word of the server, after which it is away
_POWER_CUT = ("battery", "none")
_WORST = ("fault", "attention", "stale", "unknown", "never", "inUse", "good")

LINE = "/line/"

Suspect = Literal["", "power", "line", "server"]
Standing = Literal["good", "attention", "fault", "inUse", "unknown", "stale", "never", "unpolled"]


class NowPart(msgspec.Struct, frozen=True):
    title: Title
    word: Title
    level: str


class NowNumber(msgspec.Struct, frozen=True):
    title: Title
    value: float
    unit: str


class NowPosition(msgspec.Struct, frozen=True, kw_only=True):
    key: str
    name: str
    cls: str  # the class's name
    driver: str
    address: str
    interval: float  # seconds
    standing: Standing
    word: Title  # the gravest thing it says
    why: Title | None = None  # why there is no reading
    parts: list[NowPart] = []
    numbers: list[NowNumber] = []
    card: list[Title] = []  # the fix card, a step a line
    since: int | None = None  # it stands so since; at the earliest since the agent began
    asked: int | None = None
    as_of: int | None = None


class NowLine(msgspec.Struct, frozen=True, kw_only=True):
    key: str
    name: str
    role: str
    carrier: str
    circuit: str
    bandwidth: str
    fault_phone: str
    standing: Standing  # as this agent sees it; unpolled where it does not ask


class NowServer(msgspec.Struct, frozen=True, kw_only=True):
    url: str
    state: Literal["here", "asking", "away", "refused"]
    contact: int | None  # when it last answered
    trouble: str  # one English sentence
    kept_out: str  # refused: its word for why it does not let this agent in
    waiting: int  # records it has not got
    stopped: bool = False  # its machine answers, and its program does not run
    unable: bool = False  # it answers, and cannot take what waits now


class NowEntry(msgspec.Struct, frozen=True, kw_only=True):
    """What a person entered here, and whether the server has it."""

    uid: str
    what: str
    subject: str
    who: str
    said: str
    answer: str
    at: int
    state: Literal["waiting", "delivered", "refused", "lost"]  # lost: it waited in a spool that is here no more
    why: str = ""


class NowBranch(msgspec.Struct, frozen=True, kw_only=True):
    key: str
    name: str
    address: str
    phone: str
    people: dict[str, str]


class Now(msgspec.Struct, frozen=True, kw_only=True):
    version: int
    written: Clock
    agent: str
    ended: bool  # the agent said goodbye: nothing here is looked after any more
    server: NowServer
    branch: NowBranch | None
    suspect: Suspect
    positions: list[NowPosition]
    left_out: int
    lines: list[NowLine]
    plans: list[Steps]
    entries: list[NowEntry]


class Known(msgspec.Struct):
    """What the last poll of a position gave, and since when (boot µs) it stands so."""

    seen: Seen
    asked: int
    since: int


def position_of(
    polled: Polled, known: Known | None, now: Clock, lore: Lore | None, catalogue: Catalogue
) -> NowPosition:
    home = lore.positions.get(polled.position) if lore else None
    if known is None:
        return _bare(polled.position, polled.name, home, "never", polled)
    reading, failure = known.seen.reading, known.seen.failure
    standing = standing_of(known.seen, catalogue)
    if _is_old(polled, known, now):
        standing = "stale"
    part, word = gravest(reading, catalogue)
    return NowPosition(
        key=polled.position,
        name=home.name if home else polled.name,
        cls=home.cls_name if home else "",
        driver=polled.driver,
        address=polled.address,
        interval=polled.interval,
        standing=standing,
        word=_said(part, word, catalogue),
        why=_why(failure.reason, failure.detail, lore) if failure else None,
        parts=[
            NowPart(_title(key, catalogue), _word(key, said, catalogue), catalogue.level(key, said))
            for key, said in list(reading.parts.items())[:PARTS]
        ],
        numbers=[_number(key, value, catalogue) for key, value in list(reading.numbers.items())[:NUMBERS]],
        card=_card(part, word, home, lore, catalogue),
        since=wall_at(known.since, now),
        asked=wall_at(known.asked, now),
        as_of=reading.as_of,
    )


def positions(
    polled: Iterable[Polled], known: Mapping[str, Known], now: Clock, lore: Lore | None, catalogue: Catalogue
) -> list[NowPosition]:
    """All that is polled and all that stands in the branch; the branch's own first, the worst first."""
    asked = [one for one in polled if LINE not in one.position]
    found = [position_of(one, known.get(one.position), now, lore, catalogue) for one in asked]
    own = lore.positions if lore else {}
    there = {one.position for one in asked}
    found += [_bare(key, home.name, home, "unpolled", None) for key, home in own.items() if key not in there]
    ranks = {standing: rank for rank, standing in enumerate(_WORST)}
    return sorted(found, key=lambda one: (one.key not in own, ranks.get(one.standing, len(ranks)), one.key))


def lines(
    lore: Lore | None, polled: Iterable[Polled], known: Mapping[str, Known], now: Clock, catalogue: Catalogue
) -> list[NowLine]:
    """The branch's lines. Most are probed from the centre alone, and say so."""
    asked = {one.position: one for one in polled if LINE in one.position}

    def standing(key: str) -> Standing:
        found = asked.get(key)
        return position_of(found, known.get(key), now, lore, catalogue).standing if found else "unpolled"

    return [
        NowLine(
            key=line.key,
            name=line.name,
            role=line.role,
            carrier=line.carrier,
            circuit=line.circuit,
            bandwidth=line.bandwidth,
            fault_phone=line.fault_phone,
            standing=standing(line.key),
        )
        for line in (lore.lines if lore else [])
    ]


def branch_of(lore: Lore) -> NowBranch:
    return NowBranch(key=lore.branch, name=lore.name, address=lore.address, phone=lore.phone, people=lore.people)


def _bare(key: str, name: str, home: LorePosition | None, standing: Standing, polled: Polled | None) -> NowPosition:
    nothing = (
        Title("尚无数据", "nothing heard yet") if standing == "never" else Title("不由本机采集", "not asked from here")
    )
    return NowPosition(
        key=key,
        name=home.name if home else name,
        cls=home.cls_name if home else "",
        driver=polled.driver if polled else "",
        address=polled.address if polled else "",
        interval=polled.interval if polled else 0.0,
        standing=standing,
        word=nothing,
    )


def standing_of(seen: Seen, catalogue: Catalogue) -> Standing:
    """By the catalogue's levels alone: rules and their delays are the server's. Only what was answered can be good."""
    reading = seen.reading
    if reading.device is DeviceWord.IN_USE:
        return "inUse"
    of_parts = {catalogue.level(part, word) for part, word in reading.parts.items()}
    level = catalogue.device[reading.device].level
    # a file need not speak of the machine itself; what it does speak of is good only if every word of it is
    by_file = reading.as_of is not None and bool(of_parts) and Level.UNKNOWN not in of_parts
    if by_file and level is Level.UNKNOWN:
        level = Level.GOOD
    levels = {level, *of_parts}
    if Level.FAULT in levels:
        return "fault"
    if Level.ATTENTION in levels:
        return "attention"
    if seen.failure is not None or level is Level.UNKNOWN or of_parts == {Level.UNKNOWN}:
        return "unknown"
    return "good"


def gravest(reading: Reading, catalogue: Catalogue) -> tuple[str, str]:
    """Part and word of the gravest thing said; the part is "" where that is the device word."""
    order = (Level.FAULT, Level.ATTENTION)
    said = [(part, word, catalogue.level(part, word)) for part, word in reading.parts.items()]
    own = catalogue.device[reading.device].level
    for level in order:
        found = next(((part, word) for part, word, of in said if of is level), None)
        if found or own is level:
            return found or ("", str(reading.device))
    return "", str(reading.device)


def said_gravest(reading: Reading, catalogue: Catalogue) -> Title:
    """The same for people."""
    return _said(*gravest(reading, catalogue), catalogue)


def suspect(
    polled: Iterable[Polled], known: Mapping[str, Known], now: Clock, server: NowServer, *, met: bool
) -> Suspect:
    """What it looks like from here: a UPS on battery, a server nobody reaches, something else in its place.

    `met`: something answers at the server's address, and does not let us in, cannot, is not it, or is its machine.
    """
    for one in polled:
        found = known.get(one.position)
        if found is None or _is_old(one, found, now):
            continue
        parts = found.seen.reading.parts.items()
        if any(part.partition(".")[0] == "power" and word in _POWER_CUT for part, word in parts):
            return "power"
    if server.state == "refused":
        return "server"
    if server.state != "away":
        return ""
    return "server" if met else "line"


def _is_old(polled: Polled, known: Known, now: Clock) -> bool:
    return now.boot - known.asked > 3 * polled.interval * 1_000_000 + MINUTE


def _card(part: str, word: str, home: LorePosition | None, lore: Lore | None, catalogue: Catalogue) -> list[Title]:
    """The most particular card that fits what is wrong."""
    entry = catalogue.device[word] if not part else None
    if lore is None or (entry is not None and entry.level is Level.GOOD):
        return []
    family = part if part in catalogue.part else part.rpartition(".")[0]
    cls = home.cls if home else ""
    best: Card | None = None
    most = 0
    for card in lore.cards:
        wanted = ((card.part, family), (card.word, word if part else ""), (card.device, "" if part else word))
        if any(want and want != said for want, said in wanted) or (card.classes and cls not in card.classes):
            continue
        weight = sum(bool(want) for want, _ in wanted) + bool(card.classes)
        if weight > most:
            best, most = card, weight
    return [Title(zh, en) for zh, en in zip(best.zh, best.en, strict=False)][:3] if best else []


def _said(part: str, word: str, catalogue: Catalogue) -> Title:
    if not part:
        known = catalogue.device[word]
        return Title(known.zh, known.en)
    title, said = _title(part, catalogue), _word(part, word, catalogue)
    return Title(f"{title.zh} {said.zh}", f"{title.en}: {said.en}")


def _title(key: str, catalogue: Catalogue) -> Title:
    found = catalogue.find_title(key)
    if found is None:
        return Title(key, key)
    title, instance = found
    numbered = f"{instance}号{title.zh}" if instance.isdecimal() else f"{title.zh} {instance}".rstrip()
    return Title(numbered, f"{title.en} {instance}".rstrip())


def _word(part: str, word: str, catalogue: Catalogue) -> Title:
    entry = catalogue.find_part(part)
    known = entry.words.get(word) if entry else None
    return Title(known.zh, known.en) if known else Title(word, word)


def _number(key: str, value: float, catalogue: Catalogue) -> NowNumber:
    number = catalogue.find_number(key)
    return NowNumber(_title(key, catalogue), value, number.unit if number else "")


def _why(reason: str, detail: str, lore: Lore | None) -> Title:
    return (lore.reasons.get(reason) if lore else None) or Title(detail, detail)


def wall_at(boot: int, now: Clock) -> int:
    """What the wall clock of `now` would have said then."""
    return now.wall - (now.boot - boot)
