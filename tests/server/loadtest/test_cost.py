"""What a load test says it cost: of a process, and of all that came of it."""

import subprocess
import sys
from collections.abc import Iterator

import pytest

from server.loadtest.cost import Cost, cpu_of, cpu_of_family, postmaster_of
from server.storage.database import Database

BURN = "import time\nwhile time.process_time() < 0.3: pass\n"
# a child that ends and is waited for, and one that goes on after its work; then it says so and waits
PARENT = f"""
import subprocess, sys
burn = {BURN!r}
subprocess.run([sys.executable, "-c", burn], check=True)
lives = [sys.executable, "-c", burn + "print(flush=True); input()"]
child = subprocess.Popen(lives, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
child.stdout.readline()
print(flush=True)
input()
child.communicate(b"\\n")
"""


@pytest.fixture
def parent() -> Iterator[int]:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    process = subprocess.Popen([sys.executable, "-c", PARENT], **pipes)  # type: ignore[call-overload]
    process.stdout.readline()
    yield process.pid
    process.communicate(b"\n")


@pytest.mark.skipif(sys.platform == "win32", reason="there is no /proc")
def test_children_count_those_that_ended_too(parent: int) -> None:
    own, all_of_them = cpu_of(parent), cpu_of_family(parent)
    assert own is not None
    assert all_of_them is not None
    assert all_of_them - own > 0.55  # two that took 0.3 s each; the clock of processes ticks 100 times a second


def test_of_what_is_not_there_nothing_is_said() -> None:
    assert cpu_of(2**30) is cpu_of_family(2**30) is None
    unknown, known = Cost(None, 1, None, 2, None), Cost(1, 3, 1, 4, None)
    assert known.since(unknown).each(2) == Cost(None, 1, None, 1, None)


def test_the_first_process_of_a_postgresql_is_found(database: Database) -> None:
    found = postmaster_of(database)
    if database.sqlite:
        assert found is None
    else:
        assert found is not None
        with open(f"/proc/{found}/cmdline", encoding="utf-8") as file:
            assert "postgres\0-D\0" in file.read()


def test_a_postgresql_elsewhere_has_no_process_here() -> None:
    assert postmaster_of(Database("postgresql+psycopg://branchfleet@db.example.test/branchfleet")) is None
