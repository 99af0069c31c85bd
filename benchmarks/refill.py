"""A thousand agents come back at once after hours without a line, each with its spool: how late is what is live?

Real spools and uplinks, the real server in another process on the same machine. They come as they look for the
server, within seconds; meanwhile ten agents that were never cut off tell a change twice a second. Printed: how long a
live change took to be judged, how long until the newest state of every agent that came back was shown, and how long
until the last of what waited was in and judged. At the end every record of every stream is counted.

    python -m benchmarks.refill --agents 1000 --hours 5
"""

import argparse
import asyncio
import json
import logging
import multiprocessing
import os
import random
import shutil
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from uuid import uuid4

from agent.clock import boot_micros
from agent.link.backoff import KNOCK_SECONDS
from agent.link.link import Link, open_line
from agent.link.trust import unproven
from agent.link.uplink import Uplink
from agent.spool.outbox import Outbox
from agent.spool.spool import Spool
from agent.wire import Ahead, Clock, DeviceWord, Held, Hold, Reading, State
from benchmarks.branches import MINUTE, agent_id, position, position_id, seed
from benchmarks.watched import answering, cpu
from server.storage.database import Database

LIVE = 10
POSITIONS = 5
DAY = 1440 * MINUTE
BOOT = "boot"


def boot_now() -> int:
    """The boot clock as if this machine had run for long: its history must not begin before its boot."""
    return boot_micros() + 60 * DAY


def main() -> None:
    logging.disable(logging.WARNING)  # a thousand agents that are told to wait would say so
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--agents", type=int, default=1000)
    asked.add_argument("--hours", type=int, default=5)
    wanted = asked.parse_args()
    with tempfile.TemporaryDirectory(prefix="bf-refill-") as folder:
        home = Path(folder) / "server"
        environ = {**os.environ, "BRANCHFLEET_HOME": str(home), "BRANCHFLEET_LANG": "en", "BRANCHFLEET_TLS": "no"}
        subprocess.run([sys.executable, "-m", "server.cli", "init"], check=True, env=environ, capture_output=True)
        file = home / "branchfleet.db"
        database = Database(f"sqlite:///{file}")
        tokens = seed(database, wanted.agents + LIVE, POSITIONS)
        database.close()
        spools = make_spools(Path(folder), wanted.agents, wanted.hours * 60)
        with serving(environ, Path(folder) / "log") as (port, pid):
            print(json.dumps(asyncio.run(measure(port, pid, file, tokens, spools, wanted.hours * 60))), flush=True)


def make_spools(folder: Path, agents: int, minutes: int) -> list[Path]:
    """A spool an agent: a hold a minute, a state an hour; at the end the first position has failed."""
    made: list[Path] = []
    now = boot_now()
    began = now - minutes * MINUTE
    for number in range(agents):
        path = folder / f"spool-{number}.db"
        if number:
            shutil.copy(made[0], path)
            rename(path, number)
        else:
            spool = Spool(path, lambda: clock(now))
            spool.append(list(history(number, began, minutes)))
            spool.close()
        made.append(path)
    return made


def rename(path: Path, number: int) -> None:
    """The copy of the first agent's spool speaks of another agent's positions, as long as the names are."""
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE stream SET uid = ?", (uuid4().hex,))
        rows = db.execute("SELECT seq, body FROM record").fetchall()
        spoken = [(rewritten(body, number), seq) for seq, body in rows]
        db.executemany("UPDATE record SET body = ? WHERE seq = ?", spoken)


def rewritten(body: bytes, number: int) -> bytes:
    for slot in range(1, POSITIONS + 1):
        was, now = position(0, slot).encode(), position(number, slot).encode()
        # a text of less than 32 bytes is one byte of 0xA0 + its length, and the text
        body = body.replace(bytes([0xA0 + len(was)]) + was, bytes([0xA0 + len(now)]) + now)
    return body


