"""What was updated, what would be, and what is installed, by dpkg, apt and rpm."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from agent.facts.software import packed, software
from agent.facts.updates import updates
from tests.agent.facts.conftest import Tree

APT = """#!/bin/sh
[ "$1" = -s ] || exit 100
echo "Inst libc6 [2.36-9+deb12u4] (2.36-9+deb12u14 Debian:12.15/oldstable [amd64])"
echo "Inst linux-image-6.1.0-50-amd64 (6.1.170-1 Debian-Security:12/oldstable-security [amd64])"
echo "Conf libc6 (2.36-9+deb12u14 Debian:12.15/oldstable [amd64])"
"""
LISTS = "var/lib/apt/lists/mirror_dists_bookworm_InRelease"
DPKG = {"var/lib/dpkg/status": "", "usr/bin/apt-get": APT, LISTS: ""}


def test_what_waits_is_told_with_its_versions_and_the_age_of_the_lists(tree: Tree) -> None:
    root = tree(DPKG)
    os.utime(root / LISTS, (1_700_000_000, 1_700_000_000))
    sheet = updates(root)
    assert sheet.facts["updates.pending"] == [
        "libc6\t2.36-9+deb12u4 2.36-9+deb12u14",
        "linux-image-6.1.0-50-amd64\t- 6.1.170-1",
    ]
    assert (sheet.facts["updates.pending_count"], sheet.facts["updates.source"]) == (2, "dpkg")
    assert sheet.facts["updates.lists_at"] == 1_700_000_000_000_000


def test_without_lists_nothing_is_known_to_wait_and_not_that_nothing_does(tree: Tree) -> None:
    root = tree(DPKG)
    (root / LISTS).unlink()
    sheet = updates(root)
    assert "updates.pending" not in sheet.facts
    assert (sheet.unread["updates.pending"], sheet.unread["updates.lists_at"]) == ("absent", "absent")


def test_an_apt_that_fails_is_not_one_that_has_nothing_to_do(tree: Tree) -> None:
    sheet = updates(tree(DPKG | {"usr/bin/apt-get": "#!/bin/sh\nexit 100\n"}))
    assert sheet.unread["updates.pending"] == "unreadable"
    assert "updates.pending_count" not in sheet.facts


def test_the_last_update_is_found_also_behind_the_turn_of_the_log(tree: Tree) -> None:
    old = "2026-10-02 03:04:05 upgrade libc6:amd64 1 2\n2026-10-03 03:04:05 status installed libc6:amd64 2\n"
    sheet = updates(
        tree(DPKG | {"var/log/dpkg.log": "2026-11-01 01:02:03 remove x 1 <none>\n", "var/log/dpkg.log.1": old})
    )
    told = sheet.facts["updates.last_at"]
    assert isinstance(told, int)
    assert (
        subprocess.check_output(["date", "-d", f"@{told // 1_000_000}", "+%F %T"], text=True) == "2026-10-02 03:04:05\n"
    )


def test_rpm_tells_what_is_installed_and_since_when(tree: Tree) -> None:
    rpm = """#!/bin/sh
case "$3" in
  *INSTALLTIME*) printf '1700000000\\n1700009999\\n';;
  *) printf 'ii \\tbash\\t(none):5.1-2.ky10\\nii \\tkernel\\t1:4.19-2\\n';;
esac
"""
    root = tree({"var/lib/rpm/rpmdb.sqlite": "", "usr/bin/rpm": rpm})
    assert updates(root).facts == {"updates.source": "rpm", "updates.last_at": 1_700_009_999_000_000}
    assert updates(root).unread == {"updates.pending": "absent"}
    assert software(root).facts["software"] == ["bash\t5.1-2.ky10", "kernel\t1:4.19-2"]


def test_a_system_without_packages_says_that_there_is_nothing_to_read(tree: Tree) -> None:
    assert (updates(tree({})).facts, updates(tree({})).unread) == ({}, {"updates.": "absent"})
    assert software(tree({})).unread == {"software": "absent"}


def test_software_beyond_a_record_is_counted() -> None:
    told = packed([f"package-{n:05}\t{n}" for n in range(5000)])
    assert isinstance(told["software"], list)
    assert told["software.count"] == 5000
    assert told["software.left_out"] == 5000 - len(told["software"]) > 0


@pytest.mark.skipif(shutil.which("dpkg-query") is None, reason="no dpkg: apt-get install dpkg")
def test_the_packages_of_this_machine_are_those_dpkg_has() -> None:
    sheet = software(Path("/"))
    status = Path("/var/lib/dpkg/status").read_text(encoding="utf-8")
    installed = status.count("\nStatus: install ok installed\n") + status.count("\nStatus: hold ok installed\n")
    told = sheet.facts["software"]
    assert isinstance(told, list)
    assert any(one.startswith("dpkg\t1.") for one in told)
    assert sheet.facts["software.count"] in range(installed - 100, installed + 1)  # of two architectures one name
