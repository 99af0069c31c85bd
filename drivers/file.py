"""Text files another system drops into a folder: transactions of yesterday, the export of an ATM platform.

One position is one row, found by its terminal number. The reading carries the data's own date. A file is no proof of
how a machine is now, so nothing here ever reads as off-line: a missing folder, file or row is NotSupported, and a
device word comes only from a column that has one. Layouts are data: see file_layout. Recordings:
tests/drivers/cases/file.
"""

import asyncio
import math
import re
from pathlib import PurePosixPath, PureWindowsPath
from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from drivers.base import DeviceWord, Reading, Shared, cut_raw
from drivers.errors import Garbled, NotSupported, Reason
from drivers.file_layout import Layout, is_path, read_layout, shipped_layout
from drivers.file_rows import LOOK_SECONDS, Drop, Drops, moment, plain_key, split_address

_DAY = 86_400_000_000  # µs


class FileOptions(BaseModel):
    """`layout` is a shipped name, a path on the agent's machine, or a table; `row` is this position's terminal number.

    `spare = true` is a 备机, which the rule on terminals without transactions leaves out.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    layout: str | Layout
    row: Annotated[str, Field(min_length=1)]
    spare: bool = False

    @field_validator("layout")
    @classmethod
    def _layout_exists(cls, layout: str | Layout) -> str | Layout:
        if isinstance(layout, str) and not is_path(layout):
            shipped_layout(layout)
        return layout


class File:
    Options: ClassVar[type[FileOptions]] = FileOptions
    timeout: ClassVar[float] = LOOK_SECONDS + 4.0  # never reached: running out of time would read as off-line

    def __init__(self, address: str, options: FileOptions, shared: Shared) -> None:
        self._address = address
        self._options = options
        self._shared = shared
        self._drops: Drops | None = None
        self._layout = _at_hand(options.layout)

    @staticmethod
    def check_address(address: str) -> str | None:
        folder, _ = split_address(address)
        if PurePosixPath(folder).is_absolute() or PureWindowsPath(folder).is_absolute():
            return None
        return "is not the whole path of a folder, or of a folder with a pattern (/drop/pos/*.csv, D:\\drop)"

    async def open(self) -> None:
        self._drops = await self._shared.get(Drops)
        if self._layout is None:
            self._layout = await asyncio.to_thread(_read_layout, str(self._options.layout))

    async def poll(self) -> Reading:
        if self._drops is None or self._layout is None:
            raise NotSupported(Reason.NO_FILE, "the folder was not opened")
        drop = await self._drops.newest(self._address, self._layout)
        row = drop.rows.get(plain_key(self._options.row))
        if row is None:
            raise NotSupported(Reason.NO_ROW, f"{drop.name} has no row of {self._options.row!r}")
        return read_row(row, drop, self._layout, spare=self._options.spare)

    async def close(self) -> None:
        """The folder is shared, and no file stays open."""


def _at_hand(layout: str | Layout) -> Layout | None:
    """The layout, unless it lies in a file of this machine."""
    if isinstance(layout, Layout):
        return layout
    return None if is_path(layout) else shipped_layout(layout)


def _read_layout(path: str) -> Layout:
    try:
        return read_layout(path)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(place) for place in first["loc"])
        raise NotSupported(Reason.NO_FILE, f"the layout {path} cannot be used: {where} {first['msg']}") from error
    except (OSError, ValueError) as error:
        raise NotSupported(Reason.NO_FILE, f"the layout {path} cannot be used: {error}") from error


# -- a row ----------------------------------------------------------------------------------------------------------


def read_row(row: tuple[str, ...], drop: Drop, layout: Layout, *, spare: bool) -> Reading:
    """What one row says; Garbled if it has not the header's columns, or a date that is none."""
    cells = _cells(row, drop)
    as_of = _as_of(cells, drop, layout)
    parts = {key: words.words.get(cells[words.column], "unknown") for key, words in layout.parts.items()}
    numbers = {
        key: number for key, column in layout.numbers.items() if (number := read_number(cells[column])) is not None
    }
    if layout.last and not spare:
        parts["activity"] = "unknown"
        if cells[layout.last]:
            days = max(0, (as_of - moment(cells[layout.last], layout.last_format, layout.zone)) // _DAY)
            numbers["transactions.age"] = float(days)
            parts["activity"] = activity(days, layout)
    word = layout.device.words.get(cells[layout.device.column], "unknown") if layout.device else "unknown"
    return Reading(
        device=DeviceWord(word),
        parts=parts,
        numbers=numbers,
        texts={key: cells[column] for key, column in layout.texts.items() if cells[column]},
        identity={key: cells[column] for key, column in layout.identity.items() if cells[column]},
        raw=cut_raw({drop.name: layout.separator.join(row).encode(errors="replace")}),
        as_of=as_of,
    )


def activity(days: int, layout: Layout) -> str:
    """`dormant` and `stop` by days without a transaction."""
    if days >= layout.stop_days:
        return "stop"
    return "dormant" if days >= layout.dormant_days else "active"


def read_number(cell: str) -> float | None:
    """The number in a cell, "1,234.5", "97%" or "1 234"; None if there is none."""
    text = re.sub(r"[,\s]", "", cell.removesuffix("%"))
    if not re.fullmatch(r"[+-]?\d{1,15}(\.\d{1,9})?", text, re.ASCII):
        return None
    number = float(text)
    return number if math.isfinite(number) else None


def _cells(row: tuple[str, ...], drop: Drop) -> dict[str, str]:
    """The row by column. One with too many or too few cells is refused: everything in it may have shifted."""
    while len(row) > len(drop.columns) and not row[-1].strip():
        row = row[:-1]
    if len(row) != len(drop.columns):
        raise Garbled(
            Reason.BAD_FRAME,
            f"a row of {drop.name} has {len(row)} cells under {len(drop.columns)} columns",
            raw=",".join(row).encode(errors="replace")[:256],
        )
    return {column: cell.strip() for column, cell in zip(drop.columns, row, strict=True)}


def _as_of(cells: dict[str, str], drop: Drop, layout: Layout) -> int:
    if layout.date:
        return moment(cells[layout.date], layout.date_format, layout.zone)
    return drop.written if drop.date is None else drop.date
