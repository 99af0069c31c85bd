"""A thousand devices asked for 40 values each, once, all at once: our engines, pysnmp's API, Prometheus' exporter.

The devices are net-snmp's snmpd, ten of them with 100 loopback addresses each, on one core; who asks has another core
to itself. Everybody is asked for the same objects in the same run, and the CPU seconds are the asking side's alone.
Without a second core they share one, which is said.

    python -m benchmarks.snmp [--rounds 5] [--devices 1000] [--json]

Needs: apt-get install snmpd; and prometheus-snmp-exporter, to see that beside it.
"""

import argparse
import asyncio
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.poll import USER, plain
from drivers.errors import DeviceError
from drivers.snmp.engine import Engine, Peer, SnmpEngine, pick
from drivers.snmp.message import Kind, Question
from drivers.snmp.usm import User

PORT, WEB_PORT = 17162, 19116
A_SNMPD = 100  # addresses
PLAIN = 50  # devices pysnmp's own API is asked about: its rate does not grow with them
WAIT = 5.0
OIDS = tuple((1, 3, 6, 1, 4, 1, 99999, 1, number, 0) for number in range(1, 41))
QUESTION = Question(Kind.GET, OIDS)
WATCHER = User(USER["user"], USER["auth"], USER["auth_password"], USER["priv"], USER["priv_password"])
Poll = Callable[[], Awaitable[object]]


@dataclass(frozen=True)
class Figure:
    """The medians of some rounds; `spread` is the fastest and the slowest."""

    what: str
    polls: int
    missed: int  # in all rounds
    seconds: float
    spread: tuple[float, float]
    cpu_per_1000: float


def cores() -> tuple[set[int], set[int]]:
    """For who asks, and for the devices."""
    if sys.platform != "linux":
        return set(), set()
    first, *others = sorted(os.sched_getaffinity(0))
    return {first}, set(others[:1]) or {first}


def stay_on(these: set[int]) -> None:
    """This thread, and what it starts from now on."""
    if sys.platform == "linux":
        os.sched_setaffinity(0, these)


