"""The doctor sees what stands and what does not, claims nothing it did not see, and touches no device."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from agent.assignment import keep
from agent.cli import main
from agent.clock import Clocks, system_clocks
from agent.doctor import mends
from agent.doctor.command import LOOKS, all_well, lines
from agent.doctor.finding import Finding, Word, span
from agent.doctor.patient import look_at, look_into
from agent.exit import Exit
from agent.spool import Spool
from agent.status import read_status
from agent.wire import Assignment, Polled
from drivers.errors import Reason
from tests.agent.enrolled import enrolled

if TYPE_CHECKING:
    from tests.agent.conftest import Centre, FakeClocks
else:
    Centre = FakeClocks = Any

LampSays = Callable[..., Polled]
Until = Callable[[Callable[[], object]], Awaitable[None]]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir(mode=0o700)
    return folder


async def found_in(home: Path, clocks: Clocks | None = None) -> dict[str, Finding]:
    """What is found, by its English noun; several of one noun: the last."""
    patient = await look_at(home, {}, clocks or system_clocks(home))
    found = [finding for part in LOOKS for finding in await asyncio.to_thread(part.look, patient)]
    assert all(finding.mend is not None for finding in found if finding.word is not Word.WELL), "a step for each"
    return {finding.noun.en: finding for finding in found}


def start(home: Path, third_party: Path) -> subprocess.Popen[bytes]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(third_party), os.getcwd()])}
    command = [sys.executable, "-m", "agent.cli", "run", "--home", str(home)]
    return subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)


async def test_beside_a_running_agent_all_but_the_sick_is_well(
    centre: Centre, home: Path, third_party: Path, lamp: LampSays, until: Until
) -> None:
    enrolled(home, centre.url)
    sick = lamp("1001/b", error="Unreachable", reason="noAnswer", detail="nothing came back")
    centre.assign(lamp("1001/a", device="online"), sick, lamp("1001/c", device="online", options={"wats": 1}))
    agent = start(home, third_party)
    try:
        await until(lambda: (centre.states("1001/b")) and centre.states("1001/a"))
        await until(lambda: (status := read_status(home)) is not None and len(status.looked) == 3)
        found = await found_in(home)
    finally:
        agent.terminate()
        agent.wait()
    assert {noun for noun, finding in found.items() if finding.word is Word.WELL} >= {
        "agent", "clock", "server", "spool", "disk", "log", "1001/a",
    }  # fmt: skip
    assert found["1001/b"].word is Word.WRONG
    assert "nothing came back" in found["1001/b"].said.zh
    assert found["1001/b"].mend is mends.mend_of("noAnswer").step
    assert found["1001/c"].facts["reason"] == "badOptions"


async def test_without_a_running_agent_no_device_is_called_well_and_none_is_asked(
    centre: Centre, home: Path, third_party: Path, lamp: LampSays
) -> None:
    enrolled(home, centre.url)
    polled = [lamp(f"1001/{number}", device="online") for number in range(7)]
    keep(home, Assignment(agent="centre", revision="1", polled=polled))
    found = await found_in(home)
    assert found["agent"].word is Word.WRONG
    assert found["server"].word is Word.WELL
    assert found["devices"].word is Word.UNSEEN
    assert found["devices"].facts["positions"] == [one.position for one in polled]
    assert not any(Path(one.address).with_suffix(".log").exists() for one in polled)


async def test_an_agent_that_was_killed_is_not_taken_for_one_that_runs(
    centre: Centre, home: Path, third_party: Path, lamp: LampSays, until: Until
) -> None:
    enrolled(home, centre.url)
    centre.assign(lamp("1001/a", device="online"))
    agent = start(home, third_party)
    await until(lambda: read_status(home) is not None and centre.states("1001/a"))
    assert look_into(home / "spool.db").taken
    agent.send_signal(signal.SIGKILL)
    agent.wait()
    found = await found_in(home)
    assert found["agent"].word is Word.WRONG
    assert found["spool"].word is Word.WELL
    assert found["devices"].word is Word.UNSEEN


async def test_before_it_is_set_up_it_says_how(home: Path) -> None:
    found = await found_in(home)
    assert found["server"].word is Word.WRONG
    assert "enroll" in (found["server"].mend or ("",))[0]
    assert not all_well(list(found.values()))


async def test_a_server_that_is_away_and_one_that_is_somebody_else_have_steps_of_their_own(
    centre: Centre, home: Path
) -> None:
    enrolled(home, centre.url)
    centre.stop()
    away = (await found_in(home))["server"]
    assert away.word is Word.WRONG
    assert "does not answer" in away.said.en
    stranger = await asyncio.start_server(_portal, "127.0.0.1", 0)
    async with stranger:
        enrolled(home, f"http://127.0.0.1:{stranger.sockets[0].getsockname()[1]}")
        other = (await found_in(home))["server"]
    assert other.word is Word.WRONG
    assert other.mend != away.mend


async def _portal(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nlog in")
    await writer.drain()
    writer.close()


@pytest.mark.parametrize("year_2000_or_2099", [946_684_800_000_000, 4_071_000_000_000_000])
async def test_an_empty_cmos_battery_is_named(home: Path, clocks: FakeClocks, year_2000_or_2099: int) -> None:
    clocks.wall = year_2000_or_2099
    found = (await found_in(home, clocks))["clock"]
    assert found.word is Word.WRONG
    assert "电池" in (found.mend or ("",))[0]


async def test_a_clock_that_is_off_is_told_by_how_much(centre: Centre, home: Path) -> None:
    enrolled(home, centre.url)
    true = system_clocks(home)

    def slow() -> Any:
        clock = true()
        return type(clock)(clock.wall - 3 * 3_600_000_000, clock.boot, clock.boot_id)

    found = (await found_in(home, slow))["clock"]
    assert found.word is Word.WRONG
    assert "慢 3 小时" in found.said.zh


@pytest.mark.parametrize(("said_before", "whose"), [("", "服务器的时间"), ("9" * 16, "电脑时间")])
async def test_of_a_server_that_is_years_ahead_it_is_the_server_that_is_named(
    centre: Centre, home: Path, said_before: str, whose: str
) -> None:
    """Unless that server's own word of before says that it is the PC which is behind."""
    enrolled(home, centre.url)
    (home / "server-time").write_text(said_before)
    true = system_clocks(home)

    def behind() -> Any:
        clock = true()
        return type(clock)(clock.wall - 400 * 86_400_000_000, clock.boot, clock.boot_id)

    found = (await found_in(home, behind))["clock"]
    assert found.word is Word.WRONG
    assert found.said.zh.startswith(whose)


