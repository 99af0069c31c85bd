"""What Windows says in its registry and by its kernel to everybody. Never run on Windows so far."""

import ctypes
import os
import socket
import struct
import sys
import uuid
from contextlib import suppress

from agent.facts.sheet import NotRead
from agent.wire import Told

_NT = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion"
_BIOS = r"HARDWARE\DESCRIPTION\System\BIOS"
_CPU = r"HARDWARE\DESCRIPTION\System\CentralProcessor\0"
_ZONE = r"SYSTEM\CurrentControlSet\Control\TimeZoneInformation"
_TCPIP = r"SYSTEM\CurrentControlSet\Services\Tcpip\Parameters"
_SIGNATURE = (0xFEEF04BD).to_bytes(4, "little")
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


def driver_version(name: str) -> str:
    """Of a file of Windows' own drivers: 10.0.14393.953. Raises NotRead: absent where it is not there."""
    if sys.platform != "win32":
        raise NotRead("absent")
    # a 32-bit Python on a 64-bit Windows sees another folder under the name System32, without drivers
    system = "Sysnative" if "PROCESSOR_ARCHITEW6432" in os.environ else "System32"
    path = os.path.join(os.environ.get("SYSTEMROOT", r"C:\Windows"), system, "drivers", name)
    try:
        os.stat(path)
    except FileNotFoundError as error:
        raise NotRead("absent") from error
    except OSError as error:  # one that may not be looked at is not one that is not there
        raise NotRead("rights") from error
    library = ctypes.windll.version
    size = library.GetFileVersionInfoSizeW(path, None)
    block = ctypes.create_string_buffer(size)
    found, length = ctypes.c_void_p(), ctypes.c_uint()
    if not (
        size
        and library.GetFileVersionInfoW(path, 0, size, block)
        and library.VerQueryValueW(block, "\\", ctypes.byref(found), ctypes.byref(length))
        and found.value
    ):
        raise NotRead("unreadable")
    return fixed_version(ctypes.string_at(found.value, length.value))


def fixed_version(block: bytes) -> str:
    """Of a VS_FIXEDFILEINFO of verrsrc.h. Raises NotRead."""
    if len(block) < 16 or block[:4] != _SIGNATURE:
        raise NotRead("unreadable", block)
    upper, lower = struct.unpack_from("<II", block, 8)
    return f"{upper >> 16}.{upper & 0xFFFF}.{lower >> 16}.{lower & 0xFFFF}"
