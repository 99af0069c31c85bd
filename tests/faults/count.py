"""The count: is every record there once, and is everything there that the simulators showed?

    python -m tests.faults.count --database branchfleet.db --shown shown.log --spool home-agent-1001/spool.db

It asks no program of ours: it reads the server's database (a SQLite file, or a PostgreSQL address), the simulators' own
log, and agents' spools, and knows of our code the wire's records alone. It ends with 0 only if all is accounted for:

- of every stream each number is there once, or a `gap` or `thinning` event names it, and those events name as many as
  are not there; where a stream goes on in another, its numbers from there on are that one's, whose `newStream` event
  says which never come in it; those the server says it had already are there in a stream before;
- what an agent's spool says the server has, it has, byte for byte, and nothing waits there;
- each change a simulator showed is held as a state of that position, at a corrected time while it was shown, give or
  take what the server itself says the time is unsure by, and --tolerance.
"""

import argparse
import json
import sqlite3
import sys
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import msgspec

from agent.wire import AnyRecord, Event, EventName, State

TOLERANCE = 2.0  # seconds between an answer of a device and the clock its record is given
EXAMPLES = 10  # of what is wrong are printed

Row = tuple[Any, ...]
RECORDS = "SELECT stream_id, seq, kind, at, confidence, body FROM record ORDER BY stream_id, seq"
STREAMS = (
    "SELECT stream.id, stream.uid, subject.key, stream.first, stream.after_id"
    " FROM stream JOIN subject ON subject.id = stream.agent_id"
)
LOSSES = (EventName.GAP, EventName.THINNING)
RANGES = "SELECT stream_id, lo, hi FROM received_range ORDER BY stream_id, lo"


@dataclass
class Stream:
    """Of one stream: the highest number, how many records are there, how many numbers events name as lost or merged,
    and what does not add up."""

    uid: str
    agent: str
    highest: int = 0
    held: int = 0
    named: int = 0
    refused: int = 0
    waiting: int = 0
    first: int = 1  # of its own: what it has below came in a stream before
    after: int | None = None  # the stream the server has it go on from: of a copied home, a copy's that spoke first
    wrong: list[str] = field(default_factory=list)


@dataclass
class Off:
    """Seconds between what simulators showed and the corrected times it is held at."""

    median: float = 0.0
    most: float = 0.0


@dataclass
class Count:
    streams: list[Stream]
    shown: int = 0
    found: int = 0
    lost: list[str] = field(default_factory=list)
    off: Off = field(default_factory=Off)

    @property
    def whole(self) -> bool:
        return not self.lost and all(not one.wrong and not one.waiting for one in self.streams)


@dataclass(frozen=True)
class Told:
    """A state the server holds, in UTC µs."""

    at: int
    unsure: int
    parts: dict[str, str]


def count(database: str, shown: Path | None = None, spools: Iterable[Path] = (), tolerance: float = TOLERANCE) -> Count:
    streams, records, ranges = read(database)
    by_stream: dict[int, list[Row]] = {number: [] for number in streams}
    for row in records:
        by_stream[row[0]].append(row)
    numbers = {stream.uid: number for number, stream in streams.items()}
    told, begun = list(told_by(records, numbers)), list(begun_by(records, numbers))
    own = {number: len(rows) for number, rows in by_stream.items()}
    for one in begun:
        if one.was is not None:
            by_stream[one.stream] += shared(one, streams, by_stream)
    for number, stream in streams.items():
        ends = [one.first for one in begun if one.was == number]
        first = max((one.first for one in begun if one.stream == number), default=1)
        of_it = [loss for loss in told if loss.stream == number]
        received = [(lo, hi) for one, lo, hi in ranges if one == number]
        count_stream(stream, by_stream[number], received, of_it, first, min(ends, default=None))
        stream.held = own[number]
    for spool in spools:
        compare_spool(spool, streams, numbers, by_stream)
    counted = Count(list(streams.values()))
    if shown is not None:
        compare_shown(counted, read_shown(shown), states(records), int(tolerance * 1e6))
    return counted


def read(database: str) -> tuple[dict[int, Stream], list[Row], list[Row]]:
    """Streams by id, all records, all ranges."""
    if database.startswith("postgresql"):
        import psycopg

        with psycopg.connect(database.replace("+psycopg", "")) as link:
            found = [link.execute(sql).fetchall() for sql in (STREAMS, RECORDS, RANGES)]
    else:
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as file:
            found = [file.execute(sql).fetchall() for sql in (STREAMS, RECORDS, RANGES)]
    streams = {number: Stream(uid, agent, first=first, after=after) for number, uid, agent, first, after in found[0]}
    return streams, found[1], found[2]


