"""A machine's clock that leaps years ahead dates nothing, signs nothing and judges nothing; all of it says so."""

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
from server.clock import LEAP, SetClock, SteadyClock, utc_now
from server.journal.clock import ClockAhead, passed, refuse_a_leap
from server.journal.deeds import Act, record
from server.storage.database import Database

DAY = 86_400_000_000
YEAR_2099 = 4_070_908_800_000_000


@pytest.fixture
def wall(now: SetClock) -> SetClock:
    return now


@pytest.fixture
def boot() -> SetClock:
    return SetClock(5)


@pytest.fixture
def clock(wall: SetClock, boot: SetClock) -> SteadyClock:
    return SteadyClock(wall.at, wall, boot)


def test_time_goes_on_through_a_leap_and_after_it(clock: SteadyClock, wall: SetClock, boot: SetClock) -> None:
    right = wall.at
    wall.at = YEAR_2099
    boot.forward(3600)
    assert (clock(), clock.ahead) == (right + 3600 * 1_000_000, True)
    wall.at = right + 7200 * 1_000_000
    boot.forward(3600)
    assert (clock(), clock.ahead) == (wall.at, False)


def test_a_clock_set_a_little_ahead_or_back_is_followed(clock: SteadyClock, wall: SetClock, boot: SetClock) -> None:
    for days in (300, -300, -20_000, 20_000):
        wall.forward(days * 86_400)
        assert (clock(), clock.ahead) == (wall.at, False)


def test_a_server_started_by_a_clock_ahead_goes_by_its_journal(wall: SetClock, boot: SetClock) -> None:
    clock = SteadyClock(wall.at - 3 * DAY, SetClock(YEAR_2099), boot)
    boot.forward(60)
    assert clock() == wall.at - 3 * DAY + 60_000_000


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
        with pytest.raises(ClockAhead, match="the last deed in the journal is of 2026-11-04"):
            refuse_a_leap(session, now() + LEAP + 1)
        now.forward(3 * 366 * 86_400)
        deed(session)  # a person said that it is right
        refuse_a_leap(session, now())


@pytest.fixture
def years_later(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    def later(years: int) -> None:
        for place in ("server.cli", "server.command"):
            monkeypatch.setattr(f"{place}.utc_now", lambda: utc_now() + years * 366 * DAY)

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
    assert json.loads(says("clock", "--json")[1])["ahead"] is True
    assert says("ca")[0] == says("person", "list")[0] == Exit.DONE
    assert says("clock", "--right")[0] == Exit.DONE
    assert says("person", "reset", "admin")[0] == Exit.DONE


def test_a_home_is_not_made_by_a_clock_that_is_decades_ahead(tmp_path: Path) -> None:
    made = Local(tmp_path, lambda: {"localhost"}, SetClock(YEAR_2099), make=True)
    with pytest.raises(Exception, match="decades ahead"):
        made.trusted()
