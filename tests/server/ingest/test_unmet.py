"""Boots that never met the server, placed between their neighbours. Every clock here is a number."""

from collections.abc import Callable
from itertools import accumulate, pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import select

from agent.wire import MEDIA_MSGPACK, Clock, EventName
from server.ingest import boots, times
from server.ingest.batch import open_batch
from server.ingest.tables import ClockOffset, RecordRow
from server.ingest.times import DAY, HOUR, SECOND, Corrected, Unmet
from server.ingest.transaction import OFFSETS_KEPT

ATM = "1001/atm-1"
NOON = 1_793_764_800_000_000
SURE = Corrected(NOON, 0)


@given(
    lasts=st.lists(st.integers(0, 10 * HOUR), min_size=1, max_size=6),
    empty=st.lists(st.integers(0, 3 * DAY), min_size=7, max_size=7),
)
def test_boots_in_a_row_lie_between_their_neighbours_in_order_and_the_truth_within(
    lasts: list[int], empty: list[int]
) -> None:
    """Nothing but the bounds is known: their wall clocks all say 2000."""
    begun = list(accumulate((last + gap for last, gap in zip(lasts, empty[1:], strict=False)), initial=NOON + empty[0]))
    before = Corrected(begun[-1], 0)
    run = [Unmet(f"boot-{n}", last, (946_684_800 * SECOND,)) for n, last in enumerate(lasts)]
    placed = times.place(run, SURE, before)
    assert all(NOON <= one.offset <= one.offset + boot.last <= before.at for one, boot in zip(placed, run, strict=True))
    for (one, boot), (two, _) in pairwise(zip(placed, run, strict=True)):
        assert one.offset + boot.last <= two.offset
    for one, true in zip(placed, begun, strict=False):
        assert abs(one.offset - true) <= one.error <= sum(empty[: len(lasts) + 1]) // 2 + 1


WALLS = st.lists(st.integers(NOON - 10 * DAY, NOON + 40 * DAY), max_size=3)


@given(
    boots=st.lists(st.tuples(st.integers(0, 10 * HOUR), WALLS), max_size=6),
    gap=st.integers(-DAY, 30 * DAY),
    after=st.booleans(),
)
def test_whatever_their_wall_clocks_say_they_do_not_overlap_where_there_is_room(
    boots: list[tuple[int, list[int]]], gap: int, after: bool
) -> None:
    run = [Unmet(f"boot-{n}", last, tuple(walls)) for n, (last, walls) in enumerate(boots)]
    before = Corrected(NOON + gap, SECOND)
    placed = times.place(run, SURE if after else None, before)
    assert len(placed) == len(run)
    assert all(one.error > 0 for one in placed)
    if after and gap < sum(boot.last for boot in run):
        return  # the bounds contradict each other; their order is the stream's to keep
    for (one, boot), (two, _) in pairwise(zip(placed, run, strict=True)):
        assert one.offset + boot.last <= two.offset
    if placed:
        assert placed[-1].offset + run[-1].last <= before.at
        assert not after or placed[0].offset >= NOON


def test_a_wall_clock_that_fits_counts_to_an_hour_and_one_that_does_not_is_not_asked() -> None:
    before = Corrected(NOON + 3 * DAY, 0)
    right, flat = Unmet("right", HOUR, (NOON + 2 * DAY,)), Unmet("flat", HOUR, (0,))
    first, second, third = times.place([flat, right, flat], SURE, before)
    assert (second.offset, second.error) == (NOON + 2 * DAY, HOUR)
    assert first.offset == NOON + DAY - HOUR // 2
    assert first.error == DAY - HOUR // 2 + 1 + HOUR, "half of what it leaves empty, and what its neighbour may be off"
    assert third.offset == NOON + 2 * DAY + 12 * HOUR


def test_two_readings_of_a_wall_clock_that_both_fit_are_as_unsure_as_they_are_apart() -> None:
    [placed] = times.place(
        [Unmet("zone", HOUR, (NOON + DAY, NOON + DAY - 8 * HOUR))], SURE, Corrected(NOON + 3 * DAY, 0)
    )
    assert (placed.offset, placed.error) == (NOON + DAY, 8 * HOUR)


def test_in_a_short_gap_a_wall_clock_is_no_more_unsure_than_the_gap() -> None:
    [placed] = times.place([Unmet("quick", HOUR, (NOON + SECOND,))], SURE, Corrected(NOON + HOUR + 60 * SECOND, 0))
    assert placed.error == 60 * SECOND


def test_a_boot_before_which_nothing_is_known_ends_where_the_next_begins() -> None:
    [placed] = times.place([Unmet("first", HOUR, (0,))], None, SURE)
    assert (placed.offset, placed.error) == (NOON - HOUR, times.ALONE)


@pytest.fixture
def history(machine: Any, now: Any, deliver: Any) -> Callable[[], list[Any]]:
    """A day that was told; then, with the line cut and 2000 on the clock, two boots of an hour each; then today."""

    def make() -> list[Any]:
        deliver(machine, machine.state(ATM), exchange=machine.exchange())
        records = []
        for boot_id in ("second", "third"):
            now.forward(24 * 3600)
            machine.reboot(boot_id)
            machine.wall_error = 946_684_800 * SECOND - now()
            records.append(machine.state(ATM))
            now.forward(3600)
            records.append(machine.hold(60, **{"1001__atm_1": (12, 0)}))
            machine.told.append(machine.clock())
        now.forward(24 * 3600)
        machine.reboot("today")
        machine.wall_error = 0
        return records

    return make


