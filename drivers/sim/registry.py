"""The simulators there are: the name of a driver to "module:function" that makes its other end."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from drivers.sim.base import Simulator

Make = Callable[[str, dict[str, object], dict[str, str], Path], Simulator]

SIMULATORS: dict[str, str] = {
    "snmp": "drivers.sim.snmp:make",
    "passbook": "drivers.sim.passbook:make",
    "card_reader/crt": "drivers.sim.crt:make",
    "card_reader/omron": "drivers.sim.omron:make",
    "ups/megatec": "drivers.sim.megatec:make",
    "atm/xfs4iot": "drivers.sim.xfs4iot:make",
    "card_reader/pcsc": "drivers.sim.pcsc:make",
    "escpos": "drivers.sim.escpos:make",
    "pos/zvt": "drivers.sim.zvt:make",
    "pos/ecr": "drivers.sim.ecr:make",
    "reach": "drivers.sim.reach:make",
    "file": "drivers.sim.file:make",
}


def make(kind: str, name: str, options: dict[str, object], state: dict[str, str], folder: Path) -> Simulator:
    """The other end of driver `kind`, not started yet. `options` may be the driver's own; ports and files go in
    `folder`."""
    module, _, attribute = SIMULATORS[kind].partition(":")
    made: Make = getattr(import_module(module), attribute)
    return made(name, options, state, folder)
