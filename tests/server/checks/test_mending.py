"""What to do: a failure is mended, and what is not known is made known, never replaced on suspicion."""

import pytest

from server.checks import mending
from server.checks.bank import Bank
from server.checks.judging import Word, judge
from server.checks.kept import shipped
from server.checks.mending import steps
from server.checks.sheets import Host, Sheet
from server.checks.words import says
from tests.server.checks.conftest import NOW


def said(name: str, topic: str, facts: dict[str, object], unread: dict[str, str] | None = None) -> list[str]:
    [check] = [one for one in shipped() if one.id == name]
    verdict = judge(check, Host("h", {topic: Sheet(NOW, facts, unread or {})} if topic else {}), Bank(), NOW)
    assert verdict.word is not Word.PASS
    return steps(check, verdict, "zh")


def test_what_is_not_known_is_never_mended_as_a_failure_is() -> None:
    assert said("os-supported", "host", {"os.build": "6.1.0-18-amd64", "os.edition": "server"}) == [
        "报总行：由总行补上数据表、基线或改好文件"
    ]
    assert said("removable-storage", "policy", {}, {"usb.storage": "rights"}) == [
        "给采集程序读取此项的权限（docs/agent.md），再上报一次"
    ]
    assert said("removable-storage", "", {}) == ["让主机开机联网，再让它上报一次（branchfleet push facts）"]
    [check] = [one for one in shipped() if one.id == "removable-storage"]
    assert said("removable-storage", "policy", {"usb.storage": "allowed"}) == list(check.mend["zh"])


@pytest.mark.parametrize("key", sorted(mending._BY_REASON))
def test_every_reason_and_its_step_has_words(key: str) -> None:
    assert {key, mending._BY_REASON[key]} <= says().keys()