def test_two_boots_that_come_in_four_batches_keep_their_lengths_and_their_order(
    history: Any, machine: Any, now: Any, deliver: Any, rows: Any
) -> None:
    records = history()
    for record in records:
        deliver(machine, record)
    deliver(machine, machine.state(ATM), exchange=machine.exchange())
    first, *unmet, today = sorted(rows(RecordRow), key=lambda row: row.seq)
    assert [row.boot_id for row in unmet] == ["second", "second", "third", "third"]
    ats = [row.at for row in unmet]
    assert ats[1] - ats[0] == ats[3] - ats[2] == HOUR
    assert first.at <= ats[0] < ats[1] <= ats[2] < ats[3] <= today.at
    empty = today.at - first.at - 2 * HOUR
    assert all(empty // 2 <= row.confidence <= empty // 2 + 60 * SECOND for row in unmet)
    true = [now() - hours * HOUR for hours in (50, 49, 25, 24)]
    assert all(abs(row.at - at) <= row.confidence for row, at in zip(unmet, true, strict=True))


def test_they_keep_their_place_when_what_waits_goes_on_in_another_stream(
    history: Any, machine: Any, deliver: Any, rows: Any
) -> None:
    records = history()
    machine.go_on(records[0].seq)
    for record in records:
        deliver(machine, record)
    deliver(machine, machine.state(ATM), exchange=machine.exchange())
    first, *unmet, today = sorted(rows(RecordRow), key=lambda row: row.seq)
    assert first.stream_id != today.stream_id
    ats = [row.at for row in unmet]
    assert ats[1] - ats[0] == ats[3] - ats[2] == HOUR
    assert first.at <= ats[0] < ats[1] <= ats[2] < ats[3] <= today.at
    assert all(row.confidence <= (today.at - first.at - 2 * HOUR) // 2 + 60 * SECOND for row in unmet)


def test_an_agent_that_does_not_tell_of_its_boots_is_understood_as_far_as_its_batch_goes(
    history: Any, machine: Any, deliver: Any, rows: Any
) -> None:
    records = history()
    machine.told.clear()
    deliver(machine, *records, machine.state(ATM))
    ats = [row.at for row in sorted(rows(RecordRow), key=lambda row: row.seq)]
    assert ats == sorted(ats)
    assert ats[2] - ats[1] == ats[4] - ats[3] == HOUR


def test_an_offset_once_given_is_never_given_again(history: Any, machine: Any, deliver: Any, database: Any) -> None:
    records = history()
    deliver(machine, records[0])
    deliver(machine, *records)
    deliver(machine, *records)
    with database.read() as session:
        boots = [row.boot_id for row in session.exec(select(ClockOffset)).all()]
    assert sorted(boots) == sorted(["boot-1", "second", "third", "today"])


def test_of_a_boot_that_lasts_only_the_newest_offsets_are_kept(machine: Any, now: Any, deliver: Any, rows: Any) -> None:
    for _ in range(70):
        now.forward(7 * 3600)
        deliver(machine, machine.event(EventName.MEDIA), exchange=machine.exchange())
    kept = sorted(row.at for row in rows(ClockOffset))
    assert len(kept) == OFFSETS_KEPT
    assert now() - kept[-1] < 8 * 3600 * 1_000_000
    newest = max(rows(RecordRow), key=lambda row: row.seq)
    assert abs(newest.at - now()) <= newest.confidence < 1_000_000


def test_an_agent_that_names_boots_without_end_fills_nothing(
    machine: Any, now: Any, deliver: Any, rows: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(boots, "BOOTS_KEPT", 5)
    for number in range(20):
        now.forward(3600)
        machine.reboot(f"boot-{number}")
        now.forward(60)
        deliver(machine, machine.event(EventName.MEDIA), exchange=machine.exchange())
    assert {row.boot_id for row in rows(ClockOffset)} == {f"boot-{number}" for number in range(15, 20)}
    machine.told = [Clock(now(), SECOND, f"named-{number}") for number in range(20)]
    machine.boot_id = "named-0"
    named = machine.event(EventName.MEDIA)
    machine.reboot("last")
    deliver(machine, named, exchange=machine.exchange())
    machine.told = []
    machine.reboot("newest")
    deliver(machine, machine.event(EventName.MEDIA), exchange=machine.exchange())
    assert len({row.boot_id for row in rows(ClockOffset)}) == 5


def test_of_boots_whose_records_still_wait_the_offset_is_not_given_anew(
    history: Any, machine: Any, deliver: Any, rows: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(boots, "BOOTS_KEPT", 1)
    records = history()
    for record in records:
        deliver(machine, record)
    ats = [row.at for row in sorted(rows(RecordRow), key=lambda row: row.seq)]
    assert ats == sorted(ats)
    assert {clock.boot_id for clock in machine.told} < {row.boot_id for row in rows(ClockOffset)}


def test_60_days_of_a_pc_that_is_started_every_hour_and_a_half_are_kept() -> None:
    assert boots.BOOTS_KEPT >= 60 * 16


def test_a_large_batch_that_took_minutes_to_arrive_dates_nothing_by_its_end(
    machine: Any, now: Any, rows: Any, writer: Any
) -> None:
    """Its head came at once; the clocks in it are of then."""
    event, exchange = machine.event(EventName.MEDIA), machine.exchange()
    body = msgspec.msgpack.encode(machine.batch(event, exchange=exchange))
    came = now()
    now.forward(200)
    parcel = open_batch(body, MEDIA_MSGPACK, "", machine.agent_id, now(), came)
    writer.submit(parcel).result(30)
    (row,) = rows(RecordRow)
    assert abs(row.at - came) <= row.confidence < SECOND
    assert row.arrived == now()
