"""What an agent costs a branch PC: memory and processor time of a whole `branchfleet-agent run` with 40 positions.

The devices are this project's simulators in a process of their own, the server is a receiver in this one. Memory is
read when every position has been asked several times over, and the processor time is of whole minutes after that.

    python -m benchmarks.agent [--case serial ...] [--minutes 2] [--interval 60]
"""

import argparse
import itertools
import json
import os
import platform
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import msgspec
import uvicorn

from agent.identity import Identity, keep_identity, new_key
from agent.wire import Ack, Assignment, Batch, Challenge, Polled, Token

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

POSITIONS = 40
SETTLE = 100.0  # seconds until every position has been asked, and asked again
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
def receiving(polled: list[Polled]) -> Iterator[tuple[str, Receiver]]:
    with socket.create_server(("127.0.0.1", 0)) as ours:
        receiver = Receiver(polled)
        server = uvicorn.Server(uvicorn.Config(receiver, lifespan="off", log_level="critical", ws="none"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [ours]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{ours.getsockname()[1]}", receiver
        finally:
            server.should_exit = True
            thread.join()


def measure(case: str, minutes: float, interval: float) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        simulated(CASES[case], Path(folder), interval) as polled,
        receiving(polled) as (url, receiver),
    ):
        home = Path(folder, "home")
        home.mkdir()
        keep_identity(home, Identity(server=url, name="bench", agent="bench", code="", key=new_key()))
        command = [sys.executable, "-m", "agent.cli", "run", "--home", str(home)]
        agent = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        try:
            time.sleep(SETTLE)
            before = _cpu_seconds(agent.pid)
            time.sleep(60 * minutes)
            spent = _cpu_seconds(agent.pid) - before
            rss, pss = _memory(agent.pid)
        finally:
            agent.terminate()
            agent.wait()
        percent = 100 * spent / (60 * minutes)
        memory = f"{rss:5.1f} MiB RSS  {pss:5.1f} PSS"
        print(f"  {case:20} {memory}  {percent:.2f} % of a core ({spent / minutes:.2f} s a minute)")
        for position, detail in receiver.failing.items():
            print(f"    {position} gave no reading, so the figure is not whole: {detail}")


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _memory(pid: int) -> tuple[float, float]:
    """RSS and PSS, MiB."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8").splitlines()[1:]
    sizes = {key: int(rest.split()[0]) for key, _, rest in (line.partition(":") for line in lines)}
    return sizes["Rss"] / 1024, sizes["Pss"] / 1024


def _machine() -> str:
    packages = ("pydantic", "httpx2", "pysnmp", "gufo-snmp", "pyserial")
    return ", ".join([f"Python {platform.python_version()}", *(f"{name} {_version(name)}" for name in packages)])


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
    parser.add_argument("--minutes", type=float, default=2.0, help="whole minutes watched (2)")
    parser.add_argument("--interval", type=float, default=60.0, help="seconds between two polls of a position (60)")
    given = parser.parse_args()
    print(f"an agent with {POSITIONS} positions, each every {given.interval:g} s: {_machine()}, {os.cpu_count()} cores")
    for each in given.case or CASES:
        measure(each, given.minutes, given.interval)
