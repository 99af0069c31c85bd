"""An inventory is read whole, or every problem in it is told with its line and what to write instead."""

from collections.abc import Callable
from pathlib import Path

import pytest

from agent.inventory.problems import InventoryError, Problem
from agent.inventory.read import read_inventory

Complain = Callable[..., list[Problem]]


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_what_is_well_written_is_read(tmp_path: Path, well_written: str) -> None:
    inventory = read_inventory(write(tmp_path / "inventory.toml", well_written))
    assert inventory.bank.zone == "Asia/Shanghai"
    assert inventory.cls[0].interval == 30.0
    assert inventory.position[0].options == {"community": "secret:snmp"}


def test_a_folder_is_one_inventory(tmp_path: Path, well_written: str) -> None:
    head, branches = well_written.split("[[agent]]")
    write(tmp_path / "0-bank.toml", head)
    write(tmp_path / "1001.toml", "[[agent]]" + branches)
    write(tmp_path / "notes.txt", "not for us")
    write(tmp_path / ".hidden.toml", "nor this")
    assert len(read_inventory(tmp_path).position) == 1


def test_what_notepad_adds_is_no_problem(tmp_path: Path, well_written: str) -> None:
    path = tmp_path / "inventory.toml"
    path.write_bytes(b"\xef\xbb\xbf" + well_written.replace("\n", "\r\n").encode())
    assert read_inventory(path).branch[0].name == "正午支行"


def test_dates_may_stand_with_and_without_quotes(tmp_path: Path, well_written: str) -> None:
    dated = well_written + 'bought = 2024-03-01\nwarranty = "2027-02-28"\nprice = 128000\n'
    device = read_inventory(write(tmp_path / "inventory.toml", dated)).device[0]
    assert (device.bought, device.warranty, device.price) == ("2024-03-01", "2027-02-28", "128000")


