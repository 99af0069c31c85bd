"""What follows from a Windows registry, on samples: none of it was ever seen on a real Windows."""

import struct
from collections.abc import Mapping

import pytest

from agent.facts import registry
from agent.facts.antivirus_table import date_of
from agent.facts.registry import Value
from agent.facts.sheet import NotRead, Sheet
from agent.facts.windows import fixed_version

CBS = r"SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing"
WU = r"SOFTWARE\Microsoft\Windows\CurrentVersion\WindowsUpdate\Auto Update"
TREND = r"SOFTWARE\WOW6432Node\TrendMicro\PC-cillinNTCorp\CurrentVersion"
SEP = r"SOFTWARE\Symantec\Symantec Endpoint Protection\CurrentVersion"
DEFENDER = r"SOFTWARE\Microsoft\Windows Defender"
FIREWALL = r"SYSTEM\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy"
SERVER = r"SYSTEM\CurrentControlSet\Services\LanmanServer\Parameters"
STICKS = r"SYSTEM\CurrentControlSet\Services\USBSTOR"


class Sample:
    """Keys with their values; of the refused one the user may not read."""

    def __init__(self, found: Mapping[str, Mapping[str, Value]], refused: str = "-") -> None:
        self._found, self._refused = found, refused

    def values(self, key: str) -> Mapping[str, Value] | None:
        if key.startswith(self._refused):
            raise NotRead("rights")
        said = self._found.get(key)
        if said is None:
            return {} if self.keys(key) else None
        return {name.lower(): value for name, value in said.items()}

    def keys(self, key: str) -> list[str]:
        below = [other[len(key) + 1 :] for other in self._found if other.startswith(f"{key}\\")]
        return sorted({rest.partition("\\")[0] for rest in below})


def srv(version: str = "") -> Sheet:
    return Sheet("updates", {"file.srv.sys": version}) if version else Sheet("updates", {}, {"file.srv.sys": "absent"})


def test_a_restart_waits_where_either_part_of_windows_says_so() -> None:
    assert registry.restart(Sample({CBS: {}})) == {"reboot.pending": False}
    told = registry.restart(Sample({CBS: {}, f"{WU}\\RebootRequired": {}}))
    assert told == {"reboot.pending": True, "reboot.why": ["windows update"]}
    with pytest.raises(NotRead):
        registry.restart(Sample({}))


def test_updates_are_those_that_are_installed_and_the_driver_has_its_version() -> None:
    hive = Sample(
        {
            f"{CBS}\\Packages\\Package_for_KB4012212~31bf3856ad364e35~amd64~~6.1.1.0": {"CurrentState": 112},
            f"{CBS}\\Packages\\Package_for_KB4012215~31bf3856ad364e35~amd64~~6.1.1.0": {"CurrentState": 0},
            f"{CBS}\\Packages\\Microsoft-Windows-Foundation~x": {"CurrentState": 112},
            r"SOFTWARE\Microsoft\Windows NT\CurrentVersion\HotFix\KB958644": {"Installed": 1},
        }
    )
    sheet = registry.updates(hive, srv("6.1.7601.23689"))
    assert sheet.facts["updates.qfe"] == ["KB4012212", "KB958644"]
    assert sheet.facts["file.srv.sys"] == "6.1.7601.23689"
    assert sheet.unread == {"updates.last_at": "absent", "updates.wua": "absent"}


@pytest.mark.parametrize(
    ("version", "said", "speaks"), [("", {}, False), ("6.1.1.1", {}, True), ("6.1.1.1", {"SMB1": 0}, False)]
)
def test_smb1_is_gone_with_its_driver_or_by_a_word(version: str, said: dict[str, Value], speaks: bool) -> None:
    assert registry.network(Sample({SERVER: said}), srv(version)).facts["smb1.server"] is speaks


def test_a_driver_whose_version_nobody_can_read_is_there_all_the_same() -> None:
    odd = Sheet("updates", {}, {"file.srv.sys": "unreadable"})
    assert registry.network(Sample({SERVER: {}}), odd).facts["smb1.server"] is True


def test_a_firewall_is_on_where_it_is_in_every_profile() -> None:
    on: dict[str, Mapping[str, Value]] = {
        f"{FIREWALL}\\{one}": {"EnableFirewall": 1} for one in ("DomainProfile", "StandardProfile", "PublicProfile")
    }
    assert registry.network(Sample(on), srv()).facts["firewall.on"] is True
    assert registry.network(Sample(on | {f"{FIREWALL}\\PublicProfile": {}}), srv()).facts["firewall.on"] is False
    assert registry.network(Sample(on, refused=FIREWALL), srv()).unread["firewall."] == "rights"
    assert registry.network(Sample({}), srv()).unread["firewall."] == "absent"


