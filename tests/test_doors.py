"""The shape of the house: four packages, three doors, and imports that run one way."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("agent", "drivers", "server", "tui")
LOOK = """
import json, sys
before = set(sys.modules)
import {door}
own, foreign = set(), set()
for name in set(sys.modules) - before:
    top = name.partition(".")[0]
    if top in {packages!r}:
        own.add(name)
    elif top not in sys.stdlib_module_names and not top.startswith("_"):
        foreign.add(top)
print(json.dumps([sorted(own), sorted(foreign)]))
"""
MODELS = {"pydantic", "pydantic_core", "annotated_types", "typing_extensions", "typing_inspection", "msgspec"}
DRIVERS_DOOR = {"drivers", "drivers.base", "drivers.options", "drivers.errors", "drivers.catalogue", "drivers.registry"}
SIMULATORS_DOOR = {"drivers.sim", "drivers.sim.base", "drivers.sim.registry"}
AGENT_DOOR = {"agent", "agent.wire", "agent.proof", "agent.inventory"}
SCHEMAS = (ROOT / "server" / "schemas").glob("[!_]*.py")
SERVER_DOOR = {"server", "server.schemas", *(f"server.schemas.{path.stem}" for path in SCHEMAS)}


@pytest.mark.parametrize(
    ("door", "own_allowed"),
    [
        ("drivers.base", DRIVERS_DOOR),
        ("drivers.options", DRIVERS_DOOR),
        ("drivers.errors", DRIVERS_DOOR),
        ("drivers.catalogue", DRIVERS_DOOR),
        ("drivers.registry", DRIVERS_DOOR),
        ("drivers.sim.base", DRIVERS_DOOR | SIMULATORS_DOOR),
        ("drivers.sim.registry", DRIVERS_DOOR | SIMULATORS_DOOR),
        ("agent.wire", DRIVERS_DOOR | AGENT_DOOR),
        ("agent.proof", DRIVERS_DOOR | AGENT_DOOR),
        ("agent.inventory.schema", DRIVERS_DOOR | AGENT_DOOR),
        ("agent.inventory.read", DRIVERS_DOOR | AGENT_DOOR),
        *((name, DRIVERS_DOOR | AGENT_DOOR | SERVER_DOOR) for name in sorted(SERVER_DOOR - {"server"})),
    ],
)
def test_a_door_loads_models_and_the_door_below_and_nothing_more(door: str, own_allowed: set[str]) -> None:
    code = LOOK.format(door=door, packages=PACKAGES)
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=ROOT).stdout
    own, foreign = json.loads(said)
    loaded = {name for name in own if not name.startswith(("agent.inventory.", "agent.wire."))}
    assert door in own
    assert loaded <= own_allowed
    assert set(foreign) <= MODELS


def test_there_is_no_source_folder_beside_the_four_packages() -> None:
    beside = {"tests", "benchmarks"}
    folders = {path.relative_to(ROOT).parts[0] for path in ROOT.glob("[!.]*/**/*.py")}
    assert folders <= set(PACKAGES) | beside


BREAKS = {
    "an import against the current": ("drivers/reach.py", "import agent.wire", "Imports run one way"),
    "tui past the server's door": ("tui/cli.py", "import server.storage.database", "tui knows the server"),
    "server past the agent's door": ("server/app.py", "import agent.spool.spool", "server knows the agent"),
    "server behind the agent's door": ("server/app.py", "import agent.wire.batch", "server knows the agent"),
    "agent past the drivers' door": ("agent/poll.py", "import drivers.snmp.driver", "agent knows drivers"),
    "a server's package in an agent": ("agent/spool/spool.py", "import sqlmodel", "An agent never needs"),
}


@pytest.mark.parametrize("name", BREAKS)
def test_a_contract_is_seen_to_break(name: str, tmp_path: Path) -> None:
    file, line, contract = BREAKS[name]
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__", "locale"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    broken = tmp_path / file
    broken.write_text(broken.read_text(encoding="utf-8") + f"\n{line}\n", encoding="utf-8")
    lint = Path(sys.executable).with_name("lint-imports")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    ran = subprocess.run(
        [lint, "--no-cache"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert any(contract in said and "BROKEN" in said for said in ran.stdout.splitlines()), ran.stdout
