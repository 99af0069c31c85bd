"""What an agent costs a branch PC: memory and idle processor time with 20 positions."""

import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
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

POSITIONS = 20
SETTLE = 15.0  # seconds until every position has been asked once
WATCHED = 30.0


class Receiver:
    """Takes every batch and keeps none; assigns 20 positions that try a TCP port of this machine."""

    def __init__(self, interval: float, address: str) -> None:
        self._interval = interval
        self._address = address
        self._received: dict[str, int] = {}

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
        highest = max([self._received.get(batch.stream, 0), *(record.seq for record in batch.records)])
        self._received[batch.stream] = highest
        now = time.time_ns() // 1000
        return Ack(epoch="e", stream=batch.stream, received=[(1, highest)], server=now, assignment="r")

    def _assignment(self) -> Assignment:
        polled = [
            Polled(
                position=f"1001/line/{n}", name="", driver="reach", address=self._address, options={},
                interval=self._interval,
            )
            for n in range(POSITIONS)
        ]  # fmt: skip
        return Assignment(agent="bench", revision="r", polled=polled)


def measure(interval: float) -> dict[str, float]:
    with socket.create_server(("127.0.0.1", 0), backlog=64) as probed, socket.create_server(("127.0.0.1", 0)) as ours:
        address = f"127.0.0.1:{probed.getsockname()[1]}"
        threading.Thread(target=_accept, args=(probed,), daemon=True).start()
        app = Receiver(interval, address)
        server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_level="critical", ws="none"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [ours]})
        thread.start()
        with tempfile.TemporaryDirectory() as folder:
            home = Path(folder)
            url = f"http://127.0.0.1:{ours.getsockname()[1]}"
            keep_identity(home, Identity(server=url, name="bench", agent="bench", code="", key=new_key()))
            command = [sys.executable, "-m", "agent.cli", "run", "--home", folder]
            agent = subprocess.Popen(command, stderr=subprocess.DEVNULL)
            try:
                time.sleep(SETTLE)
                before = _cpu_seconds(agent.pid)
                time.sleep(WATCHED)
                spent = _cpu_seconds(agent.pid) - before
                figures = {"interval_s": interval, "rss_mib": _rss_mib(agent.pid), "cpu_percent": 100 * spent / WATCHED}
            finally:
                agent.terminate()
                agent.wait()
        server.should_exit = True
        thread.join()
    return figures


def _accept(listener: socket.socket) -> None:
    try:
        while True:
            listener.accept()[0].close()
    except OSError:
        return


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _rss_mib(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise LookupError("no VmRSS")


if __name__ == "__main__":
    if sys.platform != "linux":
        sys.exit("the agent's figures are read from /proc, which is Linux's")
    print(f"an agent with {POSITIONS} positions, {WATCHED:.0f} s each:")
    for each in (300.0, 10.0):
        found = measure(each)
        rss, cpu = found["rss_mib"], found["cpu_percent"]
        print(f"  every {found['interval_s']:.0f} s: {rss:.1f} MiB RSS, {cpu:.2f} % of a core")
