"""How a server grows with its bank: start-up, memory, one minute of changes judged, the home screen and the lists.

    python -m benchmarks.growth [--positions 300000] [--postgresql] [--home FOLDER]

The bank is `benchmarks.province`: the inventory of 6,000 positions is applied as people do, its agents tell every
position once, a year of conditions and tickets that are over lies behind it, and `benchmarks.many` makes of it as many
as are asked for; `--whole` applies and judges all of it instead. Then the real server in a process of its own, over
TLS. With `--home` the bank is kept in that folder, and taken from there the next time.

A minute is: every agent comes, a fifth of the positions was polled and all lines, and 1 % of all positions changed;
in a full minute every position was polled and none changed. "cold" is the first time after a start, with nothing of
SQLite's file in the memory of the system.
"""

import argparse
import asyncio
import json
import os
import random
import ssl
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import httpx2
import msgspec
from sqlalchemy import text

from agent.wire import MEDIA_MSGPACK, Ack
from benchmarks.branches import signed_in
from benchmarks.many import marked, multiply, stream
from benchmarks.parts.cluster import running
from benchmarks.province import Teller, a_year_over, code_of, let_in, tellers, write_inventory
from benchmarks.refill import serving
from benchmarks.watched import cpu, memory
from server.accounts.tokens import hash_token
from server.authority.files import FOLDER, TRUSTED
from server.clock import utc_now
from server.health.follower import Follower
from server.health.log import newest
from server.ingest.batch import open_batch
from server.ingest.writer import Writer
from server.loadtest.figures import machine
from server.loadtest.line import Line
from server.loadtest.load import lag
from server.storage.database import Database

FIRST = 6_000  # positions that are applied, told and judged; a larger bank is so many copies of these
SHARE = 0.01  # of the positions, that change in a minute
AT_ONCE = 32  # agents that ask at the same time
WARM = 5  # times a list is asked for
STATE = "province.json"  # in the home: what the agents know
SERVER = [sys.executable, "-m", "server.cli"]
SCREENS = {  # what the console asks for
    "home": ["/api/home"],
    "devices": ["/api/positions?sort=worst"],
    "devices, by name": ["/api/positions?sort=name"],
    "devices, faults": ["/api/positions?standing=fault"],
    "devices, the last page": ["/api/positions?offset={last}"],
    "search, a name": ["/api/positions?q=12号"],
    "search, a serial": ["/api/positions?q=SN00004711"],
    "branches": ["/api/branches"],
    "a branch": ["/api/branches/{code}", "/api/positions?branch={code}", "/api/conditions?branch={code}"],
    "conditions": ["/api/conditions"],
    "tickets": ["/api/tickets?status=new&status=accepted&status=inProgress"],
    "tickets, all": ["/api/tickets"],
    "agents": ["/api/agents"],
    "ledger": ["/api/ledger"],
    "journal": ["/api/journal"],
    "metrics": ["/metrics"],
    "ledger as xlsx": ["/api/ledger/export?format=xlsx"],
}


class Bank(msgspec.Struct):
    """What is kept beside the database: of each agent its stream, its numbers and its token."""

    url: str
    positions: int
    person: str
    tellers: list[Teller]
    agents: dict[str, tuple[int, str]]


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--positions", type=int, nargs="+", default=[30_000])
    asked.add_argument("--postgresql", action="store_true")
    asked.add_argument("--home", type=Path, help="a folder to keep the bank in (SQLite only)")
    asked.add_argument("--whole", action="store_true", help="apply and judge all of it; takes long")
    wanted = asked.parse_args()
    print(f"On: {machine()}; load {os.getloadavg()[0]:.1f}", flush=True)
    for positions in wanted.positions:
        with ExitStack() as stack:
            folder = wanted.home or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bf-growth-")))
            folder.mkdir(exist_ok=True)
            os.chmod(folder, 0o755)  # PostgreSQL runs as another user
            cluster = stack.enter_context(running(folder / "pg")) if wanted.postgresql else None
            url = cluster.create("growth") if cluster else None
            measure(folder, positions, positions if wanted.whole else FIRST, url)


