"""The page docs/write-a-driver.md, followed to the letter: its files installed, its tests and its commands run."""

import os
import re
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "write-a-driver.md").read_text(encoding="utf-8")
PORT = "5020"  # of the page
EMPTY = dict.fromkeys(re.findall(r"an empty file `([\w./-]+)`", PAGE), "")
FILES = EMPTY | dict(re.findall(r"^`([\w./-]+)`\n\n```\w+\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
COMMANDS = re.findall(r"^branchfleet-agent (.*)$", PAGE, re.MULTILINE)


def _environment(*paths: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths))}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page's folder, with its distribution installed into `installed/` in it."""
    folder = tmp_path_factory.mktemp("note-counter")
    for name, text in FILES.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    words = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--target", str(folder / "installed")]
    subprocess.run([sys.executable, "-m", "pip", "install", *words, str(folder)], check=True, capture_output=True)
    return folder


def test_the_page_shows_a_whole_distribution() -> None:
    assert set(FILES) == {
        "pyproject.toml",
        "note_counter/__init__.py",
        "note_counter/driver.py",
        "note_counter/simulator.py",
        "tests/test_note_counter.py",
        "inventory.toml",
    }
    assert [command.split()[0] for command in COMMANDS] == ["simulate", "poll"]


def test_its_driver_and_its_simulator_are_found_by_entry_point(project: Path) -> None:
    look = (
        "from drivers import registry; from drivers.sim import registry as sims;"
        "print(registry.find('note_counter').__module__, 'note_counter' in sims.names())"
    )
    ran = subprocess.run(
        [sys.executable, "-c", look],
        env=_environment(project / "installed"),
        check=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert ran.stdout.split() == ["note_counter.driver", "True"]


def test_its_tests_pass(project: Path) -> None:
    """With the warnings that this project takes for errors."""
    ran = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-W",
            "error",
            "-p",
            "no:asyncio",
            "-p",
            "no:cacheprovider",
            "--hypothesis-profile=ci",
            "tests",
        ],
        cwd=project,
        env=_environment(project / "installed", ROOT),
        check=False,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    passed = re.search(r"([0-9]+) passed", ran.stdout)
    assert passed is not None
    assert int(passed[1]) >= 12


@pytest.fixture
def simulated(project: Path) -> Iterator[list[str]]:
    """The page's simulator, and the words of its poll; both with a port that is free here."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    inventory = project / "inventory.toml"
    inventory.write_text(FILES["inventory.toml"].replace(PORT, port), encoding="utf-8")
    simulate, poll = (shlex.split(command.replace(PORT, port)) for command in COMMANDS)
    process = subprocess.Popen(
        [sys.executable, "-m", "agent.cli", *simulate],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=_environment(project / "installed", ROOT),
    )
    with process:
        assert process.stdout
        assert process.stdout.readline().strip() == f"socket://127.0.0.1:{port}"
        yield poll
        process.communicate("")


def test_its_counter_is_simulated_and_polled_by_the_commands_it_shows(project: Path, simulated: list[str]) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "agent.cli", *simulated, "--lang", "en"],
        cwd=project,
        env=_environment(project / "installed", ROOT),
        check=False,
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    rows = [line.split() for line in ran.stdout.splitlines()]
    assert ["Device", "needs", "a", "person"] in rows
    assert ["Parts", "Cover", "open"] in rows


def test_its_example_is_as_clean_as_our_own_code(project: Path) -> None:
    """Ruff and mypy as this project has them."""
    ruff = Path(sys.executable).with_name("ruff")
    settings = ["--config", str(ROOT / "pyproject.toml"), "--no-cache"]
    files = [str(project / name) for name in FILES if name.endswith(".py") and not name.startswith("tests")]
    for words in (["check"], ["format", "--check"]):
        ran = subprocess.run([ruff, *words, *settings, *files], check=False, capture_output=True, text=True)
        assert ran.returncode == 0, ran.stdout + ran.stderr
