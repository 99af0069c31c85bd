"""The checks that come with the program, on what real kinds of hosts say."""

from collections.abc import Callable
from datetime import date
from ipaddress import ip_network
from typing import Any

import msgspec
import pytest

from server.checks.bank import Bank, Baseline, Exemption, newest_libraries
from server.checks.check import Check
from server.checks.judging import Verdict, Word, judge
from server.checks.kept import shipped
from server.checks.sheets import DAY, Host, Sheet
from tests.server.checks.conftest import NOW

CHECKS = {check.id: check for check in shipped()}
BANK = Bank(
    baselines={"26200": Baseline(ubr=7000), "7601": Baseline(kb=["KB4534310"]), "19045": Baseline(ubr=6000)},
)
# + passes, - fails, ? is unknown, / does not apply: by the checks in the order of their names
EXPECTED = {
    #                library   av  real  shares ports licence ms17 one os  patch reboot usb  software
    "xp": "          -  -      -   -     -      -     ?       -    +   -   ?     +      +    ?",
    "win7": "        -  -      +   +     +      +     +       +    +   -   -     -      +    -",
    "win10": "       +  +      +   +     -      +     -       +    -   -   +     +      -    -",
    "win11": "       +  +      +   +     +      +     +       +    +   +   +     +      +    +",
    "ltsc2021": "    ?  ?      +   +     +      -     ?       +    +   +   ?     +      ?    ?",
    "server2016": "  +  -      +   +     ?      ?     +       +    ?   +   ?     +      +    ?",
    "debian": "      +  +      +   -     /      +     /       /    +   ?   /     +      -    +",
    "nothing": "     ?  ?      ?   ?     ?      ?     ?       ?    ?   ?   ?     ?      ?    ?",
    "hostile": "     ?  ?      ?   ?     ?      ?     ?       ?    ?   ?   ?     ?      ?    ?",
}
SIGNS = {"+": Word.PASS, "-": Word.FAIL, "?": Word.UNKNOWN, "/": Word.NOT_APPLICABLE}

ReadHost = Callable[[str], Host]


def judged(check: str, host: Host, bank: Bank = BANK) -> Verdict:
    return judge(CHECKS[check], host, bank, NOW)


def why(verdict: Verdict, lang: str = "zh") -> list[str]:
    return [line.of(lang) for line in verdict.why]


def changed(host: Host, topic: str, facts: dict[str, Any], unread: dict[str, str] | None = None) -> Host:
    """`host` with other facts of one topic; None takes one away."""
    sheet = host.sheets[topic]
    said = {**sheet.facts, **facts}
    left = {name: value for name, value in said.items() if value is not None}
    made = msgspec.structs.replace(sheet, facts=left, unread=sheet.unread if unread is None else unread)
    return Host(host.key, {**host.sheets, topic: made})


@pytest.mark.parametrize("name", EXPECTED)
def test_a_host_of_each_kind_is_judged_as_a_person_would(host: ReadHost, name: str) -> None:
    expected = dict(zip(sorted(CHECKS), EXPECTED[name].split(), strict=True))
    assert {key: judged(key, host(name)).word for key in CHECKS} == {key: SIGNS[it] for key, it in expected.items()}


@pytest.mark.parametrize("check", shipped(), ids=lambda check: check.id)
def test_every_check_has_its_clause_and_what_to_do_in_both_languages(check: Check) -> None:
    assert check.clause
    assert check.title.zh != check.title.en
    assert len(check.mend["zh"]) == len(check.mend["en"]) > 1


def test_why_names_the_facts_that_decide_with_their_values(host: ReadHost) -> None:
    assert why(judged("high-risk-ports", host("xp"))) == ["端口 135 正在监听", "端口 139 正在监听", "端口 445 正在监听"]
    assert "趋势 病毒库 2026-10-02，已 59 天" in why(judged("antivirus-library-15", host("win7")))
    assert why(judged("ms17-010", host("xp")))[:2] == ["要求不低于 5.1.2600.7208", "srv.sys 版本：5.1.2600.5512"]
    assert "port 445 is listening" in why(judged("high-risk-ports", host("xp")), "en")
    assert why(judged("removable-storage", host("ltsc2021"))) == ["权限不足：移动存储"]
    assert why(judged("one-network", host("server2016"))) == ["所在网络：信息已旧 20 天"]
    assert why(judged("antivirus-present", host("nothing"))) == ["杀毒软件数：从未上报"]


