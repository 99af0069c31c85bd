"""A machine's clock that jumps dates nothing, signs nothing and judges nothing by that; all of it says so."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlmodel import Session

from agent.wire import BUILT
from server.app import create_app
from server.authority.context import Tls
from server.authority.local import Local
from server.clock import LEAP, STEP, STOOD, Doubt, SetClock, SteadyClock, utc_now
from server.journal.clock import ClockLeapt, passed, refuse_a_leap
from server.journal.deeds import Act, record
from server.storage.database import Database

DAY = 86_400_000_000
SECOND = 1_000_000
YEAR_2099 = 4_070_908_800_000_000
YEAR_2000 = 946_684_800_000_000


@pytest.fixture
def wall(now: SetClock) -> SetClock:
    return now


@pytest.fixture
def boot() -> SetClock:
    return SetClock(5)


@pytest.fixture
def clock(wall: SetClock, boot: SetClock) -> SteadyClock:
    return SteadyClock(wall.at, wall, boot)


@pytest.mark.parametrize(("leap", "doubt"), [(YEAR_2099, Doubt.AHEAD), (YEAR_2000, Doubt.BEHIND)])
def test_time_goes_on_through_a_leap_of_years_and_after_it(
    clock: SteadyClock, wall: SetClock, boot: SetClock, leap: int, doubt: Doubt
) -> None:
    right = wall.at
    wall.at = leap
    for hours in (1, 2):
        boot.forward(3600)
        wall.forward(3600)
        assert (clock(), clock.doubt) == (right + hours * 3600 * SECOND, doubt)
    wall.at = right + 7201 * SECOND
    boot.forward(1)
    assert (clock(), clock.doubt) == (wall.at, Doubt.NONE)


@pytest.mark.parametrize("step", [STEP, -STEP])
def test_a_clock_set_a_little_ahead_or_back_is_followed_at_once(clock: SteadyClock, wall: SetClock, step: int) -> None:
    wall.at += step
    assert (clock(), clock.doubt) == (wall.at, Doubt.NONE)


@pytest.mark.parametrize("hours", [3, -3, 300 * 24, -300 * 24])
def test_a_clock_set_by_hours_is_followed_once_that_has_stood(
    clock: SteadyClock, wall: SetClock, boot: SetClock, hours: int
) -> None:
    right = wall.at
    wall.forward(3600 * hours)
    assert (clock(), clock.doubt) == (right, Doubt.MOVED)
    pass_both(wall, boot, STOOD - 1)
    assert (clock(), clock.doubt) == (right + STOOD - 1, Doubt.MOVED)
    pass_both(wall, boot, 1)
    assert (clock(), clock.doubt) == (wall.at, Doubt.NONE)


def test_a_slip_that_is_mended_within_minutes_changes_nothing(
    clock: SteadyClock, wall: SetClock, boot: SetClock
) -> None:
    said = []
    for hours in (3, 4, -7):  # wrong, otherwise wrong, and right
        wall.forward(3600 * hours)
        for _ in range(2):
            pass_both(wall, boot, STOOD // 2)
            said.append((clock() - wall.at, clock.doubt))
    slip, other = -3 * 3600 * SECOND, -7 * 3600 * SECOND
    assert said == [(slip, "moved")] * 2 + [(other, "moved")] * 2 + [(0, "")] * 2


def test_a_server_started_by_a_clock_ahead_goes_by_its_journal(wall: SetClock, boot: SetClock) -> None:
    clock = SteadyClock(wall.at - 3 * DAY, SetClock(YEAR_2099), boot)
    boot.forward(60)
    assert clock() == wall.at - 3 * DAY + 60_000_000


def test_a_server_started_by_a_clock_behind_its_journal_begins_there(wall: SetClock, boot: SetClock) -> None:
    """What the journal has is over, if its clock was right; if it was not, that comes out in some minutes."""
    written = wall.at
    wall.forward(-8 * 3600)
    clock = SteadyClock(written, wall, boot)
    assert (clock(), clock.doubt) == (written, Doubt.MOVED)
    pass_both(wall, boot, STOOD)
    assert (clock(), clock.doubt) == (wall.at, Doubt.NONE)


def pass_both(wall: SetClock, boot: SetClock, micros: int) -> None:
    wall.at += micros
    boot.at += micros


def test_while_the_clock_is_ahead_no_certificate_is_made_and_the_server_is_not_ready(
    database: Database, settings: Any, clock: SteadyClock, wall: SetClock, tmp_path: Path
) -> None:
    tls = Tls(Local(tmp_path, lambda: {"localhost"}, clock, make=True))
    before = (tmp_path / "tls" / "server.pem").read_bytes()
    app = create_app(database, settings, clock)
    with TestClient(app) as client:
        wall.at = YEAR_2099
        tls.look()
        assert (tmp_path / "tls" / "server.pem").read_bytes() == before
        answer = client.get("/readyz")
        assert (answer.status_code, answer.json()["checks"]["clock"]) == (503, "ahead")


def test_the_journals_last_deed_is_past(database: Database, now: SetClock) -> None:
    def deed(session: Session) -> None:
        record(session, Act("os:head", "cli", now()), deed="server.clock", about="server")

    with database.write() as session:
        assert passed(session) == BUILT
        deed(session)
        assert passed(session) == now()
        refuse_a_leap(session, now() + LEAP)
        for leap in (LEAP + 1, -LEAP - 1):  # a deed dated by 2000 would make the right time look like a leap
            with pytest.raises(ClockLeapt, match="the last deed in the journal is of 2026-11-04"):
                refuse_a_leap(session, now() + leap)
        now.forward(3 * 366 * 86_400)
        deed(session)  # a person said that it is right
        refuse_a_leap(session, now())


@pytest.fixture
def years_later(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    def later(years: int) -> None:
        for module in ("server.cli", "server.command"):
            monkeypatch.setattr(f"{module}.utc_now", lambda: utc_now() + years * 366 * DAY)

    return later


def test_no_command_dates_a_deed_by_a_leap_until_a_person_says_it_is_right(
    tmp_path: Path, years_later: Callable[[int], None], capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    from server.cli import main
    from server.exit import Exit

    monkeypatch.setenv("BRANCHFLEET_LANG", "en")
    monkeypatch.setenv("BRANCHFLEET_PASSWORD_MEMORY", "32")
    home = ["--home", str(tmp_path / "home")]

    def says(*words: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as ended:
            main([*words, *home])
        told = capsys.readouterr()
        return int(ended.value.code or 0), told.out + told.err

    assert says("init")[0] == Exit.DONE
    years_later(3)
    code, told = says("person", "reset", "admin")
    assert code == Exit.REFUSED
    assert "branchfleet-server clock --right" in told
    assert json.loads(says("clock", "--json")[1])["leapt"] is True
    assert says("ca")[0] == says("person", "list")[0] == Exit.DONE
    assert says("clock", "--right")[0] == Exit.DONE
    assert says("person", "reset", "admin")[0] == Exit.DONE


def test_a_home_is_not_made_by_a_clock_that_is_decades_ahead(tmp_path: Path) -> None:
    made = Local(tmp_path, lambda: {"localhost"}, SetClock(YEAR_2099), make=True)
    with pytest.raises(Exception, match="decades ahead"):
        made.trusted()
