"""kill -9 of server and agent, again and again, and where in an exchange each one fell.

The middle of the line sees the exchange; the database's own files, copied as the kill left them, tell whether a byte of
the batch was in them and whether it was committed. So the phase of a kill is what was found, not what was aimed at.
"""

import ctypes
import os
import random
import select
import shutil
import sqlite3
import sys
import threading
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import msgspec

from agent.wire import AnyRecord
from tests.faults.bank import Bank
from tests.faults.bench import Bench, bench, kill, until
from tests.faults.count import Count, count
from tests.faults.fast import slow_disk
from tests.faults.line import Exchange, Line, Phase, line

DISK = 16  # ms an fdatasync takes longer, as on a disk that turns: so a kill can fall into it
SPREAD = 0.016  # seconds after a write within which the kill falls
IN_MODIFY = 2
BETWEEN = "BETWEEN first byte written and ack"
SERVER_AIMS = ("written", "written", "asked", "written", "written", "any", "written")
AGENT_AIMS = ("asked", "any", "written")


class Writes:
    """Tells when a file is written to, by inotify. The file may go and come back: its folder is watched."""

    def __init__(self, path: Path) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._fd = self._libc.inotify_init1(os.O_NONBLOCK)
        self._name = path.name.encode()
        if self._fd < 0 or self._libc.inotify_add_watch(self._fd, os.fsencode(path.parent), IN_MODIFY) < 0:
            raise OSError(ctypes.get_errno(), "inotify")

    def forget(self) -> None:
        """What was written until now is no news."""
        self.seen()

    def seen(self) -> bool:
        """Whether it was written to since last asked."""
        try:
            return self._name in os.read(self._fd, 1 << 16)
        except BlockingIOError:
            return False

    def wait(self, seconds: float) -> bool:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if select.select([self._fd], [], [], left)[0] and self.seen():
                return True
        return False

    def close(self) -> None:
        os.close(self._fd)


class Killer:
    """Kills one of the two, looks at what it left, and starts it again."""

    def __init__(self, made: Bench, through: Line, seed: int) -> None:
        self._bench = made
        self._line = through
        self._random = random.Random(seed)
        self._phases: Counter[str] = Counter()
        self._asked = threading.Event()
        self._known: set[tuple[str, int]] = set()  # records the server was found to have at an earlier look
        self._server = made.start_server()
        self._agent = made.start_agent()
        self._wal = Writes(made.server_home / "branchfleet.db-wal")
        self._spool_wal = Writes(made.agent_home() / "spool.db-wal")
        through.on_phase = lambda phase: self._asked.set() if phase is Phase.ASKED else None

    @property
    def between(self) -> int:
        """How many fell between the first byte of a batch written by the server and its ack."""
        return sum(number for phase, number in self._phases.items() if BETWEEN in phase)

    @property
    def phases(self) -> dict[str, int]:
        return dict(self._phases)

    def close(self) -> None:
        self._wal.close()
        self._spool_wal.close()

    def _alive(self, acks: int = 1) -> None:
        """Wait until batches are acknowledged again."""
        before = self._line.acked
        until(lambda: self._line.acked >= before + acks, "an acknowledgement")

    # -- the server ---------------------------------------------------------------------------------

    def kill_server(self, aim: str) -> None:
        self._alive()
        written = False
        if aim == "any":
            time.sleep(self._random.uniform(0, 1.0))
        else:
            self._asked.clear()
            self._wal.forget()
            self._asked.wait(30)
            if aim == "written":
                self._wal.forget()
                written = self._wal.wait(1.0)
            _pause(self._random.uniform(0, SPREAD))
        phase, exchange = self._line.phase, self._line.exchange
        kill(self._server)
        written = self._wal.seen() or written
        until(lambda: self._line.phase is Phase.IDLE, "the line to notice")
        self._phases[f"server: {self._of_server(phase, exchange, written)}"] += 1
        self._server = self._bench.start_server()

    def _of_server(self, phase: Phase, exchange: Exchange | None, written: bool) -> str:
        if phase is Phase.IDLE or exchange is None or phase is Phase.ASKING:
            self._look([])
            return str(phase if exchange is not None else Phase.IDLE)
        if exchange.answered:
            self._look([])
            return "an answer's first byte had left" if not exchange.whole else "just acknowledged"
        stream = exchange.batch.stream
        fresh = [one for one in exchange.batch.records if (stream, one.seq) not in self._known]
        if not fresh:
            self._look([])
            return "batch passed whole; the server had all of it before"
        in_files, committed = self._look(fresh)
        if committed:
            return f"{BETWEEN}: committed"
        if in_files and written:
            return f"{BETWEEN}: not committed"
        return "batch passed whole, no byte of it written"

    def _look(self, fresh: list[AnyRecord]) -> tuple[bool, bool]:
        """In a copy of the database's files: is any of these records in them, and is any committed?"""
        copy = self._bench.home / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        copy.mkdir()
        files = [path for path in self._bench.server_home.glob("branchfleet.db*") if not path.name.endswith("-shm")]
        for path in files:
            shutil.copyfile(path, copy / path.name)
        whole = b"".join((copy / path.name).read_bytes() for path in files)
        in_files = any(msgspec.msgpack.encode(record) in whole for record in fresh)
        with closing(sqlite3.connect(copy / "branchfleet.db")) as found:
            rows = found.execute("SELECT stream.uid, seq FROM record JOIN stream ON stream.id = stream_id").fetchall()
        before, self._known = self._known, set(rows)
        committed = {seq for _, seq in self._known - before}
        return in_files, any(record.seq in committed for record in fresh)

    # -- the agent ----------------------------------------------------------------------------------

    def kill_agent(self, aim: str) -> None:
        self._alive()
        if aim == "any":
            time.sleep(self._random.uniform(0, 1.0))
        elif aim == "written":
            self._spool_wal.forget()
            self._spool_wal.wait(5.0)
            _pause(self._random.uniform(0, SPREAD))
        else:
            self._asked.clear()
            self._asked.wait(30)
            _pause(self._random.uniform(0, 3 * SPREAD))
        phase = self._line.phase
        kill(self._agent)
        self._phases[f"agent: {self._of_agent(phase, aim)}"] += 1
        until(lambda: self._line.phase is Phase.IDLE, "the line to notice")
        self._agent = self._bench.start_agent()

    def _of_agent(self, phase: Phase, aim: str) -> str:
        if phase is not Phase.IDLE:
            return str(phase)
        exchange = self._line.exchange
        if exchange is not None and exchange.whole and exchange.batch.records:
            stream, last = exchange.batch.stream, exchange.batch.records[-1].seq
            copy = self._bench.home / "copy-spool"
            shutil.rmtree(copy, ignore_errors=True)
            copy.mkdir()
            for path in self._bench.agent_home().glob("spool.db*"):
                shutil.copyfile(path, copy / path.name)
            with closing(sqlite3.connect(copy / "spool.db")) as spool:
                row = spool.execute("SELECT acked FROM record WHERE seq = ?", (last,)).fetchone()
                if spool.execute("SELECT uid FROM stream ORDER BY first").fetchall()[-1][0] == stream and row == (
                    None,
                ):
                    return "answer passed whole, not yet in the spool"
        return "within 16 ms of a write to the spool" if aim == "written" else str(phase)


