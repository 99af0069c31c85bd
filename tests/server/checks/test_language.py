"""The language of checks: what a file may say, and what is wrong with one that may not, in one sentence."""

import pytest

from server.checks.check import BadCheck, read_check
from server.checks.language import BadExpression, Expression
from server.checks.sheets import DAY

CHECK = """\
id = "no-telnet"
title = "没有监听 telnet"
title_en = "Nothing listens on telnet"
clause = "本行规定 3.2"
severity = "major"
fresh = "36h"
applies = 'f["os.family"] == "linux"'
passes = '!any_port(f["ports.tcp"], "23")'

[mend]
zh = ["停用 telnet"]
en = ["Stop telnet"]
"""


def test_a_check_is_what_its_file_says_and_reads_what_its_expressions_name() -> None:
    check = read_check(CHECK, "no-telnet.toml")
    assert (check.id, check.title.of("zh"), check.title.of("en")) == (
        "no-telnet",
        "没有监听 telnet",
        "Nothing listens on telnet",
    )
    assert (check.severity, check.fresh, check.mend["zh"]) == ("major", DAY * 3 // 2, ("停用 telnet",))
    assert check.reads == ("os.family", "ports.tcp")


@pytest.mark.parametrize(
    ("written", "instead", "said"),
    [
        ('severity = "major"', 'severity = "grave"', 'severity is "grave"; there are minor, major, critical'),
        ('severity = "major"', "", 'severity is missing: write it as severity = "..."'),
        ('severity = "major"', 'severity = "major"\nseverty = "major"', "no key severty; there is severity"),
        ('id = "no-telnet"', 'id = "No Telnet"', "write small letters, digits and hyphens"),
        ('fresh = "36h"', 'fresh = "soon"', 'fresh is "soon"; write hours or days'),
        ('fresh = "36h"', 'fresh = "9999d"', "a year at most"),
        ('zh = ["停用 telnet"]', "zh = []", 'mend.zh must be 1 to 20 steps: [mend] zh = ["..."]'),
        ('title = "没有监听 telnet"', "title = 5", "title must be a text"),
        ('fresh = "36h"', "fresh = 36h", "it is no TOML: "),
        ('f["ports.tcp"]', 'f["port.tcp"]', "passes: there is no fact port.tcp; there is ports.tcp"),
        ('f["os.family"]', "f.family", 'a fact is written f["ports.tcp"]'),
        ("any_port(", "any_prot(", "any_prot is not known here; there is any_port"),
        ("!any_port", "! !! any_port(", "it is no CEL: "),
        ("!any_port", 'bank.baselines["19045"].ubr > 1 && !any_port', "baselines are asked by baseline("),
        ("!any_port", "bank == 1 && !any_port", "of bank there is bank.now"),
    ],
)
def test_what_is_wrong_is_one_sentence_with_the_file_and_what_to_write(written: str, instead: str, said: str) -> None:
    assert written in CHECK
    with pytest.raises(BadCheck) as bad:
        read_check(CHECK.replace(written, instead), "no-telnet.toml")
    assert str(bad.value).startswith("no-telnet.toml: ")
    assert said in str(bad.value)
    assert "\n" not in str(bad.value)


@pytest.mark.parametrize(
    "source",
    [
        'has(f.os) || "os.id" in f',
        '!("licence" in f)',
        "f == {}",
        "f.exists(name, true)",
        "size(f) == 1",
        "[f].size() == 1",
        "av.size() == 0",
        "[av] == []",
        "av.exists_one(p, p.realtime)",
        "av.filter(p, p.realtime).size() == 0",
        'av.exists(p, "realtime" in p)',
        "av.exists(p, has(p.realtime))",
        "av.exists(p, p == p)",
        "av.all(p, [p].size() == 1)",
        "av.map(p, p).size() == 0",
        'f["ports.tcp"].exists(a, f["ports.udp"].exists(b, a == b))',
        "cannot_read(f.x)",
        'f["av.*.product"] == "x"',
        "optional.none().orValue(true)",
        "type(f) == map",
    ],
)
def test_nothing_is_taken_that_could_tell_that_a_fact_is_missing_or_take_long(source: str) -> None:
    with pytest.raises(BadExpression):
        Expression(source)


@pytest.mark.parametrize(
    "source",
    [
        'f["os.family"] == "windows"',
        '"windows" != f["os.family"]',
        "f[\"usb.storage\"] == 'deny'",
        'f["os.family"] in ["linux", "windows"]',
    ],
)
def test_a_fact_of_a_few_words_is_compared_with_no_other(source: str) -> None:
    with pytest.raises(BadExpression, match="it is one of"):
        Expression(source)
    Expression(source.replace("windows", "win32").replace("deny", "denied"))


@pytest.mark.parametrize("source", ["1", '"x"', "1 + 1", "[true]"])
def test_what_is_never_true_or_false_is_no_expression(source: str) -> None:
    with pytest.raises(BadExpression, match="neither true nor false"):
        Expression(source)


@pytest.mark.parametrize("ports", ["22-", "1-70000", "0", "443-80", "", "22,,23"])
def test_ports_that_are_none_are_refused_when_the_check_is_read(ports: str) -> None:
    with pytest.raises(BadExpression, match="any_port"):
        Expression(f'any_port(f["ports.tcp"], "{ports}")')
    Expression('any_port(f["ports.tcp"], "1-65535")')


def test_an_expression_of_any_length_or_depth_is_refused_and_does_not_end_the_program() -> None:
    for source in (
        "(" * 100_000 + "true" + ")" * 100_000,
        "!" * 3_999 + "true",
        "(" * 41 + "true" + ")" * 41,
        "",
        "病",
    ):
        with pytest.raises(BadExpression):
            Expression(source)


def test_a_missing_fact_is_an_error_unless_logic_makes_it_irrelevant() -> None:
    for source in ('f["licence"] == "grace" && false', 'false && f["licence"] == "grace"'):
        assert Expression(source).value({"f": {}}, {}) is False
    for source in ('f["licence"] == "grace" || true', 'true || f["licence"] == "grace"'):
        assert Expression(source).value({"f": {}}, {}) is True
    for source in (
        'f["licence"] == "grace" && true',
        'f["licence"] != "grace"',
        '!(f["licence"] == "grace")',
        'f["os.id"]',
    ):
        assert isinstance(Expression(source).value({"f": {}}, {}), Exception), source
    assert isinstance(Expression('f["os.id"]').value({"f": {"os.id": "debian"}}, {}), TypeError)