@pytest.mark.parametrize(
    ("srv", "word"),
    [
        ("5.1.2600.7207", Word.FAIL),
        ("5.1.2600.7208", Word.PASS),
        ("5.2.3790.6021", Word.PASS),
        ("6.0.6002.19742", Word.FAIL),
        ("6.0.6002.19743", Word.PASS),
        ("6.0.6002.24066", Word.FAIL),
        ("6.0.6002.24067", Word.PASS),
        ("6.1.7601.23688", Word.FAIL),
        ("6.1.7601.24000", Word.PASS),
        ("6.3.9600.18603", Word.FAIL),
        ("10.0.14393.952", Word.FAIL),
        ("10.0.14393.1000", Word.PASS),
        ("10.0.15063.0", Word.PASS),
        ("4.0.1381.7", Word.UNKNOWN),
        ("6.1.7601.23689 (win7sp1)", Word.UNKNOWN),
    ],
)
def test_the_version_of_srv_sys_decides_whatever_else_is_said(host: ReadHost, srv: str, word: Word) -> None:
    told = changed(host("win11"), "updates", {"file.srv.sys": srv}, {})
    assert judged("ms17-010", told).word is word


def test_a_build_stands_for_the_file_only_where_the_host_says_it_cannot_read_it(host: ReadHost) -> None:
    server = host("server2016")
    assert judged("ms17-010", server).word is Word.PASS
    assert (
        judged("ms17-010", changed(server, "host", {"os.build": "14393.952"})).word is Word.UNKNOWN
    )  # and SMB1 is old news
    assert judged("ms17-010", changed(server, "host", {"reboot.pending": True})).word is not Word.PASS
    assert judged("ms17-010", changed(server, "updates", {}, {})).word is Word.UNKNOWN


def test_a_list_of_updates_proves_nothing_and_is_shown(host: ReadHost) -> None:
    told = changed(host("xp"), "updates", {"updates.qfe": ["KB4012598"]})
    assert judged("ms17-010", told).word is Word.FAIL
    assert "已装补丁：KB4012598" in why(judged("ms17-010", told))


@pytest.mark.parametrize(
    ("days", "seven", "fifteen"), [(7, Word.PASS, Word.PASS), (8, Word.FAIL, Word.PASS), (16, Word.FAIL, Word.FAIL)]
)
def test_a_library_is_measured_by_today_or_by_the_banks_newest_while_that_is_young(
    host: ReadHost, days: int, seven: Word, fifteen: Word
) -> None:
    told = changed(host("win11"), "antivirus", {"av.1.library_at": NOW - days * DAY})
    assert (judged("antivirus-library-7", told).word, judged("antivirus-library-15", told).word) == (seven, fifteen)
    young = Bank(newest={"Defender": NOW - 5 * DAY})
    later = changed(host("win11"), "antivirus", {"av.1.library_at": NOW - (days + 5) * DAY})
    assert judged("antivirus-library-7", later, young).word is seven
    assert judged("antivirus-library-15", later, young).word is fifteen


def test_a_bank_whose_newest_library_is_old_is_not_green_for_being_old_everywhere(host: ReadHost) -> None:
    at = NOW - 60 * DAY
    told = changed(host("win11"), "antivirus", {"av.1.library_at": at})
    assert judged("antivirus-library-15", told, Bank(newest={"Defender": at})).word is Word.FAIL