def measure(folder: Path, positions: int, first: int, url: str | None) -> None:
    home = folder / "server"
    database_url = url or f"sqlite:///{home / 'branchfleet.db'}"
    environ = {
        **os.environ,
        "BRANCHFLEET_HOME": str(home),
        "BRANCHFLEET_LANG": "zh",
        "BRANCHFLEET_DATABASE": database_url,
    }
    pg = Postmaster(folder / "pg" / "data" / "postmaster.pid") if url else None
    if (home / STATE).exists():
        bank = msgspec.json.decode((home / STATE).read_bytes(), type=Bank)
    else:
        bank = build(folder, environ, (positions, min(first, positions)), database_url, pg)
        keep(home, bank)
    with closing(Database(database_url)) as database:
        told("database", size_of(database) / 1e6, "MB;", size_of(database) / bank.positions, "bytes a position")
        try:
            started(environ, home, folder / "log", database, bank, pg)
        finally:
            keep(home, bank)


def size_of(database: Database) -> int:
    """Bytes of tables and indexes."""
    asked = "SELECT pg_database_size(current_database())"
    if database.sqlite:
        asked = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
    with database.read() as session:
        return int(session.execute(text(asked)).scalar_one())


def keep(home: Path, bank: Bank) -> None:
    (home / STATE).write_bytes(msgspec.json.encode(bank))


def told(name: str, *said: object) -> None:
    words = [f"{word:,.1f}" if isinstance(word, float) else str(word) for word in said]
    print(f"{name:<34}", *words, flush=True)


class Postmaster:
    """PostgreSQL's processes, those that have ended included."""

    def __init__(self, file: Path) -> None:
        self._pid = int(file.read_text(encoding="ascii").split()[0])

    def cpu(self) -> float:
        children = Path(f"/proc/{self._pid}/task/{self._pid}/children").read_text(encoding="ascii").split()
        fields = Path(f"/proc/{self._pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        ended = (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")
        return cpu(self._pid) + ended + sum(cpu(int(child)) for child in children)


@contextmanager
def timed(name: str, pid: int = 0, pg: Postmaster | None = None) -> Iterator[None]:
    """Seconds, and the processor's of this process, of `pid`, and of PostgreSQL."""
    parts: dict[str, Callable[[], float]] = {"this process": time.process_time}
    parts |= {"server": lambda: cpu(pid)} if pid else {}
    parts |= {"PostgreSQL": pg.cpu} if pg else {}
    before, began = {part: ask() for part, ask in parts.items()}, time.perf_counter()
    yield
    spent = time.perf_counter() - began
    told(name, spent, "s; CPU-seconds:", ", ".join(f"{part} {ask() - before[part]:.1f}" for part, ask in parts.items()))


# -- the bank ---------------------------------------------------------------------------------------


def build(folder: Path, environ: dict[str, str], size: tuple[int, int], url: str, pg: Postmaster | None) -> Bank:
    run([*SERVER, "init"], environ)
    positions, first = size
    times = positions // first
    write_inventory(folder / "inventory", first)
    apply = [*SERVER, "apply", str(folder / "inventory"), "--yes"]
    with timed(f"{first:,} positions applied", pg=pg):
        told("  by the command", run(apply, environ))
    with timed("  the same again, nothing to do", pg=pg):
        told("  by the command", run(apply, environ))
    with closing(Database(url)) as database:
        bank = Bank(url, first, signed_in(database, "bench"), tellers(first), let_in(database))
        told("  agents", len(bank.tellers))
        with timed("  a year of conditions and tickets", pg=pg):
            a_year_over(database, utc_now())
        first_states(database, bank, pg)
        with timed(f"  {times} times as large", pg=pg):
            multiply(database, times)
            bank.agents |= let_in(database) if times > 1 else {}
            bank.tellers, bank.positions = many(bank.tellers, times), first * times
        if not database.sqlite:
            with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.exec_driver_sql("ANALYZE")
    return bank


