"""Removable media of Windows, by what its drivers write into the registry while a device is in. Never seen on a real
machine: written from Microsoft's words on device instance paths, and tested on samples of them.
"""

import re
from typing import Final

from agent.facts.registry import Hive
from agent.media.stick import Sticks, stick

_SERVICES: Final = r"SYSTEM\CurrentControlSet\Services"
# Each has a key Enum, whose values "0", "1", ... are the devices it serves now; a device that went is not there.
_DRIVERS: Final = ("USBSTOR", "UASPStor")
_DISKS: Final = rf"{_SERVICES}\disk\Enum"
_DEVICE: Final = re.compile(r"USB\\VID_([0-9A-F]{4})&PID_([0-9A-F]{4})[^\\]*\\(.{1,200})", re.IGNORECASE | re.ASCII)
_DISK: Final = re.compile(r"(?:USBSTOR|SCSI)\\[^\\&]*&Ven_([^&\\]*)&Prod_([^&\\]*)[^\\]*\\(.{1,200})", re.IGNORECASE)


def sticks(hive: Hive) -> Sticks:
    """What is in now, by its device instance path. Raises NotRead."""
    disks = [disk for path in _listed(hive, _DISKS) if (disk := _DISK.fullmatch(path))]
    found: Sticks = {}
    for driver in _DRIVERS:
        for path in _listed(hive, rf"{_SERVICES}\{driver}\Enum"):
            device = _DEVICE.fullmatch(path)
            if device is None:
                continue
            vendor, product, serial = device.groups()
            its = next((one for one in disks if serial.lower() in one[3].lower()), None)
            own = "" if serial[1:2] == "&" else serial  # Windows made it up: the stick has none
            maker, model = (its[1], its[2]) if its else (vendor, product)
            found[path] = stick(own, maker.replace("_", " "), model.replace("_", " "))
    return found


def _listed(hive: Hive, key: str) -> list[str]:
    values = hive.values(key) or {}
    return [value for name, value in sorted(values.items()) if name.isdigit() and isinstance(value, str)]
