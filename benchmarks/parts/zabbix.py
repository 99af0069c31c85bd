"""Debian's Zabbix server with a database, a configuration and a folder of its own; of the machine's it reads nothing.

Its schema is read from where the package has it; hosts and items are written by SQL, as its web pages would write
them. So no web server and no PHP is needed.
"""

import gzip
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from benchmarks.parts.cluster import USER, Cluster
from server.http.listening import answers

INSTALL = "apt-get install -y --no-install-recommends zabbix-server-pgsql"
SCHEMA = [Path("/usr/share/zabbix-server-pgsql") / f"{name}.sql.gz" for name in ("schema", "images", "data")]
PROGRAM = shutil.which("zabbix_server", path="/usr/sbin:/usr/bin:/usr/local/sbin")
START_SECONDS = 120.0
FIRST = 1_000_000  # ids below it are of its own data

# As it comes: history of 90 days, trends of 365. What would ask devices by itself is not started, as nothing is to
# be asked; caches are as large as this load can use, so that nobody waits for room.
SETTINGS = {
    "StartTrappers": 5,
    "StartDBSyncers": 4,
    "CacheSize": "512M",
    "HistoryCacheSize": "512M",
    "HistoryIndexCacheSize": "128M",
    "TrendCacheSize": "128M",
    "ValueCacheSize": "64M",
    "StartPollers": 0,
    "StartPollersUnreachable": 0,
    "StartPingers": 0,
    "StartDiscoverers": 0,
    "StartHTTPPollers": 0,
    "StartPreprocessors": 1,
    "LogSlowQueries": 0,
}

# The server that the data speaks of is a host that is to be polled: nobody is there. Without triggers, which would take
# minutes for what they would find; `name_upper` is what one of them would write.
MADE = """
SET session_replication_role = replica;
UPDATE hosts SET status = 1;
INSERT INTO hosts (hostid, host, name, name_upper, status)
SELECT {first} + n, 'h' || n, 'h' || n, 'H' || n, 0 FROM generate_series(0, {hosts} - 1) AS n;
INSERT INTO items (itemid, type, hostid, name, name_upper, key_, value_type)
SELECT {first} + n, 2, {first} + n / {items}, 'v' || n % {items}, 'V' || n % {items}, 'v' || n % {items}, 0
FROM generate_series(0, {hosts} * {items} - 1) AS n;
INSERT INTO item_rtdata (itemid) SELECT itemid FROM items WHERE itemid >= {first};
ANALYZE;
"""


def missing() -> str | None:
    """What is not installed, and how it is."""
    if PROGRAM is None:
        return f"zabbix_server is missing: {INSTALL}"
    lost = [str(path) for path in SCHEMA if not path.exists()]
    return f"{', '.join(lost)} is missing: {INSTALL}" if lost else None


def version() -> str:
    said = subprocess.run([str(PROGRAM), "-V"], capture_output=True, text=True, check=False).stdout
    return said.splitlines()[0] if said else "?"


def fill(cluster: Cluster, name: str, hosts: int, items: int) -> None:
    """A database with hosts `h0`... that have trapper items `v0`... for floating numbers."""
    cluster.create(name)
    for path in SCHEMA:
        cluster.read_in(name, gzip.decompress(path.read_bytes()))
    cluster.read_in(name, MADE.format(first=FIRST, hosts=hosts, items=items).encode())


@contextmanager
def serving(cluster: Cluster, name: str, folder: Path) -> Iterator[tuple[int, int]]:
    """Its port and the id of its first process."""
    folder.mkdir()
    port = _free_port()
    config = folder / "zabbix_server.conf"
    config.write_text(_configuration(cluster, name, folder, port), encoding="utf-8")
    with (folder / "log").open("wb") as log:
        command = [str(PROGRAM), "-f", "-c", str(config)]
        process = subprocess.Popen(
            command, stdout=log, stderr=log, cwd=folder, start_new_session=True, **_as_whom(folder)
        )
        try:
            _wait_for(process, port, folder / "log")
            yield port, process.pid
        finally:
            with suppress(ProcessLookupError):  # it did not start
                os.killpg(process.pid, signal.SIGKILL)  # asked nicely, it writes the trends of all items first
            process.wait()


def _free_port() -> int:
    """Of those it may listen on: not of what a system gives away by itself."""
    for port in range(20_051, 32_767):
        with socket.socket() as free:
            try:
                free.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise SystemExit("No port from 20051 to 32766 is free.")


def _configuration(cluster: Cluster, name: str, folder: Path, port: int) -> str:
    own = {
        "LogType": "console",
        "PidFile": folder / "pid",
        "SocketDir": folder,
        "ListenIP": "127.0.0.1",
        "ListenPort": port,
        "DBHost": cluster.folder,
        "DBName": name,
        "DBUser": USER,
    }
    return "".join(f"{key}={value}\n" for key, value in (own | SETTINGS).items())


def _wait_for(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    ends = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < ends:
        if answers("127.0.0.1", port):
            return
        time.sleep(0.1)
    said = log.read_text(encoding="utf-8", errors="replace").strip()
    raise SystemExit(f"zabbix_server did not start: {said[-1000:]}")


def _as_whom(folder: Path) -> dict[str, Any]:
    """It refuses to run as root, so root hands it to the package's user."""
    if os.getuid() != 0:
        return {}
    shutil.chown(folder, "zabbix", "zabbix")
    return {"user": "zabbix", "group": "zabbix", "extra_groups": []}
