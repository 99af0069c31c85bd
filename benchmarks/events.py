"""Screens that listen while a bank reports: 200 consoles on the stream, 1,000 agents of which each tells a change once.

The real server in a process of its own, the consoles in one, the agents in one. Printed: how long from the moment an
agent sent its change until a console heard of it, over all consoles; what the server spent, and holds for a console.
All the while consoles are cut off and resume by their cursor. At the end every console must have heard every change.

    python -m benchmarks.events --consoles 200 --agents 1000 --seconds 60
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import httpx2
import msgspec

from agent.wire import MEDIA_MSGPACK, VERSION, Batch, Clock, DeviceWord, Held, Hold, Reading, State
from benchmarks.branches import MINUTE, position, seed, signed_in
from benchmarks.refill import serving
from benchmarks.watched import answering, cpu
from server.storage.database import Database

CUT_EVERY = 0.5  # seconds between two cuts; a console that was cut comes back within two
LAST = 60.0  # seconds the last change may take


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--consoles", type=int, default=200)
    asked.add_argument("--agents", type=int, default=1000)
    asked.add_argument("--seconds", type=float, default=60.0)
    wanted = asked.parse_args()
    with tempfile.TemporaryDirectory(prefix="bf-events-") as folder:
        home = Path(folder) / "server"
        environ = {**os.environ, "BRANCHFLEET_HOME": str(home), "BRANCHFLEET_LANG": "en", "BRANCHFLEET_TLS": "no"}
        subprocess.run([sys.executable, "-m", "server.cli", "init"], check=True, env=environ, capture_output=True)
        database = Database(f"sqlite:///{home / 'branchfleet.db'}")
        tokens, person = seed(database, wanted.agents, 1), signed_in(database, "bench")
        database.close()
        with serving(environ, Path(folder) / "log") as (port, pid):
            asyncio.run(answering(port))
            print(json.dumps(measure(f"http://127.0.0.1:{port}", pid, tokens, person, wanted)), flush=True)


def measure(url: str, pid: int, tokens: list[str], person: str, wanted: argparse.Namespace) -> dict[str, float]:
    spawn = multiprocessing.get_context("spawn")
    (consoles, theirs), (agents, of_agents) = spawn.Pipe(), spawn.Pipe()
    empty = resident(pid)
    keys = [position(number, 1) for number in range(wanted.agents)]
    listening = spawn.Process(target=listen, args=(url, person, wanted.consoles, keys, theirs))
    listening.start()
    consoles.recv()  # every console stands
    held = resident(pid)
    before, began = cpu(pid), time.monotonic()
    telling = spawn.Process(target=tell, args=(url, tokens, wanted.seconds, of_agents))
    telling.start()
    sent: dict[str, float] = agents.recv()
    cuts: int
    heard: list[dict[str, float]]
    cuts, heard = consoles.recv()
    spent, lasted = cpu(pid) - before, time.monotonic() - began
    telling.join()
    listening.join()
    missing = sum(len(sent.keys() - one.keys()) for one in heard)
    if missing:
        raise SystemExit(f"of {wanted.consoles} times {len(sent)} changes {missing} were not heard")
    lags = sorted(one[key] - at for one in heard for key, at in sent.items())
    return {
        "consoles": wanted.consoles,
        "agents": wanted.agents,
        "heard": len(lags),
        "cuts": cuts,
        "p50 ms": round(statistics.median(lags) * 1000),
        "p99 ms": round(lags[len(lags) * 99 // 100] * 1000),
        "worst ms": round(lags[-1] * 1000),
        "server CPU %": round(spent / lasted * 100, 1),
        "KiB a console": round((held - empty) / wanted.consoles, 1),
    }


def resident(pid: int) -> int:
    """Memory of a process in KiB; 0 where /proc is not."""
    try:
        found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text(encoding="ascii"))
    except OSError:
        return 0
    return int(found[1]) if found else 0


class Console:
    """A stream, read as cheaply as can be, and what was heard of whom first: a screen's own work is another matter."""

    def __init__(self, url: str, person: str) -> None:
        self._host, _, self._port = url.rpartition("/")[2].partition(":")
        self._person = person
        self._writer: asyncio.StreamWriter | None = None
        self.stands = asyncio.Event()
        self.cursor = ""
        self.heard: dict[str, float] = {}

    async def run(self) -> None:
        while True:
            await self._listen()
            await asyncio.sleep(random.uniform(0, 2))

    def cut(self) -> None:
        if self._writer is not None:
            self._writer.transport.abort()

    async def _listen(self) -> None:
        reader, self._writer = await asyncio.open_connection(self._host, int(self._port))
        after = f"?after={self.cursor}" if self.cursor else ""
        head = f"GET /api/events{after} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self._person}\r\n\r\n"
        self._writer.write(head.encode())
        cursor = ""
        try:
            while text := await reader.readline():
                if text.startswith(b"id: "):
                    cursor = text[4:].decode().strip()
                elif text.startswith(b"data: "):
                    event = json.loads(text[6:])
                    if event["topic"] == "position":
                        self.heard.setdefault(event["key"], time.monotonic())
                elif not text.strip() and cursor:
                    self.cursor = cursor
                    self.stands.set()
        except OSError:
            pass  # cut
        finally:
            self._writer.close()


