"""What the status and position bytes of an Olivetti passbook printer mean: data, a table for each model.

The vendors' tables are in books that were not read, so the one used by default maps nothing. The tables this program is
shipped with are the files in profiles/; an inventory may write its own.
"""

import tomllib
from functools import cache
from importlib.resources import files
from typing import Annotated

import msgspec
from msgspec.structs import force_setattr

from drivers.options import Check, DriverOptions
from drivers.words import check_device, check_part


def _check_codes(table: dict[str, dict[str, str]]) -> None:
    for code, meaning in table.items():
        if len(code) != 2 or not set(code) <= set("0123456789abcdefABCDEF"):
            raise ValueError(f"{code!r} is not a byte in two hex digits")
        for key, word in meaning.items():
            if key == "device":
                check_device(word)
            else:
                check_part(key, {word})


Meanings = Annotated[dict[str, dict[str, str]], Check(_check_codes)]


class CodeTable(DriverOptions):
    """What the bytes of one model mean, by their value in hex: `status."30" = { device = "online", paper = "ok" }`."""

    note: str = ""
    status: Meanings = msgspec.field(default_factory=dict)
    document: Meanings = msgspec.field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("status", "document"):
            force_setattr(self, name, {code.upper(): meaning for code, meaning in getattr(self, name).items()})


@cache
def profile_names() -> list[str]:
    """The code tables this program was shipped with."""
    folder = files("drivers.passbook").joinpath("profiles")
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))


@cache
def read_profile(name: str) -> CodeTable:
    """The shipped code table called `name`; ValueError if there is none."""
    if name not in profile_names():
        raise ValueError(f"no code table is called {name!r}; there are {', '.join(profile_names())}")
    text = files("drivers.passbook").joinpath("profiles", f"{name}.toml").read_text(encoding="utf-8")
    return CodeTable.model_validate(tomllib.loads(text))
