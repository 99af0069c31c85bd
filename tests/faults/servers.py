"""Three servers on one PostgreSQL behind a plain TCP balancer, killed in turn while agents report."""

import asyncio
import random
import re
import shutil
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from server.health.shards import MANY
from server.schemas.orders import OrderState, PushCreate
from tests.faults.bank import Bank
from tests.faults.bench import Bench, Running, bench, comes, free_port, kill, until
from tests.faults.count import Count, count
from tui.client import Client

SERVERS = 3
INSTALL = "apt-get install -y nginx-light libnginx-mod-stream"
MODULE = Path("/usr/lib/nginx/modules/ngx_stream_module.so")
BALANCER = """\
load_module {module};
daemon off;
pid {folder}/nginx.pid;
error_log stderr;
events {{}}
stream {{
    upstream servers {{
{servers}
    }}
    server {{
        listen 127.0.0.1:{port};
        proxy_connect_timeout 1s;
        proxy_pass servers;
    }}
}}
"""


def missing() -> str:
    """What this machine lacks for it, or ""."""
    if shutil.which("nginx", path="/usr/sbin:/usr/bin") is None or not MODULE.exists():
        return f"a balancer needs: {INSTALL}"
    return ""


@dataclass
class Found:
    kills: int = 0
    led: list[list[int]] = field(default_factory=list)  # shards each server led, before each kill
    taken: list[float] = field(default_factory=list)  # seconds from each kill to the next record taken
    judged: list[float] = field(default_factory=list)  # and till every shard had judged it, those of the killed one too
    pushed: list[float] = field(default_factory=list)  # from a push at each server to its end
    conditions: int = 0
    counted: Count = field(default_factory=lambda: Count([]))


class Servers:
    """All of them on the home of one bench, whose port is the balancer's."""

    def __init__(self, made: Bench) -> None:
        self.made = made
        self.ports = [free_port() for _ in range(SERVERS)]
        self.running: list[Running] = []

    def start(self) -> None:
        with ThreadPoolExecutor(SERVERS) as at_once:
            self.running = list(at_once.map(self._start, range(SERVERS)))
        folder = self.made.home / "nginx"
        folder.mkdir()
        servers = "\n".join(f"        server 127.0.0.1:{port} max_fails=1 fail_timeout=1s;" for port in self.ports)
        said = BALANCER.format(module=MODULE, folder=folder, servers=servers, port=self.made.port)
        (folder / "nginx.conf").write_text(said, encoding="utf-8")
        nginx = shutil.which("nginx", path="/usr/sbin:/usr/bin") or "nginx"
        self.made.start("nginx", [nginx, "-p", str(folder), "-c", str(folder / "nginx.conf")], self.made.port)

    def _start(self, number: int) -> Running:
        return self.made.start_server("server" if number == 0 else f"server-{number}", self.ports[number])

    def led(self) -> list[int]:
        """How many shards each of them judges."""
        return [self._led(number) for number in range(SERVERS)]

    def _led(self, number: int) -> int:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.ports[number]}/metrics", timeout=5) as answer:
                said = re.search(rb"^branchfleet_health_shards (\d+)", answer.read(), re.MULTILINE)
                return int(said[1]) if said else 0
        except OSError:
            return 0

    def kill(self, number: int) -> None:
        kill(self.running[number])

    def again(self, number: int) -> None:
        self.running[number] = self._start(number)


class Log:
    """What the database holds, asked by nobody's program of ours."""

    def __init__(self, url: str) -> None:
        self._link = psycopg.connect(url.replace("+psycopg", ""), autocommit=True)

    def number(self, sql: str) -> int:
        found = self._link.execute(sql.encode()).fetchone()
        return int(found[0] or 0) if found else 0

    def taken(self) -> int:
        return self.number("SELECT max(id) FROM record")

    def judged(self) -> int:
        """By all shards."""
        return self.number("SELECT min(cursor) FROM follower WHERE name LIKE 'health/%'")

    def close(self) -> None:
        self._link.close()


def run(home: Path, url: str, kills: int, seed: int = 1, bank: Bank | None = None) -> Found:
    """`url` is of an empty database of PostgreSQL. Each kill hits another server; all of them judge."""
    bank = bank or Bank(devices=6, interval=0.5, change=12.0)
    first = random.Random(seed).randrange(SERVERS)
    found = Found()
    with bench(home, bank, database=url) as made, closing(Log(url)) as log:
        servers = Servers(made)
        servers.start()
        made.enrol("agent-1001", made.url)
        made.start_agent()
        made.tell_story()
        until(lambda: log.judged() > 10, "records to be judged")
        for turn in range(kills):
            _kill(servers, log, found, (first + turn) % SERVERS)
        asyncio.run(_see(made, servers, found))
        taken = log.taken()
        until(lambda: log.taken() > taken + 3, "more records")
        made.end_story()
        time.sleep(2 * bank.interval)  # what was shown last is polled; the count says whether it was
        made.stop("agent-1001")
        until(lambda: log.judged() >= log.taken(), "all to be judged")
        for name in _names():
            made.stop(name)
        found.counted = count(made.database, made.shown, [made.agent_home() / "spool.db"])
    return found


def _names() -> Iterator[str]:
    yield "server"
    yield from (f"server-{number}" for number in range(1, SERVERS))


def _kill(servers: Servers, log: Log, found: Found, struck: int) -> None:
    found.led.append([])

    def shared() -> bool:
        found.led[-1] = led = servers.led()
        return sum(led) == MANY and min(led) > 0

    until(shared, "all servers to share the judging")
    servers.kill(struck)
    found.kills += 1
    at, taken = time.monotonic(), log.taken()
    until(lambda: log.taken() > taken, "a record to be taken by another")
    found.taken.append(time.monotonic() - at)
    until(lambda: log.judged() > taken, "others to judge for it")
    found.judged.append(time.monotonic() - at)
    servers.again(struck)


async def _see(made: Bench, servers: Servers, found: Found) -> None:
    """A person signs in through the balancer, at whichever server it is, and pushes an order at each of them."""
    async with made.client() as client:
        await made.signed_in(client)

        async def shown() -> bool:
            found.conditions = len((await client.conditions()).rows)
            return found.conditions > 0

        await comes(shown, "the conditions of UPSes on battery")
        for port in servers.ports:
            async with Client(f"http://127.0.0.1:{port}", token=client.token) as at:
                found.pushed.append(await _push(at))


async def _push(client: Client) -> float:
    """Seconds from a push to its end; the agent asks for orders at one of the servers, this one or another."""
    push = await client.push(PushCreate(what="poll", about="agent-1001"))

    async def done() -> bool:
        return (await client.pushed(push.uid)).counts.get(OrderState.DONE) == 1

    return await comes(done, "an order to be done")


def say(found: Found) -> list[str]:
    def seconds(many: list[float]) -> str:
        return " ".join(f"{one:.1f}" for one in many)

    return [
        f"killed: {found.kills} times one of those that judged; shards each led: {_shared(found)}",
        f"seconds to the next record taken: {seconds(found.taken)}",
        f"seconds till all shards had judged a new one: {seconds(found.judged)}",
        f"seconds from a push at each server to its end: {seconds(found.pushed)}",
    ]


def _shared(found: Found) -> str:
    return ", ".join("+".join(map(str, led)) for led in found.led)
