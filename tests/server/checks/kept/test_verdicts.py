"""Verdicts that are kept: they follow sheets, time and checks, and are never shown better than they are."""

from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlmodel import select

from server.checks import follower as following
from server.checks.kept import shipped
from server.checks.tables import JudgedHost, VerdictRow
from server.clock import SetClock
from server.inventory.tables import Subject
from server.schemas.people import Role
from tests.server.checks.kept.conftest import DAY, OWN, Fleet, cell

SignIn = Callable[..., TestClient]


def test_a_host_is_judged_by_every_check_when_it_tells(fleet: Fleet) -> None:
    fleet.tell("1001-pc", memory_bytes=8000)
    fleet.settle()
    assert fleet.word("1001-pc") == "pass"
    assert fleet.word("centre") == "unknown"
    fleet.tell("1001-pc", memory_bytes=1000)
    fleet.settle()
    assert fleet.word("1001-pc") == "fail"
    with fleet.database.read() as session:
        rows = session.exec(select(VerdictRow).where(VerdictRow.subject_id == fleet.bank["1001-pc"])).all()
    assert len(rows) == len(shipped()) + 1


def test_facts_that_grow_old_are_unknown_by_themselves(fleet: Fleet, now: SetClock) -> None:
    fleet.tell("1001-pc", memory_bytes=8000)
    fleet.settle()
    now.forward(DAY + 1)
    fleet.settle()
    assert fleet.word("1001-pc") == "unknown"


def test_a_server_that_stopped_judging_shows_nothing_as_pass_that_is_too_old(
    fleet: Fleet, now: SetClock, sign_in: SignIn
) -> None:
    fleet.tell("1001-pc", memory_bytes=8000)
    fleet.settle()
    now.forward(DAY - 60)
    assert cell(sign_in(Role.HEAD), "1001-pc")["word"] == "pass"
    now.forward(61)
    head = sign_in(Role.HEAD)
    assert fleet.word("1001-pc") == "pass"  # as it was judged
    assert cell(head, "1001-pc")["word"] == "unknown"
    sums = head.get("/api/checks/matrix", params={"check": "enough-memory"}).json()["checks"][0]["counts"]
    assert (sums["passes"], sums["unknown"]) == (0, 2)
    assert head.get("/api/checks/hosts", params={"check": "enough-memory", "word": "pass"}).json()["total"] == 0
    assert head.get("/api/checks/hosts", params={"check": "enough-memory", "word": "unknown"}).json()["total"] == 2


def test_a_virus_library_grows_a_day_older_without_a_word_of_its_host(fleet: Fleet, now: SetClock) -> None:
    def tell() -> None:
        said = {"av.count": 1, "av.1.product": "ClamAV", "av.1.realtime": True, "av.1.library_at": made}
        fleet.tell("1001-pc", "antivirus", **said)

    made = now() - 16 * DAY * 1_000_000 + 3_600_000_000  # 15 days and 23 hours old, and the bank has no newer
    tell()
    fleet.settle()
    assert fleet.word("1001-pc", "antivirus-library-15") == "pass"
    now.forward(3_601)
    fleet.settle()
    assert fleet.word("1001-pc", "antivirus-library-15") == "fail"


def test_a_check_that_changes_has_every_host_judged_once(fleet: Fleet, now: SetClock, folder: Path) -> None:
    fleet.tell("1001-pc", memory_bytes=8000)
    fleet.tell("centre", memory_bytes=2000)
    fleet.settle()
    (folder / "memory.toml").write_text(OWN.format(least=9_000_000), encoding="utf-8")
    now.forward(30)
    fleet.settle()
    assert (fleet.word("1001-pc"), fleet.word("centre")) == ("fail", "fail")
    (folder / "memory.toml").unlink()
    now.forward(30)
    fleet.settle()
    with fleet.database.read() as session:
        assert session.exec(select(VerdictRow).where(VerdictRow.check_id == "enough-memory")).all() == []


def test_who_is_killed_in_the_middle_of_it_leaves_nothing_unjudged(
    fleet: Fleet, now: SetClock, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "HOSTS", 1)
    for key in ("1001-pc", "centre"):
        fleet.tell(key, memory_bytes=8000)
    fleet.settle()
    (folder / "memory.toml").write_text(OWN.format(least=9_000), encoding="utf-8")
    now.forward(30)
    assert fleet.follower.step() == 1  # one of the two, and then it is gone
    fleet.follower = fleet.another()
    fleet.settle()
    assert (fleet.word("1001-pc"), fleet.word("centre")) == ("fail", "fail")


def test_two_servers_that_both_follow_come_to_the_same(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "HOSTS", 1)
    other = fleet.another()
    for key in ("1001-pc", "centre"):
        fleet.tell(key, memory_bytes=8000)
    while fleet.follower.step() + other.step():
        pass
    assert (fleet.word("1001-pc"), fleet.word("centre")) == ("pass", "pass")


def test_a_sheet_has_its_own_host_judged_and_no_other(fleet: Fleet) -> None:
    fleet.settle()
    fleet.tell("1001-pc", memory_bytes=8000)
    assert fleet.follower.step() == 1


def test_a_host_that_is_let_go_has_no_verdicts_and_is_not_counted(fleet: Fleet, now: SetClock, sign_in: SignIn) -> None:
    fleet.settle()
    with fleet.database.write() as session:
        session.get_one(Subject, fleet.bank["1001-pc"]).removed_at = now()
    assert sign_in(Role.HEAD).get("/api/checks/matrix").json()["hosts"] == 1
    fleet.follower = fleet.another()
    fleet.settle()
    with fleet.database.read() as session:
        assert session.get(JudgedHost, fleet.bank["1001-pc"]) is None
        gone = VerdictRow.subject_id == fleet.bank["1001-pc"]
        assert session.exec(select(VerdictRow).where(gone)).all() == []
