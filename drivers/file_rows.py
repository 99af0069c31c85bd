"""Text files another system drops into a folder: which one counts, and its rows by terminal number.

All positions of one folder share one look at it, so a file of a thousand terminals is read once.
"""

import asyncio
import csv
import io
import os
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatch
from pathlib import Path
from typing import Self
from zoneinfo import ZoneInfo

from drivers.errors import Garbled, NotSupported, Reason, Refused
from drivers.file_layout import Layout

SIZE_LIMIT = 64 << 20  # bytes of one file
SETTLE_SECONDS = 60.0  # a file without a closing newline counts as whole when it stayed the same for so long
LOOK_SECONDS = 8.0  # for a folder on a share that hangs
_DIRECTIVES = {"Y": r"\d{4}", "y": r"\d{2}", "j": r"\d{3}", **dict.fromkeys("mdHMS", r"\d{2}")}


@dataclass(frozen=True)
class Drop:
    """A whole file. Times are UTC µs."""

    name: str
    date: int | None  # the one in its name
    written: int
    columns: tuple[str, ...]
    rows: dict[str, tuple[str, ...]]


@dataclass
class _Seen:
    """What is remembered of one folder between looks."""

    drop: Drop | None = None
    garbled: Garbled | None = None
    version: tuple[str, int, int] | None = None  # name, size and mtime of the file that gave `drop` or `garbled`
    unfinished: dict[tuple[str, int, int], float] = field(default_factory=dict)  # when first seen, monotonic seconds
    job: asyncio.Future[Drop] | None = None


class Drops:
    """Every folder the positions of one agent look at."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], _Seen] = {}

    @classmethod
    async def start(cls) -> Self:
        return cls()

    async def newest(self, address: str, layout: Layout) -> Drop:
        """The newest whole file at `address`, a folder or a folder with a pattern. Who asks at the same time shares."""
        seen = self._seen.setdefault((address, layout.model_dump_json()), _Seen())
        if seen.job is None or seen.job.done():
            # A thread of its own: a share that hangs must not use up the threads of everybody else.
            thread = ThreadPoolExecutor(1, thread_name_prefix="file")
            seen.job = asyncio.get_running_loop().run_in_executor(thread, _look, address, layout, seen)
            seen.job.add_done_callback(_retrieve)
            thread.shutdown(wait=False)
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                return await asyncio.shield(seen.job)
        except TimeoutError:
            raise NotSupported(Reason.NO_FILE, f"{address} did not answer in {LOOK_SECONDS:g} s") from None

    async def close(self) -> None:
        jobs = [seen.job for seen in self._seen.values() if seen.job is not None]
        if jobs:
            await asyncio.wait(jobs, timeout=1.0)


def _retrieve(job: "asyncio.Future[Drop]") -> None:
    """The outcome belongs to whoever waits; if all were cancelled, nobody wants it."""
    if not job.cancelled():
        job.exception()


def split_address(address: str) -> tuple[str, str | None]:
    """Folder and pattern: the last part is a pattern if it has a `*` or `?`."""
    end = max(address.rfind("/"), address.rfind("\\")) + 1
    if set(address[end:]) & set("*?"):
        return address[: end - 1] or address[:end], address[end:]
    return address, None


# -- which file -----------------------------------------------------------------------------------------------------


def _look(address: str, layout: Layout, seen: _Seen) -> Drop:
    folder, pattern = split_address(address)
    try:
        names = {entry.name for entry in os.scandir(folder) if entry.is_file()}
        found = sorted(_candidates(folder, names, pattern or layout.files, layout), reverse=True)
        drop = _first_whole(folder, found, layout, seen)
    except PermissionError as error:
        raise Refused(Reason.NO_PERMISSION, f"this user may not read {error.filename or folder}") from error
    except OSError as error:
        raise NotSupported(Reason.NO_FILE, f"{folder} cannot be read: {error.strerror or error}") from error
    if drop is None:
        raise NotSupported(Reason.NO_FILE, f"no whole file lies in {folder}")
    return drop


# (date in the name or mtime, mtime, name, size): sorts by age
_Candidate = tuple[int, int, str, int]


def _candidates(folder: str, names: set[str], pattern: str, layout: Layout) -> Iterator[_Candidate]:
    for name in names:
        if name.startswith(".") or name.endswith((".tmp", ".part")) or not fnmatch(name, pattern):
            continue
        if layout.marker and (name.endswith(layout.marker) or name + layout.marker not in names):
            continue
        with suppress(FileNotFoundError):
            status = os.stat(os.path.join(folder, name))
            date = name_date(name, layout)
            if layout.name_date and date is None:
                continue
            yield (status.st_mtime_ns if date is None else date), status.st_mtime_ns, name, status.st_size


def _first_whole(folder: str, found: list[_Candidate], layout: Layout, seen: _Seen) -> Drop | None:
    versions = {(name, size, written) for _, written, name, size in found}
    seen.unfinished = {version: since for version, since in seen.unfinished.items() if version in versions}
    for _, written, name, size in found:
        version = (name, size, written)
        if version != seen.version:
            with suppress(FileNotFoundError):
                data = _read_whole(Path(folder, name), version, seen)
                if data is None:
                    continue
                _remember(data, name, written, layout, seen)
                seen.version = version
        if seen.version == version:
            if seen.garbled is not None:
                raise Garbled(seen.garbled.reason, seen.garbled.detail, raw=seen.garbled.raw)
            return seen.drop
    return None


def _read_whole(path: Path, version: tuple[str, int, int], seen: _Seen) -> bytes | None:
    """The file's bytes; None while it is still being written."""
    _, size, written = version
    if size > SIZE_LIMIT:
        raise Garbled(Reason.TOO_LONG, f"{path.name} is larger than {SIZE_LIMIT >> 20} MB")
    with path.open("rb") as file:
        data = file.read(size + 1)
        now = os.fstat(file.fileno())
    if len(data) != size or (now.st_size, now.st_mtime_ns) != (size, written):
        return None
    if not data.endswith(b"\n"):
        since = seen.unfinished.setdefault(version, time.monotonic())
        if not data or time.monotonic() - since < SETTLE_SECONDS:
            return None
    return data