def many(known: list[Teller], times: int) -> list[Teller]:
    """The agents of a bank so many times as large."""
    return known + [
        msgspec.structs.replace(
            each,
            key=marked(each.key, copy),
            polled=[marked(key, copy) for key in each.polled],
            stream=stream(each.stream, copy),
            boot_id=f"{each.boot_id}-{copy}",
        )
        for copy in range(1, times)
        for each in known
    ]


def run(command: list[str], environ: dict[str, str]) -> str:
    """Run it to its end; CPU-seconds and the most memory it had."""
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, env=environ, stdout=said, stderr=said)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said.seek(0)
            raise SystemExit(said.read()[-2000:].decode())
    return f"{usage.ru_utime + usage.ru_stime:.1f} CPU-seconds, {usage.ru_maxrss / 1024:.0f} MiB at most"


def first_states(database: Database, bank: Bank, pg: Postmaster | None) -> None:
    """By the server's own writer and follower, in this process. The clock stands: nobody falls silent meanwhile."""
    now = utc_now()
    with timed("  first states, written", pg=pg):
        writer = Writer(database)
        writer.start()
        asked: list[Future[Any]] = []
        for teller in bank.tellers:
            own, token = bank.agents[teller.key]
            parcel = open_batch(teller.first(), MEDIA_MSGPACK, "zstd", own, now, now, hash_token(token))
            asked.append(writer.submit(parcel))
            if len(asked) == 64:
                [each.result() for each in asked]
                asked.clear()
        [each.result() for each in asked]
        writer.stop()
    follower = Follower(database, lambda: now + 2_000_000)
    with timed("  first states, judged", pg=pg):
        while follower.step():
            pass


# -- the server -------------------------------------------------------------------------------------


def started(
    environ: dict[str, str], home: Path, log: Path, database: Database, bank: Bank, pg: Postmaster | None
) -> None:
    forget(home)
    began = time.perf_counter()
    with serving(environ, log) as (port, pid):
        trusts = ssl.create_default_context(cafile=str(home / FOLDER / TRUSTED))
        url = f"https://127.0.0.1:{port}"
        headers = {"Authorization": f"Bearer {bank.person}", "Accept-Language": "zh"}
        with httpx2.Client(base_url=url, verify=trusts, headers=headers, timeout=900, trust_env=False) as http:
            ready(http)
            told("from the start to ready", time.perf_counter() - began, "s,", cpu(pid), "CPU-seconds,", mib(pid))
            ask("home, cold", http, bank, pid, SCREENS["home"], 1)
            agents = Agents(bank, port, trusts)
            agents.tell(database, pid, pg, "all agents come", lambda teller: (teller.all_same(), len(teller.polled), 0))
            chance = random.Random(7)
            with heard(http) as events:
                agents.tell(database, pid, pg, "a minute", lambda teller: teller.minute(chance, SHARE))
                time.sleep(1)
            told("  events a console heard", len(events))
            agents.tell(database, pid, pg, "a full minute", lambda teller: (teller.all_same(), len(teller.polled), 0))
            for name, paths in SCREENS.items():
                ask(name, http, bank, pid, paths, 1 if "xlsx" in name else WARM)
            told("memory at the end", mib(pid))


def forget(home: Path) -> None:
    """Have nothing of the database in the system's memory."""
    for file in home.glob("branchfleet.db*"):
        descriptor = os.open(file, os.O_RDONLY)
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)


def ready(http: httpx2.Client) -> None:
    while True:
        try:
            if http.get("/readyz").status_code == 200:
                return
        except httpx2.TransportError:
            pass
        time.sleep(0.02)


def mib(pid: int) -> str:
    return f"{memory(pid) / (1 << 20):.0f} MiB"


