"""What the registry of Windows says to everybody, and what follows from it. Never run on Windows so far.

`Hive` is what is read of HKEY_LOCAL_MACHINE; the functions are pure over one, so that samples test them anywhere.
"""

import re
import sys
from collections.abc import Iterator, Mapping
from typing import Final, Literal, Protocol

from agent.facts.antivirus_table import DEFENDER, PRODUCTS, Product, date_of
from agent.facts.sheet import NotRead, Sheet
from agent.facts.software import packed
from agent.wire import Told

Value = str | int | bytes | list[str]

_CBS: Final = r"SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing"
_WU: Final = r"SOFTWARE\Microsoft\Windows\CurrentVersion\WindowsUpdate\Auto Update"
_HOTFIX: Final = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion\HotFix"
_SERVER: Final = r"SYSTEM\CurrentControlSet\Services\LanmanServer\Parameters"
_FIREWALL: Final = r"SYSTEM\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy"
_PROFILES: Final = ("DomainProfile", "StandardProfile", "PublicProfile")  # the last is not on XP
_STICKS: Final = r"SYSTEM\CurrentControlSet\Services\USBSTOR"
_REMOVABLE: Final = r"SOFTWARE\Policies\Microsoft\Windows\RemovableStorageDevices"
_INSTALLED: Final = (
    r"SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall",
    r"SOFTWARE\WOW6432Node\Microsoft\Windows\CurrentVersion\Uninstall",
)
_KB: Final = re.compile(r"(?:Package_for_)?(KB\d{6,8})\b", re.ASCII)
_STANDS: Final = 112  # CurrentState of a package that is installed
_DISABLED: Final = 4  # Start of a service


class Hive(Protocol):
    """Raises NotRead where the agent's user may not read a key; what is not there is None, or nothing."""

    def values(self, key: str) -> Mapping[str, Value] | None: ...

    def keys(self, key: str) -> list[str]: ...


class LocalMachine:
    """HKEY_LOCAL_MACHINE, as 64-bit programs see it."""

    def values(self, key: str) -> Mapping[str, Value] | None:
        if sys.platform != "win32":
            return None
        import winreg

        try:
            with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, key, 0, winreg.KEY_READ | winreg.KEY_WOW64_64KEY) as opened:
                rows = (winreg.EnumValue(opened, at) for at in range(winreg.QueryInfoKey(opened)[1]))
                return {name.lower(): value for name, value, _ in rows if value is not None}
        except FileNotFoundError:
            return None
        except OSError as error:
            raise NotRead("rights" if isinstance(error, PermissionError) else "unreadable") from error

    def keys(self, key: str) -> list[str]:
        if sys.platform != "win32":
            return []
        import winreg

        try:
            with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, key, 0, winreg.KEY_READ | winreg.KEY_WOW64_64KEY) as opened:
                return [winreg.EnumKey(opened, at) for at in range(winreg.QueryInfoKey(opened)[0])]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise NotRead("rights" if isinstance(error, PermissionError) else "unreadable") from error


def restart(hive: Hive) -> dict[str, Told]:
    if hive.values(_CBS) is None and hive.values(_WU) is None:  # Windows XP
        raise NotRead("absent")
    said = ((f"{_CBS}\\RebootPending", "component based servicing"), (f"{_WU}\\RebootRequired", "windows update"))
    why = [name for key, name in said if hive.values(key) is not None]
    return {"reboot.pending": True, "reboot.why": why} if why else {"reboot.pending": False}


def updates(hive: Hive, srv: Sheet) -> Sheet:
    """With what `srv` says of the driver of SMB1.

    Without the updates of Windows 10 and later that come all in one: the build of its host has these.
    """
    sheet = Sheet("updates", {"updates.source": "windows"})
    sheet.facts |= srv.facts
    sheet.unread |= srv.unread
    sheet.read("updates.qfe", lambda: sorted(set(_updates(hive))))
    sheet.unread |= dict.fromkeys(("updates.last_at", "updates.wua"), "absent")
    return sheet


def _updates(hive: Hive) -> Iterator[str]:
    for key in hive.keys(_HOTFIX):  # Windows XP
        if found := _KB.match(key):
            yield found[1]
    for key in hive.keys(f"{_CBS}\\Packages"):
        found = _KB.match(key)
        if found and (hive.values(f"{_CBS}\\Packages\\{key}") or {}).get("currentstate") == _STANDS:
            yield found[1]