def listen(url: str, person: str, consoles: int, keys: list[str], out: Connection) -> None:
    async def all_of_them() -> tuple[int, list[dict[str, float]]]:
        made = [Console(url, person) for _ in range(consoles)]
        running = [asyncio.create_task(one.run()) for one in made]
        await asyncio.gather(*(one.stands.wait() for one in made))
        out.send("all stand")
        cuts = 0
        ends: float | None = None
        while any(len(one.heard) < len(keys) for one in made):
            await asyncio.sleep(CUT_EVERY)
            random.choice(made).cut()
            cuts += 1
            if any(len(one.heard) == len(keys) for one in made):
                ends = ends or time.monotonic() + LAST
                if time.monotonic() > ends:
                    break
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        return cuts, [one.heard for one in made]

    out.send(asyncio.run(all_of_them()))


def tell(url: str, tokens: list[str], seconds: float, out: Connection) -> None:
    os.nice(10)  # a thousand real agents have a thousand machines

    async def all_of_them() -> dict[str, float]:
        limits = httpx2.Limits(max_connections=None, max_keepalive_connections=0)
        async with httpx2.AsyncClient(base_url=url, limits=limits, timeout=300, trust_env=False) as http:
            told = await asyncio.gather(*(report(http, token, n, seconds) for n, token in enumerate(tokens)))
        return dict(told)

    out.send(asyncio.run(all_of_them()))


async def report(http: httpx2.AsyncClient, token: str, number: int, seconds: float) -> tuple[str, float]:
    """A minute's hold, and at some other moment the first state of the position; gives when that was sent."""
    name, boot_id = position(number, 1), f"boot-{number}"
    holds_first = random.random() < 0.5
    at = sorted(random.uniform(0, seconds) for _ in range(2))
    began, sent = time.monotonic(), 0.0
    for seq, (when, holds) in enumerate(zip(at, (holds_first, not holds_first), strict=True), 1):
        await asyncio.sleep(max(0.0, began + when - time.monotonic()))
        wall = time.time_ns() // 1000
        clock = Clock(wall=wall, boot=wall - 1_700_000_000_000_000, boot_id=boot_id)
        record: Any = Hold(
            seq=seq, clock=clock, since=clock.boot - MINUTE, held={name: Held(1, 0)} if not holds_first else {}
        )
        if not holds:
            record = State(seq=seq, clock=clock, position=name, reading=Reading(device=DeviceWord.ONLINE))
            sent = time.monotonic()
        batch = Batch(version=VERSION, stream=f"stream-{number}", sent=clock, records=[record])
        headers = {"Authorization": f"Bearer {token}", "Content-Type": MEDIA_MSGPACK}
        answer = await http.post("/api/agent/records", content=msgspec.msgpack.encode(batch), headers=headers)
        answer.raise_for_status()
    return name, sent


if __name__ == "__main__":
    main()
