"""Inventories written by hand, and a driver of a third party that is picky about everything."""

import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import msgspec
import pytest

from agent.inventory.problems import InventoryError, Problem
from agent.inventory.read import read_inventory
from drivers.base import DriverOptions
from drivers.registry import BUILT_IN

WELL_WRITTEN = """\
[bank]
name = "云溪县农村商业银行"

[[class]]
key = "atm"
name = "取款机"
interval = "30s"

[[branch]]
key = "1001"
name = "正午支行"
kind = "sub-branch"

[[agent]]
key = "centre"
name = "总行采集"
branch = "1001"

[[position]]
branch = "1001"
key = "atm-1"
name = "大堂 ATM-1"
class = "atm"
driver = "picky"
address = "10.1.1.2"
options = { community = "secret:snmp" }

[[device]]
asset = "BF-0001"
name = "取款机"
class = "atm"
branch = "1001"
position = "atm-1"
"""


class PickyOptions(DriverOptions):
    community: Annotated[str, msgspec.Meta(min_length=12)]
    version: Literal["v1", "v2c"] = "v2c"
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] = 161


class Picky:
    """As much of a driver as an inventory asks for."""

    Options: ClassVar[type[DriverOptions]] = PickyOptions
    timeout: ClassVar[float] = 1.0

    @staticmethod
    def check_address(address: str) -> str | None:
        return None if address.startswith("10.") else "is not an address of this bank's network"


@pytest.fixture(autouse=True)
def picky(monkeypatch: pytest.MonkeyPatch) -> None:
    """Registers the driver `picky`, and `broken`, which cannot be imported."""
    module = types.ModuleType("picky_driver")
    module.Picky = Picky  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "picky_driver", module)
    monkeypatch.setitem(BUILT_IN, "picky", "picky_driver:Picky")
    monkeypatch.setitem(BUILT_IN, "broken", "no_such_package_at_all:Driver")
    monkeypatch.setitem(BUILT_IN, "reach", "picky_driver:Picky")


@pytest.fixture
def well_written() -> str:
    return WELL_WRITTEN


Complain = Callable[..., list[Problem]]


@pytest.fixture
def complain(tmp_path: Path) -> Complain:
    """What is said of a file with this text: `complain(text)`, or of a folder: `complain(a=text, b=text)`."""

    def read(text: str | bytes | None = None, **files: str) -> list[Problem]:
        path = tmp_path / "inventory"
        if text is not None:
            path = tmp_path / "inventory.toml"
            path.write_bytes(text.encode() if isinstance(text, str) else text)
        else:
            path.mkdir()
            for name, content in files.items():
                (path / f"{name}.toml").write_text(content, encoding="utf-8")
        try:
            read_inventory(path)
        except InventoryError as error:
            return error.problems
        return []

    return read
