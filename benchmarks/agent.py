"""What an agent costs a branch PC: memory and processor time of a whole `branchfleet-agent run` with 40 positions.

It runs as its service does: over TLS, from modules that are compiled, with the memory allocator the unit sets. The
devices are this project's simulators in a process of their own, the server is a receiver in this one. A branch PC runs
other programs, and who holds a port is looked for among them: `--beside` says how many stand idle here, each with ten
files open. Memory is read at the end; the processor time is of whole minutes after `--settle`.

    python -m benchmarks.agent [--case "serial only" ...] [--settle 600] [--minutes 5] [--interval 60] [--beside 150]
"""

import argparse
import itertools
import json
import os
import platform
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import msgspec
import uvicorn

from agent.link.identity import Identity, keep_identity, new_key
from agent.link.trust import keep_ca
from agent.wire import Ack, Assignment, Batch, Challenge, Polled, Token
from server.authority.certificates import issue, make_authority, pem

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

POSITIONS = 40
BESIDE = """
import os, sys
for _ in range(int(sys.argv[1])):
    if os.fork() == 0:
        files = [open(os.devnull) for _ in range(10)]
        sys.stdin.read()
        os._exit(0)
print(flush=True)
sys.stdin.read()
"""
V3 = {"version": "3", "user": "watcher", "auth": "SHA", "auth_password": "authpass123"} | {
    "priv": "AES",
    "priv_password": "privpass123",
}
SERIAL: list[tuple[str, dict[str, object]]] = [
    ("passbook", {"emulation": "olivetti", "profile": "simulated"}),
    ("card_reader/crt", {"model": "crt-310"}),
    ("ups/megatec", {}),
    ("escpos", {}),
]
V2C: list[tuple[str, dict[str, object]]] = [("snmp", {"profile": "printer"}), ("snmp", {"profile": "ups"})]
V3S: list[tuple[str, dict[str, object]]] = [("snmp", {"profile": "ups", **V3})]
CASES: dict[str, list[tuple[str, dict[str, object]]]] = {
    "serial only": SERIAL,
    "serial and SNMPv2c": SERIAL + V2C * 2,
    "serial and SNMPv3": SERIAL + V3S * 4,
    "everything": [*SERIAL, *V2C, *V3S, ("reach", {}), ("atm/xfs4iot", {})],
}