@pytest.mark.parametrize("at", [NOW + 2 * DAY, NOW + DAY // 12, 1_072_915_200_000_000, 0, -5, 2**63 - 1, -(2**63) + 1])
def test_a_library_of_the_future_or_of_long_ago_is_unknown_and_moves_no_measure(host: ReadHost, at: int) -> None:
    told = changed(host("win11"), "antivirus", {"av.1.library_at": at})
    assert judged("antivirus-library-15", told).word is Word.UNKNOWN
    both = newest_libraries([host("win11"), told], NOW)
    assert both == newest_libraries([host("win11")], NOW)


def test_support_of_one_build_depends_on_its_edition_and_on_what_the_bank_bought(host: ReadHost) -> None:
    def says(build: str, edition: str | None = "Professional") -> Word:
        told = changed(host("win11"), "host", {"os.build": build, "os.edition": edition})
        return judged("os-supported", told, bank).word

    bank = Bank()
    assert says("19044.1", "IoTEnterpriseS") is Word.PASS
    assert says("19044.1", "EnterpriseS") is Word.PASS  # to 2027-01-12
    assert says("19044.1", "Professional") is Word.FAIL
    assert says("19044.1", None) is Word.UNKNOWN
    assert says("14393.1", "EnterpriseS") is Word.FAIL
    assert says("99999.1") is Word.UNKNOWN
    assert says("19045.1") is Word.FAIL
    bank = Bank(extended=frozenset({"windows-10-22h2"}))
    assert says("19045.1") is Word.PASS


def test_networks_of_one_zone_are_one_network(host: ReadHost) -> None:
    zones = (("办公网", ip_network("10.1.0.0/16")), ("办公网", ip_network("192.168.1.0/24")))
    assert judged("one-network", host("win10")).word is Word.FAIL
    assert judged("one-network", host("win10"), Bank(zones=zones)).word is Word.PASS


def test_who_is_exempt_is_so_until_the_day_is_over_and_what_is_well_stays_well(host: ReadHost) -> None:
    def bank(until: date) -> Bank:
        made = [
            Exemption(check=check, host="atm-xp", approver="李某", control="白名单管控", until=until)
            for check in ("antivirus-present", "removable-storage")
        ]
        return Bank(exempt={(one.check, one.host): one for one in made})

    today = bank(date(2026, 11, 30))
    verdict = judged("antivirus-present", host("xp"), today)
    assert verdict.word is Word.EXEMPT
    assert why(verdict)[0] == "豁免：白名单管控；批准人 李某，至 2026-11-30"
    assert judged("removable-storage", host("xp"), today).word is Word.PASS
    assert why(judged("removable-storage", host("xp"), today)) == ["移动存储：禁用"]
    assert judged("antivirus-present", host("xp"), bank(date(2026, 11, 29))).word is Word.FAIL
    assert judged("antivirus-present", Host("other", host("xp").sheets), today).word is Word.FAIL


def test_a_fact_counts_only_on_the_sheet_of_its_topic(host: ReadHost) -> None:
    sheets = {**host("nothing").sheets, "host": Sheet(NOW, {"usb.storage": "denied"})}
    assert judged("removable-storage", Host("x", sheets)).word is Word.UNKNOWN


def test_a_bank_adds_to_the_unwanted_programs_and_takes_single_ones_out(host: ReadHost) -> None:
    told = changed(host("win11"), "software", {"software": ["ToDesk\t4.7", "Some[x] Game?\t1"]})
    assert why(judged("unauthorised-software", told)) == ["违规软件：ToDesk"]
    allowing = Bank(allowed=("todesk*",))
    assert judged("unauthorised-software", told, allowing).word is Word.PASS
    adding = Bank(allowed=("todesk*",), unwanted=("some[x] game?",))
    assert judged("unauthorised-software", told, adding).word is Word.FAIL


def test_a_list_of_software_that_is_not_whole_proves_only_what_is_in_it(host: ReadHost) -> None:
    told = changed(host("win11"), "software", {"software.left_out": 5, "software.count": 7})
    assert judged("unauthorised-software", told).word is Word.UNKNOWN
    there = changed(told, "software", {"software": ["迅雷极速版\t1.0"], "software.count": 6})
    assert judged("unauthorised-software", there).word is Word.FAIL
