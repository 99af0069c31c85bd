"""`branchfleet-server apply` as its person meets it, and the inventory that comes with the program."""

import ast
import re
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlmodel import col, select

import agent.inventory
from agent.discover.known import Known
from agent.discover.proposal import positions, write
from agent.discover.search import Sighting
from agent.inventory.problems import InventoryError
from agent.inventory.read import read_inventory
from drivers.base import Found
from server.clock import SetClock
from server.errors import Conflict
from server.inventory import told
from server.inventory.command import Proposed, apply_path
from server.inventory.plan import Plan
from server.inventory.tables import Branch, Observer, Position, Subject
from server.journal.deeds import Act
from server.ledger.tables import Card
from server.queries import setting
from server.storage.database import Database
from server.texts import gettext_for

ROOT = Path(__file__).parents[3]
SHIPPED = ROOT / "inventory.toml"
BANK = '[bank]\nname = "青禾"\n'
BRANCH = '[[branch]]\nkey = "1001"\nname = "城关支行"\nkind = "branch"\n'
CLASS = '[[class]]\nkey = "ups"\nname = "不间断电源"\n'
POSITION = '[[position]]\nbranch = "1001"\nkey = "ups-1"\nname = "机房 UPS"\nclass = "ups"\ndriver = "reach"\n'

Run = Callable[..., None]


@pytest.fixture
def run(database: Database, now: SetClock, tmp_path: Path) -> Run:
    """`run(text)` applies an inventory of that text; `answer` is what the person says when asked."""

    def make(text: str, *, yes: bool = True, answer: bool = True, lang: str = "zh") -> None:
        path = tmp_path / "inventory.toml"
        path.write_text(text, encoding="utf-8")
        act = Act("os:root", "inventory", now.forward(1))
        apply_path(database, path, act, yes=yes, lang=lang, ask=lambda _: answer)

    return make


