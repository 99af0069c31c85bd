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

import msgspec
import pytest

from agent.assignment import keep
from agent.cli import main
from agent.clock import Clocks, system_clocks
from agent.doctor import box, mends
from agent.doctor import server as doctor_server
from agent.doctor.command import all_well, findings, lines
from agent.doctor.finding import Finding, Word, span
from agent.doctor.patient import Disk, SpoolFile, look_at, look_into
from agent.exit import Exit
from agent.link import errors
from agent.link.identity import keep_identity, load_identity
from agent.local.box import Aside
from agent.spool.spool import Spool
from agent.spool.standing import Standing
from agent.status import Status, Trouble, read_status
from agent.wire import Assignment, Event, EventName, Polled
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
    found = await asyncio.to_thread(findings, patient)
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
        "agent", "clock", "spool", "disk", "log", "1001/a",
    }  # fmt: skip
    assert found["1001/b"].word is Word.WRONG
    assert found["1001/b"].said.zh == "设备没有应答（驱动报告：nothing came back）。"
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
    assert found["server"].word is Word.UNSEEN
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


async def test_of_a_pc_that_was_never_set_up_the_one_cause_comes_first_and_alone(home: Path) -> None:
    found = await found_in(home)
    assert next(iter(found)) == "server"
    assert not {"agent", "service", "spool", "log", "devices"} & set(found)
    assert {one.word for noun, one in found.items() if noun != "server"} <= {Word.WELL, Word.HEED}


async def test_before_the_first_contact_nobody_knows_what_is_assigned(home: Path) -> None:
    enrolled(home, "http://127.0.0.1:1")
    assert (await found_in(home))["devices"].word is Word.UNSEEN
    keep(home, Assignment(agent="a", revision="1", polled=[]))
    found = (await found_in(home))["devices"]
    assert found.word is Word.HEED
    assert "配置清单" in (found.mend or ("",))[0]


async def test_a_damaged_spool_of_before_is_one_line_with_the_spool_of_now(home: Path, clocks: FakeClocks) -> None:
    enrolled(home, "http://127.0.0.1:1")
    Spool(home / "spool.db", clocks).close()
    (home / "spool.db.damaged").write_bytes(b"torn")
    (found,) = (one for one in findings(await look_at(home, {}, clocks)) if one.noun.en == "spool")
    assert found.word is Word.HEED
    assert "0 条等待送出" in found.said.zh
    assert "spool.db.damaged" in found.said.zh


async def test_on_a_full_disk_a_running_agent_is_not_to_be_restarted(home: Path, lamp: LampSays) -> None:
    enrolled(home, "http://127.0.0.1:1")
    keep(home, Assignment(agent="a", revision="1", polled=[lamp("1001/a", device="online")]))
    (home / "spool.db").write_bytes(b"")
    patient = await look_at(home, {}, system_clocks(home))
    full, held = Disk(free=0, total=1), SpoolFile(there=True, taken=True)
    said = Status(pid=1, version="1", started=0, at=patient.now, spool=Standing("s", 7, 0, 1))
    for status in (None, said):
        running = msgspec.structs.replace(patient, disk=full, spool=held, status=status)
        found = {one.noun.en: one for one in findings(running)}
        assert found["spool"].word is Word.WRONG
        for noun in ("agent", "devices") if status is None else ("spool",):
            assert found[noun].mend is mends.MAKE_ROOM


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


