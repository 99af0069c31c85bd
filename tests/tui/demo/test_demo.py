"""The whole path: every program of ours, simulators over real protocols, and nothing lost on the way."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tui.demo import bank
from tui.demo.run import settings

BRANCHFLEET = Path(sys.executable).with_name("branchfleet")


def test_a_headless_demo_opens_conditions_and_tickets_and_loses_nothing(tmp_path: Path) -> None:
    ran = subprocess.run(
        [BRANCHFLEET, "demo", "--headless", "--seconds", "25", "--json", "--home", str(tmp_path / "demo")],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "BRANCHFLEET_CONFIG": str(tmp_path)},
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    account = json.loads(ran.stdout)
    wanted = bank.load()
    assert account["lost"] == 0
    assert account["branches"] == len(wanted["branch"])
    assert account["positions"] == len(wanted["position"])
    assert account["agents"] == len(wanted["agent"])
    assert account["observations"] >= sum("driver" in position for position in wanted["position"])
    assert account["conditions"] > 0
    assert account["tickets"] > 0


def test_a_demo_does_not_live_in_a_folder_that_is_in_use(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("mine")
    ran = subprocess.run(
        [BRANCHFLEET, "--lang", "en", "demo", "--headless", "--home", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 3
    assert "is not empty" in ran.stderr
    assert (tmp_path / "letter.txt").read_text() == "mine"


def test_the_story_speaks_of_devices_there_are() -> None:
    demo = settings()
    simulated = {one.name for one in bank.simulated(bank.load(), demo)}
    assert {event["subject"] for event in demo["event"]} <= simulated
    assert set(demo["start"]) <= simulated


def test_the_demo_inventory_changes_addresses_and_waits_and_no_more() -> None:
    demo, tables = settings(), bank.load()
    simulated = bank.simulated(tables, demo)
    addresses = {subject: f"127.0.0.1:{at}" for at, one in enumerate(simulated, 1) for subject in one.subjects}
    written = bank.rewrite(tables, addresses, demo)
    for before, after in zip(tables["position"], written["position"], strict=True):
        changed = {key for key in after if after[key] != before.get(key)}
        assert changed <= {"address", "interval", "options"}
    assert written["branch"] == tables["branch"]
    assert written["device"] == tables["device"]


@pytest.mark.skipif(not Path("/proc").exists(), reason="looks the programs up in /proc: needs Linux")
def test_a_demo_that_is_told_to_end_leaves_no_program_and_no_folder(tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path), "BRANCHFLEET_CONFIG": str(tmp_path)}
    command = [str(BRANCHFLEET), "demo", "--headless"]
    with subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE) as demo:
        assert demo.stderr is not None
        for _ in range(3):  # the simulators, the server, the agents
            assert demo.stderr.readline()
        children = children_of(demo.pid)
        demo.terminate()
        assert demo.wait(60) == 128 + signal.SIGTERM
    assert len(children) >= 2
    assert not [child for child in children if Path(f"/proc/{child}").exists()]
    assert not list(tmp_path.glob("branchfleet-demo-*"))


def children_of(parent: int) -> list[int]:
    said = subprocess.run(["ps", "-o", "pid=", "--ppid", str(parent)], capture_output=True, text=True, check=False)
    return [int(line) for line in said.stdout.split()]
