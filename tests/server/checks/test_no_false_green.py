"""Nothing that is taken from a host, or grows old, or is odd, makes it better than it was."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.checks.bank import Bank, Baseline
from server.checks.check import Check
from server.checks.judging import Judge, Verdict, Word, judge
from server.checks.kept import shipped
from server.checks.sheets import DAY, ITEMS, Host, Lack, Sheet, fact
from server.checks.words import names
from tests.server.checks.conftest import FACTS, NOW, read

BANK = Bank(newest={"趋势": NOW - 2 * DAY}, baselines={"26200": Baseline(ubr=7000), "7601": Baseline(kb=["KB4534310"])})
HOSTS = sorted(file.stem for file in FACTS.glob("*.json"))

ports = st.lists(st.sampled_from(["22", "80", "135", "137", "445", "x"]), max_size=4)
times = st.integers(NOW - 100 * DAY, NOW + 3 * DAY)
KINDS: dict[str, st.SearchStrategy[Any]] = {
    "bool": st.booleans(),
    "int": st.integers(-1, 3),
    "time": times,
    "list": ports | st.lists(st.sampled_from(["C$", "IPC$", "KB4534310", "eth0 10.1.1.1/24", "wlan 192.168.1.1/24"])),
    "text": st.sampled_from(
        [
            *("win32", "linux", "19044.5", "26200.7171", "7601.", "14393.953", "EnterpriseS", "Professional", "趋势"),
            *("denied", "allowed", "licensed", "5.1.2600.5512", "10.0.15063.1", "6.1.7601.23689"),
        ]
    ),
}
HOSTILE: tuple[Any, ...] = (
    *(
        10**400,
        -(10**400),
        float("nan"),
        float("inf"),
        None,
        {},
        [],
        [[["x"]]],
        {"a": {"b": []}},
        2**63,
        "",
        0,
        1,
        True,
    ),
    *("$(reboot)", "`id`", "\x1b[2J\x00\r\n", "\ud800", "x" * 2_000_000, "{x}", "{0.__class__}", "]]>", "\u202e"),
    *(["445"] * (ITEMS + 1), ["x" * 100_000], [None], [1], ["0" * 500], "9" * 5_000, "1." * 400, b"\xff", object()),
)


@st.composite
def hosts(draw: st.DrawFn) -> Host:
    """What no real host says too: facts that contradict each other."""
    if draw(st.booleans()):
        return read(draw(st.sampled_from(HOSTS)))
    sheets: dict[str, dict[str, Any]] = {}
    for name, named in names().items():
        for one in [name.replace("*", number) for number in ("1", "2")] if "*" in name else [name]:
            if draw(st.integers(0, 9)):
                sheets.setdefault(named.topic, {})[one] = draw(KINDS[named.kind])
    unread = draw(st.dictionaries(st.sampled_from(["file.srv.sys", "av.", "licence"]), st.just("rights"), max_size=2))
    for facts in sheets.values():  # of what contradicts itself less would be more: a test of its own
        facts.pop("software.count", None)
        for name in unread.keys() & facts.keys():
            del facts[name]
    return Host("h", {topic: Sheet(NOW, facts, unread) for topic, facts in sheets.items()})


def verdicts(host: Host) -> dict[str, Verdict]:
    return {check.id: judge(check, host, BANK, NOW) for check in shipped()}


def poorer(before: Host, after: Host) -> Iterator[tuple[str, Word, Word]]:
    """What `after` is told otherwise than `before`, and not only that it cannot be told."""
    was, now = verdicts(before), verdicts(after)
    for key, verdict in now.items():
        if verdict.word not in (was[key].word, Word.UNKNOWN):
            yield key, was[key].word, verdict.word


@settings(deadline=None, max_examples=150)
@given(hosts(), st.data())
def test_without_a_fact_a_verdict_is_the_same_or_unknown(host: Host, data: st.DataObject) -> None:
    gone = data.draw(
        st.sets(st.sampled_from(sorted({(t, n) for t, s in host.sheets.items() for n in s.facts}) or [("", "")]))
    )
    left = {
        topic: Sheet(sheet.at, {name: value for name, value in sheet.facts.items() if (topic, name) not in gone})
        for topic, sheet in host.sheets.items()
        if data.draw(st.integers(0, 5))
    }
    assert (
        list(poorer(Host(host.key, {t: Sheet(s.at, s.facts) for t, s in host.sheets.items()}), Host(host.key, left)))
        == []
    )


@settings(deadline=None, max_examples=150)
@given(
    hosts(),
    st.dictionaries(st.sampled_from(["host", "updates", "network", "antivirus", "policy"]), st.integers(0, 400)),
)
def test_when_facts_grow_old_a_verdict_is_the_same_or_unknown(host: Host, days: dict[str, int]) -> None:
    aged = {
        topic: Sheet(sheet.at - days.get(topic, 0) * DAY, sheet.facts, sheet.unread)
        for topic, sheet in host.sheets.items()
        if sheet.at <= NOW
    }
    before = Host(host.key, {topic: sheet for topic, sheet in host.sheets.items() if sheet.at <= NOW})
    assert list(poorer(before, Host(host.key, aged))) == []


@settings(deadline=None, max_examples=150)
@given(hosts(), st.data())
def test_a_hostile_value_changes_only_the_verdicts_that_read_it(host: Host, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(names()))).replace("*", "1")
    topic = next(named.topic for known, named in names().items() if known.replace("*", "1") == name)
    sheet = host.sheets.get(topic, Sheet(NOW, {}))
    odd = Sheet(sheet.at, {**sheet.facts, name: data.draw(st.sampled_from(HOSTILE))}, sheet.unread)
    after = verdicts(Host(host.key, {**host.sheets, topic: odd}))
    if topic in host.sheets:
        was = verdicts(host)
        # what is counted stands or falls with its count
        beside = {"software.count": "software"}.get(name, "av.count" if name.startswith("av.") else name)
        reads = {c.id: {one.replace("*", "1") for one in (*c.reads, *c.also)} for c in shipped()}
        untouched = [check for check, names_ in reads.items() if not names_ & {name, beside}]
        assert {key: after[key] for key in untouched} == {key: was[key] for key in untouched}
    for verdict in after.values():
        said = [line.of(lang) for line in verdict.why for lang in ("zh", "en")]
        assert all(line.isprintable() and len(line) < 2_000 for line in said)


@pytest.mark.parametrize("check", shipped(), ids=lambda check: check.id)
def test_a_value_that_is_none_of_its_kind_is_as_good_as_none(check: Check) -> None:
    good = read("win11")
    for name in check.reads:
        one, topic = name.replace("*", "1"), names()[name].topic
        facts = good.sheets[topic].facts

        def word(said: dict[str, Any], topic: str = topic) -> Word:
            return judge(check, Host(good.key, {**good.sheets, topic: Sheet(NOW, said)}), BANK, NOW).word

        missing = word({key: value for key, value in facts.items() if key != one})
        for value in HOSTILE:
            said = Host("h", {topic: Sheet(NOW, {**facts, one: value})})
            if isinstance(fact(said, one, NOW, DAY), Lack):
                assert word({**facts, one: value}) is missing, (one, repr(value)[:40])


@settings(deadline=None, max_examples=60)
@given(st.lists(hosts(), max_size=6))
def test_what_is_remembered_is_what_would_be_judged(many: list[Host]) -> None:
    for check in shipped():
        one = Judge(check, BANK, NOW)
        assert [one.verdict(host) for host in many * 2] == [judge(check, host, BANK, NOW) for host in many * 2]
        assert one.worked <= len(many)


@pytest.mark.parametrize(
    ("check", "topic", "facts", "unread"),
    [
        ("unauthorised-software", "software", {"software.count": 900}, {}),
        ("unauthorised-software", "software", {"software.left_out": -1, "software.count": 1}, {}),
        ("removable-storage", "policy", {}, {"usb.storage": "rights"}),
        ("antivirus-present", "antivirus", {"av.count": 5}, {}),
        ("antivirus-present", "antivirus", {"av.count": 10**9}, {}),
        ("one-network", "network", {"networks": []}, {}),
        ("one-network", "network", {"networks": ["lo 127.0.0.1/8", "eth0 169.254.1.1/16"]}, {}),
        ("one-network", "network", {"networks": ["eth0 10.1.1.1/0"]}, {}),
        ("one-network", "network", {"networks": ["eth0 0.0.0.0/24"]}, {}),
    ],
)
def test_facts_that_contradict_each_other_or_cannot_be_are_unknown(
    check: str, topic: str, facts: dict[str, Any], unread: dict[str, str]
) -> None:
    [asked] = [one for one in shipped() if one.id == check]
    host = read("win11")
    assert judge(asked, host, BANK, NOW).word is Word.PASS
    sheet = host.sheets[topic]
    told = Host("h", {**host.sheets, topic: Sheet(sheet.at, {**sheet.facts, **facts}, {**sheet.unread, **unread})})
    assert judge(asked, told, BANK, NOW).word is Word.UNKNOWN


def test_a_host_of_ipv6_alone_is_in_no_two_networks() -> None:
    [asked] = [one for one in shipped() if one.id == "one-network"]
    told = Host("h", {"network": Sheet(NOW, {"networks": ["eth0 2001:db8::1/64"]})})
    assert judge(asked, told, BANK, NOW).word is Word.PASS