def test_sticks_are_denied_by_the_drivers_start_or_by_policy() -> None:
    removable = r"SOFTWARE\Policies\Microsoft\Windows\RemovableStorageDevices"
    assert registry.usb_storage(Sample({STICKS: {"Start": 3}})) == "allowed"
    assert registry.usb_storage(Sample({STICKS: {"Start": 4}})) == "denied"
    assert registry.usb_storage(Sample({STICKS: {"Start": 3}, removable: {"Deny_All": 1}})) == "denied"
    assert registry.policy(Sample({})).unread["usb.storage"] == "absent"


def test_software_of_both_kinds_is_listed_once() -> None:
    folder = r"SOFTWARE\{}Microsoft\Windows\CurrentVersion\Uninstall\{}"
    hive = Sample(
        {
            folder.format("", "{A}"): {"DisplayName": "综合业务系统", "DisplayVersion": "3.1"},
            folder.format("WOW6432Node\\", "B"): {"DisplayName": "Reader\n DC"},
            folder.format("WOW6432Node\\", "C"): {"ParentKeyName": "no name"},
        }
    )
    assert registry.software(hive).facts["software"] == ["Reader DC\t", "综合业务系统\t3.1"]


TREND_SAYS: dict[str, Mapping[str, Value]] = {
    f"{TREND}\\Misc.": {
        "TmListen_Ver": "14.0.9167",
        "VsAPINT-Ver": "12.500.1004",
        "InternalPatternVer": 1340300,
        "PatternDate": "20260301",
        "InternalNonCrcPatternVer": 1870100,
        "NonCrcPatternDate": "20260401",
    },
    f"{TREND}\\Real Time Scan Configuration": {"Enable": 1},
}


def test_trend_is_read_with_its_engine_library_and_date() -> None:
    facts = registry.antivirus(Sample(TREND_SAYS)).facts
    assert (facts["av.count"], facts["av.1.product"]) == (1, "Trend Micro OfficeScan")
    assert (facts["av.1.version"], facts["av.1.engine"]) == ("14.0.9167", "12.500.1004")
    assert (facts["av.1.library"], facts["av.1.library_at"]) == ("13.403.00", date_of("20260301"))
    assert (facts["av.1.realtime"], facts["av.1.read"]) == (True, "registry")


def test_trend_with_smart_scan_looks_by_its_other_library() -> None:
    facts = registry.antivirus(Sample(TREND_SAYS | {f"{TREND}\\iCRC Scan": {"scantype": 1}})).facts
    assert (facts["av.1.library"], facts["av.1.library_at"]) == ("18.701.00", date_of("20260401"))


def test_symantec_and_defender_stand_beside_each_other() -> None:
    hive = Sample(
        {
            SEP: {"PRODUCTVERSION": "14.3.558"},
            f"{SEP}\\public-opstate": {"LatestVirusDefsDate": "2026-03-05"},
            f"{SEP}\\AV\\Storages\\FileSystem\\RealTimeScan": {"OnOff": 0},
            f"{DEFENDER}\\Signature Updates": {
                "AVSignatureVersion": "1.403.8.0",
                "EngineVersion": "1.1.24010.10",
                "AVSignatureApplied": struct.pack("<Q", 134_168_000_000_000_000),
            },
            f"{DEFENDER}\\Real-Time Protection": {"DisableRealtimeMonitoring": 1},
        }
    )
    facts = registry.antivirus(hive).facts
    assert (facts["av.count"], facts["av.1.realtime"], facts["av.2.realtime"]) == (2, False, False)
    assert facts["av.1.library_at"] == date_of("20260305")
    assert (facts["av.2.library"], facts["av.2.engine"]) == ("1.403.8.0", "1.1.24010.10")
    assert facts["av.2.library_at"] == 1_772_326_400_000_000


def test_where_no_known_key_is_there_nobody_says_that_there_is_no_antivirus() -> None:
    sheet = registry.antivirus(Sample({}))
    assert (sheet.facts, sheet.unread) == ({}, {"av.": "absent"})
    assert registry.antivirus(Sample({}, refused=TREND)).unread == {"av.": "rights"}


@pytest.mark.parametrize("said", ["20261301", "20040101", "99990101", "garbage", b"\xff\xff", b"\0" * 8, 20_000_000])
def test_a_date_no_library_has_is_unreadable(said: Value) -> None:
    with pytest.raises(NotRead) as error:
        date_of(said)
    assert error.value.why == "unreadable"


def test_a_file_has_the_version_its_fixed_block_says() -> None:
    block = struct.pack("<IIII", 0xFEEF04BD, 0x10000, 10 << 16, 14393 << 16 | 953)
    assert fixed_version(block) == "10.0.14393.953"
    with pytest.raises(NotRead):
        fixed_version(b"\0" * 16)