async def test_why_a_spool_cannot_be_read_is_plain_chinese(home: Path) -> None:
    path = home / "spool.db"
    for content, why in (
        (b"SQLite format 3\0" + b"\xff" * 4080, "文件已损坏，不是数据库"),
        (b"rubbish" * 1000, "文件已损坏，不是数据库"),
        (b"", "内容不是采集程序写的"),
    ):
        path.write_bytes(content)
        assert (await found_in(home))["spool"].said.zh == f"缓存文件不能读：{why}。"
    path.unlink()
    Spool(path, system_clocks(home)).close()
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + b"\xff" * (len(whole) - 4096))
    assert (await found_in(home))["spool"].said.zh == "缓存文件不能读：文件已损坏。"
    path.unlink()
    path.mkdir()
    assert (await found_in(home))["spool"].said.zh == "缓存文件不能读：磁盘读写出错。"


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("identity.json", b"", "身份文件 {path} 已损坏，读不懂。请用新的登记码重新登记。"),
        ("identity.json", b'{"server": 1', "身份文件 {path} 已损坏，读不懂。请用新的登记码重新登记。"),
        ("identity.json", b'{"server": "\xff"}', "身份文件 {path} 已损坏，读不懂。请用新的登记码重新登记。"),
        ("identity.json", b"{}", "身份文件 {path} 已损坏，读不懂。请用新的登记码重新登记。"),
        ("ca.pem", b"", "本机认服务器用的证书文件 {path} 读不出来：其中没有能用的证书。请用新的登记码重新登记。"),
        ("ca.pem", b"\xff", "本机认服务器用的证书文件 {path} 读不出来：其中没有能用的证书。请用新的登记码重新登记。"),
        (
            "agent.toml",
            b"# 1\nserver = https://x",
            '{path} 的格式（TOML）不对：第 2 行写得不对，应像 server = "https://10.66.0.10:8088"。',
        ),
        ("agent.toml", b'sever = "https://x"', "{path} 中的“sever”不是设置项，是不是“server”？"),
        ("agent.toml", b"spool_days = 0", "{path} 中的 spool_days“0”应为 1 到 3650 的整数。"),
        ("agent.toml", b'server = "x"', "{path} 中的 server“x”不是服务器地址，应像 https://10.66.0.10:8088。"),
        ("agent.toml", b'server = "http://x"', "{path} 中的 server“http://x”会不加密地经过网络，要用 https:// 开头。"),
    ],
)
async def test_why_a_file_of_the_agent_cannot_be_used_is_plain_chinese(
    home: Path, file: str, content: bytes, said: str
) -> None:
    enrolled(home, "https://127.0.0.1:1")
    (home / file).write_bytes(content)
    assert (await found_in(home))["server"].said.zh.partition("：")[2] == said.format(path=home / file)


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


async def test_a_device_is_called_well_only_if_it_said_so_itself(
    centre: Centre, home: Path, third_party: Path, lamp: LampSays, until: Until
) -> None:
    enrolled(home, centre.url)
    said: dict[str, dict[str, Any]] = {
        "good": {"device": "online", "parts": {"paper": "ok"}},
        "unknown": {"device": "unknown"},
        "blind": {"device": "online", "parts": {"paper": "unknown"}},
        "low": {"device": "online", "parts": {"paper": "low"}},
        "out": {"device": "online", "parts": {"paper": "out"}},
        "held": {"error": "Busy", "reason": "portInUse", "detail": "held by teller.exe"},
    }
    centre.assign(*(lamp(f"1001/{key}", **one) for key, one in said.items()))
    agent = start(home, third_party)
    try:
        await until(lambda: (status := read_status(home)) is not None and len(status.looked) == len(said))
        found = await found_in(home)
    finally:
        agent.terminate()
        agent.wait()
    assert {key: found[f"1001/{key}"].word for key in said} == {
        "good": Word.WELL,
        "unknown": Word.UNSEEN,
        "blind": Word.UNSEEN,
        "low": Word.HEED,
        "out": Word.WRONG,
        "held": Word.UNSEEN,
    }
    assert "缺纸" in found["1001/out"].said.zh


async def test_on_a_full_disk_spool_disk_and_log_say_so_and_that_the_pc_must_stay_on(
    home: Path, clocks: FakeClocks, full_disk: Callable[[Path], Path]
) -> None:
    enrolled(home, "http://127.0.0.1:1")
    Spool(home / "spool.db", clocks).close()
    (home / "log").mkdir(mode=0o700)
    (home / "log" / "agent.jsonl").write_text("")
    found = await found_in(full_disk(home))
    for noun in ("spool", "disk", "log"):
        assert found[noun].word is Word.WRONG
        assert "磁盘已满" in found[noun].said.zh or noun == "disk"
        assert "不要关机" in (found[noun].mend or ("",))[0]


async def test_a_missing_ca_is_said_with_its_path_and_its_step(home: Path) -> None:
    enrolled(home, "https://127.0.0.1:1")
    found = (await found_in(home))["server"]
    assert found.word is Word.WRONG
    assert str(home / "ca.pem") in found.said.zh
    assert "enroll" in (found.mend or ("",))[0]


async def test_every_way_the_server_can_fail_to_answer_has_a_step(home: Path) -> None:
    def kinds(of: type[errors.LinkError]) -> set[str]:
        return {of.__name__}.union(*(kinds(one) for one in of.__subclasses__()))

    assert kinds(errors.LinkError) - {"NotTaken"} == set(doctor_server._MENDS)


