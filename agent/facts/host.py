"""The facts of this host. Each has a documented name; what a system does not tell is left out, and never guessed."""

import locale
import os
import platform
import shutil
import socket
import sys
import time
from collections.abc import Iterable

from agent.facts.sheet import Facts, Sheet
from agent.link.tokens import host_name as host_name
from agent.run import own_version
from agent.tidy import tidy_text
from agent.wire import Clock

TEXT_LIMIT = 300  # characters
LISTED = 64  # of one kind: disks, addresses
DISKS = 26
NOT_ITS_OWN = ("127.", "::1", "fe80:")  # addresses that every host has


def host(clock: Clock, off: int | None = None) -> Sheet:
    """As of `clock`, which is `off` ms ahead of the server's, if that is known. Longer where a disk sleeps."""
    sheet = Sheet("host", facts(clock))
    if off is not None:
        sheet.facts["clock.offset_ms"] = off
    if sys.platform == "linux":
        from agent.facts.restart import restart
        from agent.facts.serial import serial

        sheet.read("machine.serial", serial)
        sheet.take("reboot.", restart)
        if "os.edition" not in sheet.facts:
            sheet.unread["os.edition"] = "absent"  # most distributions have but one
    elif sys.platform == "win32":
        from agent.facts import registry

        sheet.take("reboot.", lambda: registry.restart(registry.LocalMachine()))
    return sheet


def facts(clock: Clock) -> Facts:
    """What takes no rights, and is left out where a system does not say it."""
    found: Facts = {
        "host.name": socket.gethostname(),
        "os.family": sys.platform,
        "os.name": f"{platform.system()} {platform.release()}",
        "os.build": platform.version(),
        "arch": platform.machine(),
        "boot.at": (clock.wall - clock.boot) // 1_000_000 * 1_000_000,
        "boot.id": clock.boot_id,
        "cpu.count": os.cpu_count() or 0,
        "timezone.offset": time.localtime().tm_gmtoff // 60,
        "timezone": time.tzname[time.localtime().tm_isdst > 0],
        "encoding": locale.getencoding(),
        "agent.version": own_version(),
        "agent.python": platform.python_version(),
        "agent.program": sys.executable,
    }
    paths: Iterable[str] = ("/",)
    if sys.platform == "win32":
        from agent.facts import windows as here

        found |= here.facts()
        paths = here.disks()
    elif sys.platform == "linux":
        from agent.facts import linux as here

        found |= here.facts()
        paths = here.disks()
    return _tidied(found | _disks(paths))


def _disks(paths: Iterable[str]) -> Facts:
    found: Facts = {}
    for path in paths:
        try:
            usage = shutil.disk_usage(path)
        except OSError:  # a card reader without a card
            continue
        number = len(found) // 3 + 1
        if number > DISKS:
            break
        found |= {
            f"disk.{number}.path": path,
            f"disk.{number}.bytes": usage.total,
            f"disk.{number}.free": usage.free,
        }
    return found


def _tidied(found: Facts) -> Facts:
    """Within the 64 KiB of a record, and without what is empty: a system that says nothing was not heard."""
    kept: Facts = {}
    for name, value in found.items():
        if isinstance(value, str):
            value = tidy_text(value, TEXT_LIMIT)
        elif isinstance(value, list):
            value = [tidy_text(one, TEXT_LIMIT) for one in value if not one.startswith(NOT_ITS_OWN)][:LISTED]
        if value != "" and value != []:
            kept[name] = value
    return kept
