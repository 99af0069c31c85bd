"""Values a second through the whole server: HTTP, token, zstd, one durable transaction a group, health beside it.

Each of 32 agents sends reports of 20 states with 8 numbers, as fast as it is acknowledged; afterwards every record is
counted in the database. On SQLite, and on PostgreSQL where its programs are installed.
"""

import asyncio
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from sqlalchemy import text

from agent.wire import VERSION, Batch, Clock, DeviceWord, Exchange, Reading, State
from benchmarks.branches import position, seed
from server.storage.database import Database

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

AGENTS = 32
DEVICES = 20
NUMBERS = 8
BATCHES = 60  # of each agent


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="bf-bench-") as folder:
        os.chmod(folder, 0o755)  # PostgreSQL runs as another user
        show("SQLite", run(Path(folder) / "sqlite", None))
        with postgresql(Path(folder) / "pg") as url:
            if url:
                show("PostgreSQL", run(Path(folder) / "on-postgresql", url))


def show(name: str, figures: dict[str, float]) -> None:
    print(f"{name}: {json.dumps(figures)}", flush=True)


def run(home: Path, url: str | None) -> dict[str, float]:
    environ = {**os.environ, "BRANCHFLEET_HOME": str(home), "BRANCHFLEET_LANG": "en", "BRANCHFLEET_TLS": "no"}
    if url:
        environ["BRANCHFLEET_DATABASE"] = url
    server = [sys.executable, "-m", "server.cli"]
    subprocess.run([*server, "init"], check=True, env=environ, capture_output=True)
    database = Database(url or f"sqlite:///{home / 'branchfleet.db'}")
    tokens = seed(database, AGENTS, DEVICES)
    log = (home / "log").open("wb")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen([*server, "run", "--port", str(port)], env=environ, stderr=log, stdout=log)
    try:
        return asyncio.run(measure(tokens, port, database, process.pid))
    finally:
        process.terminate()
        process.wait(30)
        log.close()
        database.close()


def bodies(number: int) -> list[bytes]:
    """What one agent will send, rendered beforehand so that the client costs little."""
    rendered: list[bytes] = []
    began = time.time_ns() // 1000 - 3600 * 1_000_000
    for batch in range(BATCHES):
        boot = 3_000_000_000 + batch * 1_000_000
        clock = Clock(wall=began + boot, boot=boot, boot_id=f"boot-{number}")
        states = [
            State(
                seq=batch * DEVICES + device,
                clock=clock,
                position=position(number, device),
                reading=Reading(
                    device=DeviceWord.ONLINE,
                    numbers={f"number.{index}": float(batch * index % 97) for index in range(NUMBERS)},
                ),
            )
            for device in range(1, DEVICES + 1)
        ]
        exchange = Exchange(boot_id=clock.boot_id, sent=boot - 2000, received=boot, server=began + boot)
        body = Batch(version=VERSION, stream=f"stream-{number}", sent=clock, records=list(states), exchange=exchange)
        rendered.append(zstd.compress(msgspec.msgpack.encode(body)))
    return rendered


async def measure(tokens: list[str], port: int, database: Database, pid: int) -> dict[str, float]:
    work = [bodies(number) for number in range(AGENTS)]
    await answering(port)
    before = cpu(pid)
    began = time.perf_counter()
    waits = await asyncio.gather(*(post(port, token, mine) for token, mine in zip(tokens, work, strict=True)))
    took = time.perf_counter() - began
    spent = cpu(pid) - before
    sent = AGENTS * BATCHES * DEVICES
    with database.read() as session:
        kept = session.execute(text("SELECT count(*) FROM record WHERE kind = 'state'")).scalar_one()
    if kept != sent:
        raise SystemExit(f"{sent} records were acknowledged and {kept} are in the database")
    values = sent * NUMBERS
    every = sorted(wait for mine in waits for wait in mine)
    return {
        "values/s": round(values / took),
        "records/s": round(sent / took),
        "p50 ms": round(statistics.median(every) * 1000, 1),
        "p99 ms": round(every[len(every) * 99 // 100] * 1000, 1),
        "server CPU-s per 1M values": round(spent / values * 1e6, 1),
    }


async def answering(port: int) -> None:
    for _ in range(600):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.1)
        else:
            writer.close()
            return
    raise SystemExit("the server did not start")


async def post(port: int, token: str, mine: list[bytes]) -> list[float]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    waits: list[float] = []
    for body in mine:
        head = (
            f"POST /api/agent/records HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
            f"Content-Type: application/msgpack\r\nContent-Encoding: zstd\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        began = time.perf_counter()
        writer.write(head.encode() + body)
        answer = await reader.readuntil(b"\r\n\r\n")
        if not answer.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(answer.decode())
        length = int(answer.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        await reader.readexactly(length)
        waits.append(time.perf_counter() - began)
    writer.close()
    return waits


def cpu(pid: int) -> float:
    """Seconds of processor time of a process; 0 where /proc is not."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def postgresql(folder: Path) -> Iterator[str | None]:
    """A PostgreSQL with its usual durability, for as long as the block runs; None where it is not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        print("PostgreSQL: left out; it needs: apt-get install -y postgresql")
        yield None
        return
    programs = found[-1].parent
    folder.mkdir()
    who: dict[str, str] = {}
    if os.getuid() == 0:  # its programs refuse to run as root
        who = {"user": "postgres", "group": "postgres"}
        shutil.chown(folder, "postgres", "postgres")
    data = str(folder / "data")
    make = [str(programs / "initdb"), "-D", data, "-U", "branchfleet", "-A", "trust", "-E", "UTF8", "--locale=C"]
    subprocess.run(make, check=True, capture_output=True, cwd=folder, **who)  # type: ignore[call-overload]
    command = [str(programs / "pg_ctl"), "-D", data, "-w", "-o", f"-c listen_addresses='' -k {folder}"]
    log = str(folder / "log")
    subprocess.run([*command, "-l", log, "start"], check=True, capture_output=True, cwd=folder, **who)  # type: ignore[call-overload]
    try:
        yield f"postgresql+psycopg://branchfleet@/postgres?host={folder}"
    finally:
        subprocess.run([*command, "-m", "fast", "stop"], check=True, capture_output=True, cwd=folder, **who)  # type: ignore[call-overload]


if __name__ == "__main__":
    main()
