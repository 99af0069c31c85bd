"""A machine whose PID 1 is systemd: a container of systemd-nspawn on this machine's own files, which it leaves alone.

Over `/` lies a small file system that takes all that is written, and no service of this machine starts there. Below
/opt/branchfleet is an environment as install.md has it made, of the packages and the checkout this Python runs.
"""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

INSTALL = "apt-get install -y systemd-container"
CHECKOUT = Path(__file__).parents[2]
PROGRAMS = "/opt/branchfleet/bin"
PATIENCE = 120.0  # seconds; a wait that lasts longer has failed
UP = ("running", "degraded")


def missing() -> str:
    """Why no such machine can be started here, with the command that helps; "" if one can."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "a machine with systemd needs Linux and root: sudo .venv/bin/pytest tests/faults"
    if shutil.which("systemd-nspawn") is None:
        return f"a machine with systemd needs: {INSTALL}"
    return ""


class Machine:
    """`root` is its file system, seen from outside."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "root"
        self._folder = folder
        self._name = f"bf{os.getpid()}"
        self._log = folder / "console.log"
        self._nspawn: subprocess.Popen[bytes] | None = None

    # -- its life -----------------------------------------------------------------------------------

    def make(self) -> None:
        _run("mount", "-t", "tmpfs", "-o", "size=8g", "tmpfs", str(self._folder))
        for name in ("root", "upper", "work"):
            (self._folder / name).mkdir()
        over = f"lowerdir=/,upperdir={self._folder}/upper,workdir={self._folder}/work"
        _run("mount", "-t", "overlay", "overlay", "-o", over, str(self.root))
        for wanted in (self.root / "etc/systemd/system").glob("*.wants"):
            shutil.rmtree(wanted)
        (self.root / "etc/fstab").write_text("")
        (self.root / "etc/machine-id").write_text(os.urandom(16).hex() + "\n")  # an empty one means a first boot
        self._install()

    def _install(self) -> None:
        version = sysconfig.get_python_version()
        environment = self.root / "opt/branchfleet"
        packages = environment / f"lib/python{version}/site-packages"
        packages.mkdir(parents=True)
        (packages / "branchfleet.pth").write_text("/opt/packages\n/opt/checkout\n")
        (environment / "pyvenv.cfg").write_text(f"home = /opt/python/bin\nversion = {version}\n")
        programs = environment / "bin"
        programs.mkdir()
        (programs / "python").symlink_to(f"/opt/python/bin/python{version}")
        for name in ("branchfleet-server", "branchfleet-agent"):
            lines = Path(sys.executable).with_name(name).read_text(encoding="utf-8").splitlines()
            (programs / name).write_text("\n".join([f"#!{PROGRAMS}/python", *lines[1:], ""]), encoding="utf-8")
            (programs / name).chmod(0o755)
        for name in ("checkout", "packages", "python"):
            (self.root / "opt" / name).mkdir()
        libraries = (
            self.root / "etc/ld.so.conf.d/python.conf"
        )  # a Python of one's own looks for its library by its path
        libraries.write_text("/opt/python/lib\n")

    def start(self) -> None:
        shown = {CHECKOUT: "checkout", Path(sysconfig.get_path("purelib")): "packages", Path(sys.base_prefix): "python"}
        words = ["systemd-nspawn", f"--directory={self.root}", "--boot", "--private-network", "--register=no"]
        words += ["--keep-unit", f"--machine={self._name}", "--console=pipe", "--quiet"]
        words += [f"--bind-ro={path}:/opt/{name}" for path, name in shown.items()]
        with self._log.open("ab") as log:
            self._nspawn = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self._wait_up()
        self.say("ldconfig")

    def reboot(self) -> None:
        """Down in order and up again. nspawn would do it itself, but not where /run is on a disk."""
        assert self._nspawn is not None
        self.say("systemctl", "poweroff")
        self._nspawn.wait(PATIENCE)
        self.start()

    def close(self) -> None:
        if self._nspawn is not None:
            self._nspawn.send_signal(signal.SIGTERM)  # as its power button
            with suppress(subprocess.TimeoutExpired):
                self._nspawn.wait(60)
            self._nspawn.kill()
            self._nspawn.wait()
        shutil.rmtree(f"/run/systemd/nspawn/propagate/{self._name}", ignore_errors=True)
        for path in (self.root, self._folder):
            subprocess.run(["umount", "--lazy", str(path)], capture_output=True, check=False)

    def _wait_up(self) -> None:
        def up() -> bool:
            return self.try_to("systemctl", "is-system-running").stdout.strip() in UP

        self.comes(up, "the machine to be up")

    def _leader(self) -> int | None:
        """systemd's number out here; nspawn has no other child."""
        assert self._nspawn is not None
        pid = self._nspawn.pid
        if self._nspawn.poll() is not None:
            raise OSError(self._log.read_text(encoding="utf-8", errors="replace"))
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            with suppress(OSError):
                if Path(f"/proc/{child}/comm").read_text() == "systemd\n":
                    return int(child)
        return None

    # -- what is done in it -------------------------------------------------------------------------

    def try_to(self, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run a command as root, and give how it ended. Of a machine that is not up, with a failure."""
        leader = self._leader()
        if leader is None:
            return subprocess.CompletedProcess(words, 1, "", "the machine is not up")
        path = f"PATH={PROGRAMS}:/usr/sbin:/usr/bin:/sbin:/bin"
        inside = ["nsenter", f"--target={leader}", "--all", "--", "env", "-i", path, "LANG=C.UTF-8", *words]
        return subprocess.run(inside, input=stdin, capture_output=True, text=True, errors="replace", check=False)

    def say(self, *words: str, stdin: str = "") -> str:
        ran = self.try_to(*words, stdin=stdin)
        if ran.returncode != 0:
            raise OSError(f"{' '.join(words)}: {ran.returncode} {ran.stderr.strip()} {ran.stdout.strip()}")
        return ran.stdout

    def shows(self, unit: str, name: str) -> str:
        """One property of a unit."""
        return self.say("systemctl", "show", unit, f"--property={name}", "--value").strip()

    def comes(self, holds: Callable[[], object], what: str) -> None:
        end = time.monotonic() + PATIENCE
        while not holds():
            if time.monotonic() > end:
                raise OSError(f"Waited {PATIENCE:.0f} s in vain for {what}")
            time.sleep(0.2)


def _run(*words: str) -> None:
    ran = subprocess.run(words, capture_output=True, check=False)
    if ran.returncode != 0:
        raise OSError(f"{' '.join(words)}: {ran.stderr.decode(errors='replace').strip()}")


@contextmanager
def machine(folder: Path) -> Iterator[Machine]:
    """A machine that is up; all of it goes with the block. One at a time: their control groups have one name."""
    made = Machine(folder)
    with Path(tempfile.gettempdir(), "branchfleet-machine.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            made.make()
            made.start()
            yield made
        finally:
            made.close()
