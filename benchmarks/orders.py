"""From a push to the last of a thousand results: how long, at what cost, and how much memory an agent that waits takes.

The real server in another process; agents in this one, each with a request that is held and a connection for its
records, as the real ones have. An agent that is handed an order posts its result at once: what is measured is the
server's part and the line's, on the same machine. An order has ended when the database says so.

    python -m benchmarks.orders --agents 1000 --runs 20
"""

import argparse
import asyncio
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec

from agent.wire import VERSION, Batch, Clock, Orders, Result
from benchmarks.branches import position, seed
from benchmarks.parts.cluster import running
from benchmarks.refill import serving
from benchmarks.watched import answering, cpu, memory
from server.accounts.tables import Person, SignIn
from server.accounts.tokens import PERSON, hash_token, new_token
from server.schemas.people import Role
from server.storage.database import Database
from server.storage.types import FOREVER

BOOTED = time.time_ns() // 1000 - 3_600_000_000


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--agents", type=int, default=1000)
    asked.add_argument("--runs", type=int, default=20)
    asked.add_argument("--postgresql", action="store_true", help="on PostgreSQL instead of SQLite")
    wanted = asked.parse_args()
    with tempfile.TemporaryDirectory(prefix="bf-orders-") as folder:
        os.chmod(folder, 0o755)  # PostgreSQL runs as another user
        if not wanted.postgresql:
            run(Path(folder) / "server", None, wanted.agents, wanted.runs)
            return
        with running(Path(folder) / "pg") as cluster:
            run(Path(folder) / "server", cluster.create("orders"), wanted.agents, wanted.runs)


def run(home: Path, url: str | None, agents: int, runs: int) -> None:
    environ = {**os.environ, "BRANCHFLEET_HOME": str(home), "BRANCHFLEET_LANG": "en", "BRANCHFLEET_TLS": "no"}
    environ["BRANCHFLEET_CONNECTIONS"] = str(2 * agents + 100)
    if url:
        environ["BRANCHFLEET_DATABASE"] = url
    subprocess.run([sys.executable, "-m", "server.cli", "init"], check=True, env=environ, capture_output=True)
    database = Database(url or f"sqlite:///{home / 'branchfleet.db'}")
    tokens = seed(database, agents, 1)
    person = head_office(database)
    with serving(environ, home / "log") as (port, pid):
        print(json.dumps(asyncio.run(measure(port, pid, database, tokens, person, runs))), flush=True)
    database.close()


def head_office(database: Database) -> str:
    token = new_token(PERSON)
    with database.write() as session:
        person = Person(login="bench", name="Bench", role=Role.HEAD, password_hash="-")
        session.add(person)
        session.flush()
        signed = SignIn(token_hash=hash_token(token), person_id=person.id or 0, created_at=0, expires_at=FOREVER)
        session.add(signed)
    return token


