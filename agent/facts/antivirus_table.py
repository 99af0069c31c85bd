"""Where antivirus products of Windows keep what they are, in the registry under HKEY_LOCAL_MACHINE.

By public scripts and plug-ins that read the same; never seen on a real machine.
"""

import re
from datetime import UTC, date, datetime
from typing import Final, NamedTuple

from agent.facts.sheet import NotRead

Value = str | int | bytes | list[str]
_SIXTEEN_OH_ONE: Final = 116_444_736_000_000_000  # 100 ns from 1601 (FILETIME) to 1970
OLDEST: Final = date(2005, 1, 1)


class Product(NamedTuple):
    """Places are `key|value`, the key below the folder; of several the first that is there counts."""

    name: str
    folders: tuple[str, ...]
    texts: dict[str, tuple[str, ...]]  # version, engine, library
    dates: tuple[str, ...]
    watches: str = ""
    inverted: bool = False  # 1 is off
    smart: str = ""  # 1 here: of a value's places the last counts
    packed: bool = False  # the library is one number: 1340300 is 13.403.00

    def number(self, value: Value) -> str:
        if self.packed and isinstance(value, int):
            return f"{value // 100_000}.{value // 100 % 1000:03}.{value % 100:02}"
        return str(value)


TREND: Final = Product(
    "Trend Micro OfficeScan",
    tuple(rf"SOFTWARE\{where}TrendMicro\PC-cillinNTCorp\CurrentVersion" for where in ("", "WOW6432Node\\")),
    {
        "version": ("Misc.|TmListen_Ver", "Misc.|ProgramVer"),
        "engine": ("Misc.|VsAPINT-Ver",),
        "library": ("Misc.|InternalPatternVer", "Misc.|InternalNonCrcPatternVer"),
    },
    ("Misc.|PatternDate", "Misc.|NonCrcPatternDate"),
    "Real Time Scan Configuration|Enable",
    smart=r"iCRC Scan|scantype",
    packed=True,
)
SEP: Final = Product(
    "Symantec Endpoint Protection",
    tuple(rf"SOFTWARE\{where}Symantec\Symantec Endpoint Protection\CurrentVersion" for where in ("", "WOW6432Node\\")),
    {
        "version": ("|PRODUCTVERSION",),
        "library": ("public-opstate|LatestVirusDefsDate",),
    },
    ("public-opstate|LatestVirusDefsDate", r"AV|PatternFileDate"),
    r"AV\Storages\FileSystem\RealTimeScan|OnOff",
)
DEFENDER: Final = Product(
    "Microsoft Defender",
    (r"SOFTWARE\Microsoft\Windows Defender\Signature Updates",),
    {"engine": ("|EngineVersion",), "library": ("|AVSignatureVersion",)},
    ("|AVSignatureApplied",),
    r"\SOFTWARE\Microsoft\Windows Defender\Real-Time Protection|DisableRealtimeMonitoring",
    inverted=True,
)
PRODUCTS: Final = (TREND, SEP, DEFENDER)


def date_of(*said: Value | None) -> int:
    """UTC µs: of YYYYMMDD or YYYY-MM-DD as text, of a FILETIME, or of SEP's three bytes. Raises NotRead."""
    value = next((one for one in said if one not in (None, "", b"")), None)
    if value is None:
        raise NotRead("absent")
    try:
        at = _moment(value)
    except (ValueError, OverflowError, IndexError) as error:
        raise NotRead("unreadable", repr(value)) from error
    if not at.date() >= OLDEST or at.timestamp() > datetime.now(UTC).timestamp() + 86_400:
        raise NotRead("unreadable", repr(value))
    return int(at.timestamp()) * 1_000_000


def _moment(value: Value) -> datetime:
    if isinstance(value, bytes) and len(value) == 8:
        return datetime.fromtimestamp((int.from_bytes(value, "little") - _SIXTEEN_OH_ONE) / 10_000_000, UTC)
    if isinstance(value, bytes):  # years since 1970, the month from 0, the day
        return datetime(value[0] + 1970, value[1] + 1, value[2], tzinfo=UTC)
    digits = re.sub(r"[-/]", "", str(value))
    return datetime.strptime(digits, "%Y%m%d").replace(tzinfo=UTC)