def software(hive: Hive) -> Sheet:
    sheet = Sheet("software")

    def installed() -> Iterator[str]:
        for folder in _INSTALLED:
            for key in hive.keys(folder):
                said = hive.values(f"{folder}\\{key}") or {}
                name, version = said.get("displayname"), said.get("displayversion", "")
                if isinstance(name, str) and name.strip():
                    yield f"{' '.join(name.split())}\t{version if isinstance(version, str) else ''}"

    sheet.take("software", lambda: packed(sorted(set(installed()))))
    return sheet


def network(hive: Hive, srv: Sheet) -> Sheet:
    """SMB1 is spoken where its driver is there, and nobody said no."""
    sheet = Sheet("network")
    there = srv.unread.get("file.srv.sys") != "absent"
    sheet.read("smb1.server", lambda: there and (hive.values(_SERVER) or {}).get("smb1") != 0)
    sheet.take("firewall.", lambda: {"firewall.on": firewall(hive), "firewall.kind": "windows"})
    sheet.unread |= dict.fromkeys(("ports.", "listening", "shares", "networks"), "absent")
    return sheet


def firewall(hive: Hive) -> bool:
    """On in every profile there is: which of them holds changes with the network."""
    found = [
        said.get("enablefirewall") for one in _PROFILES if (said := hive.values(f"{_FIREWALL}\\{one}")) is not None
    ]
    if not found:
        raise NotRead("absent")
    return all(one == 1 for one in found)


def policy(hive: Hive) -> Sheet:
    sheet = Sheet("policy")
    sheet.read("usb.storage", lambda: usb_storage(hive))
    sheet.unread |= dict.fromkeys(("administrators", "licence"), "absent")
    return sheet


def usb_storage(hive: Hive) -> Literal["allowed", "denied"]:
    driver = hive.values(_STICKS)
    if driver is None:
        raise NotRead("absent")
    denied = driver.get("start") == _DISABLED or (hive.values(_REMOVABLE) or {}).get("deny_all") == 1
    return "denied" if denied else "allowed"


def antivirus(hive: Hive) -> Sheet:
    """Products of the table whose keys are there. That there is none cannot be told: others keep no known keys."""
    sheet = Sheet("antivirus")
    number = 0
    for product in PRODUCTS:
        for folder in product.folders:
            try:
                said = hive.values(folder)
            except NotRead as error:
                sheet.lacks("av.", error)
                continue
            if said is not None and (product is not DEFENDER or "avsignatureversion" in said):
                number += 1
                _product(sheet, f"av.{number}", product, hive, folder)
                break
    if number:
        sheet.facts["av.count"] = number
    else:
        sheet.unread.setdefault("av.", "absent")
    return sheet


def _product(sheet: Sheet, names: str, product: Product, hive: Hive, folder: str) -> None:
    sheet.facts |= {f"{names}.product": product.name, f"{names}.read": "registry"}

    def said(where: str) -> Value | None:
        """`key|value`, the key below the product's folder, or from the top where it begins with a backslash."""
        key, _, name = where.rpartition("|")
        full = key[1:] if key.startswith("\\") else f"{folder}\\{key}" if key else folder
        return (hive.values(full) or {}).get(name.lower())

    order = -1 if product.smart and said(product.smart) == 1 else 1
    for fact, wheres in product.texts.items():

        def text(wheres: tuple[str, ...] = wheres, fact: str = fact) -> str:
            found = next((value for where in wheres[::order] if (value := said(where)) not in (None, "")), None)
            if found is None:
                raise NotRead("absent")
            return product.number(found) if fact == "library" else str(found)

        sheet.read(f"{names}.{fact}", text)
    sheet.read(f"{names}.library_at", lambda: date_of(*(said(where) for where in product.dates[::order])))

    def watches() -> bool:
        on = said(product.watches) if product.watches else None
        if not isinstance(on, int):
            raise NotRead("absent")
        return (on == 1) is not product.inverted

    sheet.read(f"{names}.realtime", watches)
    sheet.unread[f"{names}.scanned_at"] = "absent"
