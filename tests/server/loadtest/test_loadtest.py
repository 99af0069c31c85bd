"""A load test: a real server in another process, agents over TLS, and every observation counted at the end."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from backports import zstd

from agent.wire import Batch, DeviceWord, State, catalogue
from server.health.findings import Merged, find
from server.health.rules import shipped_rules
from server.health.state import State as HealthState
from server.inventory.tables import SubjectKind
from server.loadtest.agents import CHANGED, MOVES, TWICE, VALUES, Agent
from server.loadtest.bank import inventory, position
from server.loadtest.figures import machine
from server.storage.database import Database

POSITIONS = [position(0, slot) for slot in range(7)]


def opened(body: bytes) -> Batch:
    return msgspec.msgpack.decode(zstd.decompress(body), type=Batch)


def states(batches: list[tuple[bytes, int]]) -> list[State]:
    """What was told, each once, in the order of its number."""
    found = {record.seq: record for body, _ in batches for record in opened(body).records}
    return [one for _, one in sorted(found.items()) if isinstance(one, State)]


@pytest.fixture(scope="module")
def told() -> list[tuple[bytes, int]]:
    agent = Agent(POSITIONS, seed=0)
    return [agent.batch(50) for _ in range(200)]


def test_no_observation_is_empty_and_a_quarter_of_it_changed(told: list[tuple[bytes, int]]) -> None:
    last: dict[str, dict[str, float]] = {}
    changes = []
    for state in states(told):
        numbers = state.reading.numbers
        assert len(numbers) == VALUES
        if state.position in last:
            changes.append(sum(numbers[name] != was for name, was in last[state.position].items()))
        last[state.position] = numbers
    assert max(changes) <= CHANGED
    assert sum(changes) / len(changes) > CHANGED * 0.9  # now and then chance says the same number again


def test_one_in_a_hundred_moves_a_condition(told: list[tuple[bytes, int]]) -> None:
    word = dict.fromkeys(POSITIONS, DeviceWord.ONLINE)
    moved = 0
    for state in states(told):
        moved += state.reading.device is not word[state.position]
        word[state.position] = state.reading.device
    assert moved == pytest.approx(len(states(told)) / MOVES, abs=1)


def test_no_rule_has_anything_against_the_numbers(told: list[tuple[bytes, int]]) -> None:
    """Or a position would wait for a condition that nobody counts."""
    rules = shipped_rules().of(SubjectKind.POSITION, "ups")
    for state in states(told):
        merged = Merged("online", True, False, "", {}, state.reading.numbers, None)
        assert find(rules, merged, HealthState(), catalogue()).met == {}


def test_one_in_twenty_comes_twice_and_numbers_have_no_holes(told: list[tuple[bytes, int]]) -> None:
    repeated = [number for number, (_, new) in enumerate(told) if not new]
    assert len(repeated) == len(told) // TWICE
    for number in repeated:
        assert opened(told[number][0]).records == opened(told[number - 1][0]).records
    assert [state.seq for state in states(told)] == list(range(1, 50 * (len(told) - len(repeated)) + 1))


def test_the_bank_is_an_inventory_with_a_branch_and_an_agent_each() -> None:
    made = inventory(3, 2)
    assert [agent.branch for agent in made.agent] == [branch.key for branch in made.branch] == ["1000", "1001", "1002"]
    assert [f"{one.branch}/{one.key}" for one in made.position if one.branch == "1001"] == [
        position(1, 0),
        position(1, 1),
    ]


Loadtest = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def loadtest(tmp_path: Path) -> Loadtest:
    """The command, in an environment that names a server which must not be met."""
    mine, disk = tmp_path / "mine", tmp_path / "disk"
    disk.mkdir()
    environ = {**os.environ, "BRANCHFLEET_HOME": str(mine), "BRANCHFLEET_PORT": "1", "BRANCHFLEET_LANG": "en"}

    def run(*options: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "server.cli", "loadtest", "--folder", str(disk), *options]
        said = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
        assert not mine.exists()
        assert list(disk.iterdir()) == []  # it takes away what it made
        return said

    return run


SMALL = ("--agents", "3", "--positions", "4", "--seconds", "1", "--batch", "10")


def test_it_measures_counts_and_leaves_nothing_behind(loadtest: Loadtest, database: Database) -> None:
    where = () if database.sqlite else ("--database", database.url)
    if not database.sqlite:
        empty(database)
    ran = loadtest(*SMALL, "--json", *where)
    assert ran.returncode == 0, ran.stderr
    figures: dict[str, Any] = json.loads(ran.stdout)
    assert figures["database"] == ("sqlite" if database.sqlite else "postgresql")
    assert figures["observations"] > 0
    assert figures["values_a_second"] >= figures["observations_a_second"] * VALUES - VALUES
    assert figures["server_cpu_per_million"] > 0
    theirs = (figures["database_cpu_per_million"], figures["log_per_million"])
    assert theirs == (None, None) if database.sqlite else all(one > 0 for one in theirs)
    assert figures["machine"] == machine()


def empty(database: Database) -> None:
    """As it was made: the fixture's tables are taken away."""
    with database.engine.begin() as connection:
        connection.exec_driver_sql("DROP SCHEMA public CASCADE")
        connection.exec_driver_sql("CREATE SCHEMA public")


def test_for_people_it_says_sentences(loadtest: Loadtest) -> None:
    ran = loadtest(*SMALL, "--rate", "400")
    assert ran.returncode == 0, ran.stderr
    assert "values" in ran.stdout
    assert f"Measured on: {machine()}." in ran.stdout


def test_a_database_that_holds_anything_is_left_alone(loadtest: Loadtest, database: Database) -> None:
    ran = loadtest(*SMALL, "--database", database.url)
    assert ran.returncode == 6, ran.stdout
    assert ran.stderr.splitlines()[-1].endswith("is not empty. Make a new one and name it with --database.")


def test_what_is_no_database_is_one_sentence(loadtest: Loadtest) -> None:
    ran = loadtest(*SMALL, "--database", "mysql://x")
    assert ran.returncode == 3
    assert ran.stderr.splitlines()[-1] == "--database: database: must begin with sqlite:/// or postgresql://."


def test_a_server_that_does_not_start_is_told_with_a_number_of_its_own(loadtest: Loadtest) -> None:
    ran = loadtest(*SMALL, "--database", "postgresql://nobody@127.0.0.1:1/none")
    assert (ran.returncode, ran.stdout) == (5, "")