def _pause(seconds: float) -> None:
    """Busy, because a sleep is too coarse here."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


def run(
    home: Path, times: int, between: int = 0, seed: int = 1, bank: Bank | None = None, *, warm: bool = True
) -> tuple[dict[str, int], Count]:
    """`times` kills, two of three the server's, or till `between` fell there: then the rest is sent and counted."""
    sys.setswitchinterval(0.0005)  # the line's thread and the killer's take turns at once
    bank = bank or Bank(devices=8, interval=0.5, change=16.0)
    home.mkdir(parents=True, exist_ok=True)
    slow = slow_disk(home, DISK)
    with (
        bench(home, bank, environment=slow, warm=slow if warm else None) as made,
        line((made.host, made.port)) as through,
    ):
        made.enrol("agent-1001", through.url)
        killer = Killer(made, through, seed)
        try:
            made.tell_story()
            number = 0
            while number < times or killer.between < between:
                if number % 3 == 1:
                    killer.kill_agent(AGENT_AIMS[number // 3 % len(AGENT_AIMS)])
                else:
                    killer.kill_server(SERVER_AIMS[number % len(SERVER_AIMS)])
                number += 1
                if number % 10 == 0:
                    print(f"{number} kills, {killer.between} between write and ack", file=sys.stderr)  # noqa: T201
            counted = settle(made, through)
        finally:
            killer.close()
        return killer.phases, counted


def settle(made: Bench, through: Line) -> Count:
    """End the story, let the last answers be polled and sent, end the agent, count."""
    until(lambda: through.exchange is not None and through.phase is Phase.IDLE, "the line to be quiet")
    acked = through.acked
    until(lambda: through.acked >= acked + 2, "two more acknowledgements")
    made.end_story()
    acked = through.acked
    time.sleep(2 * made.bank.interval)  # what was shown last is polled; the count says whether it was
    made.stop("agent-1001")
    made.stop("server")
    return count(made.database, made.shown, [made.agent_home() / "spool.db"])