class Receiver:
    """Takes every batch and keeps none; assigns the positions it is told."""

    def __init__(self, polled: list[Polled]) -> None:
        self._polled = polled
        self._received: dict[str, int] = {}
        self.failing: dict[str, str] = {}
        self.seen: set[str] = set()  # positions it was told of

    async def __call__(self, scope: dict[str, Any], receive: Callable[[], Any], send: Callable[[Any], Any]) -> None:
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        answers: dict[str, Callable[[], Any]] = {
            "records": lambda: self._ack(body),
            "assignment": self._assignment,
            "challenge": lambda: Challenge(b"challenge"),
            "token": lambda: Token(token="bfa_bench", seconds=3600, rotate=False, forked_at=0, server=0),
        }
        said = msgspec.msgpack.encode(answers[scope["path"].rpartition("/")[2]]())
        headers = [(b"content-length", str(len(said)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": said})

    def _ack(self, body: bytes) -> Ack:
        batch = msgspec.msgpack.decode(zstd.decompress(body), type=Batch)
        for record in batch.records:
            position, failure = getattr(record, "position", None), getattr(record, "failure", None)
            if position and failure:
                self.failing[position] = failure.detail
            elif position:
                self.failing.pop(position, None)
            if position:
                self.seen.add(position)
        highest = max([self._received.get(batch.stream, 0), *(record.seq for record in batch.records)])
        self._received[batch.stream] = highest
        now = time.time_ns() // 1000
        return Ack(epoch="e", stream=batch.stream, received=[(1, highest)], server=now, assignment="r")

    def _assignment(self) -> Assignment:
        return Assignment(agent="bench", revision="r", polled=self._polled)


@contextmanager
def simulated(kinds: list[tuple[str, dict[str, object]]], folder: Path, interval: float) -> Iterator[list[Polled]]:
    """40 positions of these kinds in turn, and their devices while the block runs."""
    chosen = dict(enumerate(itertools.islice(itertools.cycle(kinds), POSITIONS)))
    world = {
        "simulators": [{"name": f"{n}", "kind": kind, "options": options} for n, (kind, options) in chosen.items()],
        "log": str(folder / "shown.log"),
        "folder": str(folder),
    }
    file = folder / "world.json"
    file.write_text(json.dumps(world), encoding="utf-8")
    command = [sys.executable, "-m", "drivers.sim", str(file)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as simulators:
        assert simulators.stdin is not None
        assert simulators.stdout is not None
        addresses = json.loads(simulators.stdout.readline())["addresses"]
        yield [
            Polled(
                position=f"1001/{n}", name="", driver=kind, address=addresses[f"{n}"], options=options,
                interval=interval,
            )
            for n, (kind, options) in chosen.items()
        ]  # fmt: skip
        simulators.stdin.close()


@contextmanager
def receiving(polled: list[Polled], home: Path) -> Iterator[Receiver]:
    """A server that the agent of `home` trusts, while the block runs."""
    now = time.time_ns() // 1000
    authority = make_authority("Benchmark", now)
    held = home.with_name("server.pem")
    held.write_bytes(issue(authority, ["127.0.0.1"], now).pem())
    with socket.create_server(("127.0.0.1", 0)) as ours:
        receiver = Receiver(polled)
        config = uvicorn.Config(receiver, lifespan="off", log_level="critical", ws="none", timeout_keep_alive=75)
        config.ssl_certfile = config.ssl_keyfile = held
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [ours]})
        thread.start()
        keep_ca(home, pem(authority.certificate).decode())
        url = f"https://127.0.0.1:{ours.getsockname()[1]}"
        keep_identity(home, Identity(server=url, name="bench", agent="bench", code="", key=new_key()))
        try:
            yield receiver
        finally:
            server.should_exit = True
            thread.join()


@contextmanager
def others(count: int) -> Iterator[None]:
    """Idle programs with open files, while the block runs."""
    with subprocess.Popen(
        [sys.executable, "-c", BESIDE, f"{count}"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as idle:
        assert idle.stdout is not None
        idle.stdout.readline()
        yield
        idle.communicate()


@contextmanager
def running(home: Path) -> Iterator[subprocess.Popen[bytes]]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    environment |= {"PYTHONPYCACHEPREFIX": str(home.with_name("compiled")), "MALLOC_ARENA_MAX": "1"}
    command = [sys.executable, "-m", "agent.main", "run", "--home", str(home)]
    agent = subprocess.Popen(command, stderr=subprocess.DEVNULL, env=environment)
    try:
        yield agent
    finally:
        agent.terminate()
        agent.wait()


def measure(case: str, given: argparse.Namespace) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        simulated(CASES[case], Path(folder), given.interval) as polled,
        others(given.beside),
    ):
        home = Path(folder, "home")
        home.mkdir()
        with receiving(polled, home) as receiver:
            with running(home):  # a first start, which compiles what it imports
                while len(receiver.seen) < POSITIONS:
                    time.sleep(0.5)
            with running(home) as agent:
                time.sleep(given.settle)
                before = _cpu_seconds(agent.pid)
                time.sleep(60 * given.minutes)
                spent = _cpu_seconds(agent.pid) - before
                memory = _memory(agent.pid)
                busy = _busy()
        percent = 100 * spent / (60 * given.minutes)
        print(f"  {case:20} {memory}  {percent:.2f} % of a core ({spent / given.minutes:.2f} s a minute)  {busy}")
        for position, detail in receiver.failing.items():
            print(f"    {position} gave no reading, so the figure is not whole: {detail}")


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _memory(pid: int) -> str:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8").splitlines()[1:]
    sizes = {key: int(rest.split()[0]) / 1024 for key, _, rest in (line.partition(":") for line in lines)}
    own = sizes["Private_Clean"] + sizes["Private_Dirty"]
    return f"{sizes['Rss']:5.1f} MiB RSS {sizes['Pss']:5.1f} PSS {own:5.1f} its own"


def _busy() -> str:
    """How full the machine is: what a look for the holder of a port has to go through."""
    processes = files = 0
    for folder in Path("/proc").glob("[0-9]*/fd"):
        try:
            files += len(os.listdir(folder))
        except OSError:  # it ended, or is another user's
            continue
        processes += 1
    return f"among {processes} processes with {files} files, load {os.getloadavg()[0]:.1f}"


def _machine() -> str:
    packages = ("msgspec", "cryptography", "apscheduler", "pyserial", "pysnmp", "gufo-snmp")
    models = re.findall(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    named = [f"{name} {_version(name)}" for name in packages]
    cores = f"{os.cpu_count()} x {models[0] if models else platform.machine()}"
    return ", ".join([cores, f"Linux {platform.release()}", f"Python {platform.python_version()}", *named])


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


if __name__ == "__main__":
    if sys.platform != "linux":
        sys.exit("the agent's figures are read from /proc, which is Linux's")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", action="append", choices=CASES, help="only this, may be said again")
    parser.add_argument("--settle", type=float, default=600.0, help="seconds before that (600)")
    parser.add_argument("--minutes", type=float, default=5.0, help="whole minutes watched (5)")
    parser.add_argument("--beside", type=int, default=150, help="idle programs beside it (150)")
    parser.add_argument("--interval", type=float, default=60.0, help="seconds between two polls of a position (60)")
    given = parser.parse_args()
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    print(f"an agent with {POSITIONS} positions, each every {given.interval:g} s, {today}: {_machine()}")
    for each in given.case or CASES:
        measure(each, given)
