"""The log: bounded, the owner's alone, one line when something goes and one when it is back."""

import json
import logging
import os
import random
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from agent.logs import FILES, LOG_BYTES, logging_to
from agent.poll import Seen, failed
from agent.report import Report
from agent.secrets import Secrets
from agent.wire import DeviceWord, Failure, Reading, catalogue

if TYPE_CHECKING:
    from tests.agent.conftest import FakeClocks
else:
    FakeClocks = Any

GOOD = Seen(Reading(device=DeviceWord.ONLINE))
POLL_SECONDS = 60


def garbage(chance: random.Random) -> Seen:
    """What a device that has gone mad gives: never twice the same."""
    raw = chance.randbytes(20)
    return failed(Failure("garbled", "badFrame", f"{raw!r} is no answer", raw))


def lines(home: Path) -> list[dict[str, str]]:
    text = (home / "log" / "agent.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def test_a_line_is_an_object_for_programs_and_a_sentence_for_people(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with logging_to(tmp_path, Secrets(), {}):
        logging.getLogger("agent.x").warning("%s is %s", "1001/atm-1", "gone", extra={"position": "1001/atm-1"})
    (line,) = lines(tmp_path)
    assert line.pop("at").endswith("+00:00")
    assert line == {"level": "warning", "where": "agent.x", "said": "1001/atm-1 is gone", "position": "1001/atm-1"}
    assert capsys.readouterr().err.endswith(" WARNING 1001/atm-1 is gone\n")


def test_to_the_journal_every_line_has_its_level_and_no_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (tmp_path / "stderr").open("w") as stderr:
        monkeypatch.setattr(sys, "stderr", stderr)
        found = os.fstat(stderr.fileno())
        with logging_to(tmp_path, Secrets(), {"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"}):
            logging.getLogger("agent.x").error("two\nlines")
    assert (tmp_path / "stderr").read_text() == "<3>two\n<3>lines\n"


def test_where_a_service_above_has_the_journal_and_this_has_a_file_the_lines_have_their_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (tmp_path / "stderr").open("w") as stderr, (tmp_path / "other").open("w") as other:
        monkeypatch.setattr(sys, "stderr", stderr)
        found = os.fstat(other.fileno())
        with logging_to(tmp_path, Secrets(), {"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"}):
            logging.getLogger("agent.x").error("gone")
    assert (tmp_path / "stderr").read_text().endswith(" ERROR gone\n")
    assert not (tmp_path / "stderr").read_text().startswith("<")


def test_a_log_of_a_year_takes_ten_megabytes_and_keeps_the_newest(tmp_path: Path) -> None:
    with logging_to(tmp_path, Secrets(), {"JOURNAL_STREAM": ""}):
        log = logging.getLogger("agent.x")
        shown = logging.getLogger().handlers[-2]
        shown.setLevel(logging.CRITICAL)  # people need not read this
        for number in range(LOG_BYTES * 2 // 15_000):
            log.info("%d %s", number, "." * 15_000)
        last = number
    files = sorted((tmp_path / "log").iterdir())
    assert len(files) == FILES
    assert sum(file.stat().st_size for file in files) <= LOG_BYTES
    assert lines(tmp_path)[-1]["said"].startswith(f"{last} ")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
def test_the_files_are_their_owners_alone(tmp_path: Path) -> None:
    with logging_to(tmp_path, Secrets(), {}):
        logging.getLogger("agent.x").info("begun")
    for path, mode in ((tmp_path / "log", 0o700), (tmp_path / "log" / "agent.jsonl", 0o600)):
        assert stat.S_IMODE(path.stat().st_mode) == mode


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="writes to a full disk by /dev/full: needs Linux")
def test_a_full_disk_is_said_once_and_stops_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "log" / "agent.jsonl"
    file.parent.mkdir()
    file.symlink_to("/dev/full")
    with logging_to(tmp_path, Secrets(), {}):
        log = logging.getLogger("agent.x")
        log.info("one")
        log.info("two")
        file.unlink()
        log.info("three")
    said = capsys.readouterr().err
    assert said.count("cannot be written: No space left on device.") == 1
    assert said.count("can be written again") == 1
    assert "Traceback" not in said
    assert [line["said"] for line in lines(tmp_path)] == ["three"]


def test_a_device_that_is_garbage_for_a_day_costs_two_lines(
    tmp_path: Path, clocks: FakeClocks, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    report, chance = Report(catalogue(), clocks()), random.Random(4)
    report.seen("1/a", GOOD, clocks())
    for _ in range(24 * 60):
        clocks.forward(POLL_SECONDS)
        report.seen("1/a", garbage(chance), clocks())
        if chance.random() < 0.1:
            report.forget()  # the spool had to drop states, or the server's database is another
    report.seen("1/a", GOOD, clocks())
    assert len(caplog.messages) == 2
    assert caplog.messages[-1] == "1/a gives readings again"


def test_over_a_flapping_hour_each_turn_is_one_line_and_nothing_else(
    clocks: FakeClocks, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    report, chance = Report(catalogue(), clocks()), random.Random(5)
    turns, good = 0, True
    for _ in range(60):
        clocks.forward(POLL_SECONDS)
        before, good = good, chance.random() < 0.5
        turns += before is not good
        report.seen("1/a", GOOD if good else garbage(chance), clocks())
    assert turns > 10
    assert len(caplog.messages) == turns
    gone = [record.levelname == "WARNING" for record in caplog.records]
    assert gone == [number % 2 == 0 for number in range(turns)]
