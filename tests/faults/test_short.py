"""The proofs of `python -m tests.faults`, each in its shortest form."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults import fast, kills, namespace

needs_gcc = pytest.mark.skipif(bool(fast.missing()), reason=fast.missing() or "-")
needs_namespaces = pytest.mark.skipif(bool(namespace.missing()), reason=namespace.missing() or "-")


@needs_gcc
def test_nothing_is_lost_when_server_and_agent_are_killed_in_the_middle(tmp_path: Path) -> None:
    phases, counted = kills.run(tmp_path, times=7)
    assert sum(phases.values()) == 7
    assert counted.shown
    assert counted.whole, (counted.streams, counted.lost)


@needs_gcc
@needs_namespaces
def test_a_cut_line_loses_nothing_and_is_in_the_conditions(tmp_path: Path) -> None:
    """Six minutes by clocks that run twenty times as fast; `python -m tests.faults outage` is 25 hours of it."""
    words = [sys.executable, "-m", "tests.faults", "--home", str(tmp_path / "home"), "outage", "--json"]
    environment = {**os.environ, **fast.environment(tmp_path, 20)}
    ran = subprocess.run(
        [*words, "--hours", "0.1", "--around", "120", "--interval", "30"],
        env=environment,
        capture_output=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr.decode() + ran.stdout.decode()
    found = json.loads(ran.stdout)
    assert "line.down" in found["opened_off"]
    assert "line.down" in found["closed_off"]
    assert found["longest_hole"] <= 3 * 30 + 60
