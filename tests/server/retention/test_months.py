"""Months of records on PostgreSQL: they begin, they go as a whole, and what is needed of them stays."""

import random
from datetime import date
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlmodel import col, delete, select

from server.following.thread import Overtaken
from server.health.tables import Condition
from server.ingest.tables import RecordRow
from server.retention.letting import Copying, let_go
from server.retention.months import SPAN, begin_month, keys, parts_of
from server.retention.sweep import Before
from server.storage.database import Database
from server.storage.tables import metadata

if TYPE_CHECKING:
    from tests.server.retention.conftest import Log

DAY = 86_400_000_000
PLACES = ("1001/atm-1", "1001/printer-1", "1002/atm-1")
KINDS = ("state", "state", "state", "hold", "result", "fact", "refused", "event", "entry")


def begin(log: "Log", year: int, month: int) -> bool:
    with log.session as session:
        return begin_month(session.connection(), date(year, month, 3))


def test_a_month_begins_once_and_goes_on_above_all_ids_there_were(log: "Log") -> None:
    first = log.ids[log.add("state")]
    assert begin(log, 2026, 12)
    assert not begin(log, 2026, 12)
    second, third = (log.ids[log.add("state")] for _ in range(2))
    assert first < SPAN <= second < third < 2 * SPAN
    assert log.parts() == ["record_2026_12", "record_first"]
    assert log.kept() == {1, 2, 3}


def test_records_go_on_where_nobody_begins_a_month_and_by_whatever_clock(log: "Log") -> None:
    """Ten months without a start, and then one by a clock that is a year ahead, and is put right."""
    begin(log, 2026, 12)
    log.now.forward(300 * 86_400)
    log.add("state")
    assert begin(log, 2028, 10)
    log.add("state")
    assert begin(log, 2027, 10)
    log.add("state")
    assert not begin(log, 2028, 10)
    log.add("state")
    assert sorted(log.ids.values()) == list(log.ids.values())
    assert log.kept() == {1, 2, 3, 4}


def test_a_month_begins_while_others_read_whatever_they_like(log: "Log", postgres: Database) -> None:
    """And so none of them can stand in its way while it stands in theirs."""
    tables = [table.name for table in metadata.sorted_tables if not table.name.startswith("record_")]
    with postgres.engine.connect() as reader, reader.begin():
        for name in tables:
            reader.execute(text(f"SELECT 1 FROM {name} LIMIT 1"))
        assert begin(log, 2026, 12)
        for name in tables:
            reader.execute(text(f"SELECT 1 FROM {name} LIMIT 1"))


def test_a_number_is_there_once_within_a_month(log: "Log") -> None:
    begin(log, 2026, 12)
    log.add("state")
    columns = "stream_id, seq, kind, at, confidence, wall, boot, boot_id, arrived, body"
    twice = text(f"INSERT INTO record ({columns}) SELECT {columns} FROM record")
    with pytest.raises(IntegrityError), log.session as session:
        session.connection().execute(twice)


@pytest.fixture
def gone(log: "Log") -> "Log":
    """A month of which all is past: 1 is needed by nobody, 2 is an event, and of 3 to 6 something is shown."""
    log.sweeper.step()
    for kind in ("state", "event", "state", "state", "state", "state", "hold"):
        log.add(kind)
    log.newest(3, "1001/atm-1")
    log.judge(4, "1001/printer-1")
    log.open(5, "1002/atm-1", "jam")
    log.attest(6, "1001/atm-1", 200)
    log.forward(DAYS_AND_A_MONTH)
    return log


DAYS_AND_A_MONTH = 125
STAYS = {2, 3, 4, 5, 6}


def test_a_month_goes_as_a_whole_but_for_what_is_needed(gone: "Log") -> None:
    assert gone.kept() == {*STAYS, 1, 7}
    gone.sweep()
    assert gone.kept() == STAYS
    assert gone.parts()[-2:] == ["record_2027_03", "record_past"]
    with gone.database.read() as session:
        assert all(key.valid for key in keys(session.connection()))
    with pytest.raises(IntegrityError), gone.session as session:
        session.exec(delete(RecordRow).where(col(RecordRow.seq) == 5))
    with pytest.raises(IntegrityError), gone.session as session:
        session.connection().execute(text("UPDATE condition SET record_id = 1"))


def test_what_is_needed_no_more_goes_from_what_stayed(gone: "Log") -> None:
    gone.sweep()
    gone.newest(gone.add("state"), "1001/atm-1")
    gone.close("jam")
    gone.forward(1)
    gone.sweep()
    assert gone.kept() == {2, 4, 6, 8}
    with gone.database.read() as session:
        assert session.exec(select(Condition.record_id)).all() == [None]


