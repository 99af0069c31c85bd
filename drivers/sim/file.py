"""A system that drops a text file into a folder, in a layout of the `file` driver, whenever its state changes.

`layout` is a shipped name or a table, `rows` maps a subject to its terminal number: {"1007/pos-1": "62010001"}; with
`row` alone there is one, named like the simulator. State is by subject: {"1007/pos-1:activity": "dormant"}. What was
shown is told for each subject when the file is dropped.

Faults: silent and slow, no file; half, it breaks off in the middle; garbage, bytes that are no text; hang-up, the
folder is gone.
"""

import asyncio
import os
import shutil
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from drivers.file import FileOptions
from drivers.file_layout import Layout, Words, is_path, read_layout, shipped_layout
from drivers.sim.base import Fault, Known, Showed, check_options, check_state

LOOK_SECONDS = 0.1
GARBAGE = bytes(range(128, 256)) * 8 + b"\xff\n"
_DAYS = {"active": 1, "dormant": 120, "stop": 400}
_NUMBERS = "12"  # of whatever is counted, unless the state says


class FileSimulator:
    def __init__(self, name: str, layout: Layout, rows: dict[str, str], state: dict[str, str], folder: Path) -> None:
        self.name = name
        self.fault = Fault.NONE
        self.garbage = GARBAGE
        self.state = state
        self.showed: Showed | None = None
        self._layout = layout
        self._rows = rows
        self._folder = folder / name.replace("/", "-")
        self._watch: asyncio.Task[None] | None = None

    async def start(self) -> str:
        self._drop()
        self._watch = asyncio.get_running_loop().create_task(self._watching())
        return str(self._folder)

    async def close(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.wait([self._watch])
            self._watch = None
        shutil.rmtree(self._folder, ignore_errors=True)

    async def _watching(self) -> None:
        last = (self.fault, dict(self.state))
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            now = (self.fault, dict(self.state))
            if now != last:
                last = now
                self._drop()

    def _drop(self) -> None:
        if self.fault in (Fault.HANG_UP, Fault.SILENT, Fault.SLOW):
            shutil.rmtree(self._folder, ignore_errors=True)
        if self.fault is Fault.HANG_UP:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        if self.fault in (Fault.SILENT, Fault.SLOW):
            return
        zone = ZoneInfo(self._layout.zone)
        day = datetime.now(zone) - (timedelta(days=1) if self._layout.last else timedelta())
        told = {subject: self._told(subject) for subject in self._rows}
        text = "\n".join(self._layout.separator.join(line) for line in self._lines(told, day)) + "\n"
        data = text.encode("gb18030")
        if self.fault is Fault.HALF:
            data = data[: len(data) // 2].rstrip(b"\n")
        elif self.fault is Fault.GARBAGE:
            data = self.garbage
        stamp = day.strftime(self._layout.name_date) if self._layout.name_date else "export"
        path = self._folder / self._layout.files.replace("*", stamp)
        whole = path.with_name(path.name + ".tmp")
        whole.write_bytes(data)
        os.replace(whole, path)
        if self.fault is Fault.NONE and self.showed is not None:
            for subject, parts in told.items():
                self.showed(subject, parts)

    def _told(self, subject: str) -> dict[str, str]:
        """The parts a driver reads from the row of `subject`."""
        told = {
            key: self._state(subject, key, next(iter(words.words.values())))
            for key, words in self._layout.parts.items()
        }
        if self._layout.last:
            told["activity"] = self._state(subject, "activity", "active")
        return told

    def _state(self, subject: str, key: str, default: str) -> str:
        return self.state.get(f"{subject}:{key}", default)

    def _lines(self, told: dict[str, dict[str, str]], day: datetime) -> list[list[str]]:
        columns = list(dict.fromkeys(self._layout.columns or self._layout.used()))
        lines = [] if self._layout.columns else [columns]
        for subject, number in self._rows.items():
            cells = self._cells(subject, told[subject], day)
            cells[self._layout.key] = number
            lines.append([cells.get(column, "") for column in columns])
        return lines

    def _cells(self, subject: str, told: dict[str, str], day: datetime) -> dict[str, str]:
        layout = self._layout
        cells = dict.fromkeys(layout.texts.values(), subject)
        for key, column in layout.numbers.items():
            cells[column] = self._state(subject, key, _NUMBERS)
        for key, words in layout.parts.items():
            cells[words.column] = _cell(words, told[key])
        if layout.device is not None:
            device = self.state.get(f"{subject}:device")
            if device is not None or layout.device.column not in cells:
                cells[layout.device.column] = _cell(layout.device, device or "online")
        if layout.date:
            cells[layout.date] = day.strftime(layout.date_format)
        if layout.last:
            last = day - timedelta(days=_DAYS.get(told["activity"], 0))
            cells[layout.last] = last.strftime(layout.last_format)
        return cells


def _cell(words: Words, word: str) -> str:
    """The other system's word for one of ours; ours where it has none, which reads as unknown."""
    return next((theirs for theirs, ours in words.words.items() if ours == word), word)


def _known(layout: Layout, subjects: Iterable[str]) -> Known:
    """What can be set of each subject; "unknown" is a word of ours that the other system does not have."""
    words = {**layout.parts, **({"device": layout.device} if layout.device else {})}
    own: dict[str, Collection[str] | None] = {key: [*one.words.values(), "unknown"] for key, one in words.items()}
    if layout.last:
        own["activity"] = [*_DAYS]
    own |= dict.fromkeys(layout.numbers)
    return {f"{subject}:{key}": said for subject in subjects for key, said in own.items()}


def make(name: str, options: dict[str, object], state: dict[str, str], folder: Path) -> FileSimulator:
    check_options("a simulated export", options, FileOptions, "rows")
    said = options["layout"]
    if isinstance(said, str):
        layout = read_layout(said) if is_path(said) else shipped_layout(said)
    else:
        layout = Layout.model_validate(said)
    rows = options.get("rows") or {name: options["row"]}
    if not isinstance(rows, dict):
        raise ValueError("rows maps subjects to terminal numbers")
    by_subject = {str(subject): str(number) for subject, number in rows.items()}
    check_state("a simulated export", state, _known(layout, by_subject))
    return FileSimulator(name, layout, by_subject, dict(state), folder)
