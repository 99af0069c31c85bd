"""The drivers there are: a name to "module:Class", imported when asked. Third parties add theirs by entry point."""

from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from drivers.base import Driver

ENTRY_POINTS = "branchfleet.drivers"

BUILT_IN: dict[str, str] = {
    "passbook": "drivers.passbook.driver:Passbook",
    "escpos": "drivers.escpos:Escpos",
    "card_reader/crt": "drivers.card_reader.crt:Crt",
    "card_reader/omron": "drivers.card_reader.omron:Omron",
    "card_reader/pcsc": "drivers.card_reader.pcsc:Pcsc",
    "pos/zvt": "drivers.pos.zvt:Zvt",
    "pos/ecr": "drivers.pos.ecr:Ecr",
    "atm/xfs4iot": "drivers.atm.xfs4iot:Xfs4Iot",
    "ups/megatec": "drivers.ups.megatec:Megatec",
    "snmp": "drivers.snmp.driver:Snmp",
    "host/ssh": "drivers.host.ssh:Ssh",
    "host/posted": "drivers.host.posted:Posted",
    "reach": "drivers.reach:Reach",
    "file": "drivers.file:File",
}

# Of these, the ones that are TellsFacts: so that whoever asks for hosts need import no driver.
TELL_FACTS = frozenset({"host/posted", "host/ssh"})  # of the host itself
TELL_OF_OTHERS = frozenset({"snmp"})  # who is on the wire: what tells that is no host for it
# `snmp` reads whatever there is. By profile the systems that tell of themselves; "" is one that does not say which it
# is. Of what nobody said anything Windows alone: a camera or a firewall is Linux too. Of one profile all are hosts.
SNMP, SNMP_HOST = "snmp", "windows"
SNMP_HOSTS = {SNMP_HOST: ("win32", "linux", ""), "host": ("win32", "linux"), "auto": ("win32",)}


def names() -> list[str]:
    """Every driver name an inventory may say, built in first."""
    third_party = sorted(point.name for point in entry_points(group=ENTRY_POINTS))
    return [*BUILT_IN, *(name for name in third_party if name not in BUILT_IN)]


def find(name: str) -> type[Driver]:
    """The driver class called `name`; LookupError if there is none. Nothing is imported before it is asked for."""
    found: type[Driver] = load(name, BUILT_IN, ENTRY_POINTS)
    return found


def load(name: str, built_in: Mapping[str, str], group: str) -> Any:
    """What `name` stands for in a table of "module:attribute", or in the entry points of `group`."""
    place = built_in.get(name)
    if place is not None:
        module, _, attribute = place.partition(":")
        return getattr(import_module(module), attribute)
    for point in entry_points(group=group, name=name):
        return point.load()
    raise LookupError(f"no driver is called {name!r}")
