"""A real sshd of this machine, at a port of its own, with a host key and authorized keys of its own."""

import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from drivers.host import script
from server.http.listening import answers

CONF = """
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host
AuthorizedKeysFile {folder}/authorized_keys
PidFile none
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
StrictModes no
PermitRootLogin prohibit-password
"""


class Sshd(NamedTuple):
    address: str
    folder: Path
    user: str
    host_key: str  # its fingerprint, as ssh-keygen tells it

    @property
    def private_key(self) -> str:
        return (self.folder / "client").read_text(encoding="ascii")

    def options(self, **other: object) -> dict[str, object]:
        return {"user": self.user, "private_key": self.private_key, "host_key": self.host_key, **other}


def new_key(path: Path, kind: str = "ed25519", passphrase: str = "") -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-f", str(path)], check=True)


def fingerprint(path: Path) -> str:
    """As a person reads it on the host."""
    said = subprocess.run(["ssh-keygen", "-lf", str(path)], check=True, capture_output=True, text=True).stdout
    return said.split()[1]


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[Sshd]:
    program = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        pytest.skip("tests of hosts need a real sshd: apt-get install openssh-server")
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # where it locks itself up; a service of the system makes it
    for name in ("host", "client"):
        new_key(tmp_path / name)
    shutil.copy(tmp_path / "client.pub", tmp_path / "authorized_keys")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (tmp_path / "conf").write_text(CONF.format(port=port, folder=tmp_path), encoding="ascii")
    with (tmp_path / "log").open("wb") as log:
        service = subprocess.Popen([program, "-D", "-e", "-f", str(tmp_path / "conf")], stdin=-3, stderr=log)
    try:
        _until_it_listens(port, service, tmp_path / "log")
        yield Sshd(f"127.0.0.1:{port}", tmp_path, getpass.getuser(), fingerprint(tmp_path / "host.pub"))
    finally:
        service.terminate()
        service.wait(30)


def _until_it_listens(port: int, service: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + 60
    while not answers("127.0.0.1", port):
        if time.monotonic() > deadline or service.poll() is not None:
            raise RuntimeError(log.read_text(errors="replace"))
        time.sleep(0.01)


@pytest.fixture
def changed_script(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No script on this disk is the one that is written down."""
    with monkeypatch.context() as patched:
        patched.setattr(script, "SHA256", dict.fromkeys(script.SHA256, "0" * 64))
        script.shipped.cache_clear()
        yield
    script.shipped.cache_clear()