@dataclass(frozen=True)
class Loss:
    """What event `seq` says: `count` numbers of first..last never come in `stream`."""

    seq: int
    stream: int
    first: int
    last: int
    count: int


@dataclass(frozen=True)
class Begun:
    """What an event says: numbers before `first` are not of `stream`, but of the one it goes on from."""

    stream: int
    first: int
    was: int | None


def begun_by(records: Iterable[Row], numbers: dict[str, int]) -> Iterable[Begun]:
    """Such an event itself goes on in yet another stream, if one begins before it was held: that begins later still."""
    for stream, _, kind, _, _, body in records:
        event = msgspec.msgpack.decode(body, type=AnyRecord) if kind == "event" else None
        if isinstance(event, Event) and event.name is EventName.NEW_STREAM:
            yield Begun(stream, int(event.detail.get("to", 0)) + 1, numbers.get(str(event.detail.get("was", ""))))


def shared(begun: Begun, streams: dict[int, Stream], rows: dict[int, list[Row]]) -> list[Row]:
    """What a stream was to begin with, and the server had in the one it goes on from, or in one before that."""
    found: dict[int, Row] = {}
    stream = streams[begun.stream]
    below = stream.first
    while stream.after is not None:
        for row in rows[stream.after]:
            if begun.first <= row[1] < below:
                found.setdefault(row[1], row)
        stream = streams[stream.after]
        below = min(below, stream.first)
    return list(found.values())


def told_by(records: Iterable[Row], numbers: dict[str, int]) -> Iterable[Loss]:
    for stream, seq, kind, _, _, body in records:
        event = msgspec.msgpack.decode(body, type=AnyRecord) if kind == "event" else None
        if not isinstance(event, Event) or event.name not in LOSSES or "from" not in event.detail:
            continue
        said = event.detail
        of = numbers.get(str(said["stream"])) if "stream" in said else stream
        if of is not None:
            yield Loss(seq, of, int(said["from"]), int(said["to"]), int(said["count"]))


def count_stream(
    stream: Stream,
    rows: Sequence[Row],
    ranges: Sequence[tuple[int, int]],
    told: Sequence[Loss],
    first: int,
    end: int | None,
) -> None:
    """Every number from `first` on once, or named; from `end` on in another stream."""
    if not rows and end is not None and not told and all(hi < end for _, hi in ranges):
        return  # nothing came of it before it went on in another
    seqs = [row[1] for row in rows]
    there = set(seqs)
    stream.highest = max([0, *seqs, *(hi for _, hi in ranges)])
    stream.refused = sum(row[2] == "refused" for row in rows)
    if len(there) != len(seqs):
        twice = sorted({seq for seq in there if seqs.count(seq) > 1})
        stream.wrong.append(f"there more than once: {_some(twice)}")
    expected = set(range(first, stream.highest + 1 if end is None else end))
    absent = (expected | set(range(first, stream.highest + 1))) - there
    named: set[int] = set()
    for loss in told:
        never = {number for number in absent if loss.first <= number <= loss.last}
        named |= never
        if len(never) < loss.count:
            said = f"{loss.count} of {loss.first} to {loss.last} never come; {len(never)} did not"
            stream.wrong.append(f"event {loss.seq} says that {said}")
    total = sum(loss.count for loss in told)
    stream.named = len(named)
    if total != len(named):  # ranges of two events may overlap, their counts may not
        stream.wrong.append(f"events say that {total} numbers never come, and {len(named)} did not")
    if absent & expected - named:
        stream.wrong.append(f"not there, and no event says why: {_some(sorted(absent & expected - named))}")
    received = {number for lo, hi in ranges for number in range(max(lo, first), hi + 1)}
    if received != {number for number in there | named if number >= first}:
        stream.wrong.append(f"acknowledged otherwise than it is held: {_some(sorted(received ^ (there | named)))}")