def ask(name: str, http: httpx2.Client, bank: Bank, pid: int, paths: list[str], times: int) -> None:
    """The median of so many times, of all that a screen asks for."""
    spent, size, before = [], 0, cpu(pid)
    for _ in range(times):
        began, size = time.perf_counter(), 0
        for path in paths:
            headers = {"Authorization": ""} if path == "/metrics" else {}  # those are for programs of this machine
            answer = http.get(path.format(code=code_of(5), last=bank.positions - 100), headers=headers)
            answer.raise_for_status()
            size += len(answer.content)
        spent.append(time.perf_counter() - began)
    each = (cpu(pid) - before) / times
    told(
        name,
        statistics.median(spent) * 1000,
        "ms, worst",
        max(spent) * 1000,
        "ms;",
        f"{each:.2f} CPU-seconds, {size:,} bytes, {mib(pid)}",
    )


@contextmanager
def heard(http: httpx2.Client) -> Iterator[list[str]]:
    """The events of one console while the block runs."""
    events: list[str] = []
    stands, ends = threading.Event(), threading.Event()

    def listen() -> None:
        with http.stream("GET", "/api/events") as answer:
            for line in answer.iter_lines():
                stands.set()
                if line.startswith("data: "):
                    events.append(json.loads(line[6:])["topic"])
                if ends.is_set():
                    return

    with ThreadPoolExecutor(1) as pool:
        listening = pool.submit(listen)
        stands.wait(10)
        yield events
        ends.set()  # with the next line, which is a silence at the latest
        listening.result()


class Agents:
    """All of them over the wire: TLS, a token each, an answer each."""

    def __init__(self, bank: Bank, port: int, trusts: ssl.SSLContext) -> None:
        self._bank = bank
        self._port = port
        self._trusts = trusts

    def tell(
        self,
        database: Database,
        pid: int,
        pg: Postmaster | None,
        name: str,
        make: Callable[[Teller], tuple[bytes, int, int]],
    ) -> None:
        """Every agent tells once; prints how long it took until the last of it was judged."""
        held = changed = 0
        made = []
        for teller in self._bank.tellers:
            body, polled, news = make(teller)
            made.append((teller, body))
            held, changed = held + polled - news, changed + news
        before, size, top = threads(pid), size_of(database), _top(database)
        with timed(f"{name}: {len(made):,} agents, {held:,} held, {changed:,} changed", pid, pg):
            began = time.perf_counter()
            asyncio.run(self._all(made))
            taken = time.perf_counter() - began
            last = threads(pid)
            while lag(database).records:
                time.sleep(0.1)
        if _top(database) == top:
            raise SystemExit("The server had all these numbers before: --home was left by a run that was cut off.")
        after, sent = threads(pid), sum(len(body) for _, body in made)
        judge = max(after, key=lambda each: after[each] - last.get(each, 0.0))
        lasted = time.perf_counter() - began
        told(
            "  taken",
            *(taken, "s; judged", lasted, "s; the judge's thread", after[judge] - before.get(judge, 0), "CPU-seconds;"),
            *(sent / len(made), "bytes sent of an agent; the database grew by", size_of(database) - size, "bytes;"),
            mib(pid),
        )

    async def _all(self, made: list[tuple[Teller, bytes]]) -> None:
        todo = iter(made)

        async def one() -> None:
            for teller, body in todo:
                line = Line("127.0.0.1", self._port, self._trusts, self._bank.agents[teller.key][1])
                sent = teller.boot()
                answer = await line.post(body)
                while answer.status in (429, 503):
                    await asyncio.sleep(answer.retry_after)
                    answer = await line.post(body)
                line.close()
                if answer.status != 200:
                    raise SystemExit(f"{teller.key}: {answer.status} {answer.body[:200]!r}")
                ack = msgspec.msgpack.decode(answer.body, type=Ack)
                if ack.refused:
                    raise SystemExit(f"{teller.key}: {ack.refused[0].why}")
                teller.heard(ack, sent)

        await asyncio.gather(*(one() for _ in range(AT_ONCE)))


def _top(database: Database) -> int:
    with database.read() as session:
        return newest(session)


def threads(pid: int) -> dict[str, float]:
    """CPU-seconds by thread."""
    found: dict[str, float] = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        fields = (task / "stat").read_text(encoding="ascii").rpartition(")")[2].split()
        found[task.name] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return found


if __name__ == "__main__":
    main()
