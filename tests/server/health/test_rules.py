"""The shipped rules and fix cards as data, and what an inventory may lay over them."""

import re
from pathlib import Path
from typing import Any

import pytest

from agent.wire import Level, catalogue
from drivers.errors import Reason
from server.health.rules import BUILT_IN, LEAST_SILENCE, SILENT, compose, shipped, shipped_rules
from server.health.titles import cause_title, condition_title, fault_class, fix_card, part_title, reason_title
from server.inventory.tables import SubjectKind
from server.schemas.tickets import Fault

DOCS = Path(__file__).parents[3] / "docs"


def test_every_shipped_rule_can_be_read() -> None:
    assert set(shipped_rules().by_key) == {body["key"] for body in shipped().rule}


def test_every_rule_names_words_and_metrics_that_there_are() -> None:
    words = catalogue()
    for rule in shipped_rules().by_key.values():
        if rule.when is None:
            assert rule.key in BUILT_IN
            continue
        assert set(rule.when.device) <= words.device.keys()
        assert rule.when.number is None or rule.when.number in words.number
        if rule.when.part not in (None, "*"):
            assert set(rule.when.words) <= words.part[rule.when.part].words.keys()
        for part, word in rule.when.given.items():
            assert word in words.part[part].words


def test_every_fix_card_is_of_something_and_has_three_steps_at_most() -> None:
    words = catalogue()
    for fix in shipped().fix:
        assert fix.rule or fix.part or fix.device
        assert 1 <= len(fix.zh) == len(fix.en) <= 3
        assert not fix.part or fix.part in words.part
        assert not fix.word or fix.word in words.part[fix.part].words
        assert not fix.device or fix.device in words.device
        assert not fix.rule or fix.rule in shipped_rules().by_key
        assert not fix.cause or fix.cause in shipped().cause


def test_every_fault_a_part_can_have_is_said_and_judged() -> None:
    rules = shipped_rules().of(SubjectKind.POSITION, "atm")
    levels = {rule.when.level for rule in rules if rule.when and rule.when.part == "*"}
    assert levels == {Level.FAULT.value, Level.ATTENTION.value}


def test_every_device_word_that_is_a_fault_opens_a_condition() -> None:
    judged = {word for rule in shipped_rules().by_key.values() if rule.when for word in rule.when.device}
    bad = {word for word, entry in catalogue().device.items() if entry.level in (Level.FAULT, Level.ATTENTION)}
    assert judged == bad


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_of_a_failed_poll_is_said_in_both_languages(reason: Reason) -> None:
    zh, en = reason_title(reason, "zh"), reason_title(reason, "en")
    assert re.search("[一-鿿]", zh)
    assert en.isascii()
    assert reason.value not in (zh, en)


def test_the_page_on_health_names_every_rule() -> None:
    page = (DOCS / "health.md").read_text(encoding="utf-8")
    assert [key for key in shipped_rules().by_key if f"`{key}`" not in page] == []


@pytest.mark.parametrize(
    ("rule", "part", "word", "zh", "en"),
    [
        ("part.attention", "cassette.2", "low", "2号钞箱 钞少", "Cassette 2: low"),
        ("part.fault", "cover", "open", "前盖 未关", "Cover: open"),
        ("part.attention", "port.eth0", "down", "端口 eth0 断", "Port eth0: down"),
        ("part.fault", "paper", "[/x]", "纸张 [/x]", "Paper: [/x]"),
        ("part.fault", "what.is.this", "odd", "what.is.this odd", "what.is.this: odd"),
        ("device.fault", "", "offline", "离线", "offline"),
        ("ups.load", "load", "93", "负载过高 93 %", "Load too high 93 %"),
        ("battery.charge", "battery.charge", "30", "电池电量低 30 %", "Battery charge low 30 %"),
        ("own.rule", "supply.level.1", "3", "1号耗材余量 3 %", "Supply level 1 3 %"),
        ("line.down", "", "offline", "线路中断", "Line down"),
        ("host.key", "", "hostKeyChanged", "主机指纹变化", "Host key changed"),
        ("antivirus.age", "antivirus.age", "12", "病毒库过旧 12 d", None),
        ("position.unreadable", "", "wrongSecret", "无法读取：口令或团体名不对", None),
    ],
)
def test_conditions_are_said_in_words(rule: str, part: str, word: str, zh: str, en: str | None) -> None:
    assert condition_title(rule, part, word, "zh") == zh
    if en is not None:
        assert condition_title(rule, part, word, "en") == en


def test_the_inventorys_own_name_goes_before_the_shipped_one() -> None:
    rules = compose(
        {"line.down": {"name": "专线不通"}, "hot": {"when": {"number": "load", "above": 1}, "name": "过载"}}
    )
    assert condition_title("line.down", "", "offline", "zh", rules) == "专线不通"
    assert condition_title("hot", "load", "5", "en", rules) == "过载 5 %"


def test_the_most_particular_fix_card_wins() -> None:
    common, atm = (
        fix_card("part.fault", "paper", "out", "printer", "zh"),
        fix_card("part.fault", "paper", "out", "atm", "zh"),
    )
    assert common != atm
    assert fix_card("part.attention", "cassette.7", "low", "atm", "en")[0] == "Tell the cash team which cassette"
    assert fix_card("part.attention", "no.such", "odd", "", "en") == []


@pytest.mark.parametrize(
    ("rule", "part", "word", "fault"),
    [
        ("part.fault", "paper", "out", Fault.HARDWARE),
        ("part.fault", "battery", "low", Fault.POWER),
        ("power.battery", "power", "battery", Fault.POWER),
        ("line.down", "", "offline", Fault.NETWORK),
        ("agent.silent", "", "silent", Fault.NETWORK),
        ("device.fault", "", "powerOff", Fault.POWER),
        ("disk.used", "disk.used", "99", Fault.SOFTWARE),
    ],
)
def test_a_ticket_has_the_class_of_its_fault(rule: str, part: str, word: str, fault: Fault) -> None:
    assert fault_class(rule, part, word) is fault


def test_an_inventory_replaces_fields_and_leaves_the_rest() -> None:
    before = shipped_rules().by_key["part.fault"]
    after = compose({"part.fault": {"after": 5.0, "ticket": None}}).by_key["part.fault"]
    assert (after.after, after.ticket, after.severity, after.when) == (
        5_000_000,
        before.ticket,
        before.severity,
        before.when,
    )


def test_no_inventory_makes_an_agent_silent_that_only_has_nothing_to_say() -> None:
    assert compose({SILENT: {"after": "1s"}}).by_key[SILENT].after == LEAST_SILENCE


@pytest.mark.parametrize("body", [{"after": "soon"}, {"severity": "awful"}, {"when": {"no": 1}}, {"surprise": 1}])
def test_a_rule_that_cannot_be_read_is_left_out_and_told_of(body: Any, caplog: pytest.LogCaptureFixture) -> None:
    rules = compose({"disk.used": body})
    assert "disk.used" not in rules.by_key
    assert "Rule 'disk.used' is left out" in caplog.text
    assert len(rules.by_key) == len(shipped_rules().by_key) - 1


def test_causes_are_said_and_unknown_ones_shown() -> None:
    assert cause_title("line", "zh") == "线路中断"
    assert cause_title("", "zh") == ""
    assert cause_title("gremlins", "en") == "gremlins"
    assert part_title("load.2", "zh") == "2号负载"
