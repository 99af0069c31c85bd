"""A PC that was updated and not restarted is not done; and where it cannot be told, that is what is said."""

import pytest

from agent.facts.restart import restart
from agent.facts.sheet import NotRead
from agent.facts.versions import order
from tests.agent.facts.conftest import Tree

RUNS = "proc/sys/kernel/osrelease"
LATER = "btime 4000000000\n"  # the files of a test are older than that


def test_what_the_system_says_itself_counts_with_its_packages(tree: Tree) -> None:
    root = tree({RUNS: "6.1.0-1-amd64\n", "run/reboot-required": "", "run/reboot-required.pkgs": "libc6\nlibc6\n"})
    assert restart(root) == {"reboot.pending": True, "reboot.why": ["package libc6"]}


def test_a_newer_kernel_than_the_one_that_runs_waits(tree: Tree) -> None:
    root = tree({RUNS: "6.1.0-9-amd64\n", "boot/vmlinuz-6.1.0-9-amd64": "", "boot/vmlinuz-6.1.0-10-amd64": ""})
    assert restart(root) == {"reboot.pending": True, "reboot.why": ["kernel 6.1.0-10-amd64"]}


def test_the_newest_kernel_that_runs_waits_for_nothing(tree: Tree) -> None:
    kernels = {"boot/vmlinuz-6.1.0-9-amd64": "", "boot/vmlinuz-6.1.0-10-amd64": "", "boot/vmlinuz-7.0-oem": ""}
    assert restart(tree({RUNS: "6.1.0-10-amd64\n", "proc/stat": LATER} | kernels)) == {"reboot.pending": False}


def test_a_kernel_that_was_replaced_under_its_own_name_waits(tree: Tree) -> None:
    root = tree({RUNS: "6.1.0-9-amd64\n", "boot/vmlinuz-6.1.0-9-amd64": "", "proc/stat": "cpu 1\nbtime 1000000000\n"})
    assert restart(root) == {"reboot.pending": True, "reboot.why": ["kernel 6.1.0-9-amd64"]}


def test_a_container_without_a_kernel_of_its_own_does_not_say_that_all_is_well(tree: Tree) -> None:
    root = tree({RUNS: "6.18.44\n", "boot/grub/x": ""})
    with pytest.raises(NotRead) as said:
        restart(root)
    assert said.value.why == "absent"


def test_versions_are_in_the_order_of_debian() -> None:
    right = ["1.0~rc1", "1.0", "1.0+b1", "1.0-9", "1.0-10", "1.2", "1.10", "4.19.90-52.22", "6.1"]
    assert sorted([*right[1::2], *right[::-2]], key=order) == right
