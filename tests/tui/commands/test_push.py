"""`branchfleet push`: an agent that waits carries it out, and the command says how it ended, and ends as it ended."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest

from agent.wire import Fact, Orders, Result, Told
from server.schemas.people import Role
from tui.exit import Exit
from tui.words.times import ZONE

Run = Callable[..., subprocess.CompletedProcess[bytes]]


class Obeying:
    """The agent `centre` of the bank: it asks for orders and answers each as `answers` says, until it is ended."""

    def __init__(self, bank: Any) -> None:
        self.bank = bank
        self.answers: dict[str, Any] = {"done": True}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        headers = {"Authorization": f"Bearer {self.bank._agent_token}"}
        have: list[str] = []
        while not self._ended.is_set():
            asked = {"wait": "1", "have": ",".join(have)}
            answer = httpx2.get(f"{self.bank.url}/api/agent/orders", params=asked, headers=headers, timeout=30)
            for order in msgspec.msgpack.decode(answer.content, type=Orders).orders:
                have.append(order.uid)
                bank, began = self.bank, self.bank._clock(0)
                first = self.first()
                said = {"clock": bank._clock(0), "began": began, "order": order.uid, **self.answers}
                bank.tell(*first, Result(seq=bank._next(), **said))

    def first(self) -> list[Any]:
        """What it says before it says that it was done."""
        return []

    def end(self) -> None:
        self._ended.set()
        self._thread.join()


@pytest.fixture
def agent(bank: Any) -> Iterator[Obeying]:
    made = Obeying(bank)
    yield made
    made.end()


def test_a_poll_is_waited_for_and_told(bank: Any, run: Run, agent: Obeying) -> None:
    agent.answers = {"done": True, "polls": {"1001/atm-1": "", "1001/atm-2": "noAnswer", "1001/printer-1": ""}}
    said = run("push", "poll", "1001", "--reason", "核对", token=bank.token("li", Role.HEAD))
    lines = said.stdout.decode().splitlines()
    assert said.returncode == Exit.NOT_ALL, said.stderr.decode()  # one gave no reading
    assert lines[0].split() == ["状态", "采集程序", "网点", "结束", "结果"]
    assert lines[1].startswith("▲ 未全完成  centre")
    assert lines[2].strip() == "1001/atm-2: 没有应答"
    assert "现在读一次 正午支行: 已完成 1/1" in said.stderr.decode()
    assert "其中 1 个没有读数" in said.stderr.decode()
    assert b"\x1b" not in said.stdout + said.stderr  # nobody looks on


def test_a_poll_that_read_all_there_is_ends_well_and_the_list_tells_it_from_one_that_did_not(
    bank: Any, run: Run, agent: Obeying
) -> None:
    token = bank.token("li", Role.HEAD)
    agent.answers = {"done": True, "polls": {"1001/atm-1": "noAnswer", "1001/printer-1": "noAnswer"}}
    assert run("push", "poll", "1001", token=token).returncode == Exit.NOT_ALL
    agent.answers = {"done": True, "polls": {"1001/atm-1": "", "1001/printer-1": ""}}
    assert run("push", "poll", "1001", token=token).returncode == Exit.DONE
    good, bad = run("pushes", token=token).stdout.decode().splitlines()[1:]
    assert good.startswith("● 全部完成")
    assert bad.startswith("▲ 未全完成")
    assert "2 个没有读数" in bad


def test_what_has_no_name_or_is_not_there_is_told_so(bank: Any, run: Run) -> None:
    token = bank.token("li", Role.HEAD)
    for words in (("push", "show", ""), ("push", "cancel", ""), ("pushes", "--about", "nope")):
        said = run(*words, token=token)
        assert said.returncode == Exit.NO_SUCH_THING, (words, said.stderr.decode())
        assert len(said.stderr.decode().splitlines()) == 1


def test_what_was_not_carried_out_ends_with_a_code_of_its_own(bank: Any, run: Run, agent: Obeying) -> None:
    agent.answers = {"done": False, "why": "error", "said": "no\x1b[2J room"}
    token = bank.token("li", Role.HEAD)
    said = run("push", "doctor", "--all", "--json", token=token)
    document = json.loads(said.stdout)
    assert said.returncode == Exit.NOT_ALL
    assert (document["counts"]["failed"], document["orders"][0]["state"]) == (1, "failed")
    shown = run("push", "show", document["uid"], token=token)
    assert shown.returncode == Exit.DONE
    assert "■ 失败" in shown.stdout.decode()
    assert b"\x1b" not in shown.stdout


def test_a_push_can_be_left_listed_and_cancelled(bank: Any, run: Run) -> None:
    token = bank.token("li", Role.HEAD)
    made = run("push", "facts", "centre", "--expires", "1d", "--no-wait", token=token)
    uid = made.stdout.decode().strip()
    assert (made.returncode, len(uid)) == (Exit.DONE, 36)
    (row,) = run("pushes", token=token).stdout.decode().splitlines()[1:]
    assert (uid in row, "等待 1" in row) == (True, True)
    cancelled = run("push", "cancel", uid, token=token)
    assert (cancelled.returncode, "已取消 1" in cancelled.stderr.decode()) == (Exit.DONE, True)
    assert run("push", "cancel", uid, token=token).returncode == Exit.REFUSED
    assert run("push", "show", "none", token=token).returncode == Exit.NO_SUCH_THING


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["1001", "--all"],
        ["1001", "--expires", "soon"],
        ["1001", "--expires", "1s"],
        ["1001", "--expires", "31d"],
        ["1001", "--window", "whenever"],
        ["1001", "--reason", "x" * 501],
        ["1" * 201],
        ["1001", "--starts", "tomorrow"],
    ],
)
def test_what_cannot_be_pushed_is_told_before_anybody_is_asked(bank: Any, run: Run, words: list[str]) -> None:
    token = bank.token("li", Role.HEAD)
    said = run("push", "poll", *words, token=token)
    assert said.returncode == Exit.USAGE
    assert len(said.stderr.decode().splitlines()) == 1
    assert bank.ask(token, "/api/pushes")["total"] == 0


def test_lengths_that_are_none_name_those_that_are(bank: Any, run: Run) -> None:
    said = run("push", "poll", "1001", "--expires", "31d", token=bank.token("li", Role.HEAD))
    assert said.stderr.decode().strip() == "--expires 31d 太短或太长：应在 5s 到 30d 之间。"


def test_a_start_that_is_past_is_refused_with_what_to_do(bank: Any, run: Run) -> None:
    said = run("push", "poll", "1001", "--starts", "2020-01-01 08:00", token=bank.token("li", Role.HEAD))
    assert (said.returncode, said.stderr.decode().strip()) == (
        Exit.REFUSED,
        "开始时间已经过去：不写开始时间就是现在开始。",
    )


def test_a_push_that_waits_for_its_hours_says_until_when(bank: Any, run: Run) -> None:
    token = bank.token("li", Role.HEAD)
    opens = datetime.now(ZONE) + timedelta(hours=3)
    window = f"{opens:%H:%M}-{opens + timedelta(hours=1):%H:%M}"
    words = ("--expires", "1d", "--window", window, "--reason", "核对", "--no-wait")
    uid = run("push", "facts", "centre", *words, token=token).stdout.decode().strip()
    told = run("push", "show", uid, token=token).stderr.decode()
    for part in ("li ", f"时段 {window}", "前有效", "现在不在时段内", "核对"):
        assert part in told


def test_an_agent_is_shown_with_what_its_pc_said(bank: Any, run: Run) -> None:
    token = bank.token("shen", Role.AUDITOR)
    before = run("agent", "show", "centre", token=token)
    assert (before.returncode, "branchfleet push facts centre" in before.stderr.decode()) == (Exit.DONE, True)
    facts: dict[str, Told] = {
        "os.name": "Windows 10",
        "memory.bytes": 8 << 30,
        "addresses": ["10.66.1.20\x1b[2J"],
    }
    bank.tell(Fact(seq=bank._next(), clock=bank._clock(0), host="FRONT-PC", facts=facts))
    shown = run("agent", "show", "centre", token=token)
    for part in ("FRONT-PC", "Windows 10", "8.0 GB", "10.66.1.20", "centre"):
        assert part in shown.stdout.decode()
    assert b"\x1b" not in shown.stdout
    document = json.loads(run("agent", "show", "centre", "--json", token=token).stdout)
    assert (document["key"], document["facts"]["facts"]["os.name"]) == ("centre", "Windows 10")
    assert run("agent", "show", "nobody", token=token).returncode == Exit.NO_SUCH_THING


def test_how_safe_a_pc_is_and_what_could_not_be_checked_is_told_in_chinese(bank: Any, run: Run) -> None:
    token = bank.token("shen", Role.AUDITOR)
    av: dict[str, Told] = {
        "av.count": 1,
        "av.1.product": "ClamAV",
        "av.1.version": "1.4.3",
        "av.1.library": "27801",
        "av.1.library_at": 1_793_505_600_000_000,
        "av.1.realtime": False,
    }
    ports: dict[str, Told] = {"ports.tcp": ["22", "445"], "ports.udp": ["137"]}
    waits: dict[str, Told] = {"reboot.pending": True, "reboot.why": ["kernel 6.1.0-50-amd64\x1b[2J"]}
    said: list[tuple[str, dict[str, Told], dict[str, str]]] = [
        ("host", waits, {"machine.serial": "rights"}),
        ("antivirus", av, {"av.1.scanned_at": "absent"}),
        ("network", ports, {"firewall.": "rights"}),
    ]
    for topic, facts, unread in said:
        clock = bank._clock(0)
        bank.tell(Fact(seq=bank._next(), clock=clock, host="FRONT-PC", topic=topic, facts=facts, unread=unread))
    shown = run("agent", "show", "centre", token=token).stdout.decode()
    for part in (
        "ClamAV 1.4.3 · 病毒库 27801（2026-11-01） · 实时防护 关",
        "待重启：kernel 6.1.0-50-amd64",
        "tcp 445, udp 137",
        "序列号，防火墙（权限不足）",
    ):
        assert part in shown, shown
    lines = {line.split()[0]: line.split()[1] for line in shown.splitlines() if len(line.split()) > 1}
    assert (lines["更新"], lines["防火墙"]) == ("未核查", "未核查")  # it never told, or could not read it
    assert "\x1b" not in shown


def test_what_changed_in_what_a_pc_says_is_listed(bank: Any, run: Run) -> None:
    token = bank.token("shen", Role.AUDITOR)
    for ports in (["22"], ["22", "445"]):
        facts: dict[str, Told] = {"ports.tcp": ports, "smb1.server": "445" in ports}
        bank.tell(Fact(seq=bank._next(), clock=bank._clock(0), host="FRONT-PC", topic="network", facts=facts))
    shown = run("agent", "changes", "centre", token=token).stdout.decode()
    rows = {line.split()[2]: line.split()[3:] for line in shown.splitlines()[1:]}
    assert rows == {"ports.tcp": ["无", "445"], "smb1.server": ["否", "是"]}
    page = json.loads(run("agent", "changes", "centre", "--json", "--limit", "1", token=token).stdout)
    assert (page["total"], len(page["rows"])) == (2, 1)
    assert run("agent", "changes", "nobody", token=token).returncode == Exit.NO_SUCH_THING


# A shell that starts the tests in the background has them ignore SIGINT, and so all that they start.
INTERRUPTIBLE = """
import runpy, signal
signal.signal(signal.SIGINT, signal.default_int_handler)
runpy.run_module("tui", run_name="__main__")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals of this kind")
def test_on_a_terminal_the_progress_is_live_and_ctrl_c_ends_the_waiting_alone(bank: Any, tmp_path: Path) -> None:
    import pty

    token = bank.token("li", Role.HEAD)
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("BRANCHFLEET_")},
        "BRANCHFLEET_CONFIG": str(tmp_path / "config"),
        "BRANCHFLEET_SERVER": bank.url,
        "BRANCHFLEET_TOKEN": token,
        "PYTHONIOENCODING": "utf-8",
    }
    command = [sys.executable, "-c", INTERRUPTIBLE, "push", "facts", "centre", "--expires", "1d"]
    terminal, end = pty.openpty()
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=end) as process:
        os.close(end)
        seen = b""
        while "已完成 0/1 · 等待 1".encode() not in seen:
            seen += os.read(terminal, 4096)
        process.send_signal(signal.SIGINT)
        [push] = bank.ask(token, "/api/pushes")["rows"]
        while f"branchfleet push show {push['uid']}".encode() not in seen:
            seen += os.read(terminal, 4096)
        assert process.wait(60) == Exit.STOPPED
    os.close(terminal)
    assert bank.ask(token, f"/api/pushes/{push['uid']}")["counts"]["waiting"] == 1
