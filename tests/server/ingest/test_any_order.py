"""Whatever order batches come in, however often, and wherever the server is restarted: the rows are the same."""

import math
from collections.abc import Callable
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import col, select

from agent.wire import MEDIA_MSGPACK, AnyRecord, Event, EventName, Failure, Follows, Hold, State
from server.ingest.batch import open_batch
from server.ingest.intervals import HeldFor, Stretch, fold, hole_of
from server.ingest.ranges import joined
from server.ingest.tables import Attested, Latest, ReceivedRange, RecordRow, Stream
from server.ingest.writer import Writer
from server.inventory.tables import Subject
from server.storage.database import Database
from tests.tries import tries

MINUTE = 60_000_000
FAILED = Failure(kind="unreachable", reason="noAnswer", detail="Nothing came back.")
USUAL = ["state a", "state b", "failure a", "hold a", "hold b", "hold ab"]
UNUSUAL = ["refused a", "garbled", "gap", "thinning"]
STEPS = st.lists(
    st.tuples(st.sampled_from([*USUAL, *USUAL, *UNUSUAL]), st.integers(0, 600)),
    min_size=1,
    max_size=14,
)


def record(machine: Any, what: str, seconds: int) -> AnyRecord:
    key = machine.stream
    machine.now.forward(seconds)
    kind, _, slugs = what.partition(" ")
    if kind == "state":
        return machine.state(f"{key}/{slugs}")  # type: ignore[no-any-return]
    if kind == "failure":
        return machine.state(f"{key}/{slugs}", "offline", failure=FAILED)  # type: ignore[no-any-return]
    if kind == "refused":
        return machine.state(f"{key}/{slugs}", load=math.nan)  # type: ignore[no-any-return]
    if kind == "garbled":
        return machine.state("", load=math.nan)  # type: ignore[no-any-return]
    if kind in ("gap", "thinning"):
        machine.seq += 1
        detail = {"from": machine.seq, "to": machine.seq, "count": 1}
        return machine.event(EventName(kind), **detail)  # type: ignore[no-any-return]
    names = {f"{key}__{slug}".replace("-", "_"): (2, 1) for slug in slugs}
    return machine.hold(min(seconds, 60) / 60, **names)  # type: ignore[no-any-return]


def expected(machine: Any, records: list[AnyRecord], slug: str) -> list[list[Stretch]]:
    """By the book: each state with the holds up to the next, or to where one may be lost, in corrected time."""
    position = f"{machine.stream}/{slug}"
    runs: list[tuple[State, list[Hold]]] = []
    known = False
    for one in records:
        if isinstance(one, State) and one.position in ("", position):
            known = not one.reading.numbers
            if known:
                runs.append((one, []))
        elif isinstance(one, Event) and one.name is EventName.GAP:
            known = False
        elif isinstance(one, Hold) and position in one.held and known:
            runs[-1][1].append(one)
    offset = machine.booted
    return [
        fold(
            state.clock.boot + offset,
            (
                HeldFor(hold.since + offset, hold.clock.boot + offset, *msgspec.structs.astuple(hold.held[position]))
                for hold in holds
            ),
            hole_of(MINUTE),
            answered=state.failure is None,
        )
        for state, holds in runs
    ]


def parts(uid: str, firsts: list[int]) -> list[tuple[str, Follows | None, range]]:
    """Streams that go on from one another: name, what it follows, its own numbers."""
    names = [uid, *(f"{uid}-from-{first}" for first in firsts[1:])]
    follows = [None, *(Follows(before, first) for before, first in zip(names, firsts[1:], strict=False))]
    ends = [*firsts[1:], 1 << 20]
    numbers = [range(first, end) for first, end in zip(firsts, ends, strict=True)]
    return list(zip(names, follows, numbers, strict=True))


def named(one: AnyRecord, streams: list[tuple[str, Follows | None, range]]) -> AnyRecord:
    """An event that tells of a number of another stream says which."""
    if not isinstance(one, Event):
        return one
    own, other = (next(uid for uid, _, numbers in streams if seq in numbers) for seq in (one.seq, one.seq - 1))
    return one if own == other else msgspec.structs.replace(one, detail={**one.detail, "stream": other})


