"""Removable media of Linux, by /sys/block alone: no rights, no program, and nothing is mounted or woken.

Discs and floppies are left out: their drives tell of a medium only when somebody asks them. So is a disk that reports
itself as fixed and hangs on no USB.
"""

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from agent.facts.files import ROOT, read
from agent.facts.sheet import NotRead
from agent.media.stick import Stick, Sticks, stick

NOT_MEDIA: Final = ("loop", "ram", "zram", "dm-", "md", "sr", "fd", "nbd")
SECTOR: Final = 512  # bytes: /sys counts in these, whatever the disk's own are
MOST: Final = 64  # of one PC


def sticks(root: Path = ROOT) -> Sticks:
    """What is in now. Its place is the device's whole path, whose number differs each time something is put in.

    Raises NotRead where there is no /sys/block.
    """
    blocks = root / "sys/block"
    try:
        names = sorted(os.listdir(blocks))
    except OSError as error:
        raise NotRead("absent" if isinstance(error, FileNotFoundError) else "unreadable") from error
    found: Sticks = {}
    for name in names:
        if len(found) < MOST and not name.startswith(NOT_MEDIA):
            with suppress(OSError, NotRead):  # it went while it was looked at
                one = _stick(blocks / name)
                if one is not None:
                    found[f"{os.path.realpath(blocks / name)} {_number(blocks / name)}"] = one
    return found


def _stick(block: Path) -> Stick | None:
    """None for what stays in the PC, and for a reader without a card."""
    device = Path(os.path.realpath(block))
    usb = next((one for one in (device, *device.parents) if (one / "idVendor").exists()), None)
    card = _said(block / "device/type") == "SD"
    if usb is None and not card and _said(block / "removable") != "1":
        return None
    size = _said(block / "size")
    if not size.isdigit() or not int(size):
        return None
    length = int(size) * SECTOR
    if usb is not None:
        vendor = _said(usb / "manufacturer") or _said(block / "device/vendor") or _said(usb / "idVendor")
        model = _said(usb / "product") or _said(block / "device/model") or _said(usb / "idProduct")
        return stick(_said(usb / "serial"), vendor, model, length)
    if card:
        return stick(
            _said(block / "device/serial"), _said(block / "device/manfid"), _said(block / "device/name"), length, "card"
        )
    return stick("", _said(block / "device/vendor"), _said(block / "device/model"), length)


def _number(block: Path) -> str:
    """Which of all disks since the start it is, as newer kernels count; else the size tells one card from another."""
    return _said(block / "diskseq") or _said(block / "size")


def _said(path: Path) -> str:
    with suppress(NotRead):
        return read(path, 256).strip()
    return ""