@pytest.mark.parametrize(
    ("old", "new", "line", "path", "sentence"),
    [
        ('name = "大堂 ATM-1"', "", 19, "position[1001/atm-1].name", "is missing"),
        ('class = "atm"\ndriver', 'clas = "atm"\ndriver', 23, "position[1001/atm-1].clas", "did you mean class?"),
        ('"30s"', "30", 7, "class[atm].interval", '30 is not a duration; write it like "30s"'),
        ('"30s"', '"1ms"', 7, "class[atm].interval", '"1ms" is too short to poll at'),
        ('"30s"', '"999d"', 7, "class[atm].interval", '"999d" is longer than a year'),
        ('"sub-branch"', '"subbranch"', 12, "branch[1001].kind", 'did you mean "sub-branch"?'),
        ('key = "atm"', 'key = "ATM 1"', 5, "class[ATM 1].key", '"ATM 1" is not a key; use small letters'),
        ('branch = "1001"\nposition', 'branch = "101"\nposition', 32, "device[BF-0001].branch", 'mean "1001"?'),
        ('position = "atm-1"', 'position = "atm-2"', 33, "device[BF-0001].position", 'mean "1001/atm-1"?'),
        ('position = "atm-1"', "bought = 20240301", 33, "device[BF-0001].bought", "20240301 is not a date"),
        ('position = "atm-1"', 'bought = "2024-02-30"', 33, "device[BF-0001].bought", '"2024-02-30" is not a date'),
        (
            'position = "atm-1"',
            "price = 12.5",
            33,
            "device[BF-0001].price",
            "12.5 is not a price; write yuan in quotes",
        ),
        ('"picky"', '"piky"', 24, "position[1001/atm-1].driver", 'there is no driver "piky"; did you mean "picky"?'),
        ('"picky"', '"broken"', 24, "position[1001/atm-1].driver", "broken or not wholly installed"),
        ('"10.1.1.2"', '"1.1.1.2"', 25, "position[1001/atm-1].address", '"1.1.1.2" is not an address of this bank'),
        ("community", "comunity", 26, "position[1001/atm-1].options.comunity", "did you mean community?"),
        ('"secret:snmp"', '"secret:"', 26, "position[1001/atm-1].options.community", "names no secret"),
        ('"secret:snmp"', '"short"', 26, "position[1001/atm-1].options.community", '"short" must be at least 12 char'),
        ('"secret:snmp"', '"secret:a", version = "v4"', 26, "position[1001/atm-1].options.version", '"v1", "v2c"'),
        ('"secret:snmp"', '"secret:a", port = 0', 26, "position[1001/atm-1].options.port", "0 must be 1 or more"),
        ('"secret:snmp"', '"secret:a", port = "secret:b"', 26, "position[1001/atm-1].options.port", "a whole number"),
        ('"secret:snmp"', '"secret:a", port = 2024-01-01', 26, "position[1001/atm-1].options.port", "whole number"),
        ('"正午支行"', '"正午\\u0007支行"', 11, "branch[1001].name", '"正午\\u0007支行" holds a control character'),
        (
            '"正午支行"',
            '"正午\u200b支行"',
            11,
            "branch[1001].name",
            '"正午\\u200b支行" holds a letter that nobody sees, U+200B',
        ),
        ('"正午支行"', '"正午支行\\u202E"', 11, "branch[1001].name", 'it is number 5, after "正午支行"'),
        ('"正午支行"', '"支行"\nwas = "\u202e1002"', 12, "branch[1001].was", "U+202E"),
        ('"secret:snmp"', '"public-\ufeffcommunity"', 26, "position[1001/atm-1].options.community", "U+FEFF"),
        ('"正午支行"', '"支行"\nparent = "1001"', 12, "branch[1001].parent", "in a circle: 1001 > 1001"),
        ('"正午支行"', '"支行"\nwas = "1001"', 12, "branch[1001].was", "1001 is still there"),
        ('"正午支行"', '"支行"\npeople = { c = "王某" }', 12, "branch[1001].people.c", '"c" is not one of "a", "b"'),
        ('name = "云溪县农村商业银行"', "", 1, "bank.name", "is missing"),
        ("[[class]]", "[[klass]]", 4, "klass", "did you mean class?"),
        ("[[agent]]", "[agent]", 14, "agent", "is written once for each, with two brackets: [[agent]]"),
        ("[bank]", "[[bank]]", 1, "bank", "must be a table"),
    ],
)
def test_a_mistake_is_told_with_its_line_and_the_way_out(
    old: str, new: str, line: int, path: str, sentence: str, well_written: str, complain: Complain
) -> None:
    assert old in well_written
    problems = [problem for problem in complain(well_written.replace(old, new, 1)) if problem.path == path]
    assert [problem.line for problem in problems] == [line]
    assert sentence in str(problems[0]), str(problems[0])


def test_the_wide_space_of_chinese_names_is_no_mistake(well_written: str, complain: Complain) -> None:
    assert complain(well_written.replace('"正午支行"', '"正　午支行"')) == []


@pytest.mark.parametrize("letter", ["\u202e", "\u200b", "\u009b"])
def test_no_mistake_gives_orders_to_the_terminal_it_is_told_on(
    letter: str, well_written: str, complain: Complain
) -> None:
    for text in (
        well_written.replace("name", f'"na{letter}me"', 1),
        well_written.replace('"1001"', f'"10{letter}01"', 1),
        well_written.replace("[[class]]", f'[["cla{letter}ss"]]', 1),
    ):
        told = "\n".join(map(str, complain(text)))
        assert told
        assert letter not in told


def test_all_mistakes_are_told_at_once_and_in_the_order_of_the_file(well_written: str, complain: Complain) -> None:
    text = well_written.replace('"30s"', "30").replace('"1001"', '"1002"', 1).replace('"picky"', '"piky"')
    problems = complain(text + 'colour = "blue"\n')
    assert [problem.line for problem in problems] == sorted(problem.line or 0 for problem in problems)
    assert {problem.path for problem in problems} >= {
        "class[atm].interval",
        "position[1001/atm-1].branch",
        "position[1001/atm-1].driver",
        "device[BF-0001].colour",
    }


def test_a_wrong_member_of_a_list_is_the_one_that_is_named(well_written: str, complain: Complain) -> None:
    problems = complain(well_written.replace('driver = "picky"', 'driver = "picky"\nagent = ["centre", 5, "center"]'))
    assert [(problem.path, problem.line) for problem in problems] == [
        ("position[1001/atm-1].agent[1]", 25),
        ("position[1001/atm-1].agent[2]", 25),
    ]


