"""Hosts without an agent, judged by the shipped checks: this machine as two hosts, each in a network of its own, with
a real sshd, dpkg and clamd. A port that is opened and an antivirus that is stopped flip the verdict of that alone."""

import asyncio
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from drivers.base import Shared
from drivers.host.ssh import Ssh, SshOptions
from server.checks.bank import Bank
from server.checks.judging import judge
from server.checks.kept import shipped
from server.checks.sheets import Host, Sheet
from tests.drivers.host.conftest import CONF, fingerprint, new_key
from tests.faults import namespace

needs_namespaces = pytest.mark.skipif(bool(namespace.missing()), reason=namespace.missing() or "-")
PROGRAMS = ("sshd", "clamd", "clamscan", "sigtool")
needs_programs = pytest.mark.skipif(
    not all(shutil.which(name, path="/usr/bin:/usr/sbin") for name in PROGRAMS),
    reason="two hosts need: apt-get install openssh-server clamav clamav-daemon",
)
LISTEN = "import socket, time; s = socket.create_server(('', 445)); print('open', flush=True); time.sleep(600)"


@contextmanager
def running(*words: str, until: str = "") -> Iterator[None]:
    """A program until the end of the block; with `until`, from when its output says that."""
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as child:
        try:
            assert child.stdout is not None
            while until and until not in (line := child.stdout.readline()):
                assert line, f"{words[0]} ended: {child.wait()}"
            yield
        finally:
            child.kill()


@contextmanager
def host(folder: Path, branch: namespace.Branch) -> Iterator[Ssh]:
    """sshd in the branch's network, and the driver that logs in to it."""
    folder.mkdir()
    for name in ("host", "client"):
        new_key(folder / name)
    shutil.copy(folder / "client.pub", folder / "authorized_keys")
    conf = CONF.format(port=22, folder=folder).replace("127.0.0.1", branch.inner)
    (folder / "conf").write_text(conf, encoding="ascii")
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    sshd = shutil.which("sshd", path="/usr/sbin:/usr/bin") or ""
    with running(*branch.words, sshd, "-D", "-e", "-f", str(folder / "conf"), until="listening"):
        key = (folder / "client").read_text(encoding="ascii")
        options = SshOptions(user="root", private_key=key, host_key=fingerprint(folder / "host.pub"))
        yield Ssh(branch.inner, options, Shared())


@contextmanager
def antivirus(folder: Path) -> Iterator[None]:
    """A real clamd with a library of one line; what watches files beside it is another program under that name."""
    folder.mkdir()
    (folder / "one.ndb").write_text("Branchfleet.Test:0:*:6272616e6368666c6565742d74657374\n")
    (folder / "conf").write_text(f"Foreground yes\nDatabaseDirectory {folder}\nLocalSocket {folder}/s\nUser root\n")
    shutil.copy(shutil.which("sleep") or "", folder / "clamonacc")
    clamd = shutil.which("clamd", path="/usr/sbin:/usr/bin") or ""
    with running(clamd, "-c", str(folder / "conf"), until="Self checking"), running(str(folder / "clamonacc"), "600"):
        yield


async def verdicts(*hosts: Ssh) -> list[dict[str, str]]:
    found = await asyncio.gather(*(one.facts() for one in hosts))
    now = time.time_ns() // 1000
    judged = []
    for told in found:
        facts: dict[str, Sheet] = {sheet.topic: Sheet(now, sheet.facts, sheet.unread) for sheet in told}
        assert sheets_are_whole(facts)
        judged.append({check.id: str(judge(check, Host("x", facts), Bank(), now).word) for check in shipped()})
    return judged


def sheets_are_whole(facts: dict[str, Any]) -> bool:
    return bool(facts["updates"].facts["updates.source"] == "dpkg") and facts["software"].facts["software.count"] > 100


@needs_namespaces
@needs_programs
async def test_a_port_and_an_antivirus_flip_the_verdict_of_their_host(tmp_path: Path) -> None:
    with ExitStack() as stack:
        branches = [stack.enter_context(namespace.branch()) for _ in range(2)]
        first, second = (
            stack.enter_context(host(tmp_path / str(number), branch)) for number, branch in enumerate(branches)
        )
        with antivirus(tmp_path / "antivirus"):
            with running(*branches[0].words, sys.executable, "-c", LISTEN, until="open"):
                a, b = await verdicts(first, second)
            assert (a["high-risk-ports"], b["high-risk-ports"]) == ("fail", "pass")
            assert a["antivirus-present"] == a["antivirus-realtime"] == b["antivirus-realtime"] == "pass"
        a, b = await verdicts(first, second)
        assert (a["high-risk-ports"], a["antivirus-realtime"], b["antivirus-realtime"]) == ("pass", "fail", "fail")
        assert "pass" not in (a["reboot-pending"], a["os-supported"])  # nobody can tell that here
