"""Sticks that come and go: what a Linux and a Windows say of them, and the records that are made of it."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from agent.facts.registry import Value
from agent.facts.sheet import NotRead
from agent.media import windows
from agent.media.linux import sticks
from agent.media.stick import Stick, Sticks, stick
from agent.media.watching import MOST, Media
from agent.wire import Clock, Event

HOUR = 3_600_000_000
USB = "sys/devices/pci0000:00/usb1/1-2"
STICK = {"serial": "E0D55EA573\n", "idVendor": "0951\n", "manufacturer": "Kingston\n", "product": "DataTraveler 3.0\n"}
linux = pytest.mark.skipif(sys.platform == "win32", reason="a tree of symbolic links")


def put_in(root: Path, name: str, device: str, usb: Mapping[str, str], *, size: str = "30218842", **block: str) -> None:
    """A block device below `device`, as /sys has it; its USB device is two folders up."""
    folder = root / device / "host6/block" / name
    folder.mkdir(parents=True)
    for said, text in {"size": size, "removable": "0", **block}.items():
        (folder / said).write_text(text)
    for said, text in usb.items():
        (root / device / said).write_text(text)
    (root / "sys/block").mkdir(parents=True, exist_ok=True)
    (root / "sys/block" / name).symlink_to(os.path.relpath(folder, root / "sys/block"))


@linux
def test_a_stick_is_known_by_what_its_maker_calls_it(tmp_path: Path) -> None:
    put_in(tmp_path, "sdb", USB, STICK, removable="1")
    assert list(sticks(tmp_path).values()) == [Stick("E0D55EA573", "Kingston", "DataTraveler 3.0", 30218842 * 512)]


@linux
def test_a_disk_on_usb_counts_though_it_says_it_is_fixed_and_the_pcs_own_does_not(tmp_path: Path) -> None:
    put_in(tmp_path, "sda", "sys/devices/pci0000:00/ata1", {})
    put_in(tmp_path, "sr0", "sys/devices/pci0000:00/ata2", {}, removable="1")
    put_in(tmp_path, "sdb", USB, STICK, removable="0")
    assert [one.serial for one in sticks(tmp_path).values()] == ["E0D55EA573"]


@linux
def test_a_reader_without_a_card_holds_nothing_and_its_next_card_is_another(tmp_path: Path) -> None:
    put_in(tmp_path, "sdb", USB, STICK, size="0")
    assert sticks(tmp_path) == {}
    places: list[str] = []
    for size in ("1000", "2000"):
        (tmp_path / USB / "host6/block/sdb/size").write_text(size)
        places += sticks(tmp_path)
    assert len(set(places)) == 2


@linux
def test_what_a_stick_says_of_itself_is_text_and_short(tmp_path: Path) -> None:
    said = {**STICK, "serial": "\x1b]0;owned\x07$(reboot)\n" + "x" * 500, "product": "a\u202eb"}
    put_in(tmp_path, "sdb", USB, said)
    [one] = sticks(tmp_path).values()
    assert all(text.isprintable() and len(text) <= 80 for text in one[:3])


@linux
def test_a_host_without_sys_says_that_it_cannot_be_seen(tmp_path: Path) -> None:
    with pytest.raises(NotRead, match="absent"):
        sticks(tmp_path)


class Hive:
    def __init__(self, keys: Mapping[str, Mapping[str, Value]]) -> None:
        self._keys = keys

    def values(self, key: str) -> Mapping[str, Value] | None:
        return self._keys.get(key.rpartition("Services\\")[2])

    def keys(self, key: str) -> list[str]:
        return []


def test_windows_says_by_its_drivers_what_is_in_and_makes_up_a_serial_where_there_is_none() -> None:
    hive = Hive(
        {
            r"USBSTOR\Enum": {
                "count": 2,
                "0": r"USB\VID_0951&PID_1666\E0D55EA573",
                "1": r"USB\VID_1234&PID_5678\6&2f0a3c&0&2",
            },
            r"disk\Enum": {
                "count": 2,
                "0": r"SCSI\Disk&Ven_ATA&Prod_ST500\4&1",
                "1": r"USBSTOR\Disk&Ven_Kingston&Prod_DataTraveler_3.0&Rev_PMAP\E0D55EA573&0",
            },
        }
    )
    assert list(windows.sticks(hive).values()) == [
        Stick("E0D55EA573", "Kingston", "DataTraveler 3.0"),
        Stick("", "1234", "5678"),
    ]
    assert windows.sticks(Hive({})) == {}


def clock(at: int = 0) -> Clock:
    return Clock(wall=at, boot=at, boot_id="boot")


def seen(media: Media, there: Sticks, at: int = 0) -> list[tuple[object, object]]:
    return [(one.detail["way"], one.detail["serial"]) for one in media.seen(there, clock(at))]


@pytest.fixture
def media() -> Media:
    return Media(None, clock, dict)  # type: ignore[arg-type]  # what is seen is looked at before it is put anywhere


def test_what_comes_and_goes_is_told_once_and_what_was_in_before_as_found(media: Media) -> None:
    one, other = stick("A1", "v", "m"), stick("B2", "v", "m")
    assert seen(media, {"usb1": one}) == [("found", "A1")]
    assert seen(media, {"usb1": one}) == []
    assert seen(media, {"usb2": other}) == [("out", "A1"), ("in", "B2")]
    assert seen(media, {}) == [("out", "B2")]


def test_a_loose_contact_does_not_fill_the_spool_and_what_was_left_out_is_counted(media: Media) -> None:
    one = stick("A1", "v", "m")
    told = [event for turn in range(200) for event in media.seen({} if turn % 2 else {"usb1": one}, clock(turn))]
    assert len(told) == MOST
    after: list[Event] = list(media.seen({"usb1": one}, clock(2 * HOUR)))
    assert after[0].detail["leftOut"] == 200 - MOST
