"""Which antivirus a Linux has, how old its library is, and whether it watches. Looked for: ClamAV."""

import re
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from agent.facts.files import ROOT, decoded, listed, not_read, read, read_bytes
from agent.facts.programs import ask, where
from agent.facts.sheet import NotRead, Sheet

LOOKED: Final = ("ClamAV",)  # products this looks for: a count of 0 says that none of these is there
SECONDS: Final = 5.0  # for clamd to answer
SCAN_SECONDS: Final = 20.0  # clamscan -V reads its libraries' headers
HEADER: Final = 512  # bytes of a library's header: "ClamAV-VDB:" and eight parts between colons
OLDEST: Final = 1_104_537_600  # 2005: what is older is no date of a library
SLACK: Final = 86_400  # s a PC's clock may be behind the maker's
SETTINGS: Final = ("etc/clamav/clamd.conf", "etc/clamd.d/scan.conf", "etc/clamd.conf")
FRESHENS: Final = ("etc/clamav/freshclam.conf", "etc/freshclam.conf")
LIBRARY: Final = "/var/lib/clamav"
_VERSION: Final = re.compile(r"^ClamAV ([^/\s]+)(?:/(\d{1,9})/(.+))?\s*$", re.MULTILINE | re.ASCII)


class Version(NamedTuple):
    """What clamscan and clamd answer. Without a library they name none."""

    engine: str
    library: str
    library_at: int | None  # µs


def antivirus(root: Path = ROOT, now: int | None = None) -> Sheet:
    """`now` is the PC's clock, s."""
    sheet = Sheet("antivirus", {"av.looked": list(LOOKED)})
    if not any(where(root, name) for name in ("clamscan", "clamd")):
        sheet.facts["av.count"] = 0
        return sheet
    sheet.facts |= {"av.count": 1, "av.1.product": "ClamAV"}
    settings = dict(_settings(root))
    processes: set[str] | None = None
    try:
        processes = set(running(root))
    except NotRead as error:
        sheet.lacks("av.1.realtime", error)
    try:
        version, how = _ask(root, settings)
    except NotRead as error:
        sheet.lacks("av.1.", error)
        version, how = None, ""
    if processes is not None:
        sheet.facts["av.1.realtime"] = {"clamd", "clamonacc"} <= processes
    if version is not None:
        sheet.facts |= {"av.1.version": version.engine, "av.1.engine": version.engine, "av.1.read": how}
    _library(root, sheet, settings, version, int(time.time()) if now is None else now)
    sheet.unread["av.1.scanned_at"] = "absent"  # ClamAV keeps no time of a scan
    return sheet


def _library(root: Path, sheet: Sheet, settings: dict[str, str], version: Version | None, now: int) -> None:
    """By the running daemon's word, for that is what it looks by; with the time of the file where that is the same."""
    name, at = (version.library, version.library_at) if version else ("", None)
    try:
        number, made = header(root, settings.get("databasedirectory", LIBRARY))
        if not name or name == number:
            name, at = number, made * 1_000_000
    except NotRead as error:
        if not name:
            sheet.lacks("av.1.library", error)
            sheet.lacks("av.1.library_at", error)
            return
    sheet.facts["av.1.library"] = name
    if at is None or not OLDEST <= at // 1_000_000 <= now + SLACK:
        sheet.unread["av.1.library_at"] = "unreadable"
    else:
        sheet.facts["av.1.library_at"] = at


def _ask(root: Path, settings: dict[str, str]) -> tuple[Version, str]:
    """What the daemon looks by, else what a scan would. Raises NotRead."""
    if "localsocket" in settings:
        with suppress(NotRead):
            return version_of(clamd(root, settings["localsocket"])), "clamd"
    said = ask(root, "clamscan" if where(root, "clamscan") else "clamd", "-V", seconds=SCAN_SECONDS, most=1 << 16)
    return version_of(said.text), "clamscan -V"


def clamd(root: Path, path: str) -> str:
    """Raises NotRead: absent where it does not run, timeout where it does not answer."""
    if not path.startswith("/"):
        raise NotRead("unreadable", path)
    if not hasattr(socket, "AF_UNIX"):
        raise NotRead("absent")
    until = time.monotonic() + SECONDS
    said = b""
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(SECONDS)
        try:
            link.connect(str(root / path.lstrip("/")))
            link.sendall(b"zVERSION\0")
            while len(said) < 1024 and b"\0" not in said:
                link.settimeout(max(0.01, until - time.monotonic()))
                part = link.recv(1024)
                if not part:
                    break
                said += part
        except TimeoutError as error:
            raise NotRead("timeout") from error
        except OSError as error:
            raise not_read(error) from error
    return decoded(said.partition(b"\0")[0])


def version_of(said: str) -> Version:
    """Of "ClamAV 1.4.3/27800/Sat Nov  7 09:26:00 2026", its date in the PC's zone; or of "ClamAV 1.4.3" alone."""
    found = _VERSION.search(said)
    if found is None:
        raise NotRead("unreadable", said)
    engine, library, date = found.groups(default="")
    at = None
    with suppress(ValueError, OverflowError):
        at = int(time.mktime(time.strptime(" ".join(date.split()), "%a %b %d %H:%M:%S %Y"))) * 1_000_000
    return Version(engine, library, at)


def header(root: Path, folder: str) -> tuple[str, int]:
    """The number of the daily library and when it was built (s), of the file itself. Raises NotRead."""
    failed = NotRead("absent")
    for name in ("daily.cld", "daily.cvd"):
        try:
            raw = read_bytes(root / folder.lstrip("/") / name, HEADER)
        except NotRead as error:
            failed = error if failed.why == "absent" else failed
            continue
        parts = raw.decode("ascii", errors="replace").strip().split(":")
        # "ClamAV-VDB", time as text with a dash for its colon, number, signatures, level, MD5, signature, builder, s
        if (
            len(parts) != 9
            or parts[0] != "ClamAV-VDB"
            or not all(p.isdigit() and len(p) < 12 for p in (parts[2], parts[8]))
        ):
            raise NotRead("unreadable", raw)
        return parts[2], int(parts[8])
    raise failed


def running(root: Path) -> Iterator[str]:
    """The names of what runs, 15 letters each: of the PC itself, for what runs in a container there guards that
    alone. Raises NotRead where others' processes are hidden."""
    if not (root / "proc/1").exists():
        raise NotRead("rights")
    for path in listed(root / "proc"):
        if path.name.isdigit():
            with suppress(NotRead):  # it ended meanwhile
                name = read(path / "comm", 64).strip()
                if not _in_a_container(path):
                    yield name


def _in_a_container(process: Path) -> bool:
    """Whether it has a number of its own in another PID namespace below (proc(5); a kernel before 4.1 does not say)."""
    with suppress(NotRead):
        lines = read(process / "status", 1 << 14).splitlines()
        return any(line.startswith("NSpid:") and len(line.split()) > 2 for line in lines)
    return False


def _settings(root: Path) -> Iterator[tuple[str, str]]:
    """The daemon's, else of what fetches libraries; each a name, a space and a value."""
    for path in (*FRESHENS, *SETTINGS):
        with suppress(NotRead):
            for line in read(root / path, 1 << 18).splitlines():
                name, _, value = line.strip().partition(" ")
                if value and not name.startswith("#"):
                    yield name.lower(), value.strip().strip('"')
