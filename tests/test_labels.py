"""Whatever a built-in driver can say has a title in both languages: no raw key on anybody's screen."""

import re
import tomllib
from importlib.resources import files
from pathlib import Path

import pytest

from drivers.base import Reading
from drivers.catalogue import catalogue
from drivers.file_layout import shipped_layout
from drivers.sim.contract import Row, running
from drivers.sim.contract import poll_once as poll
from drivers.snmp.profile import load
from tests.drivers.test_contract import ROWS

DRIVERS = Path(str(files("drivers")))
CASES = Path(__file__).parent / "drivers" / "cases"


def _untitled(keys: set[str]) -> set[str]:
    return {key for key in keys if catalogue().find_title(key) is None}


def _keys(reading: Reading) -> set[str]:
    return {*reading.identity, *reading.texts, *reading.parts, *reading.numbers}


@pytest.mark.parametrize("row", [name for name, (driver, _, _) in ROWS.items() if driver != "card_reader/pcsc"])
async def test_what_a_simulated_device_says_has_a_title(row: str, tmp_path: Path) -> None:
    async with running(Row(*ROWS[row]), tmp_path) as (_, driver):
        assert _untitled(_keys(await poll(driver))) == set()


@pytest.mark.parametrize("case", sorted(CASES.glob("*/*/case.toml")), ids=lambda case: case.parent.name)
def test_what_was_read_of_a_recording_has_a_title(case: Path) -> None:
    said = tomllib.loads(case.read_text(encoding="utf-8")).get("reading", {})
    keys = {key for what in ("identity", "texts", "parts", "numbers") for key in said.get(what, {})}
    assert _untitled(keys) == set()


@pytest.mark.parametrize("profile", sorted(file.stem for file in DRIVERS.glob("snmp/profiles/*.toml")))
def test_what_an_snmp_profile_can_say_has_a_title(profile: str) -> None:
    told = load(profile)
    said = {one.key for one in told.identity} | {one.key for one in told.text}
    counted = {one.key for one in told.part} | {one.key for one in told.number}
    assert _untitled(said | counted | {table.says for table in told.table if table.says}) == set()


@pytest.mark.parametrize("layout", sorted(file.stem for file in DRIVERS.glob("file_layouts/*.toml")))
def test_what_a_shipped_layout_can_say_has_a_title(layout: str) -> None:
    told = shipped_layout(layout)
    assert _untitled({*told.identity, *told.texts, *told.parts, *told.numbers}) == set()


def test_every_module_a_driver_names_has_a_title_of_its_own() -> None:
    """A machine's own names for its modules, which come as they are, are none of these."""
    sources = [*DRIVERS.rglob("*.py"), *DRIVERS.rglob("*.toml")]
    text = "".join(file.read_text(encoding="utf-8") for file in sources if file.parent.name != "sim")
    found = {key: catalogue().find_title(key) for key in re.findall(r'\b(module\.[a-z]\w*)"', text)}
    assert len(found) > 20
    assert {key for key, title in found.items() if title is None or title[1]} == set()