async def measure(port: int, pid: int, database: Database, tokens: list[str], person: str, runs: int) -> dict[str, Any]:
    await answering(port)
    agents = [Agent(port, token, number) for number, token in enumerate(tokens)]
    for few in range(0, len(agents), 50):
        await asyncio.gather(*(agent.begin() for agent in agents[few : few + 50]))
    idle = memory(pid)
    working = [asyncio.create_task(agent.run()) for agent in agents]
    while await waiting(port) < len(agents):  # noqa: ASYNC110
        await asyncio.sleep(0.2)
    held = memory(pid)
    took: list[float] = []
    lags: list[float] = []
    before, own = cpu(pid), time.process_time()
    for _ in range(runs):
        began = time.monotonic()
        for agent in agents:
            agent.answered = 0.0
        uid = await push(port, person)
        ended = await until_ended(database, uid, len(agents))
        took.append(ended - began)
        lags += [agent.answered - began for agent in agents]
        print(f"{took[-1]:.2f} s; its results were acknowledged by {max(lags[-len(agents) :]):.2f} s", flush=True)
        await asyncio.sleep(1.5)
    spent, own = cpu(pid) - before, time.process_time() - own
    for one in working:
        one.cancel()
    await asyncio.gather(*working, return_exceptions=True)
    took.sort()
    lags.sort()
    return {
        "agents": len(agents),
        "runs": runs,
        "last order ended p50 s": round(statistics.median(took), 2),
        "last order ended p99 s": round(took[len(took) * 99 // 100], 2),
        "worst s": round(took[-1], 2),
        "result acknowledged p50 s": round(statistics.median(lags), 2),
        "result acknowledged p99 s": round(lags[len(lags) * 99 // 100], 2),
        "server CPU s a push": round(spent / runs, 2),
        "agents' own CPU s a push": round(own / runs, 2),
        "KiB a request that is held": round((held - idle) / len(agents) / 1024, 1),
        "server MiB": round(memory(pid) / (1 << 20)),
    }


class Agent:
    """Asks, is held, answers what it is handed by a record on its other connection, and asks again."""

    def __init__(self, port: int, token: str, number: int) -> None:
        self._number = number
        self._records, self._orders = Line(port, token), Line(port, token)
        self._seq = 0
        self.answered = 0.0

    async def begin(self) -> None:
        await self._send([])

    async def run(self) -> None:
        while True:
            told = msgspec.msgpack.decode(await self._orders.ask("GET", "/api/agent/orders?wait=50"), type=Orders)
            for order in told.orders:
                await self._send([self._result(order.uid)])
                self.answered = time.monotonic()

    async def _send(self, results: list[Result]) -> None:
        batch = Batch(version=VERSION, stream=f"stream-{self._number}", sent=clock(), records=list(results))
        await self._records.ask("POST", "/api/agent/records", msgspec.msgpack.encode(batch))

    def _result(self, uid: str) -> Result:
        self._seq += 1
        return Result(seq=self._seq, clock=clock(), order=uid, done=True, polls={position(self._number, 1): ""})


class Line:
    """A connection that is opened again where the server closed it between two requests."""

    def __init__(self, port: int, token: str) -> None:
        self._port, self._token = port, token
        self.again = 0  # times it was told to come again
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, method: str, path: str, body: bytes = b"", media: str = "application/msgpack") -> bytes:
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self._token}\r\n"
            f"Content-Type: {media}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        while True:
            reader, writer = self._streams = self._streams or await asyncio.open_connection("127.0.0.1", self._port)
            try:
                writer.write(head.encode() + body)
                answer = await reader.readuntil(b"\r\n\r\n")
            except (asyncio.IncompleteReadError, ConnectionError):
                self._streams = None
                continue
            length = int(answer.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            content = await reader.readexactly(length)
            if answer.startswith(b"HTTP/1.1 503"):  # more than it can write just now: as agents do
                self.again += 1
                await asyncio.sleep(random.uniform(0.0, 2.0))
                continue
            if not answer.startswith((b"HTTP/1.1 200", b"HTTP/1.1 201")):
                raise SystemExit((answer + content).decode(errors="replace"))
            return content


def clock() -> Clock:
    now = time.time_ns() // 1000
    return Clock(wall=now, boot=now - BOOTED, boot_id="boot")


async def push(port: int, person: str) -> str:
    line = Line(port, person)
    made = await line.ask("POST", "/api/pushes", b'{"what":"poll"}', "application/json")
    uid: str = json.loads(made)["uid"]
    return uid


async def waiting(port: int) -> int:
    """Requests the server holds, as its metrics say."""
    told = (await Line(port, "").ask("GET", "/metrics")).decode()
    return int(told.split("\nbranchfleet_orders_held_requests ")[1].split("\n")[0])


async def until_ended(database: Database, uid: str, orders: int) -> float:
    """When the last order of the push has ended; every one must be done."""
    while True:
        with database.engine.connect() as db:
            found = db.exec_driver_sql(f"SELECT ended_at, counts FROM push WHERE uid = '{uid}'").one()
        if found[0] is not None:
            break
        await asyncio.sleep(0.02)
    if json.loads(found[1])["states"] != {"done": orders}:
        raise SystemExit(f"not every order was done: {found[1]}")
    return time.monotonic()


if __name__ == "__main__":
    main()
