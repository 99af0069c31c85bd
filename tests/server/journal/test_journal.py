"""The journal: whatever is changed in it is found, and personal values can be forgotten without a trace of change."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import Session, col, select

from server.journal.deeds import GENESIS, Act, digest, record
from server.journal.personal import PERSONAL, erase, reveal, seal_personal
from server.journal.tables import JournalRow
from server.journal.verify import check, verify
from server.schemas.people import Role
from server.storage.database import Database

COLUMNS = tuple(JournalRow.model_fields)
INTEGERS = ("seq", "at", "effective_at")


def act(now: Any) -> Act:
    return Act("liming", "console", now())


@pytest.fixture
def ten(database: Database, now: Any) -> list[JournalRow]:
    """Ten deeds."""
    for number in range(10):
        with database.write() as session:
            after = {"status": "spare", "price": "12.50", "n": number}
            record(session, act(now), deed="card.change", about=f"card:BF-{number}", after=after, reason="盘点")
        now.forward(1)
    with database.read() as session:
        return list(session.exec(select(JournalRow).order_by(col(JournalRow.seq))).all())


def test_deeds_form_one_chain(ten: list[JournalRow]) -> None:
    assert [row.seq for row in ten] == list(range(1, 11))
    assert [row.previous for row in ten] == [GENESIS, *(row.hash for row in ten[:-1])]


def test_a_whole_journal_holds(ten: list[JournalRow], database: Database) -> None:
    with database.read() as session:
        found = check(session)
    assert (found.rows, found.ok, found.broken_at, found.head) == (10, True, None, ten[-1].hash)


def test_an_empty_journal_holds(database: Database) -> None:
    with database.read() as session:
        assert check(session).head == GENESIS


def copy(row: JournalRow) -> JournalRow:
    return JournalRow(**row.model_dump())


def chain(count: int) -> list[JournalRow]:
    rows: list[JournalRow] = []
    for seq in range(1, count + 1):
        row = JournalRow(
            seq=seq,
            at=seq,
            actor="liming",
            via="console",
            about="card:BF-1",
            deed="card.change",
            before=None,
            after='{"n":1}',
            reason="",
            effective_at=seq,
            previous=rows[-1].hash if rows else GENESIS,
            hash="",
        )
        row.hash = digest(row)
        rows.append(row)
    return rows


@given(data=st.data(), at=st.integers(0, 4), column=st.sampled_from(COLUMNS))
def test_any_change_of_any_column_of_any_row_is_found(data: st.DataObject, at: int, column: str) -> None:
    rows = chain(5)
    texts = st.none() | st.text(max_size=8)
    value = data.draw(st.integers(-(2**60), 2**60) if column in INTEGERS else texts)
    if getattr(rows[at], column) == value:
        return
    setattr(rows[at], column, value)
    found = verify(rows)
    assert (found.ok, found.rows, found.broken_at) == (False, at + 1, rows[at].seq)


@given(data=st.data())
def test_a_row_that_is_gone_doubled_or_moved_is_found(data: st.DataObject) -> None:
    rows = chain(5)
    changed = data.draw(st.lists(st.sampled_from(range(5)), max_size=7))
    if changed == list(range(len(changed))):
        return  # a shorter journal: only a head held by somebody else shows that
    assert not verify([rows[at] for at in changed]).ok


@given(at=st.integers(0, 4), reason=st.text(min_size=1, max_size=5))
def test_a_change_with_its_own_hash_made_right_is_found_at_the_next_row(at: int, reason: str) -> None:
    rows = chain(5)
    whole = verify(rows)
    rows[at].reason = reason
    rows[at].hash = digest(rows[at])
    found = verify(rows)
    assert found.head != whole.head or not found.ok
    assert found.ok == (at == 4)


def test_a_deed_that_is_undone_leaves_no_row(database: Database, now: Any) -> None:
    def fail_after_the_deed() -> None:
        with database.write() as session:
            record(session, act(now), deed="card.change", about="card:BF-1")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_after_the_deed()
    with database.read() as session:
        assert check(session).rows == 0


def test_a_float_cannot_enter_the_journal(database: Database, now: Any) -> None:
    with pytest.raises(TypeError, match="no floats"), database.write() as session:
        record(session, act(now), deed="card.change", about="card:BF-1", after={"price": 12.5})


def test_deeds_written_at_once_stay_one_chain(database: Database, now: Any) -> None:
    import threading

    def write(number: int) -> None:
        for _ in range(10):
            with database.write() as session:
                record(session, act(now), deed="card.change", about=f"card:BF-{number}")

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.read() as session:
        assert (check(session).rows, check(session).ok) == (40, True)


def test_a_personal_value_is_shown_until_it_is_erased(database: Database, now: Any) -> None:
    with database.write() as session:
        keeper = seal_personal(session, "周敏")
        record(session, act(now), deed="card.change", about="card:BF-1", after={"keeper": keeper})
    with database.read() as session:
        row = session.exec(select(JournalRow)).one()
        assert "周敏" not in str(row.after)
        assert reveal(session, {"keeper": keeper}) == {"keeper": "周敏"}
    with database.write() as session:
        assert erase(session, [keeper[PERSONAL]]) == 1
    with database.read() as session:
        assert reveal(session, [{"keeper": keeper}]) == [{"keeper": None}]
        assert check(session).ok


def test_the_same_person_is_committed_to_differently_each_time(database: Database) -> None:
    with database.write() as session:
        assert seal_personal(session, "周敏") != seal_personal(session, "周敏")


def test_auditors_read_the_journal_and_branches_do_not(
    ten: list[JournalRow], sign_in: Callable[..., TestClient]
) -> None:
    auditor = sign_in(Role.AUDITOR)
    newest = auditor.get("/api/journal", params={"limit": 3}).json()
    assert (newest["total"], [row["seq"] for row in newest["rows"]]) == (10, [10, 9, 8])
    assert newest["rows"][0]["after"] == {"status": "spare", "price": "12.50", "n": 9}
    following = auditor.get("/api/journal", params={"after": 8}).json()
    assert [row["seq"] for row in following["rows"]] == [9, 10]
    about = auditor.get("/api/journal", params={"about": "card:BF-4"}).json()
    assert (about["total"], [row["seq"] for row in about["rows"]]) == (1, [5])
    assert auditor.get("/api/journal/check").json()["ok"] is True
    branch = sign_in(Role.BRANCH, ["1001"])
    assert branch.get("/api/journal").status_code == 403
    assert branch.get("/api/journal/check").status_code == 403


def test_a_long_journal_is_read_in_pieces(database: Database, now: Any) -> None:
    with database.write() as session:
        fill(session, now, 2500)
    with database.read() as session:
        assert (check(session).rows, check(session).ok) == (2500, True)
        assert len(session.identity_map) <= 1000


def fill(session: Session, now: Any, count: int) -> None:
    rows = chain(count)
    session.add_all(copy(row) for row in rows)
