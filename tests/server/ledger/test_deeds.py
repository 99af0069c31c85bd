"""What is done to the ledger, what the ledger says then, and what the journal says of it."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError
from sqlmodel import Session, col, select

from server.clock import SetClock
from server.errors import Conflict, Invalid, NotFound
from server.events.tables import Invalidation
from server.journal.deeds import Act
from server.journal.personal import reveal
from server.journal.tables import JournalRow, Personal
from server.ledger.deeds import amend, place, register, retire
from server.ledger.fields import CardFields
from server.ledger.tables import Card, CardStatus, CardVersion
from server.storage.database import Database

DAY = 86_400_000_000
MakeAct = Callable[[], Act]


@pytest.fixture
def machine(database: Database, bank: dict[str, int], act: MakeAct, fields: CardFields) -> str:
    """BF-0001, which serves as 1001/atm-1."""
    with database.write() as session:
        register(session, act(), "BF-0001", fields, branch="1001", position="1001/atm-1")
    return "BF-0001"


@pytest.fixture
def spare(database: Database, bank: dict[str, int], act: MakeAct, fields: CardFields) -> str:
    """BF-0002, a spare at head office."""
    with database.write() as session:
        register(session, act(), "BF-0002", fields, branch="0001", status=CardStatus.SPARE)
    return "BF-0002"


def now_of(database: Database, asset: str) -> CardVersion:
    with database.read() as session:
        rows = session.exec(
            select(CardVersion)
            .join(Card, col(CardVersion.card_id) == Card.id)
            .where(Card.asset == asset, CardVersion.effective_to > DAY * 50_000, CardVersion.known_to > DAY * 50_000)
        ).all()
    assert len(rows) == 1
    return rows[0]


def last_deed(database: Database) -> JournalRow:
    with database.read() as session:
        return session.exec(select(JournalRow).order_by(col(JournalRow.seq).desc())).all()[0]


def test_a_registered_machine_fills_its_position(database: Database, machine: str, bank: dict[str, int]) -> None:
    version = now_of(database, machine)
    assert (version.position_id, version.branch_id) == (bank["1001/atm-1"], bank["1001"])
    deed = last_deed(database)
    assert (deed.deed, deed.about, version.journal_seq) == ("ledger.register", "card:BF-0001", deed.seq)


def test_an_asset_number_is_given_once(database: Database, machine: str, act: MakeAct, fields: CardFields) -> None:
    with pytest.raises(Conflict, match="BF-0001 is in the ledger already"), database.write() as session:
        register(session, act(), machine, fields, branch="1001")


def test_a_swap_takes_the_earlier_machine_out_in_the_same_deed(
    database: Database, machine: str, spare: str, bank: dict[str, int], act: MakeAct
) -> None:
    with database.write() as session:
        place(session, act(), spare, "1001/atm-1", reason="主板故障")
    came, left = now_of(database, spare), now_of(database, machine)
    assert (came.position_id, came.branch_id, came.status) == (bank["1001/atm-1"], bank["1001"], CardStatus.IN_USE)
    assert (left.position_id, left.branch_id, left.status) == (None, bank["1001"], CardStatus.SPARE)
    assert came.journal_seq == left.journal_seq
    deed = last_deed(database)
    assert (deed.deed, deed.reason) == ("ledger.place", "主板故障")
    assert '"out":"BF-0001"' in (deed.after or "")


def test_a_change_of_fields_is_a_version_and_leaves_the_place(
    database: Database, machine: str, bank: dict[str, int], act: MakeAct, now: SetClock
) -> None:
    with database.write() as session:
        amend(session, act(), machine, {"keeper": "李某", "note": "更换读卡器"})
    version = now_of(database, machine)
    assert (version.fields["keeper"], version.fields["maker"]) == ("李某", "青山")
    assert version.position_id == bank["1001/atm-1"]
    assert version.effective_from == now()


def test_a_machine_in_repair_has_left_its_position(database: Database, machine: str, act: MakeAct) -> None:
    with database.write() as session:
        amend(session, act(), machine, status=CardStatus.REPAIR)
    assert now_of(database, machine).position_id is None


def test_a_stopped_machine_stays_in_its_position(
    database: Database, machine: str, bank: dict[str, int], act: MakeAct
) -> None:
    with database.write() as session:
        amend(session, act(), machine, status=CardStatus.STOPPED)
    assert now_of(database, machine).position_id == bank["1001/atm-1"]


def test_a_transfer_to_another_branch_empties_the_position(
    database: Database, machine: str, bank: dict[str, int], act: MakeAct
) -> None:
    with database.write() as session:
        amend(session, act(), machine, branch="1002")
    version = now_of(database, machine)
    assert (version.branch_id, version.position_id, version.status) == (bank["1002"], None, CardStatus.SPARE)


def test_a_scrapped_machine_goes_nowhere_any_more(database: Database, machine: str, act: MakeAct) -> None:
    with database.write() as session:
        retire(session, act(), machine, reason="超过年限")
    assert now_of(database, machine).status is CardStatus.SCRAPPED
    refused: list[Callable[[Session], None]] = [
        lambda session: place(session, act(), machine, "1001/atm-1"),
        lambda session: amend(session, act(), machine, status=CardStatus.SPARE),
        lambda session: retire(session, act(), machine),
    ]
    for deed in refused:
        with pytest.raises(Conflict, match="is scrapped"), database.write() as session:
            deed(session)
    with database.write() as session:
        amend(session, act(), machine, {"note": "资产编号核对无误"})


def test_a_swap_dated_back_is_known_only_from_now_on(
    database: Database,
    machine: str,
    spare: str,
    bank: dict[str, int],
    act: MakeAct,
    now: SetClock,
    seen: Callable[..., list[Any]],
) -> None:
    swapped = now.forward(3600)
    before = now.forward(3600)
    there = bank["1001/atm-1"]
    with database.write() as session:
        place(session, act(), spare, "1001/atm-1", effective_at=swapped)
    as_known_then = {one.asset: one.position for one in seen(before, before)}
    as_known_now = {one.asset: one.position for one in seen(before, now())}
    earlier = {one.asset: one.position for one in seen(swapped - 1, now())}
    assert as_known_then == {machine: there, spare: None}
    assert as_known_now == {machine: None, spare: there}
    assert earlier == {machine: there, spare: None}


def test_a_keeper_entered_late_holds_until_the_next_known_keeper(
    database: Database, machine: str, act: MakeAct, now: SetClock, seen: Callable[..., list[Any]]
) -> None:
    march, may, june = now.forward(86400), now.forward(86400), now.forward(86400)
    with database.write() as session:
        amend(session, act(), machine, {"note": "巡检"}, effective_at=may)
        amend(session, act(), machine, {"keeper": "张某"}, effective_at=june)
        amend(session, act(), machine, {"keeper": "李某"}, effective_at=march)
    keepers = [seen(at, now())[0].keeper for at in (march - 1, march, may, june)]
    assert keepers == ["王某", "李某", "李某", "张某"]


def test_nothing_is_dated_forward(database: Database, machine: str, act: MakeAct, now: SetClock) -> None:
    with pytest.raises(Invalid, match="still to come"), database.write() as session:
        amend(session, act(), machine, {"note": "x"}, effective_at=now() + DAY)


def test_nothing_is_said_of_a_day_before_the_card(database: Database, machine: str, act: MakeAct) -> None:
    with pytest.raises(Conflict, match="was not in the ledger yet"), database.write() as session:
        amend(session, act(), machine, {"note": "x"}, effective_at=DAY)


def test_a_deed_that_changes_nothing_is_refused(database: Database, machine: str, act: MakeAct) -> None:
    with pytest.raises(Conflict, match="nothing was changed"), database.write() as session:
        amend(session, act(), machine, {"keeper": "王某"})


@pytest.mark.parametrize(
    "wrong", [{"bought": "2024-02-30"}, {"asset": "X"}, {"name": ""}, {"price": "1.234"}, {"keeper": "王" * 500}]
)
def test_a_field_is_checked(database: Database, machine: str, act: MakeAct, wrong: dict[str, str]) -> None:
    with pytest.raises(Invalid, match="cannot be"), database.write() as session:
        amend(session, act(), machine, wrong)


@pytest.mark.parametrize(
    ("deed", "sentence"),
    [
        (lambda session, act: place(session, act, "BF-9999", "1001/atm-1"), "no machine BF-9999"),
        (lambda session, act: place(session, act, "BF-0001", "1001/atm-9"), "no position 1001/atm-9"),
        (lambda session, act: amend(session, act, "BF-0001", branch="9999"), "no branch 9999"),
    ],
)
def test_what_is_not_there_is_named(
    database: Database, machine: str, act: MakeAct, deed: Callable[..., None], sentence: str
) -> None:
    with pytest.raises(NotFound, match=sentence), database.write() as session:
        deed(session, act())


def test_the_journal_holds_no_keeper(database: Database, machine: str, act: MakeAct) -> None:
    with database.write() as session:
        amend(session, act(), machine, {"keeper": "李某甲"})
    with database.read() as session:
        told = "".join(f"{row.before}{row.after}" for row in session.exec(select(JournalRow)))
        assert "王某" not in told
        assert "李某甲" not in told
        assert {row.value for row in session.exec(select(Personal))} >= {"王某", "李某甲"}
        assert "李某甲" in str(
            [reveal(session, json.loads(row.after or "null")) for row in session.exec(select(JournalRow))]
        )


def test_screens_of_both_branches_hear_of_a_transfer(
    database: Database, machine: str, bank: dict[str, int], act: MakeAct
) -> None:
    with database.write() as session:
        amend(session, act(), machine, branch="1002")
    with database.read() as session:
        heard = {(row.topic, row.key, row.branch_id) for row in session.exec(select(Invalidation))}
    assert {("card", machine, bank["1001"]), ("card", machine, bank["1002"])} <= heard
    assert ("position", "1001/atm-1", bank["1001"]) in heard


def test_a_clock_set_back_does_not_tangle_what_was_known(
    database: Database, machine: str, act: MakeAct, now: SetClock
) -> None:
    with database.write() as session:
        amend(session, act(), machine, {"note": "一"})
    now.forward(-1)
    with database.write() as session:
        amend(session, Act("liming", "console", now()), machine, {"note": "二"})
    with database.read() as session:
        times = session.exec(select(CardVersion.known_from).order_by(col(CardVersion.id))).all()
    assert list(times) == sorted(times)
    assert now_of(database, machine).fields["note"] == "二"


@pytest.mark.parametrize(
    "changed",
    [
        {"effective_to": 1},
        {"known_to": 1},
        {"status": "lost"},
        {"branch_id": 999},
        {"journal_seq": 999},
    ],
)
def test_the_table_itself_refuses_nonsense(database: Database, machine: str, changed: dict[str, object]) -> None:
    ((column, value),) = changed.items()
    with pytest.raises(DatabaseError), database.write() as session:
        session.connection().execute(text(f"UPDATE card_version SET {column} = :value"), {"value": value})


def test_the_table_itself_keeps_one_machine_a_position(
    database: Database, machine: str, spare: str, bank: dict[str, int]
) -> None:
    with pytest.raises(DatabaseError), database.write() as session:
        session.connection().execute(text("UPDATE card_version SET position_id = :id"), {"id": bank["1001/atm-1"]})


def test_a_swap_dated_back_before_a_stop_ends_the_whole_stay(
    database: Database, machine: str, spare: str, bank: dict[str, int], act: MakeAct, now: SetClock
) -> None:
    swapped = now.forward(3600)
    now.forward(3600)
    with database.write() as session:
        amend(session, act(), machine, status=CardStatus.STOPPED)
    with database.write() as session:
        place(session, act(), spare, "1001/atm-1", effective_at=swapped)
    assert now_of(database, machine).position_id is None
    assert now_of(database, spare).position_id == bank["1001/atm-1"]