def clock(boot: int) -> Clock:
    return Clock(wall=boot + time.time_ns() // 1000 - boot_now(), boot=boot, boot_id=BOOT)


def history(number: int, began: int, minutes: int) -> Iterator[State | Hold]:
    names = [position(number, slot) for slot in range(1, POSITIONS + 1)]
    for minute in range(minutes):
        at = began + minute * MINUTE
        if minute % 60 == 0:
            yield from (state(name, clock(at), load=minute) for name in names)
        yield Hold(seq=0, clock=clock(at + MINUTE), since=at, held=dict.fromkeys(names, Held(1, 0)))
    yield state(names[0], clock(began + minutes * MINUTE), "hardwareError")


def state(key: str, at: Clock, device: str = "online", **numbers: float) -> State:
    return State(seq=0, clock=at, position=key, reading=Reading(device=DeviceWord(device), numbers=numbers))


@contextmanager
def serving(environ: dict[str, str], log: Path) -> Iterator[tuple[int, int]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    with log.open("wb") as file:
        command = [sys.executable, "-m", "server.cli", "run", "--port", str(port)]
        process = subprocess.Popen(command, env=environ, stderr=file, stdout=file)
        try:
            yield port, process.pid
        finally:
            process.terminate()
            process.wait(60)


async def measure(
    port: int, pid: int, file: Path, tokens: list[str], spools: list[Path], minutes: int
) -> dict[str, float]:
    await answering(port)
    url = f"http://127.0.0.1:{port}"
    before, began = cpu(pid), time.monotonic()
    returning = multiprocessing.get_context("spawn").Process(target=bring_back, args=(url, tokens, spools))
    returning.start()
    live = [
        asyncio.create_task(stay(url, tokens[len(spools) + n], file, len(spools) + n, spools[0].parent))
        for n in range(LIVE)
    ]
    shown = asyncio.create_task(until(file, "SELECT count(*) FROM health WHERE device = 'hardwareError'", len(spools)))
    await asyncio.to_thread(returning.join)
    if returning.exitcode:
        raise SystemExit("the agents that came back failed")
    received = time.monotonic() - began
    lag = "SELECT count(*) FROM agent_seen WHERE behind = 0 AND waiting = 0"
    await until(file, lag, len(tokens))
    judged = time.monotonic() - began
    for one in live:
        one.cancel()
    lags = sorted(
        x for one in await asyncio.gather(*live, return_exceptions=True) for x in getattr(one, "args", [[]])[0]
    )
    return {
        "agents": len(spools),
        "records": count(file, len(spools), minutes),
        "live changes": len(lags),
        "live p50 s": round(statistics.median(lags), 2),
        "live p99 s": round(lags[len(lags) * 99 // 100], 2),
        "live worst s": round(lags[-1], 2),
        "all shown s": round(await shown - began, 1),
        "all received s": round(received, 1),
        "all judged s": round(judged, 1),
        "server CPU s": round(cpu(pid) - before, 1),
    }


class Given:
    """A token that is good for the whole run."""

    def __init__(self, token: str) -> None:
        self._token = token

    async def current(self) -> str:
        return self._token

    def drop(self, token: str) -> None:
        raise SystemExit("the server will not have its token")


def bring_back(url: str, tokens: list[str], spools: list[Path]) -> None:
    """A process of its own that gives way to the others: a thousand real agents have a thousand machines."""
    logging.disable(logging.WARNING)
    os.nice(15)

    async def all_of_them() -> None:
        await asyncio.gather(*(come_back(url, tokens[n], spools[n], n) for n in range(len(spools))))

    asyncio.run(all_of_them())


async def come_back(url: str, token: str, path: Path, number: int) -> None:
    spool = Spool(path, lambda: clock(boot_now()))
    outbox = Outbox(spool, lambda: clock(boot_now()), 1 << 31, forget=lambda: None)
    boot = boot_now()
    names = [position(number, slot) for slot in range(1, POSITIONS + 1)]
    now = [Ahead(state(names[0], clock(boot), "hardwareError"), boot)]
    now += [Ahead(state(name, clock(boot)), boot) for name in names[1:]]
    await asyncio.sleep(random.uniform(KNOCK_SECONDS / 2, KNOCK_SECONDS * 3 / 2))  # as it looks for the server
    async with open_line(url, unproven()) as line:
        link = Link(line, Given(token))
        uplink = Uplink(link, outbox, lambda: clock(boot_now()), version="1", on_ack=lambda _: None, ahead=lambda: now)
        outbox.news.set()
        sending = asyncio.create_task(uplink.run())
        while await outbox.ask(lambda spool: spool.waiting()):  # noqa: ASYNC110
            await asyncio.sleep(1)
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
    await outbox.close()


class Lags(Exception):
    """How late what one live agent told was judged, handed over when it is ended."""


async def stay(url: str, token: str, file: Path, number: int, folder: Path) -> None:
    """Tell a change, wait until it is judged, tell the next."""
    path = folder / f"live-{number}.db"
    outbox = Outbox(Spool(path, lambda: clock(boot_now())), lambda: clock(boot_now()), 1 << 30, forget=lambda: None)
    writer = asyncio.create_task(outbox.run())
    lags: list[float] = []
    async with open_line(url, unproven()) as line:
        link = Link(line, Given(token))
        uplink = Uplink(link, outbox, lambda: clock(boot_now()), version="1", on_ack=lambda _: None)
        sending = asyncio.create_task(uplink.run())
        try:
            for turn in range(1 << 30):
                word = ("online", "offline")[turn % 2]
                told = time.monotonic()
                outbox.put([state(position(number, 1), clock(boot_now()), word)], urgent=True)
                asked = f"SELECT count(*) FROM health WHERE subject_id = {position_id(number, 1)} AND device = '{word}'"
                lags.append(await until(file, asked, 1) - told)
                await asyncio.sleep(0.5)
        except asyncio.CancelledError:
            raise Lags(lags) from None
        finally:
            sending.cancel()
            writer.cancel()
            await asyncio.gather(sending, writer, return_exceptions=True)
            await outbox.close()


async def until(file: Path, asked: str, least: int) -> float:
    """When the database first says `least` or more."""
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=30)) as db:
        while True:
            if db.execute(asked).fetchone()[0] >= least:
                return time.monotonic()
            await asyncio.sleep(0.1)


def count(file: Path, agents: int, minutes: int) -> int:
    """Records of the agents that came back; not one may be missing or there twice."""
    of_each = minutes + (minutes + 59) // 60 * POSITIONS + 1
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as db:
        refused = db.execute("SELECT count(*) FROM record WHERE kind = 'refused'").fetchone()[0]
        held = db.execute(
            "SELECT count(*), count(DISTINCT seq), max(seq) FROM record JOIN stream ON stream.id = stream_id"
            " WHERE agent_id < ? GROUP BY stream_id",
            (agent_id(agents),),
        ).fetchall()
    if refused:
        raise SystemExit(f"{refused} records were refused")
    if held != [(of_each, of_each, of_each)] * agents:
        raise SystemExit(
            f"records are missing: {agents} streams of {of_each} were sent, the database has {held[:5]} ..."
        )
    return agents * of_each


if __name__ == "__main__":
    main()
