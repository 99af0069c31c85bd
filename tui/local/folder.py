"""The folder the agent of this PC keeps for its people: finding it, reading it, and leaving an entry in its box."""

import os
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from errno import ENOENT
from pathlib import Path
from uuid import uuid4

from pydantic import ValidationError

from server.schemas.standing import FRESH as KNOWN_NOW
from server.schemas.standing import Standing
from tui.local.schema import Clock, Entry, Now
from tui.texts import _
from tui.words.times import ticks

SIZE = 8 << 20  # bytes of now.json; 400 positions have some 400 KB
ENTRY_SIZE = 16_384  # bytes
BOXED = 200  # files waiting in the box; then nobody takes them, and more would only hide that
FRESH = 120_000_000  # µs; the agent writes every 10 s
AHEAD = 5_000_000  # µs a file may seem to come from the future


class Unreadable(Exception):
    """now.json is not there or not what an agent writes; the message says why."""


class CannotLeave(Exception):
    """The entry is not in the box; the message says why."""


@dataclass(frozen=True)
class Local:
    """now.json as read at `read` (UTC µs). `age`: µs since it was written; None: it cannot be told, so it is old."""

    now: Now
    read: int
    age: int | None

    @property
    def fresh(self) -> bool:
        return self.age is not None and self.age <= FRESH and not self.now.ended

    def standing(self, standing: Standing) -> Standing:
        """As it counts at this moment: of an agent that does not run any more, nothing is known."""
        return standing if self.fresh or standing not in KNOWN_NOW else Standing.STALE


def places(environment: Mapping[str, str]) -> list[Path]:
    """Where an agent's folder is looked for, the first that has a now.json counts."""
    found = [_system(environment)]
    if home := environment.get("BRANCHFLEET_AGENT_HOME"):
        found.append(Path(home) / "local")
    if sys.platform == "win32":
        base = Path(environment.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "Branchfleet"
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support" / "Branchfleet"
    else:
        base = Path(environment.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "branchfleet"
    return [*found, base / "agent" / "local"]


def _system(environment: Mapping[str, str]) -> Path:
    """Where the service's settings put it: docs/agent.md."""
    if sys.platform == "win32":
        return Path(environment.get("PROGRAMDATA") or "C:/ProgramData") / "Branchfleet" / "local"
    if sys.platform == "darwin":
        return Path("/Library/Application Support/Branchfleet/local")
    return Path("/var/spool/branchfleet")


def find(said: str, environment: Mapping[str, str] = os.environ) -> Path | None:
    """The folder a setting names, else the first place that has one; None on a PC without an agent."""
    if said:
        return Path(said)
    for place in places(environment):
        with suppress(OSError):
            if (place / "now.json").is_file():
                return place
    return None


def read(folder: Path) -> Local:
    """What the agent says. Raises Unreadable."""
    path = folder / "now.json"
    try:
        if not path.is_file():
            raise FileNotFoundError(ENOENT, os.strerror(ENOENT))
        with path.open("rb") as file:
            content = file.read(SIZE + 1)
    except OSError as error:
        raise Unreadable(f"{path}: {_(error.strerror or '')}") from error
    if len(content) > SIZE:
        raise Unreadable(f"{path}: > {SIZE} bytes")
    try:
        now = Now.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(step) for step in first["loc"]) or "JSON"
        raise Unreadable(_("{path}: {where} is not as agreed").format(path=path, where=where)) from error
    read_at = time.time_ns() // 1000
    return Local(now, read_at, age_of(now.written, read_at, _boot()))


def age_of(written: Clock, wall: int, boot: tuple[int, str] | None) -> int | None:
    """By the boot clock where the console can read one, which nobody can turn; else by the wall clock."""
    if boot is not None:
        ticks, boot_id = boot
        age = ticks - written.boot if boot_id == written.boot_id else None
    else:
        age = wall - written.wall
    return None if age is None or age < -AHEAD else max(0, age)


def _boot() -> tuple[int, str] | None:
    """This machine's boot clock in µs and the boot's name, as agent/clock.py has them on Linux; None elsewhere."""
    if sys.platform != "linux":
        return None
    try:
        boot_id = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return None
    return ticks(), boot_id


def fresh_entry(**said: object) -> Entry:
    """An entry of this moment, by the clocks of this machine."""
    boot = _boot()
    ticks, boot_id = boot or (None, None)
    return Entry.model_validate(
        {"uid": uuid4().hex, "wall": time.time_ns() // 1000, "boot": ticks, "boot_id": boot_id, **said}
    )


def leave(folder: Path, entry: Entry) -> None:
    """Put the entry into the box: whole, on the disk, and under its name last. Raises CannotLeave."""
    box = folder / "in"
    fresh = box / f".{entry.uid}.new"
    try:
        if len(waiting(folder)) >= BOXED:
            raise CannotLeave(f"{box}: {BOXED}")
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o644)
        with os.fdopen(handle, "wb") as file:
            file.write(entry.model_dump_json().encode())
            file.flush()
            os.fsync(file.fileno())
        fresh.chmod(0o644)  # the agent is another user, whatever the umask here
        os.replace(fresh, box / f"{entry.uid}.json")
    except OSError as error:
        with suppress(OSError):
            fresh.unlink(missing_ok=True)
        raise CannotLeave(f"{box}: {_(error.strerror or '')}") from error


def waiting(folder: Path) -> list[Path]:
    """What is in the box and not yet taken."""
    with suppress(OSError):
        return [path for path in (folder / "in").iterdir() if path.suffix == ".json"]
    return []


def boxed(folder: Path) -> list[Entry]:
    """The same as entries; what is none is the agent's to say."""
    found = []
    for path in waiting(folder)[:BOXED]:
        with suppress(OSError, ValidationError):
            if path.is_file() and not path.is_symlink() and path.stat().st_size <= ENTRY_SIZE:
                found.append(Entry.model_validate_json(path.read_bytes()))
    return found


def set_aside(folder: Path, uid: str) -> str:
    """Why the agent did not take the entry; "" if it did not say so."""
    with suppress(OSError, UnicodeDecodeError):
        return (folder / "aside" / f"{uid}.json.why").read_text(encoding="utf-8").strip()[:300]
    return ""