def _remember(data: bytes, name: str, written: int, layout: Layout, seen: _Seen) -> None:
    seen.drop = seen.garbled = None
    try:
        columns, rows = read_rows(data, layout)
    except Garbled as error:
        seen.garbled = Garbled(error.reason, f"{name}: {error.detail}", raw=error.raw)
        return
    seen.drop = Drop(name, name_date(name, layout), written // 1000, columns, rows)


def name_date(name: str, layout: Layout) -> int | None:
    """The date in a file's name, UTC µs, by the layout's `name_date`; None if it has none."""
    if not layout.name_date:
        return None
    pattern = re.sub(r"%(.)", lambda found: _DIRECTIVES.get(found[1], r".+"), re.escape(layout.name_date))
    for found in re.finditer(rf"(?<!\d){pattern}(?!\d)", name, re.ASCII):
        with suppress(Garbled):
            return moment(found[0], layout.name_date, layout.zone)
    return None


# -- what is in it --------------------------------------------------------------------------------------------------


def read_rows(data: bytes, layout: Layout) -> tuple[tuple[str, ...], dict[str, tuple[str, ...]]]:
    """Columns, and rows by key; of several rows of one key the last counts. Garbled if the layout does not fit."""
    text, encoding = decode(data, layout.encoding)
    lines = _fixed(data, layout, encoding) if layout.format == "fixed" else _separated(text, layout)
    try:
        columns = tuple(layout.columns) or tuple(cell.strip() for cell in next(lines, ()))
        for column in layout.used():
            if column not in columns:
                raise Garbled(Reason.BAD_FRAME, f"the header has no column {column!r}", raw=data[:256])
        place = columns.index(layout.key)
        rows = {plain_key(row[place]): tuple(row) for row in lines if len(row) > place}
    except csv.Error as error:
        raise Garbled(Reason.BAD_FRAME, f"a row cannot be read: {error}", raw=data[:256]) from error
    rows.pop("", None)
    return columns, rows


def _separated(text: str, layout: Layout) -> Iterator[list[str]]:
    source = io.StringIO(text, newline="")
    for _ in range(layout.skip):
        source.readline()
    return csv.reader(source, delimiter=layout.separator)


def _fixed(data: bytes, layout: Layout, encoding: str) -> Iterator[list[str]]:
    """Host systems count bytes, and a Chinese character of GBK is two of them: cut first, decode after."""
    for line in data.splitlines()[layout.skip :]:
        cells, begin = [], 0
        for width in layout.widths:
            cells.append(line[begin : begin + width].decode(encoding, errors="replace").strip())
            begin += width
        yield cells


def decode(data: bytes, encoding: str) -> tuple[str, str]:
    """The text and its encoding: what a byte order mark says, else UTF-8 if it is that, else GB18030."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        candidates = ["utf-16"]
    else:
        candidates = ["utf-8-sig", "gb18030"] if encoding == "auto" else [encoding.replace("utf-8", "utf-8-sig")]
    for candidate in candidates:
        with suppress(UnicodeDecodeError):
            return data.decode(candidate), candidate
    raise Garbled(Reason.BAD_FRAME, f"the file is not text in {' or '.join(candidates)}", raw=data[:256])


def plain_key(cell: str) -> str:
    """A terminal number without what Excel wraps around numbers to keep their zeros: '001, ="001"."""
    return cell.strip().lstrip("='").strip('" \t')


def moment(text: str, form: str, zone: str) -> int:
    """UTC µs of a date in the bank's zone; a date without a time is its midnight."""
    try:
        read = datetime.strptime(text.strip(), form).replace(tzinfo=ZoneInfo(zone))
        return round(read.timestamp()) * 1_000_000
    except (ValueError, OverflowError):
        raise Garbled(Reason.BAD_FRAME, f"{text.strip()[:40]!r} is not a date like {form}") from None
