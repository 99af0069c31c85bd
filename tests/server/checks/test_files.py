"""Files in the bank's folder of checks: one that is broken makes nobody green, and none holds the server up."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from server.checks.files import LARGEST
from server.checks.judging import judge
from server.checks.kept import MOST, Checks
from server.checks.sheets import Host, Sheet
from tests.server.checks.conftest import NOW

OWN = """\
id = "{id}"
title = "自有"
title_en = "Own"
clause = "本行规定"
severity = "major"
fresh = "7d"
applies = "true"
passes = '{passes}'
[mend]
zh = ["改"]
en = ["Mend"]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "checks"
    made.mkdir()
    return made


def wrong(checks: Checks) -> list[str]:
    return [str(told) for told in checks.kept().wrong]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no pipes in folders")
@pytest.mark.parametrize("name", ["pipe.toml", "bank.toml"])
def test_a_pipe_is_not_waited_for(folder: Path, name: str) -> None:
    os.mkfifo(folder / name)
    assert wrong(Checks(folder)) == [f"{folder / name} is no ordinary file"]


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="there is no device that never ends")
@pytest.mark.parametrize("name", ["zero.toml", "bank.toml"])
def test_a_device_is_not_drained(folder: Path, name: str) -> None:
    (folder / name).symlink_to("/dev/zero")
    assert wrong(Checks(folder)) == [f"{folder / name} is no ordinary file"]


@pytest.mark.parametrize("name", ["long.toml", "bank.toml"])
def test_of_a_file_no_more_is_read_than_a_check_may_have(folder: Path, name: str) -> None:
    (folder / name).write_text("#" * (LARGEST + 1), encoding="utf-8")
    assert wrong(Checks(folder)) == [f"{folder / name} is larger than {LARGEST} bytes; a check is a page"]


def said_of(checks: Checks, check: str, **facts: Any) -> tuple[str, list[str]]:
    kept = checks.kept()
    [one] = [one for one in kept.checks if one.id == check]
    sheets = {topic: Sheet(NOW, said) for topic, said in facts.items()}
    verdict = judge(one, Host("1001-pc", sheets), kept.bank, NOW)
    return verdict.word.value, [line.of("zh") for line in verdict.why]


SOFTWARE = {"software": ["openssh-server\t9.2"], "software.count": 1, "software.left_out": 0}
BROKEN = "本行的 checks/bank.toml 有错，无法判断：总行改好后重新核查"


@pytest.mark.parametrize("typo", ["foo = 1 1", 'unwantd = ["x*"]', "[zones]\na = ['10.1.0.0/99']"])
def test_a_typo_in_the_banks_file_leaves_the_last_good_one_in_force(folder: Path, typo: str) -> None:
    file = folder / "bank.toml"
    file.write_text('unwanted = ["openssh*"]\n', encoding="utf-8")
    checks = Checks(folder)
    assert said_of(checks, "unauthorised-software", software=SOFTWARE)[0] == "fail"
    file.write_text(f'unwanted = ["openssh*"]\n{typo}\n', encoding="utf-8")
    assert said_of(checks, "unauthorised-software", software=SOFTWARE)[0] == "fail"
    assert len(wrong(checks)) == 1
    assert said_of(Checks(folder), "unauthorised-software", software=SOFTWARE) == ("unknown", [BROKEN])
    file.write_text("", encoding="utf-8")
    assert said_of(checks, "unauthorised-software", software=SOFTWARE)[0] == "pass"
    assert wrong(checks) == []


def test_after_a_start_all_that_reads_a_broken_file_of_the_bank_is_unknown_and_nothing_else(folder: Path) -> None:
    (folder / "bank.toml").write_text("foo = 1 1", encoding="utf-8")
    (folder / "own.toml").write_text(OWN.format(id="own", passes="bank.now > 0"), encoding="utf-8")
    checks = Checks(folder)
    host = {"os.family": "win32", "os.build": "19045.6456", "reboot.pending": False, "os.edition": "Enterprise"}
    for check in ("one-network", "patch-baseline", "own", "os-supported"):
        facts = {"host": host, "network": {"networks": ["eth0 10.1.0.5/24"]}, "updates": {"updates.qfe": []}}
        assert said_of(checks, check, **facts) == ("unknown", [BROKEN]), check
    assert said_of(checks, "reboot-pending", host=host)[0] == "pass"


