"""`branchfleet check push` and `campaign`: an agent tells its host, and the command says how each host did."""

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.wire import Fact
from server.schemas.people import Role
from tests.tui.commands.test_push import Obeying
from tui.exit import Exit

Run = Callable[..., subprocess.CompletedProcess[bytes]]


class Telling(Obeying):
    """The agent `centre`: it tells that its host is Linux and listens on `ports`, and then that it was done."""

    ports: tuple[str, ...] = ("22",)

    def first(self) -> list[Any]:
        bank = self.bank
        said: dict[str, Any] = {
            "host": {"os.family": "linux"},
            "network": {"ports.tcp": [*self.ports], "ports.udp": []},
        }
        return [
            Fact(seq=bank._next(), clock=bank._clock(0), topic=topic, host="PC", facts=facts)
            for topic, facts in said.items()
        ]


@pytest.fixture
def agent(bank: Any) -> Iterator[Telling]:
    made = Telling(bank)
    yield made
    made.end()


def test_a_pushed_check_tells_each_host_and_a_port_that_was_opened_turns_the_verdict(
    bank: Any, run: Run, agent: Telling, tmp_path: Path
) -> None:
    token = bank.token("li", Role.HEAD)
    said = run("check", "push", "high-risk-ports", "--query", 'f["os.family"] == "linux"', token=token)
    assert said.returncode == Exit.DONE, (said.stdout.decode(), said.stderr.decode())
    assert "[####################] 1/1  合格 1" in said.stderr.decode()
    agent.ports = ("22", "445")
    said = run("check", "push", "high-risk-ports", "--all", "--title", "高危端口", token=token)
    assert said.returncode == Exit.NOT_ALL, said.stderr.decode()
    lines = said.stdout.decode().splitlines()
    assert lines[1].startswith("■ 不合格  centre")
    assert "端口 445 正在监听" in said.stdout.decode()
    newest, before = run("campaigns", token=token).stdout.decode().splitlines()[1:]
    assert newest.startswith("▲ 未全合格")
    assert before.startswith("● 全部合格")
    uid = newest.split()[-1]
    told = json.loads(run("campaign", "show", uid, "--json", token=token).stdout)
    assert [row["word"] for row in told["rows"]] == ["fail"]
    text = run("campaign", "text", uid, token=token).stdout.decode()
    assert text.startswith("【专项核查】高危端口\n")
    drawn = run("campaign", "text", uid, "--qr", token=token).stdout.decode()
    assert set(drawn) <= set("█▀▄ \n0123456789/")
    picture = tmp_path / "result.png"
    assert run("campaign", "text", uid, "--qr", "-o", str(picture), token=token).returncode == Exit.DONE
    files = sorted(tmp_path.glob("result*.png"))
    assert files
    assert all(file.read_bytes().startswith(b"\x89PNG") for file in files)
    sheet = tmp_path / "result.xlsx"
    assert run("campaign", "export", uid, "-o", str(sheet), token=token).returncode == Exit.DONE
    assert run("campaign", "export", uid, "-o", str(sheet), token=token).returncode == Exit.CANNOT_WRITE
    assert run("campaign", "cancel", uid, token=token).returncode == Exit.REFUSED


def test_an_emergency_is_answered_by_command(bank: Any, run: Run) -> None:
    head, branch = bank.token("li", Role.HEAD), bank.token("wang", Role.BRANCH, ["1001"])
    assert "ransomware  勒索病毒应急处置  135,137-139,445" in run("check", "templates", token=head).stdout.decode()
    said = run("check", "push", "--template", "ransomware", "--branch", "1001", "--no-wait", token=head)
    assert said.returncode == Exit.DONE, said.stderr.decode()
    uid = said.stdout.decode().strip()
    said = run("campaign", "tick", uid, "staff-told", "who-to-call", "--done", token=branch)
    assert said.returncode == Exit.DONE, said.stderr.decode()
    assert "已完成 2 · 未答复 3" in said.stderr.decode()
    said = run("campaign", "items", uid, token=branch)
    lines = said.stdout.decode().splitlines()
    assert [line.split()[1] for line in lines[1:]] == ["未答复", "已完成", "未答复", "未答复", "已完成"]
    assert "boundary-ports" not in said.stdout.decode()
    said = run("campaign", "tick", uid, "ips-signatures", "--not-possible", "--note", "省联社管理", token=head)
    assert "已完成 2 · 无法完成 1 · 未答复 6" in said.stderr.decode()
    assert "勾选项 已完成 2 · 无法完成 1 · 未答复 6" in run("campaigns", token=head).stdout.decode()
    assert run("campaigns", "--monthly", token=branch).returncode == Exit.DONE


def test_what_is_said_wrong_is_one_sentence(bank: Any, run: Run) -> None:
    token = bank.token("li", Role.HEAD)
    for words, code in (
        (("check", "push", "ms17-010"), Exit.USAGE),
        (("check", "push", "ms17-010", "--all", "--branch", "1001"), Exit.USAGE),
        (("check", "push", "ms17-010", "--all", "--expires", "soon"), Exit.USAGE),
        (("check", "push", "no-such", "--all"), Exit.NO_SUCH_THING),
        (("check", "push", "--all"), Exit.USAGE),
        (("check", "push", "ms17-010", "--all", "--title", "长" * 121), Exit.USAGE),
        (("check", "push", "--template", "nope", "--all"), Exit.NO_SUCH_THING),
        (("campaign", "tick", "nope", "staff-told"), Exit.USAGE),
        (("campaign", "tick", "nope", "staff-told", "--not-possible"), Exit.USAGE),
        (("campaign", "show", "monthly"), Exit.NO_SUCH_THING),
        (("campaign", "show", "nope"), Exit.NO_SUCH_THING),
        (("campaign", "text", "nope", "-o", "x.png"), Exit.USAGE),
    ):
        said = run(*words, token=token)
        assert said.returncode == code, (words, said.stderr.decode())
        assert len(said.stderr.decode().strip().splitlines()) == 1
        assert "Traceback" not in said.stderr.decode()
