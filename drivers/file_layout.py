"""How the text files of another system are laid out, as data: which column is what, and what its words mean.

Two layouts are shipped in `file_layouts/` as examples to copy; a bank writes its own and names it by path.
"""

import tomllib
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from drivers.base import DeviceWord
from drivers.words import check_device, check_number, check_part

# A file is no proof that a machine is off now, so these words cannot come out of one.
_NEVER = {DeviceWord.OFFLINE, DeviceWord.POWER_OFF, DeviceWord.NO_DEVICE, DeviceWord.IN_USE}

Column = Annotated[str, Field(min_length=1)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Words(_Part):
    """A column whose words are translated; a word that is not listed reads as `unknown`."""

    column: Column
    words: dict[str, str]


class Layout(_Part):
    """`date` is the column with the data's own date, `name_date` the same in the file's name; else its mtime counts.

    Date formats are strptime's. `widths` count bytes. `marker = ".ok"`: a file counts once FILE.ok lies beside it.
    """

    note: str = ""
    files: str = "*"
    format: Literal["separated", "fixed"] = "separated"
    separator: Annotated[str, Field(min_length=1, max_length=1)] = ","
    widths: list[Annotated[int, Field(ge=1, le=4000)]] = []
    encoding: Literal["auto", "utf-8", "gb18030"] = "auto"
    skip: Annotated[int, Field(ge=0)] = 0  # lines before the header or the first row
    columns: list[Column] = []  # their names, where no header gives them
    marker: str = ""
    zone: str = "Asia/Shanghai"
    key: Column  # the column with the terminal number
    date: str = ""
    date_format: str = "%Y-%m-%d"
    name_date: str = ""
    device: Words | None = None
    parts: dict[str, Words] = {}
    numbers: dict[str, Column] = {}
    texts: dict[str, Column] = {}
    identity: dict[Literal["maker", "model", "serial", "firmware", "name", "location"], Column] = {}
    last: str = ""  # the column with the date of the last transaction: gives `activity` and `transactions.age`
    last_format: str = "%Y-%m-%d"
    dormant_days: Annotated[int, Field(ge=1)] = 90  # 中支协发〔2021〕161号: three months without a transaction
    stop_days: Annotated[int, Field(ge=1)] = 365  # and twelve

    @field_validator("device")
    @classmethod
    def _device_words(cls, device: Words | None) -> Words | None:
        for word in device.words.values() if device else ():
            check_device(word)
            if word in _NEVER:
                raise ValueError(
                    f"{word!r} cannot be told by a file: it is no proof of how the machine is now; say "
                    "'unknown' here, and map the column to the part 'service' as well"
                )
        return device

    @field_validator("parts")
    @classmethod
    def _part_words(cls, parts: dict[str, Words]) -> dict[str, Words]:
        for key, words in parts.items():
            check_part(key, set(words.words.values()))
        return parts

    @field_validator("numbers")
    @classmethod
    def _known_numbers(cls, numbers: dict[str, str]) -> dict[str, str]:
        for key in numbers:
            check_number(key)
        return numbers

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError):
            raise ValueError(f"{zone!r} is not a time zone; write it like 'Asia/Shanghai'") from None
        return zone

    @model_validator(mode="after")
    def _fits_together(self) -> "Layout":
        if self.format == "fixed" and (not self.widths or len(self.widths) != len(self.columns)):
            raise ValueError("a fixed layout needs as many `widths` as `columns`")
        if self.columns:
            lacking = [column for column in self.used() if column not in self.columns]
            if lacking:
                raise ValueError(f"{lacking[0]!r} is not among `columns`")
        return self

    def used(self) -> list[str]:
        """Every column the layout speaks of."""
        words = [*self.parts.values(), *([self.device] if self.device else [])]
        named = [*self.numbers.values(), *self.texts.values(), *self.identity.values()]
        return [self.key, *filter(None, (self.date, self.last)), *(one.column for one in words), *named]


@cache
def layout_names() -> list[str]:
    """The layouts this program was shipped with."""
    folder = files("drivers").joinpath("file_layouts")
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))


@cache
def shipped_layout(name: str) -> Layout:
    """The shipped layout called `name`; ValueError if there is none."""
    if name not in layout_names():
        raise ValueError(f"no layout is called {name!r}; there are {', '.join(layout_names())}, or write a path")
    text = files("drivers").joinpath("file_layouts", f"{name}.toml").read_text(encoding="utf-8")
    return Layout.model_validate(tomllib.loads(text))


def is_path(layout: str) -> bool:
    return layout.endswith(".toml") or "/" in layout or "\\" in layout


def read_layout(path: str) -> Layout:
    """The layout in a file of the agent's machine; OSError, or ValueError with what is wrong."""
    return Layout.model_validate(tomllib.loads(Path(path).read_text(encoding="utf-8")))
