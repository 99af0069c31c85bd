"""Hosts without an agent on this machine: each with a network, processes and settings of its own, and a real sshd.

A host is a network namespace with a PID and a mount namespace in it. Its folder is /mnt to it; over /etc/clamav,
/etc/passwd and apt's lists lie files of that folder, so nothing of this machine is changed.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.drivers.host.conftest import CONF, fingerprint, new_key
from tests.faults import namespace
from tests.faults.bank import TOP, Bank

PROGRAMS = ("sshd", "clamd", "clamscan", "nsenter", "snmpd")
INSTALL = "apt-get install -y openssh-server clamav clamav-daemon util-linux snmpd"
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
DAY = 86_400
SIGNATURE = "Branchfleet.Test:0:*:6272616e6368666c6565742d74657374\n"
LISTEN = "import socket, time; s = socket.create_server(('', {port})); print('open', flush=True); time.sleep(600)"
# who may look at nothing of others' processes, and who has no shell at all
USERS = "looker:x:65533:65534::/:/bin/sh\nbarred:x:65532:65534::/:/usr/sbin/nologin\n"
OWN = """\
mount --bind "$1" /mnt && mount --bind /mnt/clamav /etc/clamav && mount --bind /mnt/lists /var/lib/apt/lists || exit 1
shift
"""
BEGIN = f"""{OWN}
mount --bind /mnt/passwd /etc/passwd && mount -o remount,hidepid=2 /proc || exit 1
echo up
exec sleep infinity
"""


def missing() -> str:
    """Why there can be no such hosts here, with the command that helps; "" if there can."""
    if not all(shutil.which(name, path=PATH) for name in PROGRAMS):
        return f"hosts with a real sshd, clamd and snmpd need: {INSTALL}"
    return namespace.missing()


@contextmanager
def running(*words: str, until: str = "") -> Iterator[int]:
    """A program and all it started until the end of the block; with `until`, from when its output says that."""
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    ) as child:
        try:
            assert child.stdout is not None
            while until and until not in (line := child.stdout.readline()):
                assert line, f"{' '.join(words)} ended: {child.wait()}"
            yield child.pid
        finally:
            os.killpg(child.pid, signal.SIGKILL)


class Part:
    """What runs on a host, to be stopped and started again."""

    def __init__(self) -> None:
        self._stack = ExitStack()

    def start(self, *words: str, until: str = "") -> None:
        self._stack.enter_context(running(*words, until=until))

    def stop(self) -> None:
        self._stack.close()


def settings(folder: Path, seen_as: str, library_at: int) -> None:
    """Of a ClamAV whose library was made at `library_at` (s); `seen_as` is where the host sees the folder. Without
    apt's lists nobody simulates an upgrade, which takes seconds."""
    for name in ("clamav", "one", "daily", "lists"):
        (folder / name).mkdir()
    head = f"ClamAV-VDB:of a test:27801:1:90:{'a' * 32}:sig:builder:{library_at}".ljust(512)
    (folder / "daily" / "daily.cld").write_text(head)  # without its maker's signature no clamd loads it
    (folder / "one" / "one.ndb").write_text(SIGNATURE)
    says = "Foreground yes\nUser root\nLocalSocket {0}/clamd\nDatabaseDirectory {0}/{1}\n".format
    (folder / "clamav" / "clamd.conf").write_text(says(seen_as, "daily"))
    (folder / "conf").write_text(says(seen_as, "one"))
    shutil.copy(shutil.which("sleep") or "", folder / "clamonacc")  # what watches files is any program of that name
    folder.chmod(0o755)


class Antivirus:
    """A real clamd and what goes by clamonacc's name. `words` run a program where it is installed."""

    def __init__(self, folder: str, words: list[str]) -> None:
        self._folder = folder
        self._words = words
        self._part = Part()

    def start(self) -> None:
        clamd = shutil.which("clamd", path=PATH) or ""
        self._part.start(*self._words, clamd, "-c", f"{self._folder}/conf", until="Self checking")
        self._part.start(*self._words, f"{self._folder}/clamonacc", "600")

    def stop(self) -> None:
        self._part.stop()


class Host:
    """`words` run a program on it."""

    def __init__(self, folder: Path, branch: namespace.Branch, first: int) -> None:
        self.folder = folder
        self.address = branch.inner
        self.words = ["nsenter", "--target", str(first), "--pid", "--mount", "--net"]
        self.antivirus = Antivirus("/mnt", self.words)

    @contextmanager
    def sshd(self, port: int = 22) -> Iterator[str]:
        """With a host key made now, whose fingerprint this gives."""
        key = self.folder / f"host-{port}"
        for path in (key, key.with_suffix(".pub")):
            path.unlink(missing_ok=True)
        new_key(key)
        said = CONF.format(port=port, folder="/mnt").replace("127.0.0.1", self.address)
        said = said.replace("/mnt/host", f"/mnt/{key.name}")
        (self.folder / f"sshd-{port}").write_text(said, encoding="ascii")
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        program = shutil.which("sshd", path=PATH) or ""
        with running(*self.words, program, "-D", "-e", "-f", f"/mnt/sshd-{port}", until="listening"):
            yield fingerprint(key.with_suffix(".pub"))

    @contextmanager
    def snmpd(self) -> Iterator[None]:
        said = f"agentaddress udp:{self.address}:161\nrocommunity public\n"
        (self.folder / "snmpd.conf").write_text(said, encoding="ascii")
        program = shutil.which("snmpd", path=PATH) or ""
        state = ["env", "SNMP_PERSISTENT_DIR=/mnt/snmpd"]
        words = [*self.words, *state, program, "-f", "-Lo", "-C", "-c", "/mnt/snmpd.conf", "-p", "/mnt/snmpd.pid"]
        with running(*words, until="NET-SNMP"):
            yield

    @contextmanager
    def listening(self, port: int) -> Iterator[None]:
        with running(*self.words, sys.executable, "-c", LISTEN.format(port=port), until="open"):
            yield


@contextmanager
def host(folder: Path, public_key: str) -> Iterator[Host]:
    """A host that lets the owner of `public_key` in as root, looker or barred."""
    folder.mkdir()
    settings(folder, "/mnt", int(time.time()) - DAY)
    (folder / "passwd").write_text(Path("/etc/passwd").read_text(encoding="utf-8") + USERS, encoding="utf-8")
    (folder / "authorized_keys").write_text(public_key, encoding="ascii")
    with namespace.branch() as branch:
        apart = [*branch.words, "unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", BEGIN, "sh"]
        with running(*apart, str(folder), until="up") as outer:
            [first] = Path(f"/proc/{outer}/task/{outer}/children").read_text().split()
            yield Host(folder, branch, int(first))


@dataclass(frozen=True)
class Hosts(Bank):
    """A bank of one agent that asks hosts: of each its key, driver, address and options."""

    devices: int = 0
    hosts: tuple[tuple[str, str, str, dict[str, str]], ...] = ()

    def inventory(self, addresses: dict[str, str]) -> str:
        tables = [TOP, '[[class]]\nkey = "host"\nname = "主机"\ninterval = "1h"\n']
        for key, driver, address, options in self.hosts:
            said = ", ".join(f"{name} = {json.dumps(text)}" for name, text in options.items())
            tables.append(
                f'[[position]]\nbranch = "1001"\nkey = "{key}"\nname = "前置机"\nclass = "host"\n'
                f'agent = "agent-1001"\ndriver = "{driver}"\naddress = "{address}"\noptions = {{ {said} }}\n'
            )
        return "\n".join(tables)