@contextmanager
def snmpds(folder: Path, many: int, core: set[int]) -> Iterator[list[str]]:
    """The addresses of `many` devices."""
    program = shutil.which("snmpd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None or sys.platform != "linux":
        raise SystemExit("this needs: apt-get install snmpd")
    hosts = [f"127.0.{2 + number // A_SNMPD}.{1 + number % A_SNMPD}" for number in range(many)]
    values = "".join(f"override .{name} integer {1000 + number}\n" for number, name in enumerate(QUESTION.names))
    stay_on(core)
    with ExitStack() as running:
        for begin in range(0, many, A_SNMPD):
            own = folder / str(begin)
            own.mkdir()
            at = ",".join(f"udp:{host}:{PORT}" for host in hosts[begin : begin + A_SNMPD])
            (own / "snmpd.conf").write_text(
                f"agentaddress {at}\nrocommunity public\n"
                f"createUser watcher SHA {USER['auth_password']} AES {USER['priv_password']}\nrouser watcher authpriv\n"
                f"{values}"
            )
            running.enter_context(_running([program, "-f", "-Lf", str(own / "log"), "-C", "-c", "snmpd.conf"], own))
        yield hosts


@contextmanager
def _running(command: list[str], folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    environment = {**os.environ, "MIBS": "", "SNMP_PERSISTENT_DIR": str(folder / "persistent")}
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(10)


async def rounds(what: str, many: int, polls: Sequence[Poll], cpu: Callable[[], float] = time.process_time) -> Figure:
    """All `polls` at once, `many` times over."""
    seconds, spent, missed = [], [], 0
    for _ in range(many):
        begin, cpu_begin = time.perf_counter(), cpu()
        said = await asyncio.gather(*(poll() for poll in polls), return_exceptions=True)
        seconds.append(time.perf_counter() - begin)
        spent.append(cpu() - cpu_begin)
        missed += sum(isinstance(one, BaseException) for one in said)
    per_1000 = 1000 * median(spent) / len(polls)
    return Figure(what, len(polls), missed, median(seconds), (min(seconds), max(seconds)), per_1000)


def asking(engine: Engine, peers: Sequence[Peer]) -> list[Poll]:
    async def ask(peer: Peer) -> None:
        answer = await engine.ask(peer, QUESTION, WAIT)
        if len(answer.said) != len(OIDS):
            raise ValueError(f"{len(answer.said)} values")

    return [partial(ask, peer) for peer in peers]


async def ours(hosts: Sequence[str], many: int) -> list[Figure]:
    """Both engines. What happens once in the life of a device, such as making keys for it, is a line of its own."""
    engines: list[tuple[str, type[Engine], str]] = [
        ("our engine, v2c", SnmpEngine, "2c"),
        ("our engine, v3", SnmpEngine, "3"),
        ("with gufo, v2c", pick("auto"), "2c"),
    ]
    if pick("auto") is SnmpEngine:
        print("to see gufo-snmp beside it: pip install 'gufo-snmp>=0.13'", file=sys.stderr)
        engines.pop()
    figures = []
    for name, kind, way in engines:
        engine = await kind.start()
        peers = [Peer.of((host, PORT), way, "public", WATCHER if way == "3" else None) for host in hosts]
        polls = asking(engine, peers)
        await _until_it_answers(polls[0])
        figures.append(await rounds(f"{name}, first question", 1, polls))
        figures.append(await rounds(name, many, polls))
        await engine.close()
    return figures


async def _until_it_answers(poll: Poll) -> None:
    for _ in range(20):
        try:
            await poll()
            return
        except DeviceError:
            await asyncio.sleep(0.2)


async def gufo_v3(hosts: Sequence[str], many: int) -> list[Figure]:
    """gufo's own SNMPv3, which the driver does not use. It keeps no device's clock, so that at intervals of more than
    150 seconds each poll takes two messages."""
    try:
        from gufo.snmp import Aes128Key, Sha1Key
        from gufo.snmp import User as GufoUser
        from gufo.snmp.aio import SnmpSession
        from gufo.snmp.user import KeyType
    except ImportError:
        return []
    auth = Sha1Key(Sha1Key.get_master_key(USER["auth_password"].encode()), key_type=KeyType.Master)
    priv = Sha1Key.get_master_key(USER["priv_password"].encode())
    sessions = []
    for host in hosts:
        user = GufoUser(USER["user"], auth_key=auth, priv_key=Aes128Key(priv, key_type=KeyType.Master))
        sessions.append(SnmpSession(host, PORT, user=user, timeout=WAIT))

    async def poll(session: SnmpSession) -> None:
        await session.refresh()
        if len(await session.get_many(QUESTION.names)) != len(OIDS):
            raise ValueError("not every value")

    polls: list[Poll] = [partial(poll, session) for session in sessions]
    first = await rounds("gufo alone, v3, first (not used)", 1, polls)
    return [first, await rounds("gufo alone, v3 (not used)", many, polls)]


async def pysnmps(hosts: Sequence[str], seconds: float) -> list[Figure]:
    addresses = [f"{host}:{PORT}" for host in hosts[:PLAIN]]
    figures = []
    for way in ("v2c", "v3"):
        one = await plain(way, addresses, [OIDS], seconds)
        took = one.seconds / one.polls * 1000
        figures.append(Figure(f"pysnmp's hlapi, {way} *", one.polls, 0, took, (took, took), one.cpu_per_1000))
    return figures


# -- Prometheus' exporter: Go, one HTTP request a device --------------------------------------------------------------


def exporter_configuration() -> str:
    """Two modules that ask for the same 40 objects in one message. JSON is YAML."""
    metrics = [
        {"name": f"value{number}", "oid": name.removesuffix(".0"), "type": "gauge", "help": "a value"}
        for number, name in enumerate(QUESTION.names)
    ]
    secrets = {
        "security_level": "authPriv",
        "username": USER["user"],
        "password": USER["auth_password"],
        "auth_protocol": USER["auth"],
        "priv_protocol": USER["priv"],
        "priv_password": USER["priv_password"],
    }
    common = {"get": QUESTION.names, "metrics": metrics, "max_repetitions": len(OIDS)}
    return json.dumps(
        {
            "v2c": {**common, "version": 2, "auth": {"community": "public"}},
            "v3": {**common, "version": 3, "auth": secrets},
        }
    )


async def exporter(hosts: Sequence[str], many: int, folder: Path, own: set[int], others: set[int]) -> list[Figure]:
    program = shutil.which("prometheus-snmp-exporter")
    if program is None:
        print("to see Prometheus' exporter beside it: apt-get install prometheus-snmp-exporter", file=sys.stderr)
        return []
    (folder / "snmp.yml").write_text(exporter_configuration())
    stay_on(own)
    web = f"127.0.0.1:{WEB_PORT}"
    command = [program, "--config.file=snmp.yml", f"--web.listen-address={web}", "--log.level=error"]
    with _running(command, folder) as process:
        stay_on(others)  # who asks the exporter is beside the devices, as a Prometheus would be elsewhere
        figures = []
        places = asyncio.Semaphore(50)  # at once; it is no faster with more

        async def scrape(host: str, module: str) -> None:
            async with places:
                reader, writer = await asyncio.open_connection("127.0.0.1", WEB_PORT)
                writer.write(f"GET /snmp?target={host}:{PORT}&module={module} HTTP/1.0\r\n\r\n".encode())
                page = await reader.read()
                writer.close()
            if page.count(b"\nvalue") != len(OIDS):
                raise ValueError(page[:200])

        for module in ("v2c", "v3"):
            polls: list[Poll] = [partial(scrape, host, module) for host in hosts]
            await _until_it_listens()
            await rounds("", 1, polls)
            what = f"snmp-exporter, {module}"
            figures.append(await rounds(what, many, polls, lambda: _cpu_seconds(process.pid)))
        return figures


async def _until_it_listens() -> None:
    for _ in range(50):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", WEB_PORT)
        except OSError:
            await asyncio.sleep(0.1)
        else:
            writer.close()
            return


def _cpu_seconds(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


# -- all of it --------------------------------------------------------------------------------------------------------


def machine() -> dict[str, str]:
    said = {"python": platform.python_version(), "kernel": platform.release(), "cores": str(os.cpu_count())}
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            said["processor"] = line.partition(": ")[2]
    for package in ("pysnmp", "gufo-snmp"):
        try:
            said[package] = version(package)
        except PackageNotFoundError:
            said[package] = "none"
    for package in ("snmpd", "prometheus-snmp-exporter"):
        if shutil.which("dpkg-query"):
            command = ["dpkg-query", "-W", "-f", "${Version}", package]
            told = subprocess.run(command, capture_output=True, text=True, check=False)
            said[package] = told.stdout or "none"
    return said


async def run(hosts: list[str], many: int, folder: Path, own: set[int], others: set[int]) -> list[Figure]:
    stay_on(own)
    figures = [*await ours(hosts, many), *await gufo_v3(hosts, many), *await pysnmps(hosts, many)]
    return [*figures, *await exporter(hosts, many, folder, own, others)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--devices", type=int, default=1000)
    parser.add_argument("--json", action="store_true", help="print the one line of JSON alone")
    asked = parser.parse_args()
    own, others = cores()
    with tempfile.TemporaryDirectory() as name, snmpds(Path(name), asked.devices, others) as hosts:
        figures = asyncio.run(run(hosts, asked.rounds, Path(name), own, others))
    if not asked.json:
        show(figures, asked.devices, shared=own == others)
    result: dict[str, Any] = {"benchmark": "snmp", "values": len(OIDS), "machine": machine()}
    print(json.dumps({**result, "figures": [asdict(one) for one in figures]}))


def show(figures: Sequence[Figure], many: int, *, shared: bool) -> None:
    print(", ".join(f"{name} {said}" for name, said in machine().items()))
    where = "the same core" if shared else "a core of their own"
    print(f"{many} devices on {where}, {len(OIDS)} values each, all at once")
    print(f"{'':34} {'s for all':>9} {'fastest':>8} {'slowest':>8} {'CPU s/1,000':>12} {'missed':>7}")
    for one in figures:
        least, most = one.spread
        print(f"{one.what:34} {one.seconds:9.2f} {least:8.2f} {most:8.2f} {one.cpu_per_1000:12.3f} {one.missed:7}")
    print(f"* {PLAIN} devices, 50 in flight, as seconds for 1,000")


if __name__ == "__main__":
    main()