async def test_what_the_running_agent_hears_of_the_server_is_told_with_the_step_of_its_kind(
    centre: Centre, home: Path, third_party: Path, until: Until
) -> None:
    enrolled(home, centre.url)
    centre.mood = ["stranger"]
    agent = start(home, third_party)
    try:
        await until(lambda: (status := read_status(home)) is not None and status.trouble is not None)
        found = (await found_in(home))["server"]
    finally:
        agent.terminate()
        agent.wait()
    assert found.word is Word.WRONG
    assert "不接受本机" in found.said.zh
    assert found.mend is doctor_server._MENDS["Rejected"]


async def test_what_the_agent_heard_before_the_server_answered_is_told_with_its_age(centre: Centre, home: Path) -> None:
    """Never "it answers" and "it does not answer" at once, and no quarantine as if it were of now."""
    enrolled(home, centre.url)
    patient = await look_at(home, {}, system_clocks(home))

    def found(kind: str, kept_out: str = "") -> Finding:
        trouble = Trouble(kind, "服务器没有应答。", "It does not answer.", patient.now.wall - 40_000_000)
        status = Status(pid=1, version="1", started=0, at=patient.now, trouble=trouble, kept_out=kept_out)
        (one,) = doctor_server.look(
            msgspec.structs.replace(patient, status=status, spool=SpoolFile(there=True, taken=True))
        )
        return one

    away = found("Away")
    assert away.word is Word.UNSEEN
    assert "现在有应答" in away.said.zh
    assert "40 秒前" in away.said.zh
    assert "没有应答" not in away.said.zh
    assert "does not answer" not in away.said.en
    unable = found("Unable")
    assert unable.word is Word.WRONG
    assert "40 秒前" in unable.said.zh
    barred = found("Rejected", "quarantine")
    assert barred.word is Word.WRONG
    assert "40 秒前不接受本机" in barred.said.zh
    assert "5 分钟" in barred.said.zh
    assert "5 minutes" in barred.said.en


async def test_a_server_that_answers_is_well_only_if_it_let_the_agent_in_of_late(centre: Centre, home: Path) -> None:
    enrolled(home, centre.url)
    patient = await look_at(home, {}, system_clocks(home))
    words = []
    for since in (None, 300, 5):
        answered = patient.now.wall - since * 1_000_000 if since is not None else 0
        status = Status(pid=1, version="1", started=0, at=patient.now, answered=answered)
        running = msgspec.structs.replace(patient, status=status, spool=SpoolFile(there=True, taken=True))
        (found,) = doctor_server.look(running)
        words.append(found.word)
        assert ("5 秒前接受过本机" in found.said.zh) == (since == 5)
    assert words == [Word.UNSEEN, Word.UNSEEN, Word.WELL]


async def test_a_pc_that_head_office_has_to_confirm_says_so_until_it_is_let_in(
    centre: Centre, home: Path, third_party: Path, until: Until
) -> None:
    keep_identity(home, msgspec.structs.replace(enrolled(home, centre.url).identity, waiting=True))
    found = (await found_in(home))["server"]
    assert found.word is Word.WRONG
    assert "待确认" in found.said.zh
    agent = start(home, third_party)
    try:
        await until(lambda: not ((identity := load_identity(home)) and identity.waiting))
    finally:
        agent.terminate()
        agent.wait()
    assert "待确认" not in (await found_in(home))["server"].said.zh


async def test_what_lies_in_the_box_and_is_no_entry_is_counted(home: Path) -> None:
    enrolled(home, "http://127.0.0.1:1")
    patient = await look_at(home, {}, system_clocks(home))
    status = Status(pid=1, version="1", started=0, at=patient.now, aside=Aside(kept=50, removed=7, stuck=1))
    running = msgspec.structs.replace(patient, status=status, spool=SpoolFile(there=True, taken=True))
    (found,) = box.look(running)
    assert found.word is Word.HEED
    for part in ("50 份", "7 份", "1 份", str(home / "local" / "aside")):
        assert part in found.said.zh
    assert ".why" in (found.mend or ("",))[0]
    assert box.look(patient) == []


async def test_no_age_is_made_of_a_clock_that_was_set_back(home: Path, clocks: FakeClocks) -> None:
    enrolled(home, "http://127.0.0.1:1")
    spool = Spool(home / "spool.db", clocks)
    spool.append([Event(seq=0, clock=clocks(), name=EventName.START)])
    spool.close()
    clocks.forward(3600)
    assert "等了 60 分钟" in (await found_in(home, clocks))["spool"].said.zh
    clocks.wall = 946_684_800_000_000
    found = (await found_in(home, clocks))["spool"]
    assert "1 条等待送出。" in found.said.zh
