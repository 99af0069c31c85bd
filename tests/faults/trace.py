"""What a program wrote, made durable and sent, in the order the kernel saw it: read from strace's own log."""

import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

INSTALL = "apt-get install -y strace"
WRITES = ("pwrite64", "write", "writev", "sendto", "sendmsg")
SYNCS = ("fdatasync", "fsync")
_CALL = re.compile(r"(\d+) +(\w+)\((\d+)<([^>]*)>(.*)")
_RESUMED = re.compile(r"(\d+) +<\.\.\. (\w+) resumed>(.*)")
_BYTES = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
_RESULT = re.compile(r"\) += (-?\d+)")  # strace aligns what came back


def missing() -> str:
    """Why nothing can be traced here, with the command that helps; "" if it can."""
    if shutil.which("strace") is None:
        return f"tracing needs Linux and: {INSTALL}"
    if subprocess.run(["strace", "-f", "true"], capture_output=True, check=False).returncode:
        return "tracing is forbidden here: allow ptrace (docker run --cap-add SYS_PTRACE)"
    return ""


def words(log: Path) -> list[str]:
    """What to put before a program's words so that it is traced into `log`, after what is there. The program is the
    process that was started, and the tracer one beside it."""
    calls = ",".join((*WRITES, *SYNCS))
    traced = ["-e", f"trace={calls}", "-e", "signal=none", "-y", "-xx", "-s", "1048576"]
    return ["strace", "-D", "-f", "-A", "-o", str(log), *traced]


def ended(log: Path, process: int) -> bool:
    """Whether all of a program that has ended is in the log."""
    last = log.read_bytes()[-4096:].decode(errors="replace")
    return re.search(rf"^{process} +\+\+\+ (exited|killed)", last, re.MULTILINE) is not None


@dataclass(frozen=True, slots=True)
class Call:
    """One call that succeeded. `began` and `ended` are places in the order of all that was seen."""

    name: str
    fd: int
    path: str  # of the file, or "socket:[number]"
    data: bytes
    began: int
    ended: int


def calls(log: Iterable[str]) -> Iterator[Call]:
    """The calls of a trace in the order they ended. What was under way at the end never did."""
    waiting: dict[str, tuple[int, re.Match[str], str]] = {}
    for place, line in enumerate(log):
        if (resumed := _RESUMED.match(line)) is not None:
            thread, name, rest = resumed.groups()
            begun = waiting.pop(thread, None)
            if begun is None or begun[1][2] != name:
                continue
            began, found, said = begun
        elif (call := _CALL.match(line)) is not None:
            began, found, said, rest = place, call, call[5], call[5]
            if "<unfinished ...>" in line:
                waiting[found[1]] = (place, found, said)
                continue
        else:
            continue
        result = _RESULT.search(rest)
        if result is None or int(result[1]) < 0:
            continue
        data = b"".join(bytes.fromhex(text.replace("\\x", "")) for text in _BYTES.findall(said))
        yield Call(found[2], int(found[3]), _plain(found[4]), data, began, place)


def _plain(path: str) -> str:
    """With -xx strace writes paths in hexadecimal too."""
    return bytes.fromhex(path.replace("\\x", "")).decode(errors="replace") if path.startswith("\\x") else path
