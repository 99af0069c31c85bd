"""The clocks of a record, and what names a boot where the system does not."""

import sys
import time
from pathlib import Path

import pytest

from agent.clock import boot_micros, kept_boot_id, system_clocks


@pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's own answers")
def test_on_linux_the_boot_clock_counts_sleep_and_the_kernel_names_the_boot(tmp_path: Path) -> None:
    before = time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000
    clock = system_clocks(tmp_path)()
    after = time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000
    assert before <= clock.boot <= after
    assert clock.boot_id == Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    assert list(tmp_path.iterdir()) == []


def test_the_wall_clock_is_utc_microseconds(tmp_path: Path) -> None:
    before = time.time_ns() // 1000
    assert before <= system_clocks(tmp_path)().wall <= time.time_ns() // 1000


def test_the_boot_clock_does_not_go_back() -> None:
    first, second = boot_micros(), boot_micros()
    assert 0 < first <= second


def test_the_same_mark_keeps_the_boots_name_and_another_gives_a_new_one(tmp_path: Path) -> None:
    path = tmp_path / "boot.json"
    first = kept_boot_id(path, "17")
    assert kept_boot_id(path, "17") == first
    second = kept_boot_id(path, "18")
    assert second != first
    assert kept_boot_id(path, "18") == second


def test_without_a_mark_every_start_is_a_boot_of_its_own(tmp_path: Path) -> None:
    """A dead CMOS battery begins every boot at the same wall clock: only a mark tells two apart."""
    path = tmp_path / "boot.json"
    assert kept_boot_id(path, "") != kept_boot_id(path, "")
    assert not path.exists()


@pytest.mark.parametrize("torn", [b"", b"{", b"[]", b'{"mark": "17"}', b"\xff\xfe"])
def test_a_torn_file_gives_a_new_name(tmp_path: Path, torn: bytes) -> None:
    path = tmp_path / "boot.json"
    path.write_bytes(torn)
    name = kept_boot_id(path, "17")
    assert kept_boot_id(path, "17") == name
