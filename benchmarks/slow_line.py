"""A changed row over a branch's line: 300 ms there and back, 64 kbit/s, TLS; the real server, the real console.

Head office looks at one page after the other while a device on it changes now and then. Printed for each: milliseconds
from the ack of the change until it is drawn, and what came over the line for it, told and fetched again; and what
opening the page took. The line counts what TLS makes of it, and nothing of TCP's own.

    python -m benchmarks.slow_line --changes 10
"""

import argparse
import asyncio
import json
import os
import re
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import msgspec

from agent.wire import MEDIA_MSGPACK, VERSION, Batch, Clock, DeviceWord, Reading, State
from benchmarks.branches import position, seed, signed_in
from benchmarks.refill import serving
from benchmarks.watched import answering
from server.storage.database import Database
from tests.faults.line import Line, line
from tui.app import ConsoleApp
from tui.settings import Settings

DELAY = 0.15  # seconds each way
RATE = 8000.0  # bytes a second
BRANCHES = 20
POSITIONS = 8
PATIENCE = 60.0  # seconds
APART = 6.0  # seconds between changes: what a change costs is over by then, and so is a connection nobody keeps
PAGES = ("home", "devices?sort=name", f"devices/{position(0, 1)}")
SAYS = {"online": "● 正常", "hardwareError": "▲ 注意"}  # a fault that is being confirmed


class Device:
    """The first position of the bank, and how it is told of."""

    def __init__(self, server: str, token: str, trust: ssl.SSLContext) -> None:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": MEDIA_MSGPACK}
        self._http = httpx2.AsyncClient(base_url=server, headers=headers, verify=trust, trust_env=False)
        self._seq = 0

    async def says(self, *words: str) -> None:
        """The positions of the branch, from the first on, say these device words."""
        at = time.time_ns() // 1000
        clock = Clock(wall=at, boot=at - 1_700_000_000_000_000, boot_id="boot")
        records = []
        for slot, word in enumerate(words, 1):
            self._seq += 1
            reading = Reading(device=DeviceWord(word), numbers={"answer.time": float(self._seq)})
            records.append(State(seq=self._seq, clock=clock, position=position(0, slot), reading=reading))
        batch = Batch(version=VERSION, stream="s" * 32, sent=clock, records=list(records))
        answer = await self._http.post("/api/agent/records", content=msgspec.msgpack.encode(batch))
        answer.raise_for_status()


def says(app: ConsoleApp, page: str) -> str:
    """The line of the screen that says how the device is: its own, or on the home its branch's."""
    name = position(0, 1).partition("/")[0] if page == "home" else position(0, 1)
    drawn = [strip.text for strip in app.screen._compositor.render_strips()]
    return next((text for text in drawn if re.search(rf"[●▲■○] \S+ +{name} ", text)), "")


async def until(true: Callable[[], object]) -> float:
    ends = time.monotonic() + PATIENCE
    while not true():
        if time.monotonic() > ends:
            raise SystemExit("it was never drawn")
        await asyncio.sleep(0.005)
    return time.monotonic()


async def look(app: ConsoleApp, way: Line, device: Device, page: str, changes: int) -> None:
    def reads(word: str) -> bool:
        return word in says(app, page)

    before, began = way.carried, time.monotonic()
    if page != "home":
        app.open(page)
    opened = await until(partial(reads, SAYS["online"])) - began
    await asyncio.sleep(APART)
    figures: dict[str, Any] = {"opened s": round(opened, 2), "opened bytes": way.carried - before}
    lags: list[float] = []
    drawn: list[int] = []
    cost: list[int] = []
    connections = way.connections
    for turn in range(changes):
        word = ("hardwareError", "online")[turn % 2]
        before = way.carried
        await device.says(word)
        began = time.monotonic()
        lags.append((await until(partial(reads, SAYS[word])) - began) * 1000)
        drawn.append(way.carried - before)
        await asyncio.sleep(APART)
        cost.append(way.carried - before)
    figures["drawn p50 ms"] = round(statistics.median(lags))
    figures["drawn worst ms"] = round(max(lags))
    figures["bytes until drawn"] = round(statistics.mean(drawn))
    figures["bytes a change"] = round(statistics.mean(cost))
    figures["new connections"] = way.connections - connections
    print(page, json.dumps(figures), flush=True)


async def measure(port: int, home: Path, agent: str, person: str, changes: int) -> None:
    await answering(port)
    trust = ssl.create_default_context(cafile=home / "tls" / "ca.pem")
    device = Device(f"https://127.0.0.1:{port}", agent, trust)
    await device.says(*["online"] * POSITIONS)
    with line(("127.0.0.1", port)) as way:
        way.delay, way.rate = DELAY, RATE
        settings = Settings.model_validate({"server": f"https://127.0.0.1:{way.port}", "lang": "zh"})
        app = ConsoleApp(settings, token=person, trust=ssl.create_default_context(cafile=home / "tls" / "ca.pem"))
        async with app.run_test(size=(120, 40)):
            await until(lambda: app.person)
            for page in PAGES:
                await look(app, way, device, page, changes)


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--changes", type=int, default=10)
    wanted = asked.parse_args()
    with tempfile.TemporaryDirectory(prefix="bf-line-") as folder:
        home = Path(folder) / "server"
        environ = {**os.environ, "BRANCHFLEET_HOME": str(home), "BRANCHFLEET_LANG": "zh"}
        subprocess.run([sys.executable, "-m", "server.cli", "init"], check=True, env=environ, capture_output=True)
        database = Database(f"sqlite:///{home / 'branchfleet.db'}")
        agents = seed(database, BRANCHES, POSITIONS)
        person = signed_in(database, "bench")
        database.close()
        with serving(environ, Path(folder) / "log") as (port, _pid):
            asyncio.run(measure(port, home, agents[0], person, wanted.changes))


if __name__ == "__main__":
    main()