def test_the_plan_is_shown_in_chinese_before_it_is_done(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    run(BANK + BRANCH + CLASS + POSITION + 'address = "10.0.0.1:161"\n')
    said = capsys.readouterr()
    assert "+ 点位 1001/ups-1 机房 UPS" in said.out
    assert "机构: 新增 1" in said.out
    assert said.err.endswith("已执行。\n")
    run(BANK + BRANCH + CLASS + POSITION + 'address = "10.0.0.2:161"\n')
    assert "~ 点位 1001/ups-1  地址: 10.0.0.1:161 → 10.0.0.2:161" in capsys.readouterr().out
    run(BANK + BRANCH + CLASS + POSITION + 'address = "10.0.0.2:161"\n')
    assert "无需变更" in capsys.readouterr().out


def test_the_plan_is_shown_in_english_where_that_is_set(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    run(BANK + BRANCH, lang="en")
    assert "branch: 1 new" in capsys.readouterr().out


def test_whoever_says_no_changes_nothing(run: Run, database: Database) -> None:
    with pytest.raises(Conflict, match="Nothing was changed"):
        run(BANK + BRANCH, yes=False, answer=False)
    with database.read() as session:
        assert session.exec(select(Subject)).all() == []


def test_a_bad_inventory_changes_nothing(run: Run, database: Database) -> None:
    with pytest.raises(InventoryError):
        run(BANK + BRANCH.replace("branch]]", "brnch]]"))
    with database.read() as session:
        assert session.exec(select(Subject)).all() == []


def test_what_discover_proposed_is_refused_and_renames_no_bank(run: Run, database: Database) -> None:
    run(BANK + BRANCH)
    found = Found(address="10.66.1.9", cls="ups", identity={})
    known = Known(branch="1001")
    text = write(positions([Sighting("snmp", found, {"community": "public"})], known), [], known)
    with pytest.raises(Proposed, match="names no bank"):
        run(text)
    with database.read() as session:
        assert setting(session, "bank.name", "") == tomllib.loads(BANK)["bank"]["name"]


def test_secrets_are_warned_of_and_never_shown(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    snmp = POSITION.replace('"reach"', '"snmp"') + 'address = "10.0.0.1"\n'
    run(BANK + BRANCH + CLASS + snmp + 'options = { profile = "ups", community = "secret:ups-ro" }\n')
    assert "口令 ups-ro 尚未设置" in capsys.readouterr().err
    run(BANK + BRANCH + CLASS + snmp + 'options = { profile = "ups", community = "hunter2" }\n')
    said = capsys.readouterr()
    assert "第一处：1001/ups-1" in said.err
    assert "hunter2" not in said.out + said.err


def test_a_name_that_came_in_before_gives_the_plan_no_orders(
    run: Run, capsys: pytest.CaptureFixture[str], database: Database
) -> None:
    run(BANK + BRANCH)
    with database.write() as session:
        session.exec(select(Subject)).one().name = "\x1b[2J\u202e城\u3000关"
    capsys.readouterr()
    run(BANK + BRANCH)
    assert "~ 机构 1001  名称: \\x1b[2J\\u202e城\u3000关 → 城关支行" in capsys.readouterr().out


AGENTS = "".join(f'[[agent]]\nkey = "{key}"\nname = "柜员机"\nbranch = "1001"\n' for key in ("pc-b", "pc-a"))


def test_it_is_said_who_polls_what_where_a_branch_has_several_agents(
    run: Run, capsys: pytest.CaptureFixture[str], database: Database
) -> None:
    at = 'address = "10.0.0.1:161"\n'
    second = POSITION.replace("ups-1", "ups-2") + at + 'agent = "pc-a"\n'
    run(BANK + BRANCH + CLASS + AGENTS + POSITION + at + second, lang="en")
    told = capsys.readouterr().err
    assert (
        "Branch 1001 has several agents: pc-b pc-a. pc-b polls what names none of them, which is 1 positions: ups-1."
        in told
    )
    with database.read() as session:
        names = {row.id: row.key for row in session.exec(select(Subject))}
        polled = {names[row.subject_id]: names[row.agent_id] for row in session.exec(select(Observer))}
    assert polled == {"1001/ups-1": "pc-b", "1001/ups-2": "pc-a"}
    run(BANK + BRANCH + CLASS + AGENTS + POSITION + at + 'agent = "pc-b"\n' + second, lang="en")
    assert "several" not in capsys.readouterr().err


def test_it_is_said_that_nobody_polls_a_position(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    at = 'address = "10.0.0.1:161"\n'
    run(BANK + BRANCH + CLASS + POSITION + at)
    assert "有 1 个点位写了驱动，但没有采集程序去采集：1001/ups-1。" in capsys.readouterr().err
    run(BANK + BRANCH + CLASS + AGENTS.partition('[[agent]]\nkey = "pc-a"')[0] + POSITION + at)
    assert "没有采集程序" not in capsys.readouterr().err


def test_the_inventory_that_comes_with_the_program_is_a_whole_bank(
    database: Database, now: SetClock, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        apply_path(database, SHIPPED, Act("os:root", "inventory", now.forward(1)), yes=True, lang="zh")
    assert "无需变更" in capsys.readouterr().out
    with database.read() as session:
        kinds = [row.kind for row in session.exec(select(Branch))]
        positions = session.exec(select(Position)).all()
        polled = set(session.exec(select(Observer.subject_id)))
        assets = session.exec(select(Card.asset)).all()
    assert (len(kinds), kinds.count("head-office")) == (13, 1)
    assert {"branch", "sub-branch", "self-service-site", "village-station"} <= set(kinds)
    assert sum(1 for row in positions if row.cls in ("atm", "crs")) == 34
    assert 150 <= len(positions) <= 220
    assert {row.driver for row in positions} >= {"snmp", "passbook", "card_reader/crt", "file"}
    assert {row.id for row in positions if row.driver} <= polled
    assert len(assets) >= len(positions)
    assert all(asset.startswith("BF-") for asset in assets)


def test_the_shipped_inventory_names_nobody_real() -> None:
    inventory = read_inventory(SHIPPED)
    people = [person for branch in inventory.branch for person in branch.people.values()]
    people += [device.keeper for device in inventory.device if device.keeper]
    assert people
    assert all(re.fullmatch(r"\w某[甲乙丙丁]?", person) for person in people), people
    assert all(not device.serial or device.serial.startswith("BF") for device in inventory.device)


def sentences_of_the_reader() -> set[str]:
    """Every text in the reader that is a sentence for a person: it has spaces and is no docstring."""
    found: set[str] = set()
    for path in Path(agent.inventory.__file__).parent.glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        in_formats = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Constant)
                and isinstance(node.value, str)
                and id(node) not in docstrings | in_formats
            ):
                text = node.value
                if re.search(r"[a-z] [a-z]|^\{value\} ", text) and "\\" not in text:
                    found.add(text)
    return found


def test_every_sentence_of_the_reader_is_said_in_chinese() -> None:
    chinese = gettext_for("zh")
    sentences = sentences_of_the_reader()
    assert len(sentences) > 60
    untold = {text for text in sentences if chinese(text) == text and re.sub(r"\{\w+\}|\s", "", text)}
    assert untold == {"a huge number"}
    for text in sentences:
        assert set(re.findall(r"\{\w+\}", text)) == set(re.findall(r"\{\w+\}", chinese(text))), text


def test_every_word_of_a_plan_is_said_in_chinese() -> None:
    chinese = gettext_for("zh")
    words: list[str] = [*told.KINDS.values(), *told.COUNTED.values(), *told.FIELDS.values(), *told.CARD.values()]
    assert {word for word in words if chinese(word) == word} == set()


def test_an_empty_plan_says_so() -> None:
    assert list(told.tell(Plan([], []), str)) == ["Nothing to do: everything is as the inventory says."]


def test_a_branch_is_made_after_the_one_above_it(database: Database, run: Run) -> None:
    run(BANK + BRANCH.replace("1001", "2") + 'parent = "1"\n' + BRANCH.replace("1001", "1"))
    with database.read() as session:
        keys = session.exec(select(Subject.key).order_by(col(Subject.id))).all()
    assert keys == ["1", "2"]
