"""Full disks between programs a person started: the server's, the agent's, both, each also killed meanwhile.

Server and agent have a small file system of their own each (tmpfs). A file of ballast fills it; programs must go on
as far as they can, start again if they are killed, say what is wrong, and lose nothing once there is room.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.bank import Bank
from tests.faults.bench import Bench, bench, until
from tests.faults.count import Count
from tests.faults.kills import settle
from tests.faults.line import Line, line

SERVER_MIB = 48
AGENT_MIB = 16
CHANGE = 40.0  # seconds a device stays as it is: what changes twice while nobody looks, nobody can know


@dataclass
class Seen:
    """Of one time a disk was full, in seconds."""

    what: str
    lasted: float
    acked: int = 0  # batches acknowledged while it lasted
    back: float = 0.0  # from its end to the next ack
    said: list[str] = field(default_factory=list)  # what the programs' logs said of it


@dataclass
class Found:
    seen: list[Seen] = field(default_factory=list)
    counted: Count = field(default_factory=lambda: Count([]))


def missing() -> str:
    if sys.platform != "linux" or os.geteuid() != 0 or shutil.which("mount") is None:
        return "small file systems need Linux and root: sudo .venv/bin/python -m tests.faults full"
    return ""


class Ballast:
    """Fills a file system to the last byte, and gives the room back."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "ballast"

    def fill(self) -> None:
        with self._file.open("ab", buffering=0) as file:
            for piece in (1 << 20, 4096, 1):
                with suppress(OSError):
                    while True:
                        file.write(b"\0" * piece)

    def free(self) -> None:
        self._file.unlink(missing_ok=True)


def run(home: Path, seconds: float, kills: Collection[bool] = (False, True)) -> Found:
    found = Found()
    home.mkdir(parents=True, exist_ok=True)
    server, agent = home / "server", home / "home-agent-1001"
    with (
        small(server, SERVER_MIB),
        small(agent, AGENT_MIB),
        bench(home, Bank(devices=4, interval=1.0, change=CHANGE)) as made,
        line((made.host, made.port)) as through,
    ):
        made.enrol("agent-1001", through.url)
        made.start_server()
        made.start_agent()
        made.tell_story()
        until(lambda: through.acked >= 3, "the first acknowledgements")
        disks = {"server's": [Ballast(server)], "agent's": [Ballast(agent)], "both": [Ballast(server), Ballast(agent)]}
        for killed in kills:
            for whose, full in disks.items():
                what = f"the {whose} disk full" if len(full) == 1 else "both disks full"
                again = _restart(made, whose) if killed else lambda: None
                what += ", killed and started again" if killed else ""
                found.seen.append(_live_through(made, through, what, full, again, seconds))
                print(say_one(found.seen[-1]), file=sys.stderr, flush=True)  # noqa: T201
        found.counted = settle(made, through)
    return found


def _restart(made: Bench, whose: str) -> Callable[[], None]:
    def again() -> None:
        if whose != "agent's":
            made.started.stop("server", hard=True)
            made.start_server()
        if whose != "server's":
            made.started.stop("agent-1001", hard=True)
            made.start_agent()

    return again


def _live_through(
    made: Bench, through: Line, what: str, full: list[Ballast], again: Callable[[], None], seconds: float
) -> Seen:
    seen = Seen(what, seconds)
    logs = {name: len(made.log_of(name)) for name in ("server", "agent-1001")}
    acked = through.acked
    for ballast in full:
        ballast.fill()
    again()
    time.sleep(seconds)
    made.started.check()
    seen.acked = through.acked - acked
    for ballast in full:
        ballast.free()
    acked, freed = through.acked, time.monotonic()
    until(lambda: through.acked > acked, "an acknowledgement")
    seen.back = time.monotonic() - freed
    for name, before in logs.items():
        seen.said += [f"{name}: {text}" for text in made.log_of(name)[before:].splitlines() if text.strip()]
    return seen


@contextmanager
def small(folder: Path, mebibytes: int) -> Iterator[None]:
    folder.mkdir(mode=0o700)
    options = f"size={mebibytes}m,mode=700"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=False)


def say(found: Found) -> list[str]:
    return [say_one(one) for one in found.seen]


def say_one(seen: Seen) -> str:
    lines = [
        f"{seen.what:50} {seen.lasted:4.0f} s: {seen.acked:3} acks meanwhile, the next {seen.back:4.1f} s after it"
    ]
    return "\n    ".join([*lines, *(text[:160] for text in seen.said[:12])])
