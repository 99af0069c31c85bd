"""The simulators there are: the name of a driver to "module:function" that makes its other end. Third parties add
theirs by entry point, under the name of their driver."""

from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path

from drivers.registry import load
from drivers.sim.base import Simulator

ENTRY_POINTS = "branchfleet.simulators"

Make = Callable[[str, dict[str, object], dict[str, str], Path], Simulator]

SIMULATORS: dict[str, str] = {
    "passbook": "drivers.sim.passbook:make",
    "escpos": "drivers.sim.escpos:make",
    "card_reader/crt": "drivers.sim.crt:make",
    "card_reader/omron": "drivers.sim.omron:make",
    "card_reader/pcsc": "drivers.sim.pcsc:make",
    "pos/zvt": "drivers.sim.zvt:make",
    "pos/ecr": "drivers.sim.ecr:make",
    "atm/xfs4iot": "drivers.sim.xfs4iot:make",
    "ups/megatec": "drivers.sim.megatec:make",
    "snmp": "drivers.sim.snmp:make",
    "host/ssh": "drivers.sim.ssh:make",
    "host/posted": "drivers.sim.posted:make",
    "reach": "drivers.sim.reach:make",
    "file": "drivers.sim.file:make",
}


def names() -> list[str]:
    """Every driver that has a simulator, built in first."""
    third_party = sorted(point.name for point in entry_points(group=ENTRY_POINTS))
    return [*SIMULATORS, *(name for name in third_party if name not in SIMULATORS)]


def make(kind: str, name: str, options: dict[str, object], state: dict[str, str], folder: Path) -> Simulator:
    """The other end of driver `kind`, not started yet. `options` may be the driver's own; ports and files go in
    `folder`. LookupError if it has none, ValueError if it cannot be made so."""
    made: Make = load(kind, SIMULATORS, ENTRY_POINTS)
    return made(name, options, state, folder)