async def test_a_damaged_spool_is_said_and_left_as_it_is(home: Path) -> None:
    path = home / "spool.db"
    path.write_bytes(b"SQLite format 3\0" + b"\xff" * 4080)
    path.chmod(0o600)
    found = (await found_in(home))["spool"]
    assert found.word is Word.WRONG
    assert path.read_bytes().startswith(b"SQLite format 3\0\xff")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
async def test_a_file_that_others_may_read_is_named_with_its_mend(home: Path) -> None:
    enrolled(home, "http://127.0.0.1:1")
    assert (await found_in(home))["files"].word is Word.WELL
    (home / "identity.json").chmod(0o644)
    found = (await found_in(home))["files"]
    assert found.word is Word.WRONG
    assert "identity.json" in found.said.zh
    assert "chmod" in (found.mend or ("",))[0]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="gives a folder away: needs root")
def test_what_root_looks_at_stays_the_agents_own(home: Path, clocks: FakeClocks) -> None:
    spool = Spool(home / "spool.db", clocks)
    spool.close()
    for path in (home, home / "spool.db"):
        os.chown(path, 65534, 65534)
    assert look_into(home / "spool.db").standing is not None
    assert {path.stat().st_uid for path in home.iterdir()} == {65534}


async def test_a_disk_too_small_for_a_long_cut_is_said_in_time(home: Path) -> None:
    enrolled(home, "http://127.0.0.1:1")
    enough = (await found_in(home))["disk"]
    (home / "agent.toml").write_text("spool_limit_mb = 100000\n")
    if enough.facts["free"] < 100_000 << 20:
        assert (await found_in(home))["disk"].word is Word.HEED


def test_every_reason_a_device_may_fail_for_has_its_step() -> None:
    assert mends.known() == {str(reason) for reason in Reason}


def test_the_command_is_chinese_lines_or_json_and_its_code_says_whether_all_is_well(
    home: Path, lamp: LampSays, capsys: pytest.CaptureFixture[str]
) -> None:
    enrolled(home, "http://127.0.0.1:1")
    secret = "Kanarie-7'x"
    keep(home, Assignment(agent="a", revision="1", polled=[lamp("1001/a", options={"password": secret, "x": secret})]))
    said = {}
    for form in ([], ["--lang", "en"], ["--json"]):
        with pytest.raises(SystemExit) as ended:
            main(["doctor", "--home", str(home), *form])
        assert ended.value.code == Exit.UNWELL
        said[" ".join(form)] = capsys.readouterr().out
        assert secret not in said[" ".join(form)]
        assert "bfa_very_secret" not in said[" ".join(form)]
    assert "处理：" in said[""]
    assert "Do: " in said["--lang en"]
    assert json.loads(said["--json"])["well"] is False


@pytest.mark.parametrize(
    ("micros", "said"), [(0, "0 秒"), (119_000_000, "119 秒"), (120_000_000, "2 分钟"), (-8_000_000_000, "2 小时")]
)
def test_a_span_is_said_as_people_say_it(micros: int, said: str) -> None:
    assert span(micros).zh == said


async def test_a_line_fits_on_a_phone_call(home: Path) -> None:
    found = list((await found_in(home)).values())
    assert len(list(lines(found, "zh"))) == len(found) + 1 + sum(finding.mend is not None for finding in found)
