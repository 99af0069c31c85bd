"""Whatever stands in a file: it is an inventory, or its problems are told. Nothing else ever comes out."""

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.inventory.draft import Source
from agent.inventory.problems import InventoryError
from agent.inventory.read import read_sources
from agent.inventory.schema import Inventory

# the driver fixture is set up once a test, which is what is wanted
relaxed = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None)


def read(*texts: str) -> Inventory | InventoryError:
    try:
        return read_sources([Source(f"{number}.toml", text) for number, text in enumerate(texts)])
    except InventoryError as error:
        told = error
    assert told.problems
    for problem in told.problems:
        assert "\n" not in str(problem)
        assert problem.line is None or 1 <= problem.line <= texts[int(problem.file[0])].count("\n") + 1
    return told


@relaxed
@given(st.text())
def test_any_text(text: str) -> None:
    read(text)


WORDS = ["1001", "atm-1", "atm", "centre", "main", "picky", "broken", "snmp", "30s", "0s", "secret:a", "secret:", ""]
WORDS += [
    "10.1.1.1",
    "sub-branch",
    "08:30-17:00",
    "2026-01-01",
    "Asia/Shanghai",
    "\u0000",
    "正午",
    "../../x",
    "x" * 500,
]
ATOMS = st.sampled_from(WORDS) | st.text(max_size=5) | st.integers() | st.booleans() | st.floats()
KEYS = ["key", "name", "branch", "class", "agent", "driver", "address", "options", "was", "interval", "kind", "parent"]
KEYS += ["calendar", "people", "role", "probe", "asset", "position", "status", "bought", "price", "when", "mon", "open"]
KEYS += ["community", "version", "zone", "classes", "after", "given", "words", "above", "number"]
ANYTHING = st.recursive(
    ATOMS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=6,
)
TABLES = st.lists(st.dictionaries(st.sampled_from(KEYS), ANYTHING, max_size=8), max_size=3)
KINDS = ["calendar", "class", "rule", "branch", "line", "agent", "position", "device"]


def toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, str):
        return '"' + "".join(f"\\U{ord(char):08x}" for char in value) + '"'
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return "{" + ", ".join(f"{key} = {toml(inner)}" for key, inner in value.items()) + "}"


def document(tables: dict[str, Any], bank: Any) -> str:
    text = f"bank = {toml(bank)}\n"
    for kind, items in tables.items():
        for item in items:
            text += f"[[{kind}]]\n" + "".join(f"{key} = {toml(value)}\n" for key, value in item.items())
    return text


@relaxed
@given(st.dictionaries(st.sampled_from(KINDS), TABLES), st.just({"name": "x"}) | ANYTHING)
def test_any_tables(tables: dict[str, Any], bank: Any) -> None:
    read(document(tables, bank))


@relaxed
@given(st.dictionaries(st.sampled_from(KINDS), TABLES), st.text(max_size=20))
def test_any_two_files(tables: dict[str, Any], text: str) -> None:
    read(document(tables, {"name": "x"}), text)
