"""How long a person waits for the console: a real terminal of 120x40, devices by the thousand, keys to frames.

The console is started as people start it and signs in with a token. The server's other end is a page maker that makes
rows on demand, so what is measured is the console. From the start to the first row of the device list is counted in two
parts: to the home screen, and from the key 2 to the first row.
"""

import json
import os
import re
import select
import signal
import socket
import statistics
import struct
import sys
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import uvicorn

from server.schemas.positions import PositionRow
from server.schemas.standing import Standing

if sys.platform == "win32":
    sys.exit("This benchmark asks a pty, which Windows has not.")

import fcntl
import pty
import termios

SIZES = (1_000, 10_000, 100_000)
RUNS = 3
KEYS = 30
PATIENCE = 60.0  # seconds
ROW = b"ATM-0000001"
HOME = b"2000-01-01"  # the worst line of the only branch


class Pages:
    """As much of the server as the way to the device list asks for."""

    def __init__(self) -> None:
        self.total = SIZES[0]

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        query = {key: values[0] for key, values in parse_qs(scope["query_string"].decode()).items()}
        known = {
            "/api/me": self._me,
            "/api/home": self._home,
            "/api/catalogue": self._catalogue,
            "/api/positions": self._positions,
        }
        make = known.get(scope["path"])
        body = json.dumps(make(query) if make else {"detail": "not here"}).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200 if make else 404, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _me(self, _query: dict[str, str]) -> dict[str, Any]:
        return {"login": "li", "name": "li", "role": "head", "branches": [], "must_change": False}

    def _catalogue(self, _query: dict[str, str]) -> dict[str, Any]:
        return {"device": {}, "parts": {}, "words": {}, "numbers": {}, "classes": {}}

    def _coverage(self) -> dict[str, int]:
        return {"due": self.total, "fresh": self.total, "never": 0}

    def _home(self, _query: dict[str, str]) -> dict[str, Any]:
        counts = {"by": {"good": self.total}, "total": self.total}
        branch = {
            "code": "1001",
            "name": "正午支行",
            "kind": "branch",
            "parent": None,
            "address": "",
            "phone": "",
            "people": {},
            "standing": "good",
            "counts": counts,
            "coverage": self._coverage(),
            "conditions": 0,
            "tickets": 0,
            "worst": HOME.decode(),
        }
        home = {"bank": "清溪农商银行", "at": _now(), "role": "head", "place": "总行", "figures": [], "conditions": []}
        return {**home, "coverage": self._coverage(), "branches": [branch], "events": []}

    def _positions(self, query: dict[str, str]) -> dict[str, Any]:
        offset, limit = int(query.get("offset", "0")), int(query.get("limit", "100"))
        rows = [_row(number) for number in range(offset + 1, min(self.total, offset + limit) + 1)]
        return {"total": self.total, "offset": offset, "coverage": self._coverage(), "at": _now(), "rows": rows}


def _row(number: int) -> dict[str, Any]:
    """By the schema, so that no field it gains is missing here."""
    fault = number % 7 == 0
    row = PositionRow(
        key=f"1001/atm-{number}",
        name=f"大堂 ATM-{number:07}",
        branch="1001",
        branch_name="正午支行",
        cls="atm",
        cls_name="取款机",
        standing=Standing.FAULT if fault else Standing.GOOD,
        device="online",
        detail="2号钞箱 钞空" if fault else "",
        since=_now() - number * 1000,
        seen_at=_now(),
        as_of=None,
        tested=None,
        agent="centre",
        driver="snmp",
        asset=f"ZC{number:08}",
        model="H68N",
        ticket=None,
    )
    return row.model_dump(mode="json")


def _now() -> int:
    return time.time_ns() // 1000


class Terminal:
    """A pty that answers what a modern terminal is asked."""

    def __init__(self, server: str) -> None:
        self.output = b""
        self.started = time.perf_counter()
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            os.environ.update(
                TERM="xterm-256color",
                COLORTERM="truecolor",
                BRANCHFLEET_TOKEN="bench",
                BRANCHFLEET_CONFIG="/nonexistent",
            )
            os.environ.pop("NO_COLOR", None)
            os.execv(sys.executable, [sys.executable, "-m", "tui", "--server", server])
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))

    def send(self, keys: bytes) -> None:
        os.write(self._fd, keys)

    def wait(self, wanted: bytes, since: int = 0) -> float:
        """Read until `wanted` is in the output behind `since`; the time it came."""
        until = time.perf_counter() + PATIENCE
        while wanted not in self.output[since:]:
            if time.perf_counter() > until:
                raise TimeoutError(f"{wanted!r} never came; the last output was {self.output[-2000:]!r}")
            self._read(0.05)
        return time.perf_counter()

    def quiet(self, seconds: float) -> None:
        """Read until nothing comes for so long."""
        while self._read(seconds):
            pass

    def _read(self, seconds: float) -> bool:
        ready, _, _ = select.select([self._fd], [], [], seconds)
        if not ready:
            return False
        said = os.read(self._fd, 1 << 16)
        self.output += said
        for _query in re.findall(rb"\x1b\[6n", said):
            self.send(b"\x1b[1;2R")
        if b"\x1b[?2026$p" in said:
            self.send(b"\x1b[?2026;2$y")
        return True

    def resident(self) -> float:
        """Memory in MiB."""
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        found = re.search(r"VmRSS:\s+(\d+)", status)
        return int(found[1]) / 1024 if found else 0.0

    def close(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self._fd)


def latency(terminal: Terminal, key: bytes, times: int) -> list[float]:
    """Milliseconds from a key to the end of the frame it made."""
    taken = []
    for _time in range(times):
        terminal.quiet(0.08)
        before, begun = len(terminal.output), time.perf_counter()
        terminal.send(key)
        taken.append((terminal.wait(b"\x1b[?2026l", before) - begun) * 1000)
    return taken


def measure(server: str) -> dict[str, float]:
    terminal = Terminal(server)
    try:
        home = terminal.wait(HOME) - terminal.started
        terminal.quiet(0.3)
        before, begun = len(terminal.output), time.perf_counter()
        terminal.send(b"2")
        rows = terminal.wait(ROW, before) - begun
        down, turn = latency(terminal, b"\x1b[B", KEYS), latency(terminal, b"\x1b[6~", KEYS)
        return {
            "home_s": home,
            "rows_s": rows,
            "down_p50_ms": statistics.median(down),
            "down_p95_ms": statistics.quantiles(down, n=20)[-1],
            "pagedown_p50_ms": statistics.median(turn),
            "pagedown_p95_ms": statistics.quantiles(turn, n=20)[-1],
            "rss_mib": terminal.resident(),
        }
    finally:
        terminal.close()


def main() -> None:
    pages = Pages()
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(pages, log_level="critical", lifespan="off")
    threading.Thread(target=uvicorn.Server(config).run, kwargs={"sockets": [listener]}, daemon=True).start()
    server = f"http://127.0.0.1:{listener.getsockname()[1]}"
    found: dict[int, dict[str, float]] = {}
    for size in SIZES:
        pages.total = size
        runs = [measure(server) for _run in range(RUNS)]
        found[size] = {name: round(statistics.median(run[name] for run in runs), 3) for name in runs[0]}
        told = "  ".join(f"{name} {value:g}" for name, value in found[size].items())
        print(f"{size:>7,} rows  first paint {found[size]['home_s'] + found[size]['rows_s']:.2f} s  {told}", flush=True)
    print(json.dumps({"console": found}))


if __name__ == "__main__":
    main()