@pytest.mark.parametrize("kind", ["class", "branch", "agent", "position", "device"])
def test_the_same_key_twice_names_both_places(kind: str, well_written: str, complain: Complain) -> None:
    start = well_written.index(f"[[{kind}]]")
    table = well_written[start:].split("\n\n")[0]
    problems = complain(well_written + "\n" + table)
    first = well_written[:start].count("\n") + 1
    assert any("is used already, in" in str(problem) and str(problem).endswith(f":{first}") for problem in problems)


def test_two_machines_at_one_position_are_refused(well_written: str, complain: Complain) -> None:
    second = well_written[well_written.index("[[device]]") :].replace("BF-0001", "BF-0002")
    (problem,) = complain(well_written + "\n" + second)
    assert "another machine fills 1001/atm-1 already" in str(problem)
    assert problem.path == "device[BF-0002].position"


def test_a_rule_looks_at_one_thing(well_written: str, complain: Complain) -> None:
    (problem,) = complain(
        well_written + '\n[[rule]]\nkey = "x"\nwhen = { part = "paper", number = "load", above = 3 }\n'
    )
    assert "only one" in str(problem)
    assert problem.path == "rule[x].when"


def test_a_line_is_asked_by_the_reach_driver(well_written: str, complain: Complain) -> None:
    line = '\n[[line]]\nbranch = "1001"\nkey = "main"\nname = "主线路"\nrole = "main"\nprobe = "1.2.3.4"\n'
    problems = complain(well_written + line)
    assert [problem.path for problem in problems] == ["line[1001/main].options.community", "line[1001/main].probe"]


def test_files_of_a_folder_are_named_and_the_bank_stands_once(well_written: str, complain: Complain) -> None:
    (problem,) = complain(a=well_written, b='[bank]\nname = "又一家"\n')
    assert problem.file.endswith("b.toml")
    assert "a.toml:1 already" in str(problem)


def test_without_a_bank_one_is_asked_for(complain: Complain) -> None:
    (problem,) = complain('[[branch]]\nkey = "1"\nname = "x"\nkind = "branch"\n')
    assert "bank: is missing" in str(problem)


def test_what_a_broken_file_would_have_held_is_not_missed(well_written: str, complain: Complain) -> None:
    head, rest = well_written.split("[[agent]]")
    (problem,) = complain(a=head.replace("[[class]]", "[[class"), b="[[agent]]" + rest)
    assert "a.toml:4: is not TOML" in str(problem)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty"),
        (b"# nothing yet\n", "is empty"),
        ("[bank]\nname = “云溪”\n".encode(), ':2: is not TOML: “ was typed with the Chinese input method on; write "'),
        (b'[bank]\nname = "x\n', ":2: is not TOML"),
        ('[bank]\nname = "云溪县农村商业银行"\n'.encode("gb18030"), ":2: is not UTF-8 but looks like GBK"),
        ('[bank]\nname = "云溪"\n'.encode("utf-16"), "is UTF-16 text"),
        (b'[bank]\nname = "\xff\xfe\x80"\n', ":2: is not UTF-8 text"),
        (b"a = " + b"[" * 20_000, "is nested too deeply"),
        (b"a = " + b"1" * 20_000, "holds a number that is too large"),
    ],
)
def test_a_file_that_is_no_inventory_is_told_so(content: bytes, sentence: str, complain: Complain) -> None:
    (problem,) = complain(content)
    assert sentence in str(problem)


def test_a_file_that_is_not_there_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(InventoryError, match=r"nowhere\.toml: there is no such file or folder"):
        read_inventory(tmp_path / "nowhere.toml")


def test_a_folder_without_files_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(InventoryError, match=r"holds no \.toml file"):
        read_inventory(tmp_path)


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "inventory.toml"
    with path.open("wb") as file:
        file.truncate(33 << 20)
    with pytest.raises(InventoryError, match="is larger than 32 MB; split it"):
        read_inventory(path)


def test_a_sentence_can_be_said_in_another_language(well_written: str, complain: Complain) -> None:
    (problem,) = complain(well_written.replace('"30s"', "30"))
    said = problem.say({problem.template: "{value} 不是时长"}.__getitem__)
    assert said.endswith("inventory.toml:7: class[atm].interval: 30 不是时长")