AV = {"av.count": 1, "av.1.product": "ClamAV", "av.looked": []}
LOOSE, STRICT = 'f["av.count"] > 0', 'f["av.count"] > 1'


@pytest.mark.parametrize(
    "spoilt",
    [
        STRICT + " &&",  # no CEL
        "' \nfoo = 1 1 \nx = '",  # no TOML
        STRICT + "'\nfoo = '",  # a key there is not
    ],
)
@pytest.mark.parametrize("name", ["ours.toml", "antivirus-present.toml"])
def test_a_stricter_check_whose_file_breaks_is_unknown_and_not_the_shipped_one(
    folder: Path, name: str, spoilt: str
) -> None:
    file = folder / name
    file.write_text(OWN.format(id="antivirus-present", passes=STRICT), encoding="utf-8")
    checks = Checks(folder)
    assert said_of(checks, "antivirus-present", antivirus=AV)[0] == "fail"
    file.write_text(OWN.format(id="antivirus-present", passes=spoilt), encoding="utf-8")
    unknown = ("unknown", [f"检查项文件 {name} 有错，改好之前不作判断"])
    assert said_of(checks, "antivirus-present", antivirus=AV) == unknown
    assert said_of(Checks(folder), "antivirus-present", antivirus=AV) == unknown
    file.unlink()
    assert said_of(checks, "antivirus-present", antivirus=AV)[0] == "pass"


def test_a_file_that_no_longer_says_which_check_it_is_goes_by_the_last_good_one_or_its_name(folder: Path) -> None:
    ours, named = folder / "ours.toml", folder / "antivirus-realtime.toml"
    ours.write_text(OWN.format(id="antivirus-present", passes=STRICT), encoding="utf-8")
    checks = Checks(folder)
    assert said_of(checks, "antivirus-present", antivirus=AV)[0] == "fail"
    for file in (ours, named):
        file.write_bytes(b"\xff\xfe")
    assert said_of(checks, "antivirus-present", antivirus=AV)[0] == "fail"
    assert said_of(checks, "antivirus-realtime", antivirus=AV)[0] == "unknown"
    assert said_of(Checks(folder), "antivirus-realtime", antivirus=AV)[0] == "unknown"


def test_a_check_of_the_bank_that_was_never_good_since_the_start_is_unknown_and_keeps_its_name(folder: Path) -> None:
    (folder / "x.toml").write_text(OWN.format(id="our-rule", passes="&&"), encoding="utf-8")
    kept = Checks(folder).kept()
    [one] = [check for check in kept.checks if check.id == "our-rule"]
    assert (one.title.zh, "our-rule" in kept.own) == ("our-rule", True)
    assert said_of(Checks(folder), "our-rule")[0] == "unknown"


def _unlisted(folder: Path) -> None:
    """What the operating system refuses to list, also for root."""
    folder.rename(folder.with_name("away"))
    folder.write_text("", encoding="utf-8")


def _crowded(folder: Path) -> None:
    for number in range(MOST):
        (folder / f"n{number}.toml").write_text(OWN.format(id=f"n-{number}", passes="true"), encoding="utf-8")


@pytest.mark.parametrize("spoil", [_unlisted, _crowded])
def test_a_folder_nobody_can_tell_of_leaves_the_last_good_set_in_force(
    folder: Path, spoil: Callable[[Path], None]
) -> None:
    (folder / "strict.toml").write_text(OWN.format(id="antivirus-present", passes=STRICT), encoding="utf-8")
    checks = Checks(folder)
    assert said_of(checks, "antivirus-present", antivirus=AV)[0] == "fail"
    spoil(folder)
    assert said_of(checks, "antivirus-present", antivirus=AV)[0] == "fail"
    assert str(folder) in wrong(checks)[0]
    started = Checks(folder)
    unknown = ("unknown", ["服务器的 checks/ 文件夹读不出或文件过多，改好之前不作判断"])
    assert said_of(started, "antivirus-present", antivirus=AV) == unknown
    assert said_of(started, "reboot-pending", host={"reboot.pending": False}) == unknown


def test_a_folder_that_is_not_there_is_an_empty_one(folder: Path) -> None:
    folder.rmdir()
    checks = Checks(folder)
    assert said_of(checks, "antivirus-present", antivirus=AV)[0] == "pass"
    assert wrong(checks) == []