def test_what_agents_said_of_themselves_stays_for_as_long_as_hourly_sums(gone: "Log") -> None:
    gone.sweep()
    assert 2 in gone.kept()
    gone.now.forward(4 * 366 * 86_400)
    gone.forward(1)
    gone.sweep()
    assert gone.kept() == STAYS - {2, 6}


def test_months_that_stayed_become_one_with_later_ones(gone: "Log") -> None:
    gone.sweep()
    gone.newest(gone.add("state"), "1001/atm-1")
    gone.forward(DAYS_AND_A_MONTH)
    gone.sweep()
    assert gone.kept() == {*STAYS - {3, 6}, 8} | ({6} & gone.referred())
    assert gone.parts()[-1] == "record_past"
    assert len(gone.parts()) <= 6


def copied(log: "Log") -> Copying:
    """Have all of it copied, and nothing put in place."""
    before, at = Before(log.now() - 90 * DAY, 0), Copying()
    while at.after is not None or not at.copy:
        at = go_on(log, at, before)
    return at


def go_on(log: "Log", at: Copying, before: Before) -> Copying:
    with log.session as session:
        after = let_go(session, before, at)
    assert after is not None
    return after


def test_what_comes_to_be_needed_while_it_is_copied_stays(gone: "Log") -> None:
    at = copied(gone)
    gone.attest(1, "1001/atm-1", 1)
    gone.newest(7, "1002/atm-1")
    go_on(gone, at, Before(0, 0))
    assert gone.kept() == {*STAYS, 1, 7}
    assert gone.referred() <= gone.kept()


def killed(log: "Log", at: Copying) -> None:
    """When all is in place, and not yet committed."""
    with log.session as session:
        let_go(session, Before(0, 0), at)
        own = session.connection().execute(text("SELECT pg_backend_pid()")).scalar_one()
        with log.database.engine.connect() as other:
            other.execute(text("SELECT pg_terminate_backend(:own, 10000)"), {"own": own})


def test_who_is_killed_when_a_month_goes_has_changed_nothing_and_another_does_it(gone: "Log") -> None:
    at, parts = copied(gone), gone.parts()
    with pytest.raises(DBAPIError):
        killed(gone, at)
    assert (gone.kept(), gone.parts()) == ({*STAYS, 1, 7}, parts)
    gone.sweep()
    assert gone.kept() == STAYS
    with gone.database.engine.connect() as link:
        left = "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relname LIKE 'record_copy%'"
        assert link.execute(text(left)).scalar_one() == 0


def test_of_two_servers_that_let_a_month_go_the_first_finds_the_other_did(gone: "Log") -> None:
    at = copied(gone)
    gone.sweep()
    with pytest.raises(Overtaken), gone.session as session:
        let_go(session, Before(0, 0), at)
    assert gone.kept() == STAYS


def test_a_month_waits_while_somebody_reads_and_nobody_waits_for_it(gone: "Log") -> None:
    """A backup reads for an hour."""
    with gone.database.read() as reader:
        reader.exec(select(RecordRow.id)).all()
        while gone.sweeper.step():
            pass
        assert gone.kept() == {*STAYS, 1, 7}
        gone.add("state")
    gone.sweep()
    assert gone.kept() == {*STAYS, 8}


@pytest.mark.parametrize("seed", range(3))
def test_both_databases_keep_the_same_of_whatever_happens_in_whatever_order(log: "Log", twin: "Log", seed: int) -> None:
    for one in (log, twin):
        live(one, random.Random(seed))
    assert log.kept() == twin.kept()
    assert log.referred() == twin.referred() <= log.kept()
    assert len(log.kept()) < len(log.ids) / 2
    assert "record_past" in log.parts()


def live(log: "Log", chance: random.Random) -> None:
    """Half a year; then it is long ago, and of the months between nothing is left to wait for."""
    for _ in range(30):
        log.forward(chance.choice((1, 2, 9)))
        if chance.random() < 0.3:
            log.sweep()
        for _ in range(chance.randrange(4)):
            one_thing(log, chance)
    for _ in range(2):
        log.forward(DAYS_AND_A_MONTH)
        log.sweep()


def one_thing(log: "Log", chance: random.Random) -> None:
    place, kind = chance.choice(PLACES), chance.choice(KINDS)
    number = log.add(kind, place, history=chance.random() < 0.2)
    if kind != "state":
        return
    log.attest(number, place, chance.choice((0, 1, 30, 120, 400)))
    if chance.random() < 0.5:
        log.newest(number, place)
    if chance.random() < 0.5:
        log.judge(number, place)
    if chance.random() < 0.3:
        log.open(number, place, f"rule-{number}")
    if chance.random() < 0.3:
        log.close(f"rule-{chance.randrange(1, number + 1)}")


def test_the_first_part_holds_what_there_was(postgres: Database) -> None:
    with postgres.read() as session:
        [part] = parts_of(session.connection())
    assert (part.start, part.end, part.name) == (0, SPAN, "record_first")
