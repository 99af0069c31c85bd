"""The serial number its maker gave a PC. Linux shows it to root alone."""

from pathlib import Path
from typing import Final

from agent.facts.files import ROOT, read
from agent.facts.sheet import NotRead

# What stands there where the maker wrote nothing.
NONE: Final = ("", "none", "default string", "to be filled by o.e.m.", "system serial number", "not specified", "0")


def serial(root: Path = ROOT) -> str:
    said = read(root / "sys/class/dmi/id/product_serial").strip()
    if said.lower() in NONE:
        raise NotRead("absent")
    return said
