"""What a PC lets people do: sticks, and who may do everything."""

import pytest

from agent.facts.policy import administrators, policy, usb_storage
from tests.agent.facts.conftest import Tree

LINES = {
    "install usb-storage /bin/true": "denied",
    "install usb_storage /bin/false": "denied",
    "blacklist usb-storage\nblacklist uas": "denied",
    "blacklist usb-storage": "allowed",  # uas brings it in
    "install usb-storage /sbin/modprobe --ignore-install usb-storage": "allowed",
    "# install usb-storage /bin/true": "allowed",
}


@pytest.mark.parametrize(("lines", "told"), LINES.items())
def test_sticks_are_denied_where_modprobe_is_told_so(tree: Tree, lines: str, told: str) -> None:
    assert usb_storage(tree({"etc/modprobe.d/bank.conf": lines})) == told


def test_a_driver_that_is_loaded_counts_more_than_a_file(tree: Tree) -> None:
    files = {"etc/modprobe.d/a.conf": "install usb_storage /bin/true", "sys/module/usb_storage/refcnt": "0"}
    assert usb_storage(tree(files)) == "allowed"


def test_a_file_that_stands_in_front_of_another_of_its_name_counts_alone(tree: Tree) -> None:
    files = {"etc/modprobe.d/a.conf": "#", "lib/modprobe.d/a.conf": "install usb_storage /bin/true"}
    assert usb_storage(tree(files)) == "allowed"


def test_administrators_are_who_is_zero_and_who_may_become_it(tree: Tree) -> None:
    people = "root:x:0:0::/root:/bin/sh\ntoor:x:0:0::/:/bin/sh\nli:x:1000:27::/:/bin/sh\nwang:x:1001:1001::/:/bin/sh\n"
    groups = "root:x:0:\nsudo:x:27:wang,zhao\nwheel:x:10:\nusers:x:100:sun\nbroken\n"
    root = tree({"etc/passwd": people, "etc/group": groups})
    assert administrators(root) == ["li", "root", "toor", "wang", "zhao"]
    assert policy(root).unread == {}


def test_a_system_without_accounts_says_that_they_were_not_read(tree: Tree) -> None:
    assert policy(tree({})).unread == {"administrators": "absent"}
