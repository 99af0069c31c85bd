"""What Windows says in its registry and by its kernel to everybody. Never run on Windows so far."""

import ctypes
import socket
import sys
import uuid
from contextlib import suppress

from agent.wire import Told

_NT = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion"
_BIOS = r"HARDWARE\DESCRIPTION\System\BIOS"
_CPU = r"HARDWARE\DESCRIPTION\System\CentralProcessor\0"
_ZONE = r"SYSTEM\CurrentControlSet\Control\TimeZoneInformation"
_TCPIP = r"SYSTEM\CurrentControlSet\Services\Tcpip\Parameters"
_FIXED = 3  # GetDriveType: DRIVE_FIXED


class _Memory(ctypes.Structure):
    """MEMORYSTATUSEX of sysinfoapi.h."""

    _fields_ = (
        ("length", ctypes.c_uint32),
        ("load", ctypes.c_uint32),
        ("total", ctypes.c_uint64),
        ("free", ctypes.c_uint64),
        ("page_total", ctypes.c_uint64),
        ("page_free", ctypes.c_uint64),
        ("virtual_total", ctypes.c_uint64),
        ("virtual_free", ctypes.c_uint64),
        ("extended_free", ctypes.c_uint64),
    )


def facts() -> dict[str, Told]:
    build = _said(_NT, "CurrentBuild")
    found: dict[str, Told] = {
        "os.id": "windows",
        "os.name": os_name(_said(_NT, "ProductName"), build),
        "os.version": _said(_NT, "DisplayVersion") or _said(_NT, "ReleaseId"),
        "os.build": f"{build}.{_said(_NT, 'UBR')}" if build else "",
        "os.edition": _said(_NT, "EditionID"),
        "host.domain": _said(_TCPIP, "Domain"),
        "machine.maker": _said(_BIOS, "SystemManufacturer"),
        "machine.model": _said(_BIOS, "SystemProductName"),
        "cpu.name": _said(_CPU, "ProcessorNameString").strip(),
        "timezone": _said(_ZONE, "TimeZoneKeyName"),
        "addresses": _addresses(),
        "macs": _macs(),
        **_memory(),
    }
    return {name: value for name, value in found.items() if value != "" and value != []}


def os_name(product: str, build: str) -> str:
    """The registry of Windows 11 says Windows 10, which its builds from 22000 on are not."""
    newer = build.isdigit() and int(build) >= 22_000
    return product.replace("Windows 10", "Windows 11") if newer else product


def disks() -> list[str]:
    """Its own disks by letter: to ask a file server that is away takes for ever."""
    if sys.platform != "win32":
        return []
    kernel = ctypes.windll.kernel32
    letters = kernel.GetLogicalDrives()
    paths = [f"{chr(ord('A') + bit)}:\\" for bit in range(26) if letters >> bit & 1]
    return [path for path in paths if kernel.GetDriveTypeW(path) == _FIXED]


def _said(key: str, name: str) -> str:
    """A value under HKEY_LOCAL_MACHINE as text, or ""."""
    if sys.platform != "win32":
        return ""
    import winreg

    with suppress(OSError), winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, key) as opened:
        return str(winreg.QueryValueEx(opened, name)[0])
    return ""


def _memory() -> dict[str, int]:
    if sys.platform != "win32":
        return {}
    status = _Memory(length=ctypes.sizeof(_Memory))
    if not ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status)):
        return {}
    return {"memory.bytes": status.total, "memory.free": status.free}


def _addresses() -> list[str]:
    """Of its own name Windows knows them without asking a network."""
    try:
        return sorted({str(one[4][0]).partition("%")[0] for one in socket.getaddrinfo(socket.gethostname(), None)})
    except OSError:
        return []


def _macs() -> list[str]:
    """One, as the system gives it; a random one has the bit of a group."""
    node = uuid.getnode()
    if node >> 40 & 1:
        return []
    return [":".join(f"{node >> shift & 0xFF:02x}" for shift in range(40, -8, -8))]
