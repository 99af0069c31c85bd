"""The drivers there are: a name to "module:Class", imported when asked. Third parties add theirs by entry point."""

from importlib import import_module
from importlib.metadata import entry_points

from drivers.base import Driver

ENTRY_POINTS = "branchfleet.drivers"

BUILT_IN: dict[str, str] = {
    "snmp": "drivers.snmp.driver:Snmp",
    "passbook": "drivers.passbook.driver:Passbook",
    "card_reader/crt": "drivers.card_reader.crt:Crt",
    "card_reader/omron": "drivers.card_reader.omron:Omron",
    "ups/megatec": "drivers.ups.megatec:Megatec",
    "atm/xfs4iot": "drivers.atm.xfs4iot:Xfs4Iot",
    "card_reader/pcsc": "drivers.card_reader.pcsc:Pcsc",
    "escpos": "drivers.escpos:Escpos",
    "pos/zvt": "drivers.pos.zvt:Zvt",
    "pos/ecr": "drivers.pos.ecr:Ecr",
    "reach": "drivers.reach:Reach",
    "file": "drivers.file:File",
}


def names() -> list[str]:
    """Every driver name an inventory may say, built in first."""
    third_party = sorted(point.name for point in entry_points(group=ENTRY_POINTS))
    return [*BUILT_IN, *(name for name in third_party if name not in BUILT_IN)]


def find(name: str) -> type[Driver]:
    """The driver class called `name`; LookupError if there is none. Nothing is imported before it is asked for."""
    place = BUILT_IN.get(name)
    if place is None:
        for point in entry_points(group=ENTRY_POINTS, name=name):
            loaded: type[Driver] = point.load()
            return loaded
        raise LookupError(f"no driver is called {name!r}")
    module, _, attribute = place.partition(":")
    found: type[Driver] = getattr(import_module(module), attribute)
    return found