def compare_spool(path: Path, streams: dict[int, Stream], numbers: dict[str, int], rows: dict[int, list[Row]]) -> None:
    """What an agent wrote, against what the server holds of it, stream by stream."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as spool:
        following = spool.execute("SELECT next FROM spool").fetchone()[0]
        begun = spool.execute("SELECT uid, first FROM stream ORDER BY first").fetchall()
        kept = spool.execute("SELECT seq, body, acked FROM record ORDER BY seq").fetchall()
    ends = [first for _, first in begun[1:]] + [following]
    for (uid, first), end in zip(begun, ends, strict=True):
        of_it = [row for row in kept if first <= row[0] < end]
        if uid in numbers:
            compare_part(path, streams[numbers[uid]], rows[numbers[uid]], of_it, end, current=end == following)
        elif of_it:
            streams[-1 - len(streams)] = Stream(
                uid, str(path), waiting=len(of_it), wrong=["the server has no such stream"]
            )


def compare_part(
    path: Path, stream: Stream, rows: Sequence[Row], kept: Sequence[Row], end: int, *, current: bool
) -> None:
    held = {row[1]: bytes(row[5]) for row in rows}
    stream.waiting = sum(acked is None for _, _, acked in kept)
    if current and stream.highest >= end:
        stream.wrong.append(f"the server has {stream.highest}, the spool of {path} gave no number above {end - 1}")
    if stream.highest < end - 1 and not stream.waiting:
        stream.wrong.append(f"the spool gave numbers up to {end - 1}, and nothing above {stream.highest} waits")
    other = [seq for seq, body, acked in kept if acked is not None and held.get(seq) != body]
    if other:
        stream.wrong.append(f"other than in the spool: {_some(other)}")


def states(records: Iterable[Row]) -> dict[str, list[Told]]:
    """The states of each position, by corrected time."""
    told: dict[str, list[Told]] = {}
    for _, _, kind, at, unsure, body in records:
        if kind == "state":
            state = msgspec.msgpack.decode(body, type=State)
            told.setdefault(state.position, []).append(Told(at, unsure, state.reading.parts))
    for of_position in told.values():
        of_position.sort(key=lambda one: one.at)
    return told


def read_shown(log: Path) -> dict[str, list[tuple[int, dict[str, str]]]]:
    """What each simulator showed, and when it first did, in UTC µs."""
    shown: dict[str, list[tuple[int, dict[str, str]]]] = {}
    for line in log.read_text(encoding="utf-8").splitlines():
        said = json.loads(line)
        shown.setdefault(said["name"], []).append((said["at"], said["showed"]))
    return shown


def compare_shown(
    counted: Count, shown: dict[str, list[tuple[int, dict[str, str]]]], told: dict[str, list[Told]], slack: int
) -> None:
    """Each change must be held as of a time at which it was shown: after it came, and before the next one did."""
    offs: list[float] = []  # seconds
    for name, changes in shown.items():
        ends = [at for at, _ in changes[1:]] + [1 << 62]
        for (at, parts), end in zip(changes, ends, strict=True):
            counted.shown += 1
            fitting = [
                one.at - at
                for one in told.get(name, ())
                if parts.items() <= one.parts.items() and at - slack - one.unsure <= one.at <= end + slack + one.unsure
            ]
            if fitting:
                counted.found += 1
                offs.append(min(fitting, key=abs) / 1e6)
            else:
                counted.lost.append(f"{name} showed {parts} at {at}, and no state of that time says so")
    if offs:
        counted.off = Off(round(median(offs), 3), round(sorted(offs, key=abs)[-1], 3))


def _some(numbers: Sequence[int]) -> str:
    more = f" and {len(numbers) - EXAMPLES} more" if len(numbers) > EXAMPLES else ""
    return ", ".join(map(str, numbers[:EXAMPLES])) + more


def say(counted: Count) -> Iterable[str]:
    for one in counted.streams:
        yield (
            f"stream {one.uid[:12]} of {one.agent}: numbers 1 to {one.highest}, {one.held} held once,"
            f" {one.named} named by events, {one.refused} refused, {one.waiting} waiting at the agent"
        )
        yield from (f"  WRONG: {wrong}" for wrong in one.wrong)
    yield f"changes shown by simulators: {counted.shown}, held: {counted.found}, lost: {len(counted.lost)}"
    yield from (f"  LOST: {lost}" for lost in counted.lost[:EXAMPLES])
    yield f"held at a time off by {counted.off.median:g} s (median), {counted.off.most:g} s (most)"
    yield "all is accounted for" if counted.whole else "NOT all is accounted for"


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.count", description=str(__doc__).partition("\n")[0])
    parser.add_argument("--database", required=True, help="the server's branchfleet.db, or postgresql://...")
    parser.add_argument("--shown", type=Path, help="the log of `python -m drivers.sim`")
    parser.add_argument("--spool", type=Path, action="append", default=[], help="an agent's spool.db; may be repeated")
    parser.add_argument("--tolerance", type=float, default=TOLERANCE, help="seconds; %(default)s")
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")
    said = parser.parse_args(arguments)
    counted = count(said.database, said.shown, said.spool, said.tolerance)
    if said.json:
        print(json.dumps({**asdict(counted), "whole": counted.whole}, ensure_ascii=False))  # noqa: T201
    else:
        print("\n".join(say(counted)))  # noqa: T201
    return 0 if counted.whole else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
