"""What is proposed is an inventory the reader accepts, whatever a device says of itself."""

import tomllib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.discover.known import Known
from agent.discover.proposal import positions, write
from agent.discover.search import Sighting
from agent.discover.toml import toml_value
from agent.inventory.draft import Source
from agent.inventory.read import read_sources
from agent.inventory.schema import Inventory
from agent.ports import Port
from drivers.base import Found

pytestmark = pytest.mark.usefixtures("english")


HOSTILE = [
    'UPS"1" \\ ]]\n[[branch]]\nkey = "9999"',
    "\x00\x1b[2J\x07\x7f\x85\u2028\u202e",
    "'''\"\"\"",
    "\ud800",
    "机房 UPS",
    "x" * 1_000_000,
]


def _sighting(address: str, cls: str = "ups", **identity: str) -> Sighting:
    return Sighting("snmp", Found(address=address, cls=cls, identity=identity), {"profile": "ups"})


def _read(*texts: str) -> Inventory:
    return read_sources([Source(f"{number}.toml", text) for number, text in enumerate(texts)])


@pytest.mark.parametrize("said", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_stays_in_its_comment(said: str) -> None:
    proposed = positions([_sighting("10.66.1.11", name=said, model=said)], Known())
    ports = [Port(address="/dev/ttyUSB0", name=said, maker=said, serial=said)]
    text = write(proposed, ports, Known())
    assert len(text) < 5000
    inventory = _read(text)
    assert [(one.branch, one.key) for one in inventory.position] == [("here", "ups-1")]
    assert [one.key for one in inventory.branch] == ["here"]


@settings(deadline=None)
@given(st.dictionaries(st.text(), st.text()), st.text(), st.text())
def test_any_identity_gives_an_inventory(identity: dict[str, str], cls: str, port: str) -> None:
    found = Sighting("snmp", Found(address="10.66.1.11", cls=cls, identity=identity), {})
    known = Known()
    assert len(_read(write(positions([found], known), [Port(address=port, name=port)], known)).position) == 1


Scalar = st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text()
Values = st.recursive(Scalar, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=12)


@settings(deadline=None)
@given(Values)
def test_any_value_is_written_as_it_is_read(value: Any) -> None:
    assert tomllib.loads(f"value = {toml_value(value)}")["value"] == value or "\ud800" <= max(str(value)) <= "\udfff"


def test_what_toml_has_not_is_refused() -> None:
    with pytest.raises(TypeError):
        toml_value({"key": None})


INVENTORY = """
[bank]
name = "县农商行"
[[class]]
key = "ups"
name = "UPS 电源"
[[branch]]
key = "1001"
name = "城关支行"
kind = "branch"
[[position]]
branch = "1001"
key = "ups-1"
name = "机房"
class = "ups"
driver = "snmp"
address = "10.66.1.9"
"""


def test_beside_an_inventory_only_what_it_lacks_is_proposed() -> None:
    known = Known(branch="1001", bank=True, keys=frozenset({"ups-1"}), classes={"ups": "UPS 电源"})
    sightings = [_sighting("10.66.1.10"), _sighting("10.66.1.9"), _sighting("10.66.1.2", "printer")]
    text = write(positions(sightings, known), [], known)
    inventory = _read(INVENTORY, text)
    assert [(one.key, one.name, one.address) for one in inventory.position[1:]] == [
        ("printer-1", "打印机-1", "10.66.1.2"),
        ("ups-2", "UPS 电源-2", "10.66.1.9"),
        ("ups-3", "UPS 电源-3", "10.66.1.10"),
    ]
    assert [one.key for one in inventory.cls] == ["ups", "printer"]
    assert _read(INVENTORY + text) == inventory


def test_where_the_classes_are_not_known_they_are_left_to_the_person() -> None:
    known = Known(branch="1001", bank=True)
    text = write(positions([_sighting("10.66.1.10")], known), [], known)
    assert set(tomllib.loads(text)) == {"position"}
    assert '# key = "ups"' in text


def test_nothing_found_is_no_inventory() -> None:
    assert tomllib.loads(write([], [], Known())) == {}