@settings(
    max_examples=tries(20),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data(), steps=STEPS, firsts=st.sets(st.integers(2, 14), max_size=2))
def test_any_order_of_batches_gives_the_same_rows(
    data: st.DataObject,
    steps: list[tuple[str, int]],
    firsts: set[int],
    database: Database,
    fresh_machine: Callable[[], Any],
) -> None:
    """Also if from some numbers on they come in other streams, which go on from the one before."""
    machine = fresh_machine()
    streams = parts(machine.stream, [1, *sorted(firsts)])
    writers: list[Writer] = []

    def restart() -> None:
        while writers:
            writers.pop().stop()
        writers.append(Writer(database))
        writers[0].start()

    def post(records: list[AnyRecord]) -> set[int]:
        """Gives the numbers the server has, each of its stream."""
        held: set[int] = set()
        for uid, follows, numbers in streams:
            mine = [one for one in records if one.seq in numbers]
            if records and not mine:
                continue
            batch = machine.batch(*mine, exchange=machine.exchange())
            body = msgspec.msgpack.encode(msgspec.structs.replace(batch, stream=uid, follows=follows))
            parcel = open_batch(body, MEDIA_MSGPACK, "", machine.agent_id, machine.now())
            ranges = writers[0].submit(parcel).result(30).ranges
            held |= {seq for lo, hi in ranges for seq in range(lo, hi + 1)} & set(numbers)
        return held

    restart()
    try:
        post([])
        records = [named(record(machine, what, seconds), streams) for what, seconds in steps]
        sent: set[int] = set()
        batches = data.draw(st.lists(st.lists(st.sampled_from(records), max_size=5), max_size=8), label="batches")
        for batch in batches:
            sent |= {number for one in batch for number in range(one.seq - isinstance(one, Event), one.seq + 1)}
            assert {one.seq for one in batch} <= post(batch) <= sent
            if data.draw(st.booleans(), label="restart"):
                restart()
        missing = [one for one in records if one.seq not in sent]
        for one in data.draw(st.permutations(missing), label="the rest"):
            post([one])
        assert post(records) | post([]) == set(range(1, machine.seq + 1))
    finally:
        writers[0].stop()

    with database.read() as session:
        rows = [session.exec(select(Stream).where(Stream.uid == uid)).one() for uid, _, _ in streams]
        of_them = col(RecordRow.stream_id).in_([row.id for row in rows])
        stored = session.exec(select(RecordRow).where(of_them).order_by(col(RecordRow.seq))).all()
        lost = {one.seq - 1 for one in records if isinstance(one, Event) and one.name is EventName.GAP}
        lost |= {one.seq for one in records if isinstance(one, State) and not one.position}
        found: set[int] = set()
        for stream, (_, _, numbers) in zip(rows, streams, strict=True):
            kept = session.exec(select(ReceivedRange).where(ReceivedRange.stream_id == stream.id)).all()
            last = max(numbers[0] - 1, min(numbers[-1], machine.seq))
            assert joined([], (), [(one.lo, one.hi) for one in kept]) == ([(1, last)] if last else [])
            found |= {seq for row in kept if row.fate == "lost" for seq in range(row.lo, row.hi + 1)}
        assert found == lost
        assert [row.body for row in stored] == [msgspec.msgpack.encode(one) for one in records]
        for slug in "ab":
            position = session.exec(select(Subject).where(Subject.key == f"{machine.stream}/{slug}")).one()
            attested = session.exec(
                select(Attested).where(Attested.subject_id == position.id).order_by(col(Attested.start))
            ).all()
            by_state = expected(machine, records, slug)
            states = [row for row in stored if row.kind == "state" and row.subject_id == position.id]
            for row, stretches in zip(states, by_state, strict=True):
                mine = [one for one in attested if one.record_id == row.id]
                assert [Stretch(one.start, one.end, one.good, one.failed) for one in mine] == stretches
            newest = session.exec(select(Latest).where(Latest.subject_id == position.id)).first()
            assert (newest and (newest.record_id, newest.held_to)) == (
                (states[-1].id, by_state[-1][-1].end) if states else None
            )
