"""The whole path: every program of ours, simulators over real protocols, and nothing lost on the way."""

import json
import os
import subprocess
import sys
from pathlib import Path

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
