"""Applying an inventory: all of it once, nothing twice, ids kept, and what the ledger owns left alone."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from sqlmodel import Session, col, select

from server.clock import SetClock
from server.errors import Conflict
from server.events.tables import Invalidation
from server.inventory.deeds import apply, planned
from server.inventory.plan import Op, Plan
from server.inventory.tables import (
    Branch,
    Calendar,
    Contingency,
    DeviceClass,
    InventoryRule,
    Line,
    PastName,
    Position,
    Setting,
    Subject,
)
from server.journal.deeds import Act
from server.journal.merkle import merkle_root
from server.journal.tables import JournalRow, Personal
from server.journal.verify import check
from server.ledger.deeds import place
from server.ledger.tables import Card, CardStatus, CardVersion
from server.storage.database import Database
from server.storage.types import FOREVER

Tables = Callable[[str], list[dict[str, Any]]]
Apply = Callable[..., Plan]
Make = Callable[..., Any]


def subject(session: Session, key: str) -> Subject:
    return session.exec(select(Subject).where(Subject.key == key)).one()


def card(session: Session, asset: str) -> CardVersion:
    return session.exec(
        select(CardVersion)
        .join(Card, col(Card.id) == col(CardVersion.card_id))
        .where(Card.asset == asset, CardVersion.effective_to == FOREVER, CardVersion.known_to == FOREVER)
    ).one()


def ops(done: Plan) -> set[tuple[str, str, str]]:
    return {(change.op.value, change.kind, change.key) for change in done.changes}


def test_everything_an_inventory_says_becomes_rows(inventory: Make, apply_now: Apply, session: Session) -> None:
    apply_now(inventory())
    branch = session.get_one(Branch, subject(session, "1001").id)
    assert (branch.parent_id, branch.people) == (subject(session, "0001").id, {"a": "王某", "b": "李某"})
    assert subject(session, "1001").branch_id == subject(session, "1001").id
    line = session.get_one(Line, subject(session, "1001/line/main").id)
    assert (line.probe, line.interval_us) == ("10.0.0.1:22", 60_000_000)
    position = session.get_one(Position, subject(session, "1001/atm-1").id)
    assert (position.cls, position.driver, position.interval_us) == ("atm", "reach", 60_000_000)
    assert session.get_one(DeviceClass, "atm").counted
    assert session.get_one(Calendar, "counter").body["open"] == {"2026-10-10": ["09:00-12:00"]}
    assert session.get_one(InventoryRule, "part.fault").body["after"] == 10.0
    assert session.get_one(Setting, "bank.zone").value == "Asia/Shanghai"


def test_who_polls_is_said_or_the_branchs_agent_or_the_centre(
    inventory: Make, apply_now: Apply, observers: Callable[[], dict[str, list[str]]]
) -> None:
    apply_now(inventory())
    assert observers() == {
        "1001/line/main": ["centre"],
        "1001/atm-1": ["1001-pc", "centre"],
        "1001/printer-1": ["1001-pc"],
        "0001/pc": ["centre"],
    }


def test_a_second_run_does_nothing(inventory: Make, apply_now: Apply, session: Session) -> None:
    first = apply_now(inventory())
    deeds = len(session.exec(select(JournalRow)).all())
    session.rollback()
    second = apply_now(inventory())
    assert (bool(first), bool(second), second.known) == (True, False, 2)
    assert len(session.exec(select(JournalRow)).all()) == deeds


def test_a_changed_field_is_named_with_old_and_new(inventory: Make, small: Tables, apply_now: Apply) -> None:
    apply_now(inventory())
    positions = small("position")
    positions[1] |= {"address": "c:2", "interval": "10s"}
    (change,) = apply_now(inventory(position=positions)).changes
    assert (change.op, change.key) == (Op.CHANGE, "1001/printer-1")
    assert change.fields == {"address": ("a:1", "c:2"), "interval_us": (300_000_000, 10_000_000)}
    assert not apply_now(inventory(position=positions))


def test_a_rename_keeps_the_id(inventory: Make, small: Tables, apply_now: Apply, database: Database) -> None:
    apply_now(inventory())
    with database.read() as session:
        own = subject(session, "1001/printer-1").id
    positions = small("position")
    positions[1] |= {"key": "printer-9", "was": "printer-1"}
    done = apply_now(inventory(position=positions))
    assert ops(done) == {("rename", "position", "1001/printer-9")}
    with database.read() as session:
        assert subject(session, "1001/printer-9").id == own
        past = session.exec(select(PastName)).one()
    assert (past.kind, past.ref, past.key, past.name) == ("subject", str(own), "1001/printer-1", "1号窗口")
    assert not apply_now(inventory(position=positions)), "`was` may stay in the file"


def test_a_renamed_branch_takes_along_what_stands_in_it(
    inventory: Make, small: Tables, apply_now: Apply, database: Database
) -> None:
    apply_now(inventory())
    with database.read() as session:
        before = {row.key: row.id for row in session.exec(select(Subject))}

    def moved(kind: str) -> list[dict[str, Any]]:
        return [{**table, "branch": "1009"} if table["branch"] == "1001" else table for table in small(kind)]

    branches = small("branch")
    branches[0] |= {"key": "1009", "was": "1001"}
    tables = {kind: moved(kind) for kind in ("agent", "line", "position", "device")}
    done = apply_now(inventory(branch=branches, **tables))
    assert {op for op, _, _ in ops(done)} == {"rename"}
    with database.read() as session:
        after = {row.key: row.id for row in session.exec(select(Subject))}
        assert card(session, "BF-1").position_id == after["1009/atm-1"]
    assert {key.replace("1001/", "1009/") if "/" in key else key for key in before} - {"1001"} <= set(after)
    assert {before["1001"], before["1001/atm-1"]} == {after["1009"], after["1009/atm-1"]}
    assert not apply_now(inventory(branch=branches, **tables))


def test_a_position_may_move_to_another_branch(
    inventory: Make, small: Tables, apply_now: Apply, database: Database
) -> None:
    apply_now(inventory())
    positions = small("position")
    positions[1] |= {"branch": "0001", "was": "1001/printer-1"}
    apply_now(inventory(position=positions))
    with database.read() as session:
        moved = subject(session, "0001/printer-1")
        assert moved.branch_id == subject(session, "0001").id


def test_a_renamed_class_and_calendar_are_followed(
    inventory: Make, small: Tables, apply_now: Apply, database: Database
) -> None:
    apply_now(inventory())
    classes, positions, devices = small("class"), small("position"), small("device")
    classes[0] |= {"key": "cash", "was": "atm"}
    positions[0]["class"] = "cash"
    for device in devices:
        device["class"] = "cash"
    calendars, branches = small("calendar"), small("branch")
    calendars[0] |= {"key": "office", "was": "counter"}
    branches[1]["calendar"] = "office"
    tables = {"cls": classes, "position": positions, "device": devices, "calendar": calendars, "branch": branches}
    done = apply_now(inventory(**tables))
    assert ops(done) == {("rename", "class", "cash"), ("rename", "calendar", "office")}
    assert done.differing == {}
    with database.read() as session:
        assert card(session, "BF-1").fields["cls"] == "cash"
        assert session.get_one(Position, subject(session, "1001/atm-1").id).cls == "cash"
        assert session.get_one(Branch, subject(session, "0001").id).calendar == "office"
        assert session.get(DeviceClass, "atm") is None
        assert check(session).ok
    assert not apply_now(inventory(**tables))


def test_what_is_let_go_is_kept_and_comes_back(
    inventory: Make,
    small: Tables,
    apply_now: Apply,
    database: Database,
    now: SetClock,
    observers: Callable[[], dict[str, list[str]]],
) -> None:
    apply_now(inventory())
    done = apply_now(inventory(position=small("position")[:1]))
    assert {op for op, _, _ in ops(done)} == {"retire"}
    with database.read() as session:
        gone = subject(session, "1001/printer-1")
        assert gone.removed_at == now()
    assert "1001/printer-1" not in observers()
    back = apply_now(inventory())
    assert {op for op, _, _ in ops(back)} == {"revive"}
    with database.read() as session:
        again = subject(session, "1001/printer-1")
    assert (again.id, again.removed_at) == (gone.id, None)
    assert observers()["1001/printer-1"] == ["1001-pc"]


def test_a_rename_onto_the_key_of_something_removed_is_refused(
    inventory: Make, small: Tables, apply_now: Apply
) -> None:
    apply_now(inventory())
    apply_now(inventory(position=[table for table in small("position") if table["key"] != "listed"]))
    positions = small("position")[:2]
    positions[1] |= {"key": "listed", "was": "printer-1"}
    with pytest.raises(Conflict, match="1001/listed is the key of something removed"):
        apply_now(inventory(position=positions))


def test_machines_are_seeded_once_and_then_the_ledgers(
    inventory: Make, small: Tables, apply_now: Apply, database: Database, now: SetClock
) -> None:
    apply_now(inventory())
    with database.write() as session:
        assert card(session, "BF-1").position_id == subject(session, "1001/atm-1").id
        place(session, Act("liming", "console", now.forward(1)), "BF-2", "1001/atm-1")
    devices = small("device")
    devices[0]["keeper"] = "钱某"
    done = apply_now(inventory(device=devices))
    assert not done
    assert set(done.differing) == {"BF-1", "BF-2"}
    assert done.differing["BF-1"]["keeper"] == ("赵某", "钱某")
    with database.read() as session:
        assert card(session, "BF-1").fields["keeper"] == "赵某"


def test_a_new_machine_moves_nobody(inventory: Make, small: Tables, apply_now: Apply, database: Database) -> None:
    apply_now(inventory())
    devices = small("device")[1:]
    devices.append({"asset": "BF-3", "name": "新机", "class": "atm", "branch": "1001", "position": "atm-1"})
    done = apply_now(inventory(device=devices))
    assert [(seed.device.asset, seed.filled_by) for seed in done.seeds] == [("BF-3", "BF-1")]
    with database.read() as session:
        assert card(session, "BF-1").position_id is not None
        assert (card(session, "BF-3").position_id, card(session, "BF-3").status) == (None, CardStatus.SPARE)


def test_a_machine_at_a_position_that_goes_away_is_told(inventory: Make, small: Tables, apply_now: Apply) -> None:
    apply_now(inventory())
    devices = small("device")[1:]
    done = apply_now(inventory(position=small("position")[1:], device=devices))
    assert done.stranded == {"BF-1": "1001/atm-1"}


def test_a_class_that_machines_have_is_kept(
    inventory: Make, small: Tables, apply_now: Apply, database: Database
) -> None:
    apply_now(inventory())
    left = [table for table in small("position") if table["class"] == "printer"]
    done = apply_now(inventory(cls=small("class")[1:], position=left, device=[]))
    assert done.kept == ["atm"]
    with database.read() as session:
        assert session.get(DeviceClass, "atm") is not None
    assert not apply_now(inventory(cls=small("class")[1:], position=left, device=[]))


def test_a_plan_that_is_no_longer_true_is_not_applied(
    inventory: Make, small: Tables, apply_now: Apply, database: Database, now: SetClock
) -> None:
    with database.read() as session:
        shown = planned(session, inventory())
    apply_now(inventory(position=small("position")[:1]))
    with pytest.raises(Conflict, match="while you were reading"), database.write() as session:
        apply(session, Act("os:root", "inventory", now()), inventory(), shown)


def test_the_journal_proves_the_lines_and_names_nobody(
    inventory: Make, small: Tables, apply_now: Apply, database: Database
) -> None:
    positions = small("position")
    positions[0]["options"] = {
        "refused_is_up": True,
        "community": "top-secret-ro",
        "auth_password": "secret:named",
        "auth": "SHA",
        "private_key": "-----BEGIN-----",
        "host_key": "SHA256:pinned",
    }
    apply_now(inventory(position=positions))
    with database.read() as session:
        rows = session.exec(select(JournalRow).order_by(col(JournalRow.seq))).all()
        told = "".join(row.after or "" for row in rows)
        kept = {row.value for row in session.exec(select(Personal))}
        assert check(session).ok
    assert [row.deed for row in rows] == ["inventory.apply", "ledger.seed"]
    for row in rows:
        proof = json.loads(row.after or "{}")
        assert proof["root"] == merkle_root(proof["lines"])
        assert proof["count"] == len(proof["lines"])
    assert {"王某", "李某", "赵某"} <= kept
    assert not any(name in told for name in ("王某", "李某", "赵某", "top-secret-ro", "-----BEGIN"))
    assert "secret:named" in told
    assert "SHA256:pinned" in told


def test_screens_are_told_to_fetch_again(inventory: Make, small: Tables, apply_now: Apply, database: Database) -> None:
    apply_now(inventory())
    positions = small("position")
    positions[1]["name"] = "2号窗口"
    apply_now(inventory(position=positions))
    with database.read() as session:
        heard = [(row.topic, row.key) for row in session.exec(select(Invalidation).order_by(col(Invalidation.id)))]
    assert heard[0] == ("inventory", "")
    assert heard[-1] == ("position", "1001/printer-1")


def test_an_apply_that_fails_leaves_nothing(
    inventory: Make, apply_now: Apply, database: Database, now: SetClock
) -> None:
    def fail() -> None:
        with database.write() as session:
            apply(session, Act("os:root", "inventory", now()), inventory())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with database.read() as session:
        assert session.exec(select(Subject)).all() == []
        assert session.exec(select(JournalRow)).all() == []
    assert apply_now(inventory())


def test_the_banks_own_contingency_steps_come_change_and_go(
    inventory: Make, apply_now: Apply, database: Database
) -> None:
    def steps() -> list[tuple[str, list[str]]]:
        with database.read() as session:
            return [(row.key, row.body["steps"]) for row in session.exec(select(Contingency))]

    assert ("create", "plan", "line") in ops(apply_now(inventory(plan=[{"key": "line", "steps": ["找李某"]}])))
    assert steps() == [("line", ["找李某"])]
    assert not apply_now(inventory(plan=[{"key": "line", "steps": ["找李某"]}]))
    assert ops(apply_now(inventory(plan=[{"key": "line", "steps": ["找周某"]}]))) == {("change", "plan", "line")}
    assert steps() == [("line", ["找周某"])]
    assert ops(apply_now(inventory())) == {("retire", "plan", "line")}
    assert steps() == []
